//! `-scenario FILE`: a scenario's CA on real sockets. `[ca]`, `[bugs]` and the steps that are about the CA apply, the
//! steps when the CA's own clock has come so far; everything else is the simulator's, and told to be left out.

use std::time::Duration;

use ca_mock::Ca;
use scenarios::{
    catalogue::CatalogueError,
    language::{Bug, Case, Step, Trigger, Verb},
    runner,
};
use sim::Env;

use super::Failure;

/// How often the CA's clock, which may be moved, is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The one case that `id` names: a file, with `::axis=value` behind it if it has axes.
pub(super) fn load(id: &str) -> Result<Case, Failure> {
    runner::find(id).map_err(|error| {
        let help = match error {
            CatalogueError::Unknown(_) => {
                "\na file with a [matrix] is named with its values, FILE.toml::axis=value; `gauntlet explain` shows them"
            }
            CatalogueError::Unreadable(..) | CatalogueError::Empty(_) | CatalogueError::Wrong(_) => "",
        };
        Failure::wrong_input(format!("{}{help}", error.to_string().trim_end()))
    })
}

/// What of the scenario does not apply here, a sentence each.
pub(super) fn left_out(case: &Case) -> Vec<String> {
    let mut sentences = vec!["hosts, links, names and expectations are the simulator's and do not apply".to_owned()];
    for bug in case.bugs.iter().filter(|bug| !is_of_ca(**bug)) {
        sentences.push(format!("{} is a client's defect and does not apply", bug.name()));
    }
    let steps = case.timeline.iter().zip(starts(&case.timeline));
    for (step, _) in steps.filter(|(step, start)| !is_about_ca(&step.verb) || start.is_none()) {
        let why = if is_about_ca(&step.verb) {
            "it waits for what only the simulator sees"
        } else {
            "it is not about the CA"
        };
        sentences.push(format!("the step `{}` is left out: {why}", step.text));
    }
    sentences
}

fn is_of_ca(bug: Bug) -> bool {
    bug.name().starts_with("ca.")
}

fn is_about_ca(verb: &Verb) -> bool {
    verb.name().starts_with("ca.")
}

/// When each step begins, counted from the start; `None` if the simulator alone can tell.
fn starts(timeline: &[Step]) -> Vec<Option<Duration>> {
    let mut before = Some(Duration::ZERO);
    let mut starts = Vec::new();
    for step in timeline {
        before = match &step.trigger {
            Trigger::At(at) => Some(*at),
            Trigger::After(delay) => before.map(|before| before + *delay),
            Trigger::Every { starting, .. } => Some(*starting),
            Trigger::When { .. } => None,
        };
        starts.push(before);
    }
    starts
}

/// Carries out the steps that are about the CA. Those at the very beginning have been carried out when this returns;
/// the work that it returns does the others.
pub(crate) fn begin(env: &Env, ca: &Ca, case: Case) -> impl Future<Output = ()> + Send + 'static {
    let env = ca.clock().around(env);
    let start = env.utc_now();
    let starts = starts(&case.timeline);
    // Each step with when it is next due and how often it may still come.
    let due = case.timeline.into_iter().zip(starts).filter_map(|(step, at)| {
        let times = match &step.trigger {
            Trigger::Every { times, .. } => times.map_or(u32::MAX, std::num::NonZeroU32::get),
            Trigger::At(_) | Trigger::After(_) | Trigger::When { .. } => 1,
        };
        Some((at?, times, step)).filter(|(_, _, step)| is_about_ca(&step.verb))
    });
    let mut due: Vec<(Duration, u32, Step)> = due.collect();
    carry_out(&env, ca, start, &mut due);
    let ca = ca.clone();
    async move {
        while !due.is_empty() {
            env.sleep(LOOK_EVERY).await;
            carry_out(&env, &ca, start, &mut due);
        }
    }
}

/// Carries out what is due, in the order of time, and for equal times of the file.
fn carry_out(env: &Env, ca: &Ca, start: sim::UtcDateTime, due: &mut Vec<(Duration, u32, Step)>) {
    loop {
        let now = env.utc_now();
        let passed = Duration::try_from(now - start).unwrap_or_default();
        let next = due.iter().enumerate().filter(|(_, (at, ..))| *at <= passed).min_by_key(|(_, (at, ..))| *at);
        let Some((index, _)) = next else { return };
        let (at, left, step) = &mut due[index];
        runner::ca::carry_out(&step.verb, ca, now);
        *left -= 1;
        let mut is_over = *left == 0;
        if let Trigger::Every { period, until, .. } = &step.trigger {
            *at += *period;
            is_over |= until.is_some_and(|until| *at > until);
        }
        if is_over {
            due.remove(index);
        }
    }
}
