//! Terms of service over HTTP (RFC 8555 §7.3, §7.3.3): what is told to those who have not agreed.

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
};
use crate::{
    ids::AccountId,
    problem::{Problem, ProblemType},
    store::Store,
    terms_of_service::{self, TermsOfService},
};

impl FrontEnd {
    /// Refuses an account that has agreed to other terms than there are now.
    pub(super) fn check_terms(&self, store: &Store, account: AccountId) -> Result<(), Refusal> {
        let Some(terms) = terms_of_service::not_agreed_to(store, account) else { return Ok(()) };
        self.env.probe("ca/terms-not-agreed");
        let problem = user_action_required("the terms of service have changed and must be agreed to", terms);
        // The terms themselves say how to agree to them.
        Err(with_terms(&problem.with_instance(terms.as_str()), terms).into())
    }
}

pub(super) fn user_action_required(why: &str, terms: &TermsOfService) -> Problem {
    Problem::new(ProblemType::UserActionRequired, format!("{why}: {}", terms.as_str()))
}

pub(super) fn with_terms(problem: &Problem, terms: &TermsOfService) -> Answer {
    Answer::from(problem).with_link(terms.as_str(), "terms-of-service")
}
