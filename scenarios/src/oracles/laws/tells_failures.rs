//! `manager.tells-failures` (L11): whoever runs a manager hears of each attempt that fails.
//!
//! Some time after the CA has shown that an attempt failed, an event has told so, or there is a certificate after all. Which
//! events a manager tells is shown by probes of its operator, with the names that each is about. A refused nonce, an account that
//! the CA has lost and a certificate that an order can't replace are no failures.

use std::time::Duration;

use sim::trace::Event;

use super::certificates::downloaded;
use crate::oracles::{
    attempts::{Applicant, Attempts},
    deadlines::Deadlines,
    law::{self, Law, Seen, Settings, Verdict, in_words},
    reader::{
        http::Moment,
        identifier::{Identifier, Identifiers, show},
    },
};

const WITHIN: Duration = Duration::from_secs(300);

/// Events by which an operator hears that there is no certificate.
const TELLING: [&str; 3] = ["event/failed", "event/storage-trouble", "event/denied"];

/// The law.
#[derive(Debug)]
pub(crate) struct TellsFailures {
    attempts: Attempts,
    deadlines: Deadlines<Applicant>,
}

impl TellsFailures {
    pub(crate) fn new(settings: Settings) -> Self {
        let within = settings.within.unwrap_or(WITHIN);
        Self {
            attempts: Attempts::new(&["badNonce", "accountDoesNotExist", "alreadyReplaced"]),
            deadlines: Deadlines::new(within),
        }
    }
}

impl Law for TellsFailures {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        if let Some(event) = seen.event() {
            self.deadlines.follow(event, seen.moment);
            self.hear(event, seen.moment, verdict);
        }
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Received) else { return };
        if let Some(certificate) = downloaded(step) {
            self.deadlines.remove(&(step.client.clone(), certificate.names));
        } else if let Some(applicant) = self.attempts.failed(step) {
            self.deadlines.set(applicant, step.client.clone(), seen.moment.at_ns);
        }
    }

    fn finish(&mut self, end: &law::Moment, verdict: &mut Verdict) {
        self.judge(end, verdict);
    }
}

impl TellsFailures {
    fn hear(&mut self, event: &Event, moment: &law::Moment, verdict: &mut Verdict) {
        if let Event::HostEnded { .. } = event {
            self.deadlines.drop_those(|(client, _)| *client == moment.host);
        }
        let Event::Probe { name, about } = event else { return };
        if name == "event/missed" {
            self.deadlines.drop_those(|(client, _)| *client == moment.host);
        } else if TELLING.contains(&name.as_str())
            && let Some(names) = about.get("names")
        {
            let names: Identifiers = names.split(' ').map(Identifier::of_server).collect();
            if self.deadlines.drop_those(|(client, failed)| *client == moment.host && failed.is_subset(&names)) {
                verdict.exercise(moment);
            }
        }
    }

    fn judge(&mut self, moment: &law::Moment, verdict: &mut Verdict) {
        let within = in_words(self.deadlines.within());
        for ((_, names), at) in self.deadlines.take_missed(moment) {
            let names = show(&names);
            verdict.exercise(&at);
            verdict.find(
                &at,
                format!("an event should tell within {within} that the attempt for {names} failed, but none does"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sim::trace::Event;

    use crate::oracles::testing::Story;

    const LAW: &str = "manager.tells-failures";

    fn tell(story: &mut Story, probe: &str, names: &str) {
        let about = BTreeMap::from([("names".to_owned(), names.to_owned())]);
        story.event(Some("manager"), Event::Probe { name: probe.to_owned(), about });
    }

    fn fail(story: &mut Story) {
        let order = story.new_order(&["a.test"]);
        story.authorize("a.test", order, "invalid");
    }

    #[test]
    fn a_failure_that_no_event_tells_is_found() {
        for (probe, names, is_told) in [
            ("event/failed", "a.test", true),
            ("event/storage-trouble", "a.test b.test", true),
            ("event/failed", "b.test", false),
            ("event/obtaining", "a.test", false),
        ] {
            let mut story = Story::new();
            fail(&mut story);
            story.wait(60);
            tell(&mut story, probe, names);
            story.wait(600);
            tell(&mut story, "event/obtaining", "z.test");
            if is_told { story.keeps(LAW) } else { story.breaks(LAW, "the attempt for a.test failed, but none does") }
        }
    }

    #[test]
    fn a_certificate_tells_enough() {
        let mut story = Story::new();
        fail(&mut story);
        story.wait(60);
        story.issuance(&["a.test"], 90);
        story.wait(600);
        fail(&mut story);
        tell(&mut story, "event/failed", "a.test");
        story.keeps(LAW);
    }

    #[test]
    fn the_time_ends_with_the_run_and_begins_when_the_client_hears_of_the_failure() {
        let mut story = Story::new();
        fail(&mut story);
        story.wait(300);
        assert_eq!(story.verdict(LAW).findings(), []);
        story.wait(1);
        story.breaks(LAW, "the attempt for a.test failed, but none does");

        let mut story = Story::new();
        fail(&mut story);
        story.lose_answer();
        story.wait(301);
        assert_eq!(story.verdict(LAW).exercised().total(), 0);
    }

    #[test]
    fn nothing_is_to_be_told_by_who_has_died_or_of_what_may_have_been_missed() {
        for (host, is_excused) in [("manager", true), ("visitor", false)] {
            let mut killed = Story::new();
            fail(&mut killed);
            killed.kill(host);
            killed.start(host);
            let mut missed = Story::new();
            fail(&mut missed);
            missed.event(Some(host), Event::probe("event/missed"));
            for mut story in [killed, missed] {
                story.wait(3_600);
                assert_eq!(story.verdict(LAW).findings().is_empty(), is_excused, "{host}");
            }
        }
    }
}
