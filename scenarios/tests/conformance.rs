//! The conformance suite proves itself: our CA, as the RFCs have it, passes.

use ca_mock::{Config, Preset};
use scenarios::{
    conformance::{
        client,
        rehearsal::{add_features, examine, rehearse},
        report::{self, Run},
        server,
        suite::Outcome,
        verdict::Verdict,
    },
    runner::ca::Switch,
};

fn strict() -> Config {
    let mut config = Config::default();
    Preset::StrictRfc.apply(&mut config);
    add_features(&mut config);
    config
}

/// What a CA as the RFCs have it, with all that it may have, gives no occasion for.
const SKIPPED: [(&str, &str); 7] = [
    ("rfc8555/7.3.4/binding-missing", "the directory does not say externalAccountRequired"),
    ("rfc8555/7.1.4/public-suffixes", "only public CAs keep to the list of public suffixes: it needs --public-ca"),
    ("rfc9444/4.4/meta", "the directory's meta has no subdomainAuthAllowed"),
    ("rfc9444/4.1/flag", "the directory does not say subdomainAuthAllowed"),
    ("rfc9444/4.3/ancestor", "the directory does not say subdomainAuthAllowed"),
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
        Verdict::Note(_) | Verdict::Fail(_) | Verdict::Hang(_) => false,
    };
    let others: Vec<&Outcome> = outcomes.iter().filter(|outcome| !is_foreseen(outcome)).collect();
    assert!(others.is_empty(), "{}\n{}", report::summary(&outcomes), told(&others));
    let skipped = outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass);
    assert_eq!(skipped.count(), SKIPPED.len());
}

#[test]
fn a_ca_that_wants_bound_accounts_and_has_no_renewal_information_passes_what_is_about_that() {
    let mut config = strict();
    config.external_account_required = true;
    config.renewal_info = false;
    let wanted = ["rfc8555/7.3.4/binding-missing", "rfc9773/5/replaces-where-not-offered"];
    let cases = server::cases().into_iter().filter(|case| wanted.contains(&case.id)).collect();
    let outcomes = rehearse(config, 1, cases).unwrap();
    assert_eq!(outcomes.len(), wanted.len());
    let others: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass).collect();
    assert!(others.is_empty(), "{}", told(&others));
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
        .map(|case| (case, case.verdict(&examine(case, 1, ""))))
        .filter(|(_, verdict)| *verdict != Verdict::Pass)
        .map(|(case, verdict)| format!("{}: {verdict:?}\n", case.id))
        .collect();
    assert!(failed.is_empty(), "{failed}");
}

/// Defects of CAs and of clients, and the cases that are about what each of them does.
const SEEN: [(&str, &[&str]); 7] = [
    (
        "ca.acct-409",
        &["rfc8555/7.3.1/known-key", "rfc8555/7.3.1/only-return-existing", "rfc8555/7.3.1/known-key-changes-nothing"],
    ),
    ("ca.chal-get-triggers", &["rfc8555/6.3/post-as-get-challenge", "rfc8555/7.5/challenge-of-another-account"]),
    ("ca.keychange-false-ok", &["rfc8555/7.3.5/key-changed", "rfc8555/7.3.5/orders-survive"]),
    (
        "ca.stale-account-cache",
        &[
            "rfc8555/7.3.5/key-changed",
            "rfc8555/7.3.6/deactivated-unauthorized",
            "rfc8555/7.3.5/orders-survive",
            "rfc8555/7.6/deactivated-account",
        ],
    ),
    // The second answer comes within the Retry-After of the first.
    (
        "client.challenge-posted-again",
        &[
            "rfc8555/7.5.1/client-answer-of-a-challenge",
            "rfc9110/10.2.3/client-retry-after-date",
            "rfc9110/10.2.3/client-retry-after-seconds",
        ],
    ),
    ("client.nonce-sent-again", &["rfc8555/6.5/client-nonce-of-the-error", "rfc8555/6.5/client-nonces-once"]),
    (
        "client.retry-after-ignored",
        &["rfc9110/10.2.3/client-retry-after-date", "rfc9110/10.2.3/client-retry-after-seconds"],
    ),
];

/// The cases that see a defect, of a CA or of a client.
fn seen(defect: &str) -> Vec<&'static str> {
    if let Ok(switch) = Switch::find(defect) {
        let mut config = strict();
        switch.switch_on(&mut config);
        let outcomes = rehearse(config, 1, server::cases()).unwrap();
        let is_seen = |outcome: &&Outcome| match &outcome.verdict {
            Verdict::Pass => false,
            Verdict::Skipped(reason) => !SKIPPED.contains(&(outcome.case.id, reason.as_str())),
            Verdict::Note(_) | Verdict::Fail(_) | Verdict::Hang(_) => true,
        };
        return outcomes.iter().filter(is_seen).map(|outcome| outcome.case.id).collect();
    }
    let besides = format!("[bugs]\n\"{defect}\" = true\n");
    let is_seen = |case: &&&client::Case| case.verdict(&examine(case, 1, &besides)).is_bad();
    client::cases().iter().filter(is_seen).map(|case| case.id).collect()
}

#[test]
fn each_of_these_defects_is_seen_by_the_cases_that_are_about_it_and_by_no_others() {
    let found: Vec<(&str, Vec<&str>)> = SEEN.iter().map(|(defect, _)| (*defect, seen(defect))).collect();
    let expected: Vec<(&str, Vec<&str>)> = SEEN.iter().map(|(defect, cases)| (*defect, cases.to_vec())).collect();
    assert_eq!(found, expected);
}
