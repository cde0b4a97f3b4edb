//! The suite: cases, run one after the other against one CA, each in bounded time.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use tokio::sync::Notify;

use super::{
    case::{About, Case},
    driver::{Common, Driver, Exchange},
    server,
    verdict::{Finding, Verdict},
};

/// How long one case may take.
pub const CASE_LIMIT: Duration = Duration::from_secs(300);

/// What came of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case.
    pub case: About,
    /// What came of it.
    pub verdict: Verdict,
    /// What was said.
    pub exchanges: Vec<Exchange>,
    /// How long it took.
    pub took: Duration,
}

/// Runs `cases` in their order, no further than to an `interrupt`; `tell` hears of each. Once the CA is gone, the rest is
/// skipped. The case that is interrupted has no outcome. Where a case is blocked by another one that is not among `cases`, that
/// one's outcome comes last.
pub async fn run(
    common: Arc<Common>,
    cases: &[&'static Case],
    interrupt: &Notify,
    mut tell: impl FnMut(&Outcome),
) -> Vec<Outcome> {
    let mut suite = Suite { common, outcomes: Vec::new(), early: Vec::new(), gone: None };
    for case in cases {
        let outcome = match select(pin!(suite.judged(case)), pin!(interrupt.notified())).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        };
        let Some(outcome) = outcome else { return suite.outcomes };
        tell(&outcome);
        suite.outcomes.push(outcome);
    }
    for outcome in suite.early.into_iter().filter(|outcome| outcome.verdict.is_bad()) {
        tell(&outcome);
        suite.outcomes.push(outcome);
    }
    suite.outcomes
}

/// A run of the suite.
struct Suite {
    common: Arc<Common>,
    outcomes: Vec<Outcome>,
    /// Those of cases that block others and were tried before their turn.
    early: Vec<Outcome>,
    /// Why the CA does not answer any more.
    gone: Option<Finding>,
}

impl Suite {
    /// What comes of a case, and of those that block it.
    async fn judged(&mut self, case: &'static Case) -> Outcome {
        let mut outcome = match self.early.iter().position(|early| early.case.id == case.id) {
            Some(index) => self.early.remove(index),
            None => self.tried(case).await,
        };
        while let Verdict::Blocked { by, otherwise } = &outcome.verdict
            && (self.gone.is_some() || self.passes(by).await)
        {
            outcome.verdict = Verdict::clone(otherwise);
        }
        outcome
    }

    /// Whether the case with this id passes, which is tried now if it was not before.
    async fn passes(&mut self, id: &str) -> bool {
        let known = self.outcomes.iter().chain(&self.early).find(|outcome| outcome.case.id == id);
        let verdict = match known {
            Some(known) => known.verdict.clone(),
            None => {
                let case = server::cases().into_iter().find(|case| case.id == id).expect("only cases block others");
                let outcome = self.tried(case).await;
                let verdict = outcome.verdict.clone();
                self.early.push(outcome);
                verdict
            }
        };
        if let Verdict::Hang(finding) = &verdict {
            self.common.hangs(id, finding);
        }
        !verdict.blocks_others()
    }

    async fn tried(&mut self, case: &'static Case) -> Outcome {
        let driver = Driver::new(&self.common);
        let begun = driver.env().monotonic_now();
        let verdict = match &self.gone {
            None => verdict(case, &driver).await,
            Some(why) => Verdict::Skipped(format!("the CA does not answer any more: {why}")),
        };
        let took = driver.env().monotonic_now().since(begun);
        if verdict.finding().is_some() {
            self.common.forget_accounts();
            self.gone = driver.is_gone().await;
        }
        Outcome { case: case.about(), verdict, exchanges: driver.into_exchanges(), took }
    }
}

/// Revokes the certificates that cases were given and deactivates the accounts that they made; what came of it, in words.
pub async fn clean_up(common: &Arc<Common>) -> String {
    match Driver::new(common).clean_up().await {
        Ok(done) => done,
        Err(why) => format!("not cleaned up: {why}"),
    }
}

async fn verdict(case: &Case, driver: &Driver) -> Verdict {
    match driver.env().timeout(CASE_LIMIT, case.verdict(driver)).await {
        Ok(verdict) => verdict,
        Err(elapsed) => {
            let (expected, found) = ("the end of the case".to_owned(), elapsed.to_string());
            Verdict::Hang(Finding { expected, found, exchange: None })
        }
    }
}
