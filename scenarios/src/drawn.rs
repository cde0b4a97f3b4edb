//! Scenario files drawn from bytes: what a fuzzer's coverage, or chance, makes of the language.
//!
//! A drawn file is a small world (nodes, where they keep their certificates, how they prove control, what the CA is like) with
//! troubles in its first week, each of which ends within hours, and the laws that hold whatever the troubles are. A week after the
//! last of them, visitors are served. One that breaks a law is a scenario like any other: it is read, run, replayed and kept as
//! those are that people write.

use std::{fmt, io, path::Path};

use arbitrary::{Result, Unstructured};
use sha2::{Digest, Sha256};

use crate::{
    language::{Case, Style, load},
    runner::{Fate, Run, Verdict, run_once},
};

/// What bytes draw: a scenario's file, of which parts can be taken away, and the seed to run it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    seed: u8,
    nodes: usize,
    parts: Vec<Part>,
    laws: Vec<&'static str>,
}

/// What a drawn scenario can do without.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// A line in a table.
    Setting { table: &'static str, line: String },
    /// One `[[timeline]]` or, where a trouble has to be ended by a step of its own, two.
    Trouble(String),
}

/// The most settings and troubles in one scenario.
const PARTS_MAX: usize = 25;

/// What in a file makes a law mean nothing: a bucket has no files, a CA does as it is told to, who has another clock waits another
/// time, who shares a storage heeds failures that no exchange shows, and nobody knows when a CA was asked once that note, or the
/// certificate beside which it is kept, is damaged.
const EXCEPTIONS: [(&str, &[&str]); 6] = [
    ("bucket = ", &["storage.", "manager.holds-accepted-key"]),
    ("ca.fault", &["ca.nonces-single-use", "ca.legal-transitions"]),
    ("ca.ari.set", &["ca.ari-window-sane"]),
    ("clock.step", &["manager.ari-poll-gap", "manager.honors-retry-after"]),
    ("node-2", &["manager.backs-off"]),
    ("disk.damage", &["manager.ari-poll-gap"]),
];

/// The laws that hold whatever happens to a drawn world, as an expectation says them.
const LAWS: [&str; 28] = [
    "always = \"world.no-panic\"",
    "always = \"world.no-deadlock\"",
    "always = \"nonces.single-use\"",
    "always = \"manager.active-pair-matches\"",
    "always = \"manager.ari-of-own-certificate\"",
    "always = \"manager.ari-poll-gap\"",
    "always = \"manager.backs-off\"",
    "always = \"manager.challenge-posted-once\"",
    "always = \"manager.holds-accepted-key\"",
    "always = \"manager.honors-retry-after\"",
    "always = \"manager.no-hot-loop\"",
    "always = \"manager.one-open-order\"",
    "always = \"storage.files-parse\"",
    "always = \"storage.keys-private\"",
    "always = \"storage.locks-exclusive\"",
    "always = \"visitors.challenge-certificates-hidden\"",
    "always = \"visitors.names-match\"",
    "always = \"ca.ari-window-sane\"",
    "always = \"ca.issues-only-ordered-names\"",
    "always = \"ca.legal-transitions\"",
    "always = \"ca.never-issues-against-caa\"",
    "always = \"ca.nonces-single-use\"",
    "always = \"ca.serial-numbers\"",
    "always = \"ca.validates-before-issuing\"",
    "finally = \"manager.renews-before-expiry\"",
    "finally = \"nodes.serve-newest\"",
    "finally = \"visitors.see-valid-certificate\"",
    "eventually = \"manager.certificate-obtained\"\nby = \"14d\"",
];

impl Drawn {
    /// The scenario that these bytes make. Any bytes make one; few bytes make a quiet one.
    ///
    /// # Panics
    /// Never: where there are no bytes any more, zeros are read.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        draw(&mut Unstructured::new(bytes)).expect("bytes that have run out are zeros")
    }

    /// One of as many scenarios as there are numbers, each with as many troubles as a scenario can have.
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        let blocks = (0_u8..8).map(|block| Sha256::new().chain_update(number.to_le_bytes()).chain_update([block]));
        Self::from_bytes(&blocks.flat_map(Digest::finalize).collect::<Vec<u8>>())
    }

    /// The same, with a historical defect.
    #[must_use]
    pub fn with_defect(mut self, defect: &str) -> Self {
        self.parts.push(Part::Setting { table: "bugs", line: format!("\"{defect}\" = \"on\"") });
        self
    }

    /// The seed that it is run with.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed.into()
    }

    /// The file's text, for a scenario of this id.
    #[must_use]
    pub fn text(&self, id: &str) -> String {
        Text { drawn: self, id }.to_string()
    }

    /// The one case that it is.
    ///
    /// # Panics
    /// If the language refuses what was drawn, which is a mistake here or there.
    #[must_use]
    pub fn case(&self, id: &str) -> Case {
        let text = self.text(id);
        let no_base = |_: &Path| Err(io::ErrorKind::NotFound.into());
        match load(&Path::new(id).with_extension("toml"), &text, no_base) {
            Ok(scenario) => scenario.cases()[0].clone(),
            Err(mistakes) => panic!("{text}\n{}", mistakes.render(Style::Plain)),
        }
    }

    /// Lets it happen.
    #[must_use]
    pub fn run(&self) -> Run {
        run_once(&self.case("drawn"), self.seed())
    }

    /// What is left of it when everything is taken away without which it fails in the same way, and every law that it has nothing to
    /// judge by; all of it if it does not fail.
    #[must_use]
    pub fn smallest(mut self) -> Self {
        let mut run = self.run();
        let failure = failure(&run);
        let mut index = if failure.is_some() { self.parts.len() } else { 0 };
        while index > 0 {
            index -= 1;
            let mut without = self.clone();
            without.parts.remove(index);
            let fails = without.run();
            if self::failure(&fails) == failure {
                (self, run) = (without, fails);
                index = self.parts.len();
            }
        }
        let mut fates = run.fates.iter();
        self.laws.retain(|_| fates.next().is_none_or(|fate| *fate != Fate::Vacuous));
        self
    }
}

/// How a run failed: the first expectation that was broken, or whatever else went wrong.
fn failure(run: &Run) -> Option<Option<usize>> {
    match &run.verdict {
        Verdict::Pass => None,
        Verdict::Broken(broken) => Some(broken.first().map(|(law, _)| *law)),
        Verdict::Crashed(_) | Verdict::Harness(_) => Some(None),
    }
}

/// How a drawn scenario is written.
struct Text<'a> {
    drawn: &'a Drawn,
    id: &'a str,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Drawn { seed, nodes, parts, laws } = self.drawn;
        let settings = |wanted: &str| -> String {
            parts
                .iter()
                .filter_map(|part| match part {
                    Part::Setting { table, line } if *table == wanted => Some(format!("{line}\n")),
                    Part::Setting { .. } | Part::Trouble(_) => None,
                })
                .collect()
        };
        let (kept, id) = (settings("storage"), self.id);
        let kept = if kept.is_empty() && *nodes > 1 { "shared-disk = \"nfs\"\n" } else { &kept };
        write!(
            f,
            "#:schema ../../schema/scenario-v1.json\nscenario = 1\n\n\
             [meta]\nid = \"{id}\"\ntitle = \"Drawn: a week of troubles, and a week later visitors are served\"\n\n\
             [run]\nseeds = \"{seed}\"\nuntil = \"14d\"\n\n\
             [bugs]\n{}\n\
             [hosts.ca]\nkind = \"ca\"\naddress = \"10.0.0.2\"\n\n\
             [hosts.dns]\nkind = \"dns\"\naddress = \"10.0.0.3\"\n{}\n",
            settings("bugs"),
            settings("hosts.dns")
        )?;
        for node in 1..=*nodes {
            write!(
                f,
                "[hosts.node-{node}]\nkind = \"manager\"\naddress = \"10.0.0.2{node}\"\nnames = {NAMES}\n{kept}{}\n",
                settings("nodes")
            )?;
        }
        write!(
            f,
            "[hosts.visitor]\nkind = \"visitor\"\naddress = \"10.0.0.30\"\nvisits = {NAMES}\nevery = \"6h\"\n\n\
             [net]\nlatency = \"5ms..40ms\"\n{}\n[ca]\n{}\n[dns]\nzone = '''\n$ORIGIN test.\n$TTL 60\nca IN A 10.0.0.2\n",
            settings("net"),
            settings("ca")
        )?;
        for name in ["www.example", "shop.example"] {
            (1..=*nodes).try_for_each(|node| writeln!(f, "{name} IN A 10.0.0.2{node}"))?;
        }
        writeln!(f, "'''")?;
        for part in parts {
            if let Part::Trouble(steps) = part {
                write!(f, "\n{steps}")?;
            }
        }
        for law in laws {
            let id = law.split('"').nth(1).unwrap_or_default().replace('.', "-");
            write!(f, "\n[[expect]]\nid = \"{id}\"\n{law}\n")?;
        }
        write!(f, "\n[[expect]]\nid = \"begun\"\nsometimes = \"manager.account-created\"\n")
    }
}

/// The names that every node keeps.
const NAMES: &str = "[\"www.example.test\", \"shop.example.test\"]";

/// How long a trouble lasts.
const LASTS: [&str; 8] = ["1s", "20s", "3m", "10m", "50m", "3h", "8h", "12h"];

const ENDPOINTS: [&str; 13] = [
    "directory",
    "newNonce",
    "newAccount",
    "newOrder",
    "renewalInfo",
    "order",
    "finalize",
    "authorization",
    "challenge",
    "certificate",
    "account",
    "keyChange",
    "revokeCert",
];

/// What a CA, or a balancer before it, does to a request.
const FAULTS: [&str; 22] = [
    "drop = true",
    "drop = true\ncarried-out = true",
    "problem = \"badNonce\"",
    "problem = \"serverInternal\"",
    "problem = \"rateLimited\"\nset-headers = [\"Retry-After: 600\"]",
    "problem = \"unauthorized\"",
    "problem = \"malformed\"",
    "problem = \"accountDoesNotExist\"",
    "problem = \"orderNotReady\"",
    "problem = \"userActionRequired\"",
    "status = 503\nhtml = \"<p>later</p>\"",
    "status = 503\nhtml = \"<p>later</p>\"\nset-headers = [\"Retry-After: 3600\"]",
    "status = 404\nhtml = \"<p>gone</p>\"",
    "status = 200\nbody = \"\"",
    "status = 200\nbody = \"[]\"\ncontent-type = \"application/json\"",
    "remove-headers = [\"Replay-Nonce\"]",
    "remove-headers = [\"Location\"]",
    "remove-headers = [\"Retry-After\"]",
    "remove-fields = [\"/status\"]",
    "set-fields = ['/status = \"invalid\"']",
    "answer-delay = \"2m\"",
    "cut-off-after-bytes = 20",
];

fn draw(bytes: &mut Unstructured<'_>) -> Result<Drawn> {
    let seed = bytes.arbitrary()?;
    let nodes = *bytes.choose(&[1, 1, 2, 3])?;
    let mut parts = Vec::new();
    let mut set = |table: &'static str, line: &str| {
        if !line.is_empty() {
            parts.push(Part::Setting { table, line: line.to_owned() });
        }
    };
    set("storage", bytes.choose_iter(["", "", "bucket = \"certificates\""])?);
    set("nodes", bytes.choose_iter(["", "challenge = \"tls-alpn-01\"", "challenge = \"dns-01\""])?);
    set("nodes", bytes.choose_iter(["", "one-certificate = true"])?);
    set("nodes", bytes.choose_iter(["", "", "account-key-lifetime = \"3d\""])?);
    set("hosts.dns", bytes.choose_iter(["", "", "update-lag = \"20s\""])?);
    set("net", bytes.choose_iter(["", "", "loss = \"2%\"", "duplicate = \"20%\""])?);
    set("ca", bytes.choose_iter(["validity = \"6d\"", "validity = \"2d\"", "validity = \"10d\""])?);
    set("ca", bytes.choose_iter(["ari = { retry-after = \"6h\" }", "ari = { enabled = false }"])?);
    set("ca", bytes.choose_iter(["", "", "nonce-rejection = \"15%\""])?);
    set("ca", bytes.choose_iter(["", "", "retry-after-date = \"50%\""])?);
    set("ca", bytes.choose_iter(["", "", "validation-delay-max = \"10s\""])?);
    set("ca", bytes.choose_iter(["", "", "issuance-delay = \"20s\""])?);
    set("ca", bytes.choose_iter(["", "", "reuse-authorizations = true", "reuse-orders = true"])?);
    while !bytes.is_empty() && parts.len() < PARTS_MAX {
        parts.push(Part::Trouble(trouble(bytes, nodes)?));
    }
    let mut drawn = Drawn { seed, nodes, parts, laws: LAWS.to_vec() };
    let text = drawn.text("any");
    for (_, laws) in EXCEPTIONS.iter().filter(|(cause, _)| text.contains(cause)) {
        drawn.laws.retain(|law| laws.iter().all(|excepted| !law.contains(excepted)));
    }
    Ok(drawn)
}

/// A trouble that begins in the first week and ends half a day later at the most.
fn trouble(bytes: &mut Unstructured<'_>, nodes: usize) -> Result<String> {
    let when = when(bytes)?;
    let node = format!("node-{}", bytes.int_in_range(1..=nodes)?);
    let lasts = bytes.choose_iter(LASTS)?;
    let step = |verb: &str, keys: &str| format!("[[timeline]]\n{when}\ndo = \"{verb}\"\n{keys}\n");
    let then = |verb: &str, keys: &str| format!("\n[[timeline]]\nafter = \"{lasts}\"\ndo = \"{verb}\"\n{keys}\n");
    let host = match bytes.int_in_range(0..=5)? {
        0 => "ca",
        1 => "dns",
        _ => &node,
    };
    let (from, to) = match bytes.int_in_range(0..=4)? {
        0 => (node.as_str(), "dns"),
        1 => ("ca", node.as_str()),
        2 => ("ca", "dns"),
        3 => ("visitor", node.as_str()),
        _ => (node.as_str(), "ca"),
    };
    let ends = format!("from = \"{from}\"\nto = \"{to}\"");
    Ok(match bytes.int_in_range(0..=17)? {
        0 => {
            let verb = bytes.choose_iter(["host.kill", "host.power-loss", "host.suspend"])?;
            step(verb, &format!("host = \"{host}\"\nfor = \"{lasts}\""))
        }
        1 => step("manager.shut-down", &format!("host = \"{node}\"\nfor = \"{lasts}\"")),
        2 => {
            let error = bytes.choose_iter(["no-space", "io", "read-only", "permission"])?;
            let on = bytes.choose_iter(["writes", "reads", "both"])?;
            let keys = format!("host = \"{node}\"\nerror = \"{error}\"\non = \"{on}\"\nfor = \"{lasts}\"");
            step("disk.fail", &keys)
        }
        3 => {
            let latency = bytes.choose_iter(["10ms", "300ms", "5s"])?;
            step("disk.slow", &format!("host = \"{node}\"\nlatency = \"{latency}\"\nfor = \"{lasts}\""))
        }
        4 => {
            let file = bytes.choose_iter(["*.crt", "*.key", "*.json", "*.failures"])?;
            let how = bytes.choose_iter(["truncated", "emptied", "nul-filled"])?;
            step("disk.damage", &format!("host = \"{node}\"\nfile = \"{file}\"\nhow = \"{how}\""))
        }
        5 => {
            let (by, back) = *bytes.choose(&[("5m", "-5m"), ("-5m", "5m"), ("40s", "-40s"), ("-40s", "40s")])?;
            let clock = |by: &str| format!("host = \"{node}\"\nby = \"{by}\"");
            step("clock.step", &clock(by)) + &then("clock.step", &clock(back))
        }
        6 => {
            let verb = bytes.choose_iter(["link.blackhole", "link.reset", "link.stall"])?;
            step(verb, &format!("{ends}\nfor = \"{lasts}\""))
        }
        7 => {
            let keys = bytes.choose_iter(["loss = \"30%\"", "latency = \"3s\"", "bandwidth = \"16kbit/s\""])?;
            step("link.set", &format!("{ends}\n{keys}")) + &then("link.heal", &ends)
        }
        8 => {
            let after = *bytes.choose(&[0_u16, 100, 700, 2_000, 6_000])?;
            step("link.truncate", &format!("{ends}\nafter-bytes = {after}")) + &then("link.heal", &ends)
        }
        9 => {
            let verb = bytes.choose_iter(["dns.servfail", "dns.remove"])?;
            let name = bytes.choose_iter(["www.example.test", "ca.test"])?;
            let address = if name == "ca.test" { "10.0.0.2" } else { "10.0.0.21" };
            let back = format!("name = \"{name}\"\nrecord = \"A {address}\"");
            step(verb, &format!("name = \"{name}\"")) + &then("dns.replace", &back)
        }
        10 => {
            let keys = bytes.choose_iter([
                "fields = [\"suggestedWindow\"]",
                "fields = [\"suggestedWindow\"]\nare = \"wrong-type\"",
                "window = \"reversed\"",
                "window = \"far-past\"",
                "window = \"far-future\"",
                "retry-after = \"absent\"",
                "retry-after = \"raw -5\"",
                "status = 500",
            ])?;
            step("ca.ari.set", keys) + "\n" + &then("ca.ari.set", "")
        }
        11 => step("ca.ari.advance", ""),
        12 => step("ca.accounts.deactivate", ""),
        13 => step("manager.revoke", &format!("host = \"{node}\"\nnames = [\"www.example.test\"]")),
        14 => step("ca.terms.set", "url = \"https://ca.test/terms/2\"") + &then("ca.terms.agree", ""),
        _ => {
            let endpoint = bytes.choose_iter(ENDPOINTS)?;
            let fault = bytes.choose_iter(FAULTS)?;
            let share = bytes.choose_iter([
                "",
                "chance = \"50%\"\n",
                "nth = 2\ncount = 1\n",
                "count = 3\n",
                "every-nth = 2\n",
            ])?;
            step("ca.fault", &format!("endpoints = [\"{endpoint}\"]\n{fault}\n{share}for = \"{lasts}\""))
        }
    })
}

/// When a trouble begins: about the first order, about a renewal, or some time.
fn when(bytes: &mut Unstructured<'_>) -> Result<String> {
    Ok(match bytes.int_in_range(0..=4)? {
        0 => format!("at = \"{}s\"", bytes.int_in_range(1..=60)?),
        1 => format!("when = \"renewal\"\ndelay = \"{}ms\"", bytes.int_in_range(0..=20_000)?),
        2 => format!("when = \"first-issue\"\ndelay = \"{}ms\"", bytes.int_in_range(0..=5_000)?),
        3 => format!("at = \"{}m\"", bytes.int_in_range(1..=7 * 24 * 60)?),
        _ => format!("every = \"{}m\"\nuntil = \"7d\"", bytes.int_in_range(13 * 60..=60 * 60)?),
    })
}
