//! The suite: cases, run one after the other against one CA, each in bounded time.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use tokio::sync::Notify;

use super::{
    case::{About, Case},
    driver::{Common, Driver, Exchange},
    verdict::{Finding, Stop, Verdict},
};

/// How long one case may take.
pub const CASE_LIMIT: Duration = Duration::from_secs(300);

/// What came of one case.
#[derive(Debug)]
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
/// skipped. The case that is interrupted has no outcome.
pub async fn run(
    common: Arc<Common>,
    cases: &[&'static Case],
    interrupt: &Notify,
    mut tell: impl FnMut(&Outcome),
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut gone: Option<Finding> = None;
    for case in cases {
        let driver = Driver::new(&common);
        let begun = driver.env().monotonic_now();
        let verdict = match &gone {
            None => match select(pin!(verdict(case, &driver)), pin!(interrupt.notified())).await {
                Either::Left((verdict, _)) => verdict,
                Either::Right(_) => break,
            },
            Some(why) => Verdict::Skipped(format!("the CA does not answer any more: {why}")),
        };
        let took = driver.env().monotonic_now().since(begun);
        if verdict.is_bad() {
            common.forget_accounts();
            gone = driver.is_gone().await;
        }
        let outcome = Outcome { case: case.about(), verdict, exchanges: driver.into_exchanges(), took };
        tell(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

/// Revokes the certificates that cases were given and deactivates the accounts that they made; what came of it, in words.
pub async fn clean_up(common: &Arc<Common>) -> String {
    match Driver::new(common).clean_up().await {
        Ok(done) => done,
        Err(Stop::Fail(why) | Stop::Hang(why)) => format!("not cleaned up: {why}"),
        Err(Stop::Skip(why)) => format!("not cleaned up: {why}"),
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
