//! The machine's report of a sweep: JSON, one object a case.

use serde_json::{Value, json};

use super::{
    explore,
    judge::Fate,
    sweep::{self, CaseResult, Outcome, Sweep},
};

/// The sweep as JSON.
#[must_use]
pub fn summary(sweep: &Sweep) -> Value {
    json!({
        "version": 1,
        "exit-code": sweep.exit_code(),
        "runs": { "asked": sweep.asked, "finished": sweep.finished },
        "cases": sweep.cases.iter().map(case).collect::<Vec<_>>(),
    })
}

fn case(result: &CaseResult) -> Value {
    let expectations: Vec<Value> = (result.case.expectations.iter().enumerate())
        .map(|(index, expectation)| {
            let count = |wanted: fn(&Fate) -> bool| {
                result.runs.iter().filter(|run| run.fates.get(index).is_some_and(wanted)).count()
            };
            json!({
                "id": expectation.id.as_str(),
                "held": count(|fate| *fate == Fate::Held),
                "vacuous": count(|fate| *fate == Fate::Vacuous),
                "broken": count(|fate| matches!(fate, Fate::Broken(_))),
                "must-be-broken": expectation.violated_in().is_some(),
                "must-be-broken-in": expectation.violated_in().map(|share| share.to_string()),
                "broken-in-seeds": result.broken(index).0,
            })
        })
        .collect();
    let (explored, is_crash) = (result.exploration(), result.case.crash_exploration.is_some());
    let key = if explored.is_some() && !is_crash { "disk-error" } else { "crash" };
    let failed = || {
        let failed = result.runs.iter().filter(|run| !run.verdict.is_pass());
        failed.map(|run| json!({ "seed": run.seed, key: explore::in_words(&run.mishaps) })).collect::<Vec<_>>()
    };
    json!({
        "id": result.case.id,
        "outcome": match &result.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed(_) => "failed",
            Outcome::Vacuous(_) => "vacuous",
            Outcome::NotCaught(_) => "not-caught",
            Outcome::Unexplored(_) => "unexplored",
            Outcome::Harness(..) => "harness",
        },
        "failed-seeds": match &result.outcome {
            Outcome::Failed(seeds) => json!(seeds),
            Outcome::Harness(seed, _) => json!([seed]),
            Outcome::Passed | Outcome::Vacuous(_) | Outcome::Unexplored(_) | Outcome::NotCaught(_) => json!([]),
        },
        "repeated": result.repeated,
        "runs-per-second-on-one-core": sweep::per_second(result.runs.len(), result.took),
        "took-s": result.took.as_secs_f64(),
        "seeds-to-first-catch": result.seeds_to_first_catch().map(|(median, worst)| json!({
            "median": median,
            "worst": worst,
        })),
        "expectations": expectations,
        "crash-exploration": explored.filter(|_| is_crash).map(|figures| json!({
            "points": figures.points,
            "states": figures.states,
            "cut-twice": figures.twice,
            "states-per-second-on-one-core": sweep::per_second(figures.states + figures.twice, result.took),
            "failed": failed(),
        })),
        "disk-error-exploration": explored.filter(|_| !is_crash).map(|figures| json!({
            "operations": figures.points,
            "errors": figures.states,
            "failed": failed(),
        })),
        "runs": result.runs.iter().map(|run| json!({
            "seed": run.seed,
            key: explore::in_words(&run.mishaps),
            "hash": run.hash.to_string(),
            "events": run.events,
            "simulated-s": run.simulated.as_secs(),
            "probes": run.probes,
        })).collect::<Vec<_>>(),
    })
}
