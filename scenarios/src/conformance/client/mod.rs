//! The cases for clients: a CA that behaves in some way, and what a client must do then, as the CA sees it.
//!
//! What the CA does is written as a scenario, so that the same case judges our own client in the world and any client on
//! real sockets; the verdict comes from the oracles' reading of what the CA was sent, whatever the client says of itself.

mod accounts;
mod dns_proofs;
mod issuing;
mod nonces;
mod proofs;
mod refusals;
mod renewals;
mod requests;
mod session;
mod task;
mod timers;

use std::path::Path;

use super::{
    case,
    verdict::{Stop, Verdict},
};
use crate::language;
pub use session::{Ended, Ran, Session, UNSUPPORTED, Watch};
pub use task::{EXTERNAL_ACCOUNT, NAME, Task, WILDCARD};

/// How a case is tried on a client.
#[derive(Clone, Copy, Debug)]
pub struct Examination {
    /// What the client is asked to do.
    pub task: Task,
    /// How the CA differs from one that keeps to the RFCs: sections of a scenario file.
    pub ca: &'static str,
    /// Judges what the CA saw.
    pub judge: fn(&Session) -> Result<(), Stop>,
}

/// One thing that is tried on a client.
pub type Case = case::Case<Examination>;

/// All of them, by document, section and name.
#[must_use]
pub fn cases() -> Vec<&'static Case> {
    let parts = [
        requests::CASES,
        nonces::CASES,
        refusals::CASES,
        issuing::CASES,
        proofs::CASES,
        dns_proofs::CASES,
        renewals::CASES,
        timers::CASES,
        accounts::CASES,
    ];
    let mut cases: Vec<&Case> = parts.into_iter().flatten().collect();
    cases.sort_by_key(|case| case.id);
    cases
}

/// The case with this id, by which others are blocked.
///
/// # Panics
/// If there is none: that each case can be found by which others are blocked is tested.
#[must_use]
pub fn find(id: &str) -> &'static Case {
    cases().into_iter().find(|case| case.id == id).expect("only cases block others")
}

/// What all cases share: a CA that is quick, and in the world a manager that wants a certificate.
const BASE: &str = include_str!("base.toml");

impl Case {
    /// The case as a scenario, with these sections besides, such as `[bugs]`.
    ///
    /// # Panics
    /// If the case's own text is no scenario: a test reads them all.
    #[must_use]
    pub fn scenario(&self, besides: &str) -> language::Case {
        let text = format!(
            "scenario = 1\nextends = \"base.toml\"\n[meta]\nid = \"conformance/{}\"\ntitle = \"{}\"\n{}{}\n{besides}",
            // The language has no dots in ids.
            self.id.replace(['/', '.'], "-"),
            self.id,
            self.run.task.in_the_world(),
            self.run.ca,
        );
        match language::load(Path::new("case.toml"), &text, |_| Ok(BASE.to_owned())) {
            Ok(scenario) => scenario.cases()[0].clone(),
            Err(mistakes) => panic!("{}: {}", self.id, mistakes.render(language::Style::Plain)),
        }
    }

    /// What comes of a session.
    #[must_use]
    pub fn verdict(&self, session: &Session) -> Verdict {
        match session.is_unsupported() {
            true => Verdict::Skipped("the command ended with 127: it does not support this".to_owned()),
            false => match (self.run.judge)(session) {
                Ok(()) if self.has_faults() && !session.met_a_fault() => {
                    Verdict::Skipped("the client never came to where the CA does so".to_owned())
                }
                outcome => Verdict::of(outcome, session.notes()).of_case(self.id),
            },
        }
    }

    /// Whether the CA answers otherwise than as the RFCs have it.
    fn has_faults(&self) -> bool {
        self.run.ca.contains("\"ca.fault\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_by_which_others_are_blocked_is_there_and_has_the_same_task() {
        for case in cases() {
            let base = find(case.run.task.base_case());
            assert_eq!(base.run.task.base_case(), base.id, "{}", case.id);
        }
        assert_eq!(find(nonces::BAD_NONCE).run.task.base_case(), "rfc8555/7/client-issuance");
    }
}
