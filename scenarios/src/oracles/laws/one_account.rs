//! `manager.one-account` (M14): at each CA, one account is created for a contact.
//!
//! The CA's word counts: 201 is a creation, 200 finds the old account (RFC 8555 §7.3). A client without
//! contact is told by its host and an external account by its key id. After the CA says that it doesn't
//! know the account, or the account is deactivated (RFC 8555 §7.3.6), another one may be created.

use serde_json::Value;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{
        http::Moment,
        jws::Jws,
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct OneAccount {
    /// CA and owner, with the account and the event that created it.
    created: Recent<(String, String), (Option<Place>, u64)>,
}

impl Default for OneAccount {
    fn default() -> Self {
        Self { created: Recent::new(KEPT_MAX) }
    }
}

impl Law for OneAccount {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered) else { return };
        if let Some(gone) = step.account_over() {
            self.created.retain(|_, (account, _)| account.as_ref() != Some(&gone));
        }
        if step.is_key_over() {
            self.created.remove(&(step.place.authority().to_owned(), owner(step)));
        }
        if step.resource != Resource::NewAccount || step.status() != 201 {
            return;
        }
        verdict.exercise(seen.moment);
        let owner = owner(step);
        let key = (step.place.authority().to_owned(), owner.clone());
        if let Some((_, event)) = self.created.insert(key, (step.location(), seen.moment.number)) {
            verdict.find(
                seen.moment,
                format!("{owner} should have one account, but a second one was created after that of event {event}"),
            );
        }
    }
}

/// Whom an account is for.
fn owner(step: &Step) -> String {
    let payload = step.payload();
    let contacts = payload.and_then(|payload| payload.get("contact")).and_then(Value::as_array);
    let mut owners: Vec<String> =
        contacts.into_iter().flatten().filter_map(|c| c.as_str().map(str::to_lowercase)).collect();
    owners.sort();
    if owners.is_empty() {
        owners.push(step.client_name().to_owned());
    }
    let binding = payload.and_then(|payload| payload.get("externalAccountBinding")).and_then(Jws::of_json);
    owners.extend(binding.and_then(|binding| Some(format!("external account {}", binding.kid()?))));
    owners.join(" and ")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.one-account";

    #[test]
    fn a_second_account_for_one_contact_is_found() {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        story.new_account("mailto:a@a.test", 200);
        story.new_account("mailto:b@a.test", 201);
        story.keeps(LAW);
        story.new_account("MAILTO:a@a.test", 201);
        story.breaks(LAW, "mailto:a@a.test should have one account");
    }

    #[test]
    fn one_that_is_deactivated_may_have_a_successor_and_one_that_is_refused_something_may_not() {
        for (status, is_over) in [(401, true), (403, false)] {
            let mut story = Story::new();
            story.new_account("mailto:a@a.test", 201);
            story.post("/new-order", &Value::Null, Some(Answer::problem(status, "unauthorized")));
            story.new_account("mailto:a@a.test", 201);
            if is_over { story.keeps(LAW) } else { story.breaks(LAW, "mailto:a@a.test should have one account") }
        }
    }

    #[test]
    fn an_account_that_the_ca_lost_may_be_created_again() {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        story.post("/new-order", &Value::Null, Some(Answer::problem(400, "accountDoesNotExist")));
        story.new_account("mailto:a@a.test", 201);
        story.keeps(LAW);
    }
}
