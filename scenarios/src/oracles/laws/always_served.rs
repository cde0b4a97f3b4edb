//! `visitors.always-served` (V9): once a name was served well, each later visit is, while its certificate lives.
//!
//! Only what the server does counts. A visit is not judged if it fails while the server's host is down,
//! suspended, or up for less than a minute; if the connection breaks while or shortly after a link between
//! the two was disturbed; or if the visitor refuses a certificate that is good by true time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Moment, Seen, Verdict},
    reader::{identifier::Identifier, visit::Visit},
    recent::Recent,
};

const GRACE: Duration = Duration::from_secs(60);

/// The law.
#[derive(Debug)]
pub(crate) struct AlwaysServed {
    /// Until when, Unix seconds, the certificate lives that a name was last served well with.
    good_until_s: Recent<Identifier, i64>,
    hosts: BTreeMap<Arc<str>, Host>,
    /// Links that were changed, by the hosts from and to.
    links: BTreeMap<(Arc<str>, Arc<str>), Link>,
}

#[derive(Debug, Default)]
struct Host {
    is_down: bool,
    up_since_ns: u64,
}

#[derive(Debug)]
struct Link {
    is_disturbed: bool,
    changed_ns: u64,
}

impl Default for AlwaysServed {
    fn default() -> Self {
        Self { good_until_s: Recent::new(KEPT_MAX), hosts: BTreeMap::new(), links: BTreeMap::new() }
    }
}

impl Law for AlwaysServed {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(event) = seen.event() {
            self.follow(event, seen.moment);
        } else if let Some(visit) = seen.visit().filter(|visit| !visit.is_validation) {
            self.judge(visit, seen.moment, verdict);
        }
    }
}

impl AlwaysServed {
    fn follow(&mut self, event: &Event, moment: &Moment) {
        if let Event::LinkChanged { from, to, behaviour } = event {
            let link = Link { is_disturbed: is_disturbed(behaviour), changed_ns: moment.at_ns };
            self.links.insert((from.as_str().into(), to.as_str().into()), link);
        }
        let Some(name) = &moment.host else { return };
        if let Event::HostStarted { .. } | Event::HostResumed = event {
            let host = self.hosts.entry(name.clone()).or_default();
            (host.is_down, host.up_since_ns) = (false, moment.at_ns);
        } else if let Event::HostEnded { .. } | Event::HostSuspended = event {
            self.hosts.entry(name.clone()).or_default().is_down = true;
        }
    }

    fn judge(&mut self, visit: &Visit, moment: &Moment, verdict: &mut Verdict) {
        let Some(now_s) = moment.utc_s else { return };
        let good = visit.leaf.as_ref().filter(|leaf| leaf.is_valid_at(now_s) && leaf.covers(&visit.name));
        let Some(failure) = &visit.failure else {
            if let Some(leaf) = good
                && self.good_until_s.insert(visit.name.clone(), leaf.not_after_s).is_some()
            {
                verdict.exercise(moment);
            }
            return;
        };
        let is_alive = self.good_until_s.get(&visit.name).is_some_and(|until_s| now_s <= *until_s);
        let host = visit.server.as_ref().and_then(|server| self.hosts.get(server));
        let is_out = host.is_some_and(|host| host.is_out(moment.at_ns));
        let is_cut = failure.is_transport && self.is_cut(visit, moment.at_ns);
        if !is_alive || is_out || is_cut || good.is_some() {
            return;
        }
        verdict.exercise(moment);
        let name = &visit.name;
        verdict.find(
            moment,
            format!("{name} was served well before and should be again, but the visitor got: {}", failure.reason),
        );
    }
}

impl AlwaysServed {
    /// Whether a link between visitor and server is, or was a moment ago, such that connections break.
    fn is_cut(&self, visit: &Visit, at_ns: u64) -> bool {
        let (Some(visitor), Some(server)) = (&visit.visitor, &visit.server) else { return false };
        let between = [(visitor.clone(), server.clone()), (server.clone(), visitor.clone())];
        let links = between.iter().filter_map(|pair| self.links.get(pair));
        links.into_iter().any(|link| link.is_disturbed || is_recent(link.changed_ns, at_ns))
    }
}

impl Host {
    /// Whether nobody can expect an answer.
    fn is_out(&self, at_ns: u64) -> bool {
        self.is_down || (self.up_since_ns > 0 && is_recent(self.up_since_ns, at_ns))
    }
}

fn is_recent(since_ns: u64, at_ns: u64) -> bool {
    u128::from(at_ns.saturating_sub(since_ns)) < GRACE.as_nanos()
}

/// Whether a link with this behaviour, in the world's words, may break a connection.
fn is_disturbed(behaviour: &str) -> bool {
    !["loss_per_million: 0", "condition: Open", "truncate_after_bytes: None"]
        .iter()
        .all(|words| behaviour.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "visitors.always-served";
    const ALERT: &str = "received fatal alert: HandshakeFailure";

    /// A story in which a.test has been served twice with a certificate for a day.
    fn served() -> Story {
        let mut story = Story::new();
        let certificate = Issued::new(&["a.test"], story.now_s(), story.now_s() + 86_400);
        story.visit("a.test", &certificate);
        story.wait(3_600);
        story.visit("a.test", &certificate);
        story
    }

    #[test]
    fn a_name_that_is_no_longer_served_is_found() {
        let mut story = served();
        story.keeps(LAW);
        story.visit_fails("a.test", ALERT, None);
        story.breaks(LAW, "HandshakeFailure");
    }

    #[test]
    fn a_connection_dropped_by_a_host_that_is_up_is_found() {
        let mut story = served();
        story.visit_fails("a.test", "tls handshake eof", None);
        story.breaks(LAW, "eof");
    }

    #[test]
    fn a_host_that_is_down_or_starting_is_excused() {
        let mut story = served();
        story.kill("manager");
        story.visit_fails("a.test", "connection reset", None);
        story.start("manager");
        story.wait(5);
        story.visit_fails("a.test", ALERT, None);
        story.keeps(LAW);
        story.wait(120);
        story.visit_fails("a.test", ALERT, None);
        story.breaks(LAW, "HandshakeFailure");
    }

    #[test]
    fn a_disturbed_link_excuses_broken_connections_only() {
        let mut story = served();
        let link = sim::world::Link { condition: sim::world::Condition::Blackhole, ..sim::world::Link::default() };
        let change = |link: sim::world::Link| Event::LinkChanged {
            from: "visitor".into(),
            to: "manager".into(),
            behaviour: link.to_string(),
        };
        story.event(None, change(link));
        story.wait(3_600);
        story.visit_fails("a.test", "connection timed out", None);
        story.keeps(LAW);
        let mut refused = served();
        refused.event(None, change(link));
        refused.visit_fails("a.test", ALERT, None);
        refused.breaks(LAW, "HandshakeFailure");
        story.event(None, change(sim::world::Link::default()));
        story.wait(3_600);
        story.visit_fails("a.test", "connection timed out", None);
        story.breaks(LAW, "timed out");
    }

    #[test]
    fn names_never_served_and_certificates_run_out_are_other_laws_business() {
        let mut story = served();
        story.visit_fails("b.test", ALERT, None);
        story.wait_days(2);
        story.visit_fails("a.test", ALERT, None);
        story.keeps(LAW);
    }
}
