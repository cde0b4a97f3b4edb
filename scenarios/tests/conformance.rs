//! The conformance suite proves itself: our CA, as the RFCs have it, passes.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use ca_mock::{Config, Endpoint, Fault, FaultRule, Matcher, Preset};
use scenarios::{
    conformance::{
        client,
        rehearsal::{add_features, examined, rehearse, rehearse_and_clean_up},
        report::{self, Run},
        server,
        suite::Outcome,
        verdict::Verdict,
    },
    language::Bug,
    runner::ca::Switch,
};

fn strict() -> Config {
    let mut config = Config::default();
    Preset::StrictRfc.apply(&mut config);
    add_features(&mut config);
    config
}

/// What a CA as the RFCs have it, with all that it may have, gives no occasion for.
const SKIPPED: [(&str, &str); 5] = [
    ("rfc8555/7.3.4/binding-missing", "the directory does not say externalAccountRequired"),
    ("rfc8555/8.2/tried-again", "the CA does not try again"),
    ("rfc8555/7.1.4/public-suffixes", "only public CAs keep to the list of public suffixes: it needs --public-ca"),
    ("rfc8738/3/private-addresses", "only public CAs must not issue for private addresses: it needs --public-ca"),
    ("rfc9773/5/replaces-where-not-offered", "the CA has renewal information"),
];

/// What did not come out as it should, with the last exchange.
fn told(outcomes: &[&Outcome]) -> String {
    let told = outcomes.iter().map(|outcome| {
        let shown = outcome.exchanges.last().map(|last| format!("{}\n{}\n", last.request, last.response));
        report::line(outcome) + &shown.unwrap_or_default()
    });
    told.collect()
}

#[test]
fn a_ca_as_the_rfcs_have_it_passes_every_case_that_applies() {
    let outcomes = rehearse(strict(), 1, server::cases()).unwrap();
    assert_eq!(outcomes.len(), server::cases().len());
    let is_foreseen = |outcome: &&Outcome| match &outcome.verdict {
        Verdict::Pass => true,
        Verdict::Skipped(reason) => SKIPPED.contains(&(outcome.case.id, reason.as_str())),
        Verdict::Note(_) | Verdict::Fail(_) | Verdict::Hang(_) | Verdict::Blocked { .. } => false,
    };
    let others: Vec<&Outcome> = outcomes.iter().filter(|outcome| !is_foreseen(outcome)).collect();
    assert!(others.is_empty(), "{}\n{}", report::summary(&outcomes), told(&others));
    let skipped = outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass);
    assert_eq!(skipped.count(), SKIPPED.len());
}

#[test]
fn a_ca_that_wants_bound_accounts_tries_again_and_has_no_renewal_information_passes_what_is_about_that() {
    let mut config = strict();
    config.external_account_required = true;
    config.renewal_info = false;
    config.validation_retries = 3;
    let wanted = ["rfc8555/7.3.4/binding-missing", "rfc8555/8.2/tried-again", "rfc9773/5/replaces-where-not-offered"];
    let cases = server::cases().into_iter().filter(|case| wanted.contains(&case.id)).collect();
    let outcomes = rehearse(config, 1, cases).unwrap();
    assert_eq!(outcomes.len(), wanted.len());
    let others: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass).collect();
    assert!(others.is_empty(), "{}", told(&others));
}

#[test]
fn what_the_suite_was_given_is_revoked_and_its_accounts_are_deactivated() {
    let cases = server::cases().into_iter().filter(|case| case.id == "rfc8555/7.4/issuance").collect();
    let (outcomes, cleaned) = rehearse_and_clean_up(strict(), 1, cases).unwrap();
    assert_eq!(outcomes[0].verdict, Verdict::Pass);
    assert_eq!(cleaned, "cleaned up: 1 certificates revoked, 1 accounts deactivated");
}

#[test]
fn the_same_seed_says_the_same_again() {
    let told = || {
        let outcomes = rehearse(strict(), 7, server::cases()).unwrap();
        report::json(&Run { tried: "ours", repeat: &|about| about.id.to_owned(), outcomes: &outcomes })
    };
    let [first, again] = [told(), told()];
    assert_eq!(first, again);
}

#[test]
fn our_own_client_passes_every_case() {
    let failed: String = client::cases()
        .iter()
        .map(|case| (case, examined(case, 1, "")))
        .filter(|(_, verdict)| *verdict != Verdict::Pass)
        .map(|(case, verdict)| format!("{}: {verdict:?}\n", case.id))
        .collect();
    assert!(failed.is_empty(), "{failed}");
}

/// The cases that see a defect, of a CA or of a client.
fn seen(defect: &str) -> Vec<&'static str> {
    if let Ok(switch) = Switch::find(defect) {
        let mut config = strict();
        switch.switch_on(&mut config);
        let outcomes = rehearse(config, 1, server::cases()).unwrap();
        let is_seen = |outcome: &&Outcome| match &outcome.verdict {
            Verdict::Pass | Verdict::Skipped(_) | Verdict::Blocked { .. } => false,
            Verdict::Note(_) | Verdict::Fail(_) | Verdict::Hang(_) => true,
        };
        return outcomes.iter().filter(is_seen).map(|outcome| outcome.case.id).collect();
    }
    let besides = format!("[bugs]\n\"{defect}\" = true\n");
    let is_seen = |case: &&&client::Case| examined(case, 1, &besides).is_bad();
    client::cases().iter().filter(is_seen).map(|case| case.id).collect()
}

/// A CA whose answers have this status at this resource, whatever else they say.
fn answers_with(status: u16, endpoint: Endpoint) -> Config {
    let mut config = strict();
    let matcher = Matcher { endpoints: vec![endpoint], ..Matcher::default() };
    let fault = Fault { status: Some(status), ..Fault::default() };
    config.faults = vec![FaultRule { matcher, ..FaultRule::new("another status", fault) }];
    config
}

/// With these few, each case meets a success where there must be none, or an error where there must be a success.
const OTHERWISE: [(u16, Endpoint); 11] = [
    (500, Endpoint::Directory),
    (200, Endpoint::NewNonce),
    (200, Endpoint::NewAccount),
    (200, Endpoint::NewOrder),
    (500, Endpoint::NewOrder),
    (500, Endpoint::NewAuthorization),
    (500, Endpoint::RevokeCert),
    (500, Endpoint::KeyChange),
    (500, Endpoint::Account),
    (200, Endpoint::Orders),
    (500, Endpoint::Authorization),
];

#[test]
fn every_case_can_fail() {
    let failed = on_all_processors(&OTHERWISE, |(status, endpoint)| {
        let outcomes = rehearse(answers_with(*status, *endpoint), 1, server::cases()).unwrap();
        // One that is blocked has met what is wrong as well, and leaves it to another to tell.
        let is_failed = |outcome: &&Outcome| outcome.verdict.finding().is_some();
        outcomes.iter().filter(is_failed).map(|outcome| outcome.case.id).collect::<Vec<_>>()
    });
    let needs_public = |id| SKIPPED.iter().any(|(case, reason)| *case == id && reason.contains("--public-ca"));
    let ids = server::cases().into_iter().map(|case| case.id);
    let unfailed: Vec<&str> =
        ids.filter(|id| !needs_public(*id) && !failed.iter().flatten().any(|one| one == id)).collect();
    assert!(unfailed.is_empty(), "nothing fails these: {unfailed:?}");
}

/// Every defect of CAs and of clients, and the cases that see it.
const DEFECTS: &str = "conformance/defects.tsv";

/// What the cases that see a defect are, where a defect strikes whichever case comes.
const ANY: &str = "*";

#[test]
fn each_defect_is_seen_by_the_cases_that_are_about_it_and_by_no_others() {
    let known = std::fs::read_to_string(DEFECTS).unwrap();
    let cells = |line: &'static str| {
        let mut cells = line.split('\t');
        Some((cells.next()?, (cells.next()?, cells.next().unwrap_or_default())))
    };
    let (head, rows): (Vec<&str>, Vec<&str>) = known.leak().lines().partition(|line| line.starts_with('#'));
    let known: BTreeMap<&str, (&str, &str)> = rows.iter().copied().filter_map(cells).collect();
    let of_clients = Bug::ALL.iter().map(|bug| bug.name()).filter(|name| name.starts_with("client."));
    let names: Vec<&str> = Switch::all().map(Switch::name).chain(of_clients).collect();
    let found = on_all_processors(&names, |name| seen(name));
    let told = names.iter().zip(&found).map(|(name, cases)| {
        let (expected, why) = known.get(name).copied().unwrap_or_default();
        let is_any = expected == ANY && !cases.is_empty() && !why.is_empty();
        let cases = if is_any { ANY.to_owned() } else { cases.join(" ") };
        let why = if cases.is_empty() || is_any { format!("\t{why}") } else { String::new() };
        format!("{name}\t{cases}{why}")
    });
    let told: Vec<String> = head.iter().map(ToString::to_string).chain(told).collect();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(DEFECTS, told.join("\n") + "\n").unwrap();
    }
    let differ: Vec<_> = told.iter().skip(head.len()).zip(&rows).filter(|(told, row)| told != row).collect();
    assert!(differ.is_empty() && told.len() == head.len() + rows.len(), "UPDATE=1 writes it anew: {differ:#?}");
    let unreasoned: Vec<&&str> = rows.iter().filter(|row| row.ends_with('\t')).collect();
    assert!(unreasoned.is_empty(), "no case sees these, for no reason: {unreasoned:?}");
}

/// What `made` makes of each, on all processors.
fn on_all_processors<T: Sync, R: Send + Default>(of: &[T], made: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(std::iter::repeat_with(R::default).take(of.len()).collect::<Vec<_>>());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                while let index = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(one) = of.get(index)
                {
                    let made = made(one);
                    found.lock().unwrap()[index] = made;
                }
            });
        }
    });
    found.into_inner().unwrap()
}
