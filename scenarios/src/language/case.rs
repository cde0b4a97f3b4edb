//! One case: a scenario with one value for each axis of its matrix, fully typed.

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    decode::{Judge, Reader, Section, Term, Words, unknown_word},
    diagnostic::Diagnostic,
    document::{Entry, Node, Table, Value},
    expectation::{self, Around, Expectation},
    source::Location,
    steps::{self, Step},
    suggestion,
    terms::HostName,
    values::{Slug, Written},
    vocabulary::{
        Bug, CaBehaviour, CaSettings, ClockSettings, CrashExploration, DiskErrorExploration, HostHead, HostKind, Link,
        LinkChange, Meta, Run,
    },
    zone::Zone,
};

/// One case, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// `scenario/id::axis=value`, unique in the catalogue.
    pub id: String,
    /// The axes with this case's values.
    pub axes: Vec<(String, String)>,
    /// What the scenario is.
    pub meta: Meta,
    /// How long and how often it runs.
    pub run: Run,
    /// The machines.
    pub hosts: BTreeMap<HostName, Host>,
    /// The links.
    pub net: Net,
    /// The CA's policy.
    pub ca: CaSettings,
    /// The zone of the DNS host.
    pub zone: Option<Zone>,
    /// The defects that are switched on.
    pub bugs: Vec<Bug>,
    /// What the CA does that a client has to live with.
    pub behaviours: Vec<CaBehaviour>,
    /// Crash points to be tried one by one.
    pub crash_exploration: Option<CrashExploration>,
    /// Which operations of a disk fail, one by one, if any do.
    pub disk_error_exploration: Option<DiskErrorExploration>,
    /// What happens, in the order of the file.
    pub timeline: Vec<Step>,
    /// What must hold.
    pub expectations: Vec<Expectation>,
}

/// One machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// What runs on it.
    pub kind: HostKind,
    /// Its address, if the file says one.
    pub address: Option<IpAddr>,
    /// How its clock differs from true time.
    pub clock: ClockSettings,
    /// The disk that it shares with other hosts, if it does.
    pub shared_disk: Option<Slug>,
}

/// The links between all hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Net {
    link: Link,
    directions: Vec<(HostName, HostName, LinkChange)>,
}

impl Net {
    /// How packets travel from one host to another.
    #[must_use]
    pub fn between(&self, from: &str, to: &str) -> Link {
        let changes = self.directions.iter().filter(|(a, b, _)| a.as_str() == from && b.as_str() == to);
        changes.fold(self.link.clone(), |link, (_, _, change)| link.changed_by(change))
    }
}

/// Types one case. What is wrong goes to the judge.
pub(crate) fn read(root: &Table, id: &str, axes: &[(String, String)], judge: &mut Judge) -> Option<Case> {
    judge.hosts = sub_table(root, "hosts").entries.iter().map(|entry| entry.key.clone()).collect();
    let meta: Option<Meta> = section(root, "meta", judge);
    let run: Option<Run> = section(root, "run", judge);
    let hosts = read_hosts(root, judge);
    let net = read_net(root, judge);
    let ca: Option<CaSettings> = section(root, "ca", judge);
    let dns: Option<Dns> = section(root, "dns", judge);
    let bugs = read_bugs(root, judge);
    let explore: Option<Explore> = section(root, "explore", judge);
    let end_at = sub_table(root, "run").node("until").map(|until| until.at.clone());
    let end = run.as_ref().and_then(|run| Some((run.until, end_at.as_ref()?)));
    let timeline = steps::read(items(root, "timeline"), end, judge);
    let kind = meta.as_ref().map(|meta| {
        let at = sub_table(root, "meta").entry("kind").map(Entry::whole);
        (meta.kind, at.unwrap_or_else(|| sub_table(root, "meta").at))
    });
    let around = Around { end, axes, root_at: &root.at, kind };
    let expectations = expectation::read(items(root, "expect"), &around, judge);
    let (hosts, zone) = (hosts?, dns?.zone);
    let (bugs, behaviours) = bugs.unzip();
    demand_names_resolve(root, &hosts, zone.as_ref(), judge);
    refuse_two_explorations(root, explore.as_ref(), judge);
    let explore = explore?;
    Some(Case {
        id: id.to_owned(),
        axes: axes.to_vec(),
        meta: meta?,
        run: run?,
        hosts,
        net: net?,
        ca: ca?,
        zone,
        bugs: bugs?,
        behaviours: behaviours?,
        crash_exploration: explore.crash,
        disk_error_exploration: explore.disk_error,
        timeline,
        expectations,
    })
}

section! {
    /// The `[dns]` table.
    pub(crate) struct Dns {
        /// The zone that the DNS host serves, as in a zone file (RFC 1035 §5); `{1..n}` repeats a line, and `NAME
        /// SERVFAIL` has every question about this name answered so.
        "zone" => zone: Zone = optional,
    }

    /// The `[explore]` table.
    pub(crate) struct Explore {
        /// Power cuts at every point.
        "crash" => crash: CrashExploration = optional,
        /// Errors of every operation on a disk; not together with `crash`.
        "disk-error" => disk_error: DiskErrorExploration = optional,
    }
}

/// A table of the top level; empty if it isn't there.
fn sub_table(root: &Table, name: &str) -> Table {
    match root.node(name).map(|node| &node.value) {
        Some(Value::Table(table)) => table.clone(),
        Some(_) | None => Table::empty(&root.at),
    }
}

/// The tables of a list of the top level.
fn items<'a>(root: &'a Table, name: &str) -> &'a [Node] {
    match root.node(name).map(|node| &node.value) {
        Some(Value::Array(items)) => items,
        Some(_) | None => &[],
    }
}

fn section<T: Section>(root: &Table, name: &str, judge: &mut Judge) -> Option<T> {
    let table = sub_table(root, name);
    let reader = Reader::new(&table, format!("[{name}]"), &[T::KEYS]);
    reader.refuse_unknown_keys(judge);
    T::read_section(&reader, judge)
}

fn read_hosts(root: &Table, judge: &mut Judge) -> Option<BTreeMap<HostName, Host>> {
    let table = sub_table(root, "hosts");
    let mut hosts = BTreeMap::new();
    let mut is_right = true;
    let mut addresses: Vec<(IpAddr, Location)> = Vec::new();
    if table.entries.is_empty() {
        judge.report(
            Diagnostic::new("missing", &root.at, "this scenario has no hosts", "no [hosts.NAME]")
                .help("extend a base file that has some: extends = \"_base/one-manager-one-ca.toml\""),
        );
    }
    for entry in &table.entries {
        let host = read_host(entry, judge);
        if let Some(address) = host.as_ref().and_then(|host| host.address) {
            let at = sub_table(&table, &entry.key).entry("address").map_or_else(|| entry.key_at.clone(), Entry::whole);
            match addresses.iter().find(|(known, _)| *known == address) {
                Some((_, first)) => judge.report(
                    Diagnostic::new("conflict", &at, format!("two hosts have the address {address}"), "again here")
                        .and(first, "first here")
                        .help("give each host an address of its own, or leave it out"),
                ),
                None => addresses.push((address, at)),
            }
        }
        match (HostName::find(&entry.key, judge), host) {
            (Some(name), Some(host)) => drop(hosts.insert(name, host)),
            (_, None) | (None, _) => is_right = false,
        }
    }
    refuse_a_disk_shared_with_nobody(&table, &hosts, judge);
    is_right.then_some(hosts)
}

/// A disk that one host alone names is a slip of the pen.
fn refuse_a_disk_shared_with_nobody(table: &Table, hosts: &BTreeMap<HostName, Host>, judge: &mut Judge) {
    for (name, host) in hosts {
        let Some(disk) = &host.shared_disk else { continue };
        if hosts.values().filter(|other| other.shared_disk.as_ref() == Some(disk)).count() > 1 {
            continue;
        }
        let at = sub_table(table, name.as_str()).entry("shared-disk").map_or_else(|| table.at.clone(), Entry::whole);
        let known: Vec<&str> = hosts.values().filter_map(|host| Some(host.shared_disk.as_ref()?.as_str())).collect();
        let others: Vec<&str> = known.into_iter().filter(|known| *known != disk.as_str()).collect();
        let message = format!("no other host shares the disk `{disk}`");
        let report = Diagnostic::new("conflict", &at, message, "shared with nobody");
        judge.report(match suggestion::nearest(disk.as_str(), &others) {
            Some(meant) => report.help(format!("did you mean `{meant}`?")),
            None => report.help("give a second host the same shared-disk, or take it away here"),
        });
    }
}

fn read_host(entry: &Entry, judge: &mut Judge) -> Option<Host> {
    if let Err(wrong) = Slug::parse(&entry.key) {
        let message = format!("`{}` can't be a host's name", entry.key);
        let report = Diagnostic::new("bad-value", &entry.key_at, message, wrong.label);
        judge.report(
            report
                .help(wrong.help.map_or_else(String::new, |help| format!("write [hosts.{}]", help.trim_matches('"')))),
        );
    }
    let Value::Table(table) = &entry.node.value else {
        let message = format!("`hosts.{}` must be a table, found {}", entry.key, entry.node.describe());
        judge.report(
            Diagnostic::new("wrong-type", &entry.node.at, message, "not a table")
                .help(format!("write\n[hosts.{}]\nkind = \"manager\"", entry.key)),
        );
        return None;
    };
    let word = match table.node("kind") {
        Some(Node { value: Value::Text(kind), at }) => {
            let word = HostKind::find(kind);
            if word.is_none() {
                judge.report(unknown_word("a kind of host", kind, at, &HostKind::names()));
            }
            word
        }
        Some(_) | None => None,
    };
    let Some(word) = word else {
        // Without its kind, any key of any kind may be meant.
        let reader = Reader::new(table, format!("[hosts.{}]", entry.key), &HostKind::keys_with(HostHead::KEYS));
        reader.refuse_unknown_keys(judge);
        HostHead::read_section(&reader, judge);
        return None;
    };
    let reader = Reader::new(table, format!("a host of kind `{}`", word.name), &[word.keys, HostHead::KEYS]);
    reader.refuse_unknown_keys(judge);
    let head = HostHead::read_section(&reader, judge);
    let kind = HostKind::read_word(word, &reader, judge);
    let (head, kind) = (head?, kind?);
    Some(Host { kind, address: head.address, clock: head.clock, shared_disk: head.shared_disk })
}

fn read_net(root: &Table, judge: &mut Judge) -> Option<Net> {
    let mut common = sub_table(root, "net");
    let mut directions = Vec::new();
    let mut is_right = true;
    for entry in common.entries.iter().filter(|entry| entry.key.contains('>')) {
        let ends: Vec<&str> = entry.key.split("->").map(str::trim).collect();
        let [from, to] = ends[..] else {
            let message = format!("`{}` is not a direction between two hosts", entry.key);
            judge.report(
                Diagnostic::new("bad-value", &entry.key_at, message, "not a direction")
                    .help("for example [net.\"manager->ca\"]"),
            );
            is_right = false;
            continue;
        };
        for end in [from, to] {
            if HostName::find(end, judge).is_none() {
                let report = HostName::undefined(end, &entry.key_at, judge);
                judge.report(report);
            }
        }
        let change = LinkChange::read(&entry.key, &entry.node, judge);
        match (HostName::find(from, judge), HostName::find(to, judge), change) {
            (Some(from), Some(to), Some(change)) => directions.push((from, to, change)),
            (_, _, _) => is_right = false,
        }
    }
    common.entries.retain(|entry| !entry.key.contains('>'));
    let reader = Reader::new(&common, "[net]", &[Link::KEYS]);
    reader.refuse_unknown_keys(judge);
    let link = Link::read_section(&reader, judge)?;
    is_right.then_some(Net { link, directions })
}

fn read_bugs(root: &Table, judge: &mut Judge) -> Option<(Vec<Bug>, Vec<CaBehaviour>)> {
    let (mut on, mut behaviours) = (Vec::new(), Vec::new());
    let mut is_right = true;
    for entry in &sub_table(root, "bugs").entries {
        let bug = Bug::ALL.iter().find(|bug| bug.name() == entry.key);
        let behaviour = CaBehaviour::ALL.iter().find(|behaviour| behaviour.name() == entry.key);
        let is_known = bug.is_some() || behaviour.is_some();
        if let (false, Value::Table(inner)) = (is_known, &entry.node.value) {
            let rest = inner.entries.first().map_or("some-bug", |inner| inner.key.as_str());
            let help = format!("the dot is part of the name: write \"{}.{rest}\" = \"on\"", entry.key);
            let message = "a bug's name must stand in quotes";
            judge.report(Diagnostic::new("wrong-type", &entry.key_at, message, "no quotes").help(help));
            is_right = false;
            continue;
        }
        if !is_known {
            let behaviours = CaBehaviour::ALL.iter().map(|behaviour| behaviour.name());
            let names: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).chain(behaviours).collect();
            let help = suggestion::help(&entry.key, "known bugs", &names);
            let message = format!("`{}` is not a known bug", entry.key);
            judge.report(Diagnostic::new("unknown-word", &entry.key_at, message, "not a known bug").help(help));
        }
        let is_on = match &entry.node.value {
            Value::Boolean(is_on) => Some(*is_on),
            Value::Text(text) if text == "on" => Some(true),
            Value::Text(text) if text == "off" => Some(false),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => {
                let message = format!("a bug is \"on\" or \"off\", found {}", entry.node.describe());
                judge.report(
                    Diagnostic::new("wrong-type", &entry.node.at, message, "neither on nor off")
                        .help(format!("write \"{}\" = \"on\"", entry.key)),
                );
                None
            }
        };
        is_right &= is_known && is_on.is_some();
        if is_on == Some(true) {
            on.extend(bug);
            behaviours.extend(behaviour);
        }
    }
    is_right.then_some((on, behaviours))
}

/// The runs of one exploration follow from those of the other: together they would be the product.
fn refuse_two_explorations(root: &Table, explore: Option<&Explore>, judge: &mut Judge) {
    let Some(Explore { crash: Some(_), disk_error: Some(_) }) = explore else { return };
    let at = sub_table(root, "explore").at;
    let message = "[explore.crash] and [explore.disk-error] are explored in files of their own".to_owned();
    judge.report(Diagnostic::new("conflict", &at, message, "both are here").help("make two scenario files of it"));
}

/// Managers and visitors find each other and the CA by name, so someone has to answer.
fn demand_names_resolve(root: &Table, hosts: &BTreeMap<HostName, Host>, zone: Option<&Zone>, judge: &mut Judge) {
    let asks = hosts.iter().find(|(_, host)| match host.kind {
        HostKind::Manager { .. } | HostKind::Visitor { .. } => true,
        HostKind::Ca { .. }
        | HostKind::Perspective { .. }
        | HostKind::Dns { .. }
        | HostKind::Ask { .. }
        | HostKind::Faulty { .. } => false,
    });
    let Some((name, _)) = asks else { return };
    let at =
        sub_table(root, "hosts").entry(name.as_str()).map_or_else(|| root.at.clone(), |entry| entry.node.at.clone());
    if !hosts.values().any(|host| matches!(host.kind, HostKind::Dns { .. })) {
        let message = format!("`{name}` looks names up, and no host is of kind `dns`");
        judge.report(
            Diagnostic::new("missing", &at, message, "can't look names up").help("add\n[hosts.dns]\nkind = \"dns\""),
        );
    } else if zone.is_none() {
        let message = format!("`{name}` looks names up, and [dns] has no zone");
        judge.report(
            Diagnostic::new("missing", &at, message, "no name would be found")
                .help("add\n[dns]\nzone = '''\n$ORIGIN example.test.\n$TTL 60\nwww IN A 10.0.0.20\n'''"),
        );
    }
}
