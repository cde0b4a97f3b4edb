//! `visitors.unharmed-by-others` (V8): whoever waits for an answer while another visitor hangs up is served all the same.
//!
//! Judged are visitors of the same server whose handshake was under way when another's was broken off by its visitor. If
//! their own patience ends as well, that is theirs to answer for; whatever the server ends is not. Ends of hosts are excused.

use std::{net::SocketAddr, sync::Arc};

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::visit::Visit,
    recent::Recent,
};

/// Client and server.
type Ends = (SocketAddr, SocketAddr);

/// The law.
#[derive(Debug)]
pub(crate) struct UnharmedByOthers {
    /// Connections whose client has spoken and that have no handshake behind them.
    open: Recent<Ends, Open>,
    /// The connection whose handshake has just ended.
    ended: Option<Open>,
}

#[derive(Debug, Default)]
struct Open {
    client: Option<Arc<str>>,
    server: Option<Arc<str>>,
    has_spoken: bool,
    /// Whether another visitor hung up meanwhile.
    saw_another_go: bool,
}

impl Default for UnharmedByOthers {
    fn default() -> Self {
        Self { open: Recent::new(KEPT_MAX), ended: None }
    }
}

impl Law for UnharmedByOthers {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(event) = seen.event() {
            self.ended = None;
            self.follow(event, seen.moment.host.as_ref());
        } else if let (Some(visit), Some(open)) = (seen.visit(), self.ended.take())
            && open.saw_another_go
            && !visit.is_validation
        {
            verdict.exercise(seen.moment);
            if let Visit { failure: Some(failure), name, .. } = visit {
                verdict.find(
                    seen.moment,
                    format!(
                        "a visitor of {name} should be served though another one hung up, but got: {}",
                        failure.reason
                    ),
                );
            }
        }
    }
}

impl UnharmedByOthers {
    fn follow(&mut self, event: &Event, host: Option<&Arc<str>>) {
        if let Event::Segment { from, to, flags, len, .. } = event {
            self.follow_segment((*from, *to), flags, *len, host);
        } else if let Event::Handshake { connection, .. } = event {
            let Some((client, server)) = connection.split_once('-') else { return };
            let (Ok(client), Ok(server)) = (client.parse(), server.parse()) else { return };
            self.ended = self.open.remove(&(client, server));
        } else if let Event::HostEnded { .. } | Event::HostSuspended = event {
            self.open.retain(|_, open| open.client.as_ref() != host && open.server.as_ref() != host);
        }
    }

    fn follow_segment(&mut self, ends: Ends, flags: &str, len: u32, host: Option<&Arc<str>>) {
        let (is_first, is_reply) = (flags.contains('S'), flags.contains('A'));
        if is_first && is_reply {
            if let Some(open) = self.open.get_mut(&(ends.1, ends.0)) {
                open.server = host.cloned();
            }
        } else if is_first {
            self.open.insert(ends, Open { client: host.cloned(), ..Open::default() });
        } else if len > 0
            && let Some(open) = self.open.get_mut(&ends)
        {
            open.has_spoken = true;
        }
        if flags.contains(['F', 'R']) && self.open.remove(&ends).is_some_and(|open| open.has_spoken) {
            let others = self.open.iter_mut().filter(|((_, server), open)| *server == ends.1 && open.has_spoken);
            others.for_each(|(_, open)| open.saw_another_go = true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "visitors.unharmed-by-others";
    const MANAGER: &str = "10.0.0.1:443";

    fn segment(story: &mut Story, from: &str, flags: &str, len: u32) {
        segment_between(story, ("visitor", from), MANAGER, flags, len);
    }

    fn segment_between(story: &mut Story, (host, from): (&str, &str), to: &str, flags: &str, len: u32) {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        story.event(Some(host), Event::Segment { from, to, flags: flags.into(), len, digest: String::new() });
    }

    /// The handshake of the visitor with this address fails.
    fn fails(story: &mut Story, visitor: &str) {
        let outcome = sim::trace::HandshakeOutcome::Failed { error: "tls handshake eof".into(), chain: Vec::new() };
        let event = Event::Handshake {
            connection: format!("{visitor}-{MANAGER}").into(),
            server_name: "a.test".into(),
            alpn: None,
            outcome,
        };
        story.event(Some("visitor"), event);
    }

    /// Of two who wait, the first hangs up.
    fn one_of_two_goes() -> Story {
        let mut story = Story::new();
        for visitor in ["10.0.0.3:50000", "10.0.0.3:50001"] {
            segment(&mut story, visitor, "S", 0);
            segment(&mut story, visitor, "AP", 200);
        }
        story.wait(30);
        segment(&mut story, "10.0.0.3:50000", "FA", 0);
        story
    }

    #[test]
    fn the_other_one_is_served_or_it_is_found() {
        let mut story = one_of_two_goes();
        let certificate = Issued::new(&["a.test"], story.now_s(), story.now_s() + 86_400);
        story.visit_over(&format!("10.0.0.3:50001-{MANAGER}"), "a.test", &certificate);
        story.keeps(LAW);

        let mut story = one_of_two_goes();
        fails(&mut story, "10.0.0.3:50001");
        story.breaks(LAW, "though another one hung up, but got: tls handshake eof");
    }

    #[test]
    fn the_end_of_either_host_is_excused_and_that_of_a_third_is_not() {
        for (host, is_excused) in [("visitor", true), ("manager", true), ("ca", false)] {
            let mut story = Story::new();
            for visitor in ["10.0.0.3:50000", "10.0.0.3:50001"] {
                segment(&mut story, visitor, "S", 0);
                segment_between(&mut story, ("manager", MANAGER), visitor, "SA", 0);
                segment(&mut story, visitor, "AP", 200);
            }
            segment(&mut story, "10.0.0.3:50000", "FA", 0);
            story.kill(host);
            fails(&mut story, "10.0.0.3:50001");
            assert_eq!(story.verdict(LAW).exercised().total(), u64::from(!is_excused), "{host}");
        }
    }

    #[test]
    fn only_who_waits_for_an_answer_of_the_same_server_is_judged() {
        let judged = |server: &str, one_says: u32, other_says: u32| {
            let mut story = Story::new();
            let gone = ("visitor", "10.0.0.3:50000");
            segment_between(&mut story, gone, server, "S", 0);
            segment_between(&mut story, gone, server, "A", one_says);
            segment(&mut story, "10.0.0.3:50001", "S", 0);
            segment(&mut story, "10.0.0.3:50001", "A", other_says);
            segment_between(&mut story, gone, server, "FA", 0);
            fails(&mut story, "10.0.0.3:50001");
            story.verdict(LAW).exercised().total()
        };
        assert_eq!(judged(MANAGER, 200, 200), 1);
        assert_eq!(judged(MANAGER, 0, 200), 0, "the one who goes has said nothing");
        assert_eq!(judged(MANAGER, 200, 0), 0, "the other one has said nothing");
        assert_eq!(judged("10.0.0.7:443", 200, 200), 0, "the one who goes had to do with another server");
    }
}
