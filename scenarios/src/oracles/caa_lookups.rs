//! What is known of CAA: what each host was answered and when, and how the zone stands (RFC 8659 §3).
//!
//! A host has looked a name up when its question about that very name is answered; ancestors are asked on the
//! way and decide where the name has no records. A question for a name's child asks about the name as well.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sim::trace::Event;

use super::{
    law::Seen,
    reader::{
        caa::{CaaRecord, Issuance, forbids},
        dns::Message,
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
}

/// What the DNS said, or would say, of a name.
#[derive(Clone, Debug, Default)]
struct Told {
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
        Self { open: Recent::new(KEPT_MAX), answered: Recent::new(KEPT_MAX), zone: Recent::new(KEPT_MAX) }
    }
}

impl CaaLookups {
    /// Takes in what happened; an answered question comes out.
    pub(super) fn observe(&mut self, seen: &Seen<'_>) -> Option<Lookup> {
        match seen.event() {
            Some(Event::ZoneChanged { name, record }) => self.change(name, record.as_deref(), seen.moment.at_ns),
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
        self.answered.insert((host.clone(), question.name.clone()), told);
        Some(Lookup { host, name: question.name.clone() })
    }

    fn change(&mut self, name: &str, record: Option<&str>, at_ns: u64) {
        let words = record.map(|record| record.split_once(' ').unwrap_or((record, "")));
        let told = match words {
            None => Told { at_ns, ..Told::default() },
            Some(("CAA", data)) => {
                Told { at_ns, records: CaaRecord::read(data).into_iter().collect(), ..Told::default() }
            }
            Some(("CNAME", target)) => {
                Told { at_ns, alias: Some(target.trim_end_matches('.').to_owned()), ..Told::default() }
            }
            Some(_) => return,
        };
        self.zone.insert(name.to_owned(), told);
    }

    /// Whether `host` may rely at `at_ns` on what it was told of `name`.
    pub(super) fn is_fresh(&self, host: &Arc<str>, name: &str, at_ns: u64) -> bool {
        let Some(told) = self.answered.get(&(host.clone(), name.to_owned())) else { return false };
        let ttl_s = self.relevant(name, |owner| self.told_to(host, owner)).map_or(0, |relevant| relevant.ttl_s);
        let good_for = GOOD_FOR_MIN.max(Duration::from_secs(ttl_s.into()));
        u128::from(at_ns) <= u128::from(told.at_ns) + good_for.as_nanos()
    }

    /// Whether what `host` was told of `name` forbids the issuance.
    pub(super) fn was_told_no(&self, host: &Arc<str>, name: &str, issuance: &Issuance<'_>) -> bool {
        let relevant = self.relevant(name, |owner| self.told_to(host, owner));
        relevant.is_some_and(|relevant| forbids(&relevant.records, issuance))
    }

    /// Whether the zone as it stands forbids the issuance.
    pub(super) fn is_forbidden(&self, name: &str, issuance: &Issuance<'_>) -> bool {
        let relevant = self.relevant(name, |owner| self.zone.get(owner));
        relevant.is_some_and(|relevant| forbids(&relevant.records, issuance))
    }

    fn told_to(&self, host: &Arc<str>, name: &str) -> Option<&Told> {
        self.answered.get(&(host.clone(), name.to_owned()))
    }

    /// The records of `name`, its aliases followed, or else of its closest ancestor that has some.
    fn relevant<'a>(&self, name: &str, told: impl Fn(&str) -> Option<&'a Told>) -> Option<&'a Told> {
        let mut rest = Some(name);
        while let Some(owner) = rest {
            let mut found = told(owner);
            for _ in 0..ALIASES_MAX {
                let Some(alias) = found.and_then(|found| found.alias.as_deref()) else { break };
                found = told(alias);
            }
            if let Some(found) = found.filter(|found| !found.records.is_empty()) {
                return Some(found);
            }
            rest = owner.split_once('.').map(|(_, parent)| parent);
        }
        None
    }
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
