//! `manager.cleans-up-challenges` (M9): a TXT record that a client presents for dns-01 goes, and not too early.
//!
//! Not before its authorization is over in any way, for the CA may still look; and then within an hour or what the
//! scenario says. A crash excuses what goes early, and what it left counts from the start that follows. A program that ends
//! of its own accord leaves none: what it is broken off from may go early then. Records are told from others by their values:
//! digests of the tokens that the client was shown (RFC 8555 §8.4).

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sim::trace::{Ending, Event};

use super::KEPT_MAX;
use crate::oracles::{
    law::{self, Law, Seen, Settings, Verdict, in_words},
    reader::{
        dns::{Change, Message},
        http::Moment,
        jws::Jws,
        place::Place,
        step::Step,
    },
    recent::Recent,
};

const WITHIN: Duration = Duration::from_secs(3_600);
/// What goes early is excused if its client ends of its own accord so soon after.
const LEAVING_NS: u64 = 120_000_000_000;

/// A record's name and value.
type Name = (String, String);

/// Who asked for changes, and for which.
type Asked = (Option<Arc<str>>, Vec<Change>);

/// The law.
#[derive(Debug)]
pub(crate) struct CleansUpChallenges {
    within: Duration,
    /// Of the keys by which a client has signed.
    thumbprints: Recent<Option<Arc<str>>, BTreeSet<String>>,
    /// The authorization that a value is about.
    authorizations: Recent<String, Place>,
    /// Since when an authorization is over.
    over: Recent<Place, u64>,
    /// Updates that are not answered yet.
    asked: Recent<(SocketAddr, u16), Asked>,
    presented: Recent<Name, Presented>,
    /// What went before its time, with its client and when.
    early: Vec<(Option<Arc<str>>, u64, String)>,
}

#[derive(Debug)]
struct Presented {
    client: Option<Arc<str>>,
    /// When it was, or when its client started again after a crash; `None` while that is down.
    since_ns: Option<u64>,
    is_left_behind: bool,
    event: u64,
}

impl CleansUpChallenges {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            within: settings.within.unwrap_or(WITHIN),
            thumbprints: Recent::new(KEPT_MAX),
            authorizations: Recent::new(KEPT_MAX),
            over: Recent::new(KEPT_MAX),
            asked: Recent::new(KEPT_MAX),
            presented: Recent::new(KEPT_MAX),
            early: Vec::new(),
        }
    }
}

impl Law for CleansUpChallenges {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.find_early(seen.moment.at_ns.saturating_sub(LEAVING_NS), seen.moment, verdict);
        if let Some(host) = seen.host_ended() {
            if let Some(Event::HostEnded { ending: Ending::Finished }) = seen.event() {
                self.early.retain(|(client, ..)| client.as_deref() != Some(host));
                self.find_left_behind(host, seen.moment, verdict);
            }
            self.change_presented(host, |presented| {
                presented.is_left_behind = true;
                presented.since_ns = None;
            });
        } else if let (Some(Event::HostStarted { .. }), Some(host)) = (seen.event(), &seen.moment.host) {
            self.change_presented(host, |presented| presented.since_ns = Some(seen.moment.at_ns));
        }
        if let Some(step) = seen.step() {
            self.learn(step, seen.moment);
        }
        if let Some(message) = seen.dns() {
            self.look_at(message, seen.moment, verdict);
        }
    }

    fn finish(&mut self, end: &law::Moment, verdict: &mut Verdict) {
        self.find_early(u64::MAX, end, verdict);
        for ((name, value), presented) in self.presented.iter() {
            let Some(late) = self.too_late(value, presented, end.at_ns) else { continue };
            let (client, event) = (presented.client.as_deref().unwrap_or("a client"), presented.event);
            let late = in_words(late);
            verdict.find(
                end,
                format!("{client} should remove the record at {name} of event {event}, but {late} later it is there"),
            );
        }
    }
}

impl CleansUpChallenges {
    /// Whoever ends has removed what it has presented.
    fn find_left_behind(&self, host: &str, moment: &law::Moment, verdict: &mut Verdict) {
        for ((name, _), presented) in self.presented.iter() {
            // What a crash left may be at a name server that can't be reached.
            if presented.client.as_deref() == Some(host) && !presented.is_left_behind {
                let event = presented.event;
                verdict.find(
                    moment,
                    format!("{host} should remove the record at {name} of event {event} before it ends, but left it"),
                );
            }
        }
    }

    /// What went early until then was not on the way to an end.
    fn find_early(&mut self, until_ns: u64, moment: &law::Moment, verdict: &mut Verdict) {
        for (_, _, message) in self.early.extract_if(.., |(_, at_ns, _)| *at_ns < until_ns) {
            verdict.find(moment, message);
        }
    }

    fn change_presented(&mut self, host: &str, change: impl Fn(&mut Presented)) {
        let of_host = self.presented.iter_mut().filter(|(_, presented)| presented.client.as_deref() == Some(host));
        of_host.for_each(|(_, presented)| change(presented));
    }

    /// Takes in keys, tokens, and what becomes of authorizations.
    fn learn(&mut self, step: &Step, moment: &law::Moment) {
        if step.moment == Moment::Sent {
            let outer = step.jws().and_then(Jws::thumbprint);
            let inner = step.payload().and_then(Jws::of_json).and_then(|inner| inner.thumbprint());
            let known = self.thumbprints.get_or_insert_with(step.client.clone(), BTreeSet::new);
            known.extend(outer.into_iter().chain(inner));
            return;
        }
        let Some(authorization) = step.authorization() else { return };
        let is_open = |status: &str| matches!(status, "pending" | "processing");
        let is_over = matches!(step.status(), 404 | 410)
            || step.is_success() && step.body_text("status").is_some_and(|status| !is_open(status));
        if is_over && self.over.get(&authorization).is_none() {
            self.over.insert(authorization.clone(), moment.at_ns);
        }
        let Some(thumbprints) = self.thumbprints.get(&step.client) else { return };
        let challenges = step.body().and_then(|body| body.get("challenges")).and_then(Value::as_array);
        let of_dns01 = challenges.into_iter().flatten().filter(|one| one.get("type") == Some(&Value::from("dns-01")));
        for token in of_dns01.filter_map(|challenge| challenge.get("token")?.as_str()) {
            for thumbprint in thumbprints {
                let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{token}.{thumbprint}")));
                self.authorizations.insert(digest, authorization.clone());
            }
        }
    }

    fn look_at(&mut self, message: &Message, moment: &law::Moment, verdict: &mut Verdict) {
        if !message.is_response {
            if !message.changes.is_empty() {
                let asked = (moment.host.clone(), message.changes.clone());
                self.asked.insert((message.from, message.id), asked);
            }
            return;
        }
        let Some((client, changes)) = self.asked.remove(&(message.to, message.id)) else { return };
        if message.code != "NoError" {
            return;
        }
        for change in changes {
            match change {
                Change::Add { name, value } if self.authorizations.get(&value).is_some() => {
                    verdict.exercise(moment);
                    let (client, since_ns, event) = (client.clone(), Some(moment.at_ns), moment.number);
                    let presented = Presented { client, since_ns, is_left_behind: false, event };
                    self.presented.insert((name, value), presented);
                }
                Change::Add { .. } => {}
                Change::Remove { name, value } => self.remove((name, value), moment, verdict),
                Change::RemoveAll { name } => {
                    let all = self.presented.iter().filter(|((at, _), _)| *at == name);
                    for name in all.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
                        self.remove(name, moment, verdict);
                    }
                }
            }
        }
    }

    fn remove(&mut self, name: Name, moment: &law::Moment, verdict: &mut Verdict) {
        let Some(presented) = self.presented.remove(&name) else { return };
        let client = presented.client.as_deref().unwrap_or("a client");
        let ((owner, value), event) = (&name, presented.event);
        let authorization = self.authorizations.get(value);
        if let Some(authorization) =
            authorization.filter(|it| self.over.get(*it).is_none() && !presented.is_left_behind)
        {
            let message = format!(
                "{client} should leave the record at {owner} of event {event} until {authorization} is over, but removed it"
            );
            self.early.push((presented.client.clone(), moment.at_ns, message));
        }
        if let Some(late) = self.too_late(value, &presented, moment.at_ns) {
            let (late, within) = (in_words(late), in_words(self.within));
            verdict.find(
                moment,
                format!(
                    "{client} should remove the record at {owner} of event {event} within {within}, but needed {late}"
                ),
            );
        }
    }

    /// How late it is for a record to be there, if it is too late.
    fn too_late(&self, value: &str, presented: &Presented, at_ns: u64) -> Option<Duration> {
        let over_ns = self.authorizations.get(value).and_then(|authorization| self.over.get(authorization));
        let since_ns = presented.since_ns?.max(over_ns.copied().unwrap_or_default());
        Some(Duration::from_nanos(at_ns.saturating_sub(since_ns))).filter(|late| *late > self.within)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oracles::testing::{Answer, Story, key};

    const LAW: &str = "manager.cleans-up-challenges";
    const OWNER: &str = "_acme-challenge.a.test";

    /// A story in which the manager has been shown a token, with the value that proves control by it.
    fn begun() -> (Story, String) {
        let mut story = Story::new();
        story.key = Some(key());
        story.new_account("mailto:a@a.test", 201);
        story.new_order(&["a.test"]);
        show(&mut story, "pending");
        let key_authorization = format!("the-token.{}", story.thumbprint());
        let value = URL_SAFE_NO_PAD.encode(Sha256::digest(key_authorization));
        (story, value)
    }

    fn show(story: &mut Story, status: &str) {
        let challenge = json!({"type": "dns-01", "url": "https://ca.test/challenge/1", "token": "the-token"});
        let body =
            json!({"status": status, "identifier": {"type": "dns", "value": "a.test"}, "challenges": [challenge]});
        story.post("/authz/1-a.test", &Value::Null, Some(Answer::new(200, body)));
    }

    #[test]
    fn a_record_that_goes_after_its_authorization_is_over_is_as_it_should_be() {
        let (mut story, value) = begun();
        story.dns_update(OWNER, &value, true);
        show(&mut story, "valid");
        story.dns_update(OWNER, &value, false);
        story.wait(7_200);
        story.keeps(LAW);
    }

    #[test]
    fn a_record_that_goes_while_the_ca_may_look_is_found() {
        let (mut story, value) = begun();
        story.dns_update(OWNER, &value, true);
        story.dns_update(OWNER, &value, false);
        story.breaks(LAW, "until ca.test/authz/1-a.test is over");
    }

    #[test]
    fn a_program_that_ends_leaves_no_record_and_may_remove_it_early() {
        for is_removed in [true, false] {
            let (mut story, value) = begun();
            story.dns_update(OWNER, &value, true);
            if is_removed {
                story.dns_update(OWNER, &value, false);
            }
            story.event(Some("manager"), Event::HostEnded { ending: Ending::Finished });
            story.wait(300);
            story.kill("visitor");
            if is_removed { story.keeps(LAW) } else { story.breaks(LAW, "before it ends, but left it") }
        }
    }

    #[test]
    fn who_ends_answers_for_what_it_presented_itself_since_its_start() {
        let ended = || Event::HostEnded { ending: Ending::Finished };
        let (mut story, value) = begun();
        story.dns_update(OWNER, &value, true);
        story.event(Some("visitor"), ended());
        story.keeps(LAW);
        story.kill("manager");
        story.start("manager");
        story.event(Some("manager"), ended());
        story.keeps(LAW);
    }

    #[test]
    fn all_records_of_a_name_go_with_it_and_those_of_another_stay() {
        for (removed, is_kept) in [(OWNER, true), ("_acme-challenge.b.test", false)] {
            let (mut story, value) = begun();
            story.dns_update(OWNER, &value, true);
            show(&mut story, "valid");
            story.dns_remove_all(removed);
            story.wait(4_000);
            if is_kept { story.keeps(LAW) } else { story.breaks(LAW, "later it is there") }
        }
    }

    #[test]
    fn a_record_that_stays_is_found_also_after_a_crash_that_excuses_what_goes_early() {
        for (removed, is_kept) in [(true, true), (false, false)] {
            let (mut story, value) = begun();
            story.dns_update(OWNER, &value, true);
            story.kill("manager");
            story.wait(86_400);
            story.start("manager");
            story.wait(60);
            if removed {
                story.dns_update(OWNER, &value, false);
            }
            story.wait(4_000);
            story.kill("visitor");
            if is_kept { story.keeps(LAW) } else { story.breaks(LAW, "later it is there") }
        }
    }
}
