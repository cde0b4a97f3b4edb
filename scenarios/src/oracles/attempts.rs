//! [`Attempts`]: whose attempts to get a certificate fail.
//!
//! One has failed when the CA refuses an order, or shows one or an authorization of it as invalid. Refusals after which the same
//! CA is asked again at once are none: which these are, each law says.

use std::sync::Arc;

use serde_json::Value;

use super::{
    reader::{
        identifier::Identifiers,
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

const OPEN_MAX: usize = 20_000;

/// Whose certificate, and for which names.
pub(super) type Applicant = (Option<Arc<str>>, Identifiers);

/// What is known of attempts under way.
#[derive(Debug)]
pub(super) struct Attempts {
    /// Authorizations, with what they are for.
    authorizations: Recent<Place, Applicant>,
    /// Refusals after which the same CA is asked again within one attempt, by their types (RFC 8555 §6.7).
    asked_again: &'static [&'static str],
}

impl Attempts {
    /// None yet; after refusals of the types `asked_again`, an attempt goes on.
    pub(super) fn new(asked_again: &'static [&'static str]) -> Self {
        Self { authorizations: Recent::new(OPEN_MAX), asked_again }
    }

    /// Whose attempt has failed, if this shows that it has.
    pub(super) fn failed(&mut self, step: &Step) -> Option<Applicant> {
        let is_invalid = step.is_success() && step.body_text("status") == Some("invalid");
        if step.resource == Resource::Authorization {
            return self.authorizations.get(&step.place).filter(|_| is_invalid).cloned();
        }
        if step.resource == Resource::NewOrder && !step.is_success() {
            let is_asked_again = step.problem().is_some_and(|problem| self.asked_again.contains(&problem));
            return step.identifiers().filter(|_| !is_asked_again).map(|names| (step.client.clone(), names));
        }
        let (_, order) = step.order_shown()?;
        let applicant = (step.client.clone(), step.identifiers()?);
        let authorizations = order.get("authorizations").and_then(Value::as_array);
        for place in authorizations.into_iter().flatten().filter_map(|one| Place::of_url(one.as_str()?)) {
            self.authorizations.insert(place, applicant.clone());
        }
        is_invalid.then_some(applicant)
    }
}
