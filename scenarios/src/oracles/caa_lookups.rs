//! What is known of CAA: what each host was answered and when, how the zone stands (RFC 8659 §3), and what CAs call
//! themselves in it.
//!
//! A host has looked a name up when its question about that very name is answered; ancestors are asked on the
//! way and decide where the name has no records. A question for a name's child asks about the name as well.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use serde_json::Value;
use sim::trace::Event;

use super::{
    law::Seen,
    reader::{
        caa::{CaaRecord, Issuance, forbids},
        dns::Message,
        http::Moment,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// How long a result may be used at least (Baseline Requirements §3.2.2.8).
const GOOD_FOR_MIN: Duration = Duration::from_secs(8 * 3_600);
const ALIASES_MAX: usize = 8;
const KEPT_MAX: usize = 20_000;

/// What is known of CAA.
#[derive(Debug)]
pub(super) struct CaaLookups {
    /// Who asked, by address and id.
    open: Recent<(SocketAddr, u16), Arc<str>>,
    /// By the host that asked and the name asked for.
    answered: Recent<(Arc<str>, String), Told>,
    /// What anybody would be told, by name.
    zone: Recent<String, Told>,
    /// Who has been answered.
    hosts: BTreeSet<Arc<str>>,
    /// The issuer domain names of each CA, by its host (RFC 8555 §9.7.6).
    issuers: Recent<Arc<str>, Vec<String>>,
}

/// What the DNS said, or would say, of a name.
#[derive(Clone, Debug, Default)]
struct Told {
    /// When a host was told; of the zone, which stands as it does now, nobody asks.
    at_ns: u64,
    records: Vec<CaaRecord>,
    ttl_s: u32,
    alias: Option<String>,
}

/// A host has been answered.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) host: Arc<str>,
    pub(super) name: String,
}

impl Default for CaaLookups {
    fn default() -> Self {
        Self {
            open: Recent::new(KEPT_MAX),
            answered: Recent::new(KEPT_MAX),
            zone: Recent::new(KEPT_MAX),
            hosts: BTreeSet::new(),
            issuers: Recent::new(KEPT_MAX),
        }
    }
}

impl CaaLookups {
    /// Takes in what happened; an answered question comes out.
    pub(super) fn observe(&mut self, seen: &Seen<'_>) -> Option<Lookup> {
        if let Some(step) = seen.step() {
            self.learn_issuers(step);
        }
        match seen.event() {
            Some(Event::ZoneChanged { name, record }) => self.change(name, record.as_deref()),
            // How old anything is by a clock or a memory that was set back is not known: it counts as new.
            Some(Event::SetBack { .. }) => {
                self.answered.iter_mut().for_each(|(_, told)| told.at_ns = seen.moment.at_ns)
            }
            Some(_) | None => {}
        }
        let message = seen.dns()?;
        let question = message.question.as_ref().filter(|question| question.kind == "CAA")?;
        if !message.is_response {
            self.open.insert((message.from, message.id), seen.moment.host.clone()?);
            return None;
        }
        let host = self.open.remove(&(message.to, message.id))?;
        // Any other code tells nothing of the name.
        if !matches!(message.code.as_str(), "NoError" | "NXDomain") {
            return None;
        }
        let told = told(message, seen.moment.at_ns);
        self.zone.insert(question.name.clone(), told.clone());
        self.hosts.insert(host.clone());
        self.answered.insert((host.clone(), question.name.clone()), told);
        Some(Lookup { host, name: question.name.clone() })
    }

    fn learn_issuers(&mut self, step: &Step) {
        let is_directory = step.moment == Moment::Answered && step.resource == Resource::Directory;
        let (Some(body), Some(ca)) = (step.body().filter(|_| is_directory && step.is_success()), &step.server) else {
            return;
        };
        let named = body.pointer("/meta/caaIdentities").and_then(Value::as_array);
        let named = named.map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        self.issuers.insert(ca.clone(), named.unwrap_or_default());
    }

    /// The issuer domain names that a CA goes by, as its directory has them; none if it names none.
    pub(super) fn issuers(&self, ca: &Arc<str>) -> &[String] {
        self.issuers.get(ca).map_or(&[], Vec::as_slice)
    }

    fn change(&mut self, name: &str, record: Option<&str>) {
        let words = record.map(|record| record.split_once(' ').unwrap_or((record, "")));
        let told = match words {
            None => Told::default(),
            Some(("CAA", data)) => Told { records: CaaRecord::read(data).into_iter().collect(), ..Told::default() },
            Some(("CNAME", target)) => Told { alias: Some(target.trim_end_matches('.').to_owned()), ..Told::default() },
            Some(_) => return,
        };
        self.zone.insert(name.to_owned(), told);
    }

    /// Whether `host` may rely at `at_ns` on what it was told of `name`. It has to have asked all the way up to the
    /// relevant records, or to the top (RFC 8659 §3).
    pub(super) fn is_fresh(&self, host: &Arc<str>, name: &str, at_ns: u64) -> bool {
        let Some(told) = self.answered.get(&(host.clone(), name.to_owned())) else { return false };
        if !self.has_climbed(host, name) {
            return false;
        }
        let ttl_s = Self::relevant(name, |owner| self.told_to(host, owner)).map_or(0, |relevant| relevant.ttl_s);
        let good_for = GOOD_FOR_MIN.max(Duration::from_secs(ttl_s.into()));
        u128::from(at_ns) <= u128::from(told.at_ns) + good_for.as_nanos()
    }

    /// Whether what `host` was told of `name` forbids the issuance.
    pub(super) fn was_told_no(&self, host: &Arc<str>, name: &str, issuance: &Issuance<'_>) -> bool {
        let relevant = Self::relevant(name, |owner| self.told_to(host, owner));
        relevant.is_some_and(|relevant| forbids(&relevant.records, issuance))
    }

    /// Whether what some host was told of `name` forbids the issuance.
    pub(super) fn was_anybody_told_no(&self, name: &str, issuance: &Issuance<'_>) -> bool {
        self.hosts.iter().any(|host| self.was_told_no(host, name, issuance))
    }

    /// Whether the zone as it stands forbids the issuance.
    pub(super) fn is_forbidden(&self, name: &str, issuance: &Issuance<'_>) -> bool {
        let relevant = Self::relevant(name, |owner| self.zone.get(owner));
        relevant.is_some_and(|relevant| forbids(&relevant.records, issuance))
    }

    fn has_climbed(&self, host: &Arc<str>, name: &str) -> bool {
        let told = |owner: &str| self.told_to(host, owner);
        for owner in above(name) {
            if told(owner).is_none() {
                return false;
            }
            if records_at(owner, told).is_some() {
                break;
            }
        }
        true
    }

    fn told_to(&self, host: &Arc<str>, name: &str) -> Option<&Told> {
        self.answered.get(&(host.clone(), name.to_owned()))
    }

    /// The records of `name`, its aliases followed, or else of its closest ancestor that has some.
    fn relevant<'a>(name: &str, told: impl Fn(&str) -> Option<&'a Told>) -> Option<&'a Told> {
        above(name).find_map(|owner| records_at(owner, &told))
    }
}

/// `name` and its ancestors, the root excluded.
fn above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |owner| owner.split_once('.').map(|(_, parent)| parent))
}

/// The records of `owner`, its aliases followed; `None` if there are none.
fn records_at<'a>(owner: &str, told: impl Fn(&str) -> Option<&'a Told>) -> Option<&'a Told> {
    let mut found = told(owner);
    for _ in 0..ALIASES_MAX {
        let Some(alias) = found.and_then(|found| found.alias.as_deref()) else { break };
        found = told(alias);
    }
    found.filter(|found| !found.records.is_empty())
}

fn told(message: &Message, at_ns: u64) -> Told {
    let caa = message.answers.iter().filter(|answer| answer.kind == "CAA");
    let records: Vec<CaaRecord> = caa.clone().filter_map(|answer| CaaRecord::read(&answer.data)).collect();
    // A server that knows no more than the alias leaves the rest to be asked.
    let alias = message.answers.iter().rfind(|answer| answer.kind == "CNAME");
    let alias =
        alias.filter(|_| records.is_empty()).map(|answer| answer.data.trim_end_matches('.').to_ascii_lowercase());
    Told { at_ns, records, ttl_s: caa.map(|answer| answer.ttl_s).min().unwrap_or_default(), alias }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::reader::dns::Answer;

    fn message(answers: &[(&str, u32, &str)]) -> Message {
        let answer = |(kind, ttl_s, data): &(&str, u32, &str)| Answer {
            name: "a.test".to_owned(),
            kind: (*kind).to_owned(),
            ttl_s: *ttl_s,
            data: (*data).to_owned(),
        };
        Message {
            from: "192.0.2.1:53".parse().unwrap(),
            to: "192.0.2.2:5353".parse().unwrap(),
            id: 1,
            is_response: true,
            code: "NoError".to_owned(),
            question: None,
            answers: answers.iter().map(answer).collect(),
            changes: Vec::new(),
        }
    }

    fn by<T>(ca: &str, judged: impl FnOnce(&Issuance<'_>) -> T) -> T {
        let issuers = [ca.to_owned()];
        judged(&Issuance { issuers: &issuers, is_wildcard: false, account: None, method: None })
    }

    #[test]
    fn the_zone_forbids_below_an_alias_what_the_aliass_target_forbids() {
        let mut lookups = CaaLookups::default();
        lookups.change("alias.test", Some("CNAME target.test."));
        lookups.change("target.test", Some("CAA 0 issue \"ca.test\""));
        lookups.change("target.test", Some("TXT \"beside\""));
        for name in ["target.test", "alias.test", "www.alias.test"] {
            assert!(by("other.test", |issuance| lookups.is_forbidden(name, issuance)), "{name}");
            assert!(!by("ca.test", |issuance| lookups.is_forbidden(name, issuance)), "{name}");
        }
        lookups.change("alias.test", None);
        assert!(!by("other.test", |issuance| lookups.is_forbidden("www.alias.test", issuance)));
    }

    #[test]
    fn an_answers_records_count_and_its_alias_only_without_them() {
        let alias = ("CNAME", 60, "Target.Test.");
        let record = |ttl_s| ("CAA", ttl_s, "0 issue \"ca.test\"");
        for (answers, alias, records, ttl_s) in [
            (&[][..], None, 0, 0),
            (&[("A", 60, "192.0.2.1")], None, 0, 0),
            (&[alias], Some("target.test"), 0, 0),
            (&[alias, record(600), record(300)], None, 2, 300),
        ] {
            let told = told(&message(answers), 7);
            assert_eq!((told.alias.as_deref(), told.records.len(), told.ttl_s), (alias, records, ttl_s), "{answers:?}");
        }
    }

    #[test]
    fn what_one_host_was_told_is_known_of_that_host_and_of_somebody() {
        let mut lookups = CaaLookups::default();
        let [asked, other]: [Arc<str>; 2] = ["va1".into(), "va2".into()];
        lookups.hosts.extend([asked.clone(), other.clone()]);
        let no = told(&message(&[("CAA", 60, "0 issue \"ca.test\"")]), 0);
        lookups.answered.insert((asked.clone(), "a.test".to_owned()), no);
        by("other.test", |issuance| {
            assert!(lookups.was_told_no(&asked, "www.a.test", issuance));
            assert!(!lookups.was_told_no(&other, "www.a.test", issuance));
            assert!(lookups.was_anybody_told_no("www.a.test", issuance));
            assert!(!lookups.was_anybody_told_no("b.test", issuance));
        });
        assert!(!by("ca.test", |issuance| lookups.was_anybody_told_no("a.test", issuance)));
    }
}
