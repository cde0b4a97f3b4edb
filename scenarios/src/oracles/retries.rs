//! Attempts for a certificate that failed, and the silence before the next one, as the exchanges show them.
//!
//! An attempt begins with a request for an order and has failed if another one for the same names follows without a
//! certificate in between. How long the CA was left alone is the longest silence about the order, for an attempt may
//! end with a look at what the one before it left behind. Where the host, the link or the CA itself was disturbed, attempts
//! may have failed that no exchange shows: then only the silence itself is told, and not what it follows on.

use std::{sync::Arc, time::Duration};

use sim::trace::Event;

use super::{
    law::Seen,
    reader::{
        http::Moment,
        identifier::Identifiers,
        jws::Jws,
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

const ATTEMPTS_MAX: usize = 20_000;
/// Whoever hears it registers the account anew, whatever he has asked for.
const LOST_ACCOUNT: &str = "accountDoesNotExist";

/// Whose attempt, at which CA, for which names.
type Key = (Option<Arc<str>>, String, Identifiers);

/// Another attempt after one that failed.
#[derive(Debug)]
pub(super) struct Retry {
    /// Whose.
    pub(super) client: String,
    /// For which names.
    pub(super) names: Identifiers,
    /// How long the CA was left alone.
    pub(super) wait: Duration,
    /// Whether the CA had asked for it.
    pub(super) is_asked: bool,
    /// How many attempts in a row have failed before it.
    pub(super) failures: u32,
    /// How long the CA was left alone before the failed attempt, if that followed on another one and nothing hid more.
    pub(super) former_wait: Option<Duration>,
    /// Whether this client got a certificate for the names before the failures began.
    pub(super) had_success: bool,
    /// Whether something was disturbed meanwhile.
    pub(super) is_disturbed: bool,
}

/// Follows attempts.
#[derive(Debug)]
pub(super) struct Retries {
    attempts: Recent<Key, Attempt>,
    /// Orders and authorizations, with the attempt that they belong to.
    places: Recent<Place, Key>,
}

#[derive(Debug, Default)]
struct Attempt {
    last_ns: u64,
    /// Whether the last answer asked for patience.
    last_asked: bool,
    silence_ns: u64,
    silence_asked: bool,
    /// Why the order was refused, if it was.
    refusal: Option<String>,
    replaces: bool,
    /// The account that asks for it.
    account: Option<String>,
    failures: u32,
    is_over: bool,
    had_success: bool,
    is_disturbed: bool,
    former_wait: Option<Duration>,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: Recent::new(ATTEMPTS_MAX), places: Recent::new(ATTEMPTS_MAX) }
    }
}

impl Retries {
    /// Takes in what is seen; another attempt after a failed one comes out.
    pub(super) fn take(&mut self, seen: &Seen<'_>) -> Option<Retry> {
        if let Some(event) = seen.event() {
            self.follow(event, seen.moment.host.as_ref());
        }
        let step = seen.step().filter(|step| step.moment != Moment::Answered)?;
        let now_ns = seen.moment.at_ns;
        if step.resource == Resource::NewOrder {
            let key = (step.client.clone(), step.place.authority().to_owned(), step.identifiers()?);
            return match step.moment {
                Moment::Sent => self.begin(key, step, now_ns),
                Moment::Answered => None,
                Moment::Received => {
                    self.answered(&key, step, seen);
                    None
                }
            };
        }
        let shared = matches!(step.resource, Resource::Directory | Resource::NewNonce | Resource::NewAccount);
        if shared && step.moment == Moment::Received && !step.is_success() {
            self.disturb(|(client, ..)| *client == step.client);
        }
        let key = self.places.get(&step.authorization().or_else(|| step.order())?)?;
        let attempt = self.attempts.get_mut(key)?;
        attempt.hear(step, seen);
        if step.moment == Moment::Received && step.problem() == Some(LOST_ACCOUNT) {
            attempt.refusal = Some(LOST_ACCOUNT.to_owned());
        }
        let is_download = matches!(step.resource, Resource::Certificate { .. }) && step.is_success();
        if is_download && step.moment == Moment::Received {
            (attempt.is_over, attempt.had_success) = (true, true);
        }
        None
    }

    fn follow(&mut self, event: &Event, host: Option<&Arc<str>>) {
        if let Event::HostEnded { .. } = event {
            self.attempts.retain(|(client, ..), _| client.as_ref() != host);
        }
        let disturbs = matches!(
            event,
            Event::HostEnded { .. }
                | Event::HostStarted { .. }
                | Event::HostSuspended
                | Event::HostResumed
                | Event::LinkChanged { .. }
                | Event::ZoneChanged { .. }
        );
        if disturbs {
            self.disturb(|_| true);
        }
    }

    fn disturb(&mut self, of: impl Fn(&Key) -> bool) {
        let disturbed = self.attempts.iter_mut().filter(|(key, _)| of(key));
        disturbed.for_each(|(_, attempt)| attempt.is_disturbed = true);
    }

    fn begin(&mut self, key: Key, step: &Step, now_ns: u64) -> Option<Retry> {
        let replaces = step.payload().is_some_and(|payload| payload.get("replaces").is_some());
        let account = step.jws().and_then(Jws::kid).map(str::to_owned);
        let fresh = Attempt { last_ns: now_ns, replaces, account, ..Attempt::default() };
        // Others who try for the same names may heed that this one has, and leave the CA alone for longer.
        self.disturb(|(client, ca, names)| *client != key.0 && (ca, names) == (&key.1, &key.2));
        let Some(former) = self.attempts.get_mut(&key) else {
            self.attempts.insert(key, fresh);
            return None;
        };
        if former.is_over {
            *former = Attempt { had_success: true, ..fresh };
            return None;
        }
        former.silence(now_ns);
        if former.is_repeated_by(&fresh) {
            (former.replaces, former.account) = (fresh.replaces, fresh.account);
            (former.refusal, former.last_asked) = (None, false);
            return None;
        }
        let wait = Duration::from_nanos(former.silence_ns);
        let retry = Retry {
            client: step.client_name().to_owned(),
            names: key.2,
            wait,
            is_asked: former.silence_asked,
            failures: former.failures + 1,
            former_wait: former.former_wait.filter(|_| !former.is_disturbed),
            had_success: former.had_success,
            is_disturbed: former.is_disturbed,
        };
        let former_wait = match (former.is_disturbed, former.silence_asked) {
            (true, _) => None,
            (false, true) => former.former_wait,
            (false, false) => Some(wait),
        };
        *former = Attempt { failures: retry.failures, had_success: retry.had_success, former_wait, ..fresh };
        Some(retry)
    }

    fn answered(&mut self, key: &Key, step: &Step, seen: &Seen<'_>) {
        let Some(attempt) = self.attempts.get_mut(key) else { return };
        attempt.hear(step, seen);
        if !step.is_success() {
            attempt.refusal = Some(step.problem().unwrap_or("no problem document").to_owned());
            return;
        }
        let authorizations = step.body().and_then(|order| order.get("authorizations")?.as_array());
        let authorizations = authorizations.into_iter().flatten().filter_map(|one| Place::of_url(one.as_str()?));
        for place in step.location().into_iter().chain(authorizations) {
            self.places.insert(place, key.clone());
        }
    }
}

impl Attempt {
    /// Something was said about its order.
    fn hear(&mut self, step: &Step, seen: &Seen<'_>) {
        self.silence(seen.moment.at_ns);
        self.last_asked = step.moment == Moment::Received && step.retry_after(seen.moment.utc_s).is_some();
    }

    fn silence(&mut self, now_ns: u64) {
        let silence_ns = now_ns.saturating_sub(self.last_ns);
        if silence_ns > self.silence_ns {
            (self.silence_ns, self.silence_asked) = (silence_ns, self.last_asked);
        }
        self.last_ns = now_ns;
    }

    /// Whether `another` request is no new attempt: for a nonce, for an account that is registered anew, by one that takes the
    /// place of an account that is over, or without the certificate that it was said to replace.
    fn is_repeated_by(&self, another: &Self) -> bool {
        let is_for = |kinds: &[&str]| self.refusal.as_deref().is_some_and(|refusal| kinds.contains(&refusal));
        is_for(&["badNonce", LOST_ACCOUNT])
            || self.account != another.account
            || self.refusal.is_some() && self.replaces && !another.replaces
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sim::trace::Event;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.backs-off";

    fn fail(story: &mut Story) {
        let order = story.new_order(&["a.test"]);
        story.authorize("a.test", order, "invalid");
    }

    /// A failed attempt, another one ten minutes later, what is said to come between, and one a minute after that: a shorter
    /// wait than the first, and found, unless what came between tells otherwise.
    fn is_found(between: impl FnOnce(&mut Story)) -> bool {
        let mut story = Story::new();
        fail(&mut story);
        story.wait(600);
        fail(&mut story);
        between(&mut story);
        story.wait(60);
        fail(&mut story);
        !story.verdict(LAW).findings().is_empty()
    }

    #[test]
    fn a_shorter_wait_is_excused_by_what_may_have_hidden_another_attempt() {
        assert!(is_found(|_| {}));
        assert!(is_found(|story| story.event(Some("manager"), Event::probe("anything"))));
        assert!(!is_found(|story| story.event(Some("manager"), Event::HostSuspended)));
        assert!(!is_found(|story| story.event(Some("manager"), Event::HostResumed)));
        assert!(!is_found(|story| story.event(None, Event::ZoneChanged { name: "a.test".into(), record: None })));
        assert!(!is_found(|story| story.start("ca")));
        assert!(!is_found(|story| story.kill("ca")));
        assert!(!is_found(|story| story.kill("manager")));
    }

    #[test]
    fn a_refusal_of_what_all_attempts_need_is_a_disturbance() {
        for (status, is_excused) in [(500, true), (200, false)] {
            let found = is_found(|story| story.get("/directory", Answer::new(status, json!({}))));
            assert_eq!(found, !is_excused, "{status}");
        }
        let of_the_order = |story: &mut Story| {
            story.post("/authz/2-a.test", &Value::Null, Some(Answer::problem(500, "serverInternal")));
        };
        assert!(is_found(of_the_order));
    }

    #[test]
    fn others_who_try_for_the_same_names_are_a_disturbance() {
        for (names, is_excused) in [("a.test", true), ("b.test", false)] {
            let found = is_found(|story| {
                let client = std::mem::replace(&mut story.client, "node2".into());
                story.new_order(&[names]);
                story.client = client;
            });
            assert_eq!(found, !is_excused, "{names}");
        }
    }

    #[test]
    fn an_order_refused_for_what_it_replaces_is_asked_for_once_more_without_it() {
        for (first, second, is_excused) in
            [(true, false, true), (true, true, false), (false, false, false), (false, true, false)]
        {
            let mut story = Story::new();
            let body = |replaces: bool| {
                let mut body = json!({"identifiers": [{"type": "dns", "value": "a.test"}]});
                if replaces {
                    body["replaces"] = json!("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
                }
                body
            };
            story.post("/new-order", &body(first), Some(Answer::problem(409, "alreadyReplaced")));
            story.wait(1);
            story.post("/new-order", &body(second), Some(Answer::problem(403, "rejectedIdentifier")));
            story.wait(600);
            fail(&mut story);
            assert_eq!(story.verdict(LAW).findings().is_empty(), is_excused, "{first} {second}");
        }
    }
}
