//! `visitors.handshake-within` (L3, V4): no visitor's TLS handshake takes longer than the scenario allows.
//!
//! Timed from the visitor's first message to whatever ends the handshake: served, refused, or broken off because the
//! visitor would not wait any longer. One that has no end when the run has counts too. Time on the wire is included,
//! so the limit must leave room for it.
//!
//! A handshake with an end says itself what it was; one without is known by its addresses, so it counts only where
//! the same visitor's handshake with the same server has ended before. Ends of either host are excused.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct HandshakeWithin {
    within: Option<Duration>,
    /// Connections that have no handshake behind them, by the addresses of client and server.
    open: Recent<Ends, Open>,
    /// The handshake that has just ended.
    ended: Option<(Ends, Duration)>,
    /// Between whom visits have come to an end.
    visited: BTreeSet<(IpAddr, SocketAddr)>,
}

type Ends = (SocketAddr, SocketAddr);

#[derive(Debug)]
struct Open {
    client: Option<Arc<str>>,
    server: Option<Arc<str>>,
    /// When the client's first message left it.
    spoke_ns: Option<u64>,
}

impl HandshakeWithin {
    pub(crate) fn new(settings: Settings) -> Self {
        let open = Recent::new(KEPT_MAX);
        Self { within: settings.within, open, ended: None, visited: BTreeSet::new() }
    }
}

impl Law for HandshakeWithin {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(event) = seen.event() {
            self.ended = None;
            self.follow(event, seen.moment, verdict);
        } else if let (Some(visit), Some((ends, took))) = (seen.visit(), self.ended.take())
            && !visit.is_validation
        {
            self.visited.insert((ends.0.ip(), ends.1));
            verdict.exercise(seen.moment);
            if let Some(within) = self.within.filter(|within| took > *within) {
                let (name, took, within) = (&visit.name, in_words(took), in_words(within));
                let outcome = visit.failure.as_ref().map_or("served", |failure| &failure.reason);
                verdict.find(
                    seen.moment,
                    format!("a visitor of {name} should be answered within {within}, but after {took} was: {outcome}"),
                );
            }
        }
    }

    fn finish(&mut self, end: &Moment, verdict: &mut Verdict) {
        for (ends, open) in self.open.iter() {
            self.judge_unfinished(*ends, open, end, verdict);
        }
    }
}

impl HandshakeWithin {
    fn follow(&mut self, event: &Event, moment: &Moment, verdict: &mut Verdict) {
        if let Event::Segment { from, to, flags, len, .. } = event {
            self.follow_segment((*from, *to), flags, *len, moment, verdict);
        } else if let Event::Handshake { connection, .. } = event {
            let Some(ends) = ends(connection) else { return };
            let spoke_ns = self.open.remove(&ends).and_then(|open| open.spoke_ns);
            let took = spoke_ns.map(|spoke_ns| Duration::from_nanos(moment.at_ns.saturating_sub(spoke_ns)));
            self.ended = Some((ends, took.unwrap_or_default()));
        } else if let Event::HostEnded { .. } | Event::HostSuspended = event {
            self.open.retain(|_, open| open.client != moment.host && open.server != moment.host);
        }
    }

    fn follow_segment(&mut self, ends: Ends, flags: &str, len: u32, moment: &Moment, verdict: &mut Verdict) {
        let (is_first, is_reply) = (flags.contains('S'), flags.contains('A'));
        if is_first && is_reply {
            if let Some(open) = self.open.get_mut(&(ends.1, ends.0)) {
                open.server.clone_from(&moment.host);
            }
        } else if is_first {
            self.open.insert(ends, Open { client: moment.host.clone(), server: None, spoke_ns: None });
        } else if len > 0
            && let Some(open) = self.open.get_mut(&ends)
        {
            open.spoke_ns.get_or_insert(moment.at_ns);
        }
        if flags.contains(['F', 'R'])
            && let Some(open) = self.open.remove(&ends)
        {
            self.judge_unfinished(ends, &open, moment, verdict);
        }
    }

    /// The visitor hangs up, or the run ends, and nothing has come of the handshake.
    fn judge_unfinished(&self, ends: Ends, open: &Open, moment: &Moment, verdict: &mut Verdict) {
        let Some(spoke_ns) = open.spoke_ns.filter(|_| self.visited.contains(&(ends.0.ip(), ends.1))) else { return };
        let waited = Duration::from_nanos(moment.at_ns.saturating_sub(spoke_ns));
        if let Some(within) = self.within.filter(|within| waited > *within) {
            verdict.exercise(moment);
            let (server, waited, within) = (ends.1, in_words(waited), in_words(within));
            verdict.find(
                moment,
                format!("a visitor of {server} should be answered within {within}, but waited {waited} for nothing"),
            );
        }
    }
}

/// The addresses of a connection named `client address-server address`.
fn ends(connection: &str) -> Option<Ends> {
    let (client, server) = connection.split_once('-')?;
    Some((client.parse().ok()?, server.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "visitors.handshake-within";
    const VISITOR: &str = "10.0.0.3:50000";
    const MANAGER: &str = "10.0.0.1:443";

    fn settings() -> Settings {
        Settings { within: Some(Duration::from_secs(1)), ..Settings::default() }
    }

    fn findings(story: &Story) -> Vec<String> {
        story.verdict_with(LAW, settings()).findings().iter().map(|finding| finding.message.clone()).collect()
    }

    fn segment(story: &mut Story, from: &str, to: &str, flags: &str, len: u32) {
        let host = if from == VISITOR { "visitor" } else { "manager" };
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        story.event(Some(host), Event::Segment { from, to, flags: flags.into(), len, digest: String::new() });
    }

    /// The visitor connects and says hello.
    fn hello(story: &mut Story) {
        segment(story, VISITOR, MANAGER, "S", 0);
        segment(story, MANAGER, VISITOR, "SA", 0);
        segment(story, VISITOR, MANAGER, "AP", 200);
    }

    /// A story in which the same visitor was served before.
    fn visited() -> Story {
        let mut story = Story::new();
        let certificate = Issued::new(&["a.test"], story.now_s(), story.now_s() + 86_400);
        hello(&mut story);
        story.visit_over(&format!("{VISITOR}-{MANAGER}"), "a.test", &certificate);
        segment(&mut story, VISITOR, MANAGER, "FA", 0);
        story
    }

    #[test]
    fn a_slow_handshake_is_found_and_a_quick_one_is_not() {
        let mut story = visited();
        let certificate = Issued::new(&["a.test"], story.now_s(), story.now_s() + 86_400);
        for seconds in [1, 10] {
            hello(&mut story);
            story.wait(seconds);
            story.visit_over(&format!("{VISITOR}-{MANAGER}"), "a.test", &certificate);
        }
        assert_eq!(findings(&story), ["a visitor of a.test should be answered within 1s, but after 10s was: served"]);
        assert_eq!(story.verdict_with(LAW, settings()).exercised().total(), 3);
    }

    #[test]
    fn a_handshake_without_an_end_is_found_when_the_visitor_hangs_up_and_when_the_run_ends() {
        let mut story = visited();
        hello(&mut story);
        story.wait(30);
        assert_eq!(findings(&story).len(), 1);
        segment(&mut story, VISITOR, MANAGER, "RA", 0);
        let found = findings(&story);
        assert!(found.len() == 1 && found[0].contains("but waited 30s for nothing"), "{found:?}");
    }

    #[test]
    fn the_time_allowed_is_enough_and_the_end_of_a_third_host_is_no_excuse() {
        let mut story = visited();
        hello(&mut story);
        story.wait(1);
        assert_eq!(findings(&story), [] as [&str; 0]);
        story.kill("ca");
        story.wait(1);
        assert_eq!(findings(&story).len(), 1);
        story.kill("visitor");
        assert_eq!(findings(&story), [] as [&str; 0]);
    }

    #[test]
    fn neither_an_idle_connection_nor_one_whose_host_dies_is_a_handshake() {
        let mut story = visited();
        segment(&mut story, VISITOR, MANAGER, "S", 0);
        story.wait(30);
        segment(&mut story, VISITOR, MANAGER, "FA", 0);
        hello(&mut story);
        story.wait(30);
        story.kill("manager");
        assert_eq!(findings(&story), [] as [&str; 0]);
    }
}
