//! [`Certificates`] against a map that is searched from end to end, under changes and questions of every kind.
//!
//! What is shown is the least of all that match, in the order that [`Certificates::find`] tells in words; what matches is as RFC
//! 9525 §6.3 has it.

use std::{cmp::Reverse, collections::BTreeMap};

use proptest::{collection::vec, option, prelude::*, sample::select};
use time::{Duration, macros::utc_datetime};

use super::*;

const BEGIN: UtcDateTime = utc_datetime!(2026-11-21 00:00:00);
const P256: u16 = 0x0403;
const RSA: u16 = 0x0804;
const ED25519: u16 = 0x0807;
/// The preferred first.
const SCHEMES: [u16; 3] = [P256, ED25519, RSA];

fn day(number: i64) -> UtcDateTime {
    BEGIN + Duration::days(number)
}

/// A certificate, which is its own number, with another where it is stapled.
#[derive(Clone, Debug)]
struct Certificate {
    number: usize,
    schemes: Vec<u16>,
    days: (i64, i64),
    /// The day on which the staple ceases to hold.
    stapled_until: Option<i64>,
    must_staple: bool,
}

impl Certificate {
    fn shown(&self) -> Shown<(usize, bool)> {
        let stapled = |until: i64| Arc::new(Stapled { certified: Arc::new((self.number, true)), until: day(until) });
        Shown {
            certified: Arc::new((self.number, false)),
            schemes: Schemes::new(self.schemes.iter().copied()),
            not_before: day(self.days.0),
            not_after: day(self.days.1),
            stapled: self.stapled_until.map(stapled),
            must_staple: self.must_staple,
        }
    }

    fn is_valid(&self, now: i64) -> bool {
        (self.days.0..self.days.1).contains(&now)
    }

    fn has_staple(&self, now: i64) -> bool {
        self.stapled_until.is_some_and(|until| now < until)
    }

    fn is_complete(&self, now: i64) -> bool {
        !self.must_staple || self.has_staple(now)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(&'static str, Source, Certificate),
    InsertFirst(&'static str, Source, Certificate),
    Remove(&'static str, Source),
    Find { asked: Option<&'static str>, offered: Vec<u16> },
    Day(i64),
    Challenge(&'static str),
    ChallengeOver(&'static str),
    Validate { asked: Option<&'static str>, among_others: bool },
}

/// RFC 9525 §6.3: `*` stands for one whole label, the first.
fn covers(presented: &str, asked: &str) -> bool {
    match presented.strip_prefix('*') {
        Some(parent) => asked.strip_suffix(parent).is_some_and(|label| !label.is_empty() && !label.contains('.')),
        None => presented == asked,
    }
}

/// What stands for each name and source, the newest last.
type Model = BTreeMap<&'static str, Vec<(Source, Certificate)>>;

/// What is shown, and whether it is valid.
fn find(model: &Model, asked: &str, offered: &[u16], now: i64) -> Option<((usize, bool), bool)> {
    let matching = model.iter().filter(|(presented, _)| covers(presented, asked));
    let all = matching.flat_map(|(presented, all)| {
        all.iter().enumerate().map(move |(age, (source, certificate))| (*presented, age, source, certificate))
    });
    let best = all.min_by_key(|(presented, age, source, certificate)| {
        let suits = certificate.schemes.iter().any(|scheme| offered.contains(scheme));
        let rank = SCHEMES.iter().position(|scheme| certificate.schemes.contains(scheme));
        let faults = (!certificate.is_valid(now), !suits, !certificate.is_complete(now));
        (faults, presented.starts_with('*'), rank, **source, Reverse(*age))
    });
    let (.., certificate) = best?;
    Some(((certificate.number, certificate.has_staple(now)), certificate.is_valid(now)))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let presented = || select(vec!["test", "a.test", "b.test", "*.test", "x.a.test", "*.a.test"]);
    let asked = || {
        let asked =
            vec!["a.test", "b.test", "c.test", "test", "x.a.test", "y.a.test", "z.x.a.test", "a.testx", "other", ""];
        option::weighted(0.95, select(asked))
    };
    let source = || select(vec![Source::Managed, Source::External(0), Source::External(1)]);
    let schemes = || select(vec![vec![P256], vec![RSA], vec![ED25519], vec![P256, RSA]]);
    let days = prop_oneof![3 => (0..5_i64, 6..20_i64), 1 => (0..20_i64, 0..20_i64)];
    let certificate = (0..1_000_usize, schemes(), days, option::of(0..20_i64), any::<bool>()).prop_map(
        |(number, schemes, days, stapled_until, must_staple)| Certificate {
            number,
            schemes,
            days,
            stapled_until,
            must_staple,
        },
    );
    let offered = prop_oneof![3 => Just(SCHEMES.to_vec()), 2 => schemes(), 1 => Just(Vec::new())];
    let challenged = || select(vec!["a.test", "b.test", "x.a.test"]);
    let step = prop_oneof![
        6 => (presented(), source(), certificate.clone()).prop_map(|(name, source, new)| Step::Insert(name, source, new)),
        2 => (presented(), source(), certificate).prop_map(|(name, source, new)| Step::InsertFirst(name, source, new)),
        2 => (presented(), source()).prop_map(|(name, source)| Step::Remove(name, source)),
        9 => (asked(), offered).prop_map(|(asked, offered)| Step::Find { asked, offered }),
        3 => (0..22_i64).prop_map(Step::Day),
        1 => challenged().prop_map(Step::Challenge),
        1 => challenged().prop_map(Step::ChallengeOver),
        2 => (asked(), any::<bool>()).prop_map(|(asked, among_others)| Step::Validate { asked, among_others }),
    ];
    vec(step, 0..60)
}

proptest! {
    #![proptest_config(crate::testing::same_each_time(512))]

    #[test]
    fn what_is_found_is_the_best_that_matches(
        seed in any::<u64>(),
        default in option::of(select(vec!["a.test", "c.test", "x.a.test"])),
        fallback in option::of(select(vec!["b.test", "c.test"])),
        steps in steps(),
    ) {
        let name = |text: &str| -> Name { text.parse().unwrap() };
        let certificates = Certificates::new(seed, StandIns { default: default.map(name), fallback: fallback.map(name) });
        let (mut model, mut now) = (Model::new(), 0);
        let mut challenges: BTreeMap<&str, Arc<(usize, bool)>> = BTreeMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(to, source, new) => {
                    certificates.insert(&name(to), source, &new.shown(), day(now));
                    let is_good = |one: &Certificate| one.is_valid(now) && one.is_complete(now);
                    let all = model.entry(to).or_default();
                    all.retain(|(of, former)| *of != source || is_good(former) && !is_good(&new));
                    all.push((source, new));
                }
                Step::InsertFirst(to, source, new) => {
                    certificates.insert_first(&name(to), source, &new.shown());
                    let all = model.entry(to).or_default();
                    if all.iter().all(|(of, _)| *of != source) {
                        all.push((source, new));
                    }
                }
                Step::Remove(from, source) => {
                    certificates.remove(&name(from), source);
                    model.entry(from).or_default().retain(|(of, _)| *of != source);
                }
                Step::Find { asked, offered } => {
                    let hello = Hello { server_name: asked, signature_schemes: &offered, protocols: Protocols::Ordinary };
                    let found = match certificates.find(&hello, day(now)) {
                        Found::Valid(found) => Some((*found, true)),
                        Found::Invalid(found) => Some((*found, false)),
                        Found::Fallback(found) => Some((*found, false)),
                        Found::Nothing => None,
                    };
                    let stands_for = asked.or(default);
                    let expected = stands_for.and_then(|asked| find(&model, asked, &offered, now)).or_else(|| {
                        // In another's place nothing is valid, but it is shown if it is there.
                        let (found, _) = find(&model, fallback.filter(|_| stands_for.is_some())?, &offered, now)?;
                        Some((found, false))
                    });
                    prop_assert_eq!(found, expected);
                }
                Step::Day(number) => now = number,
                Step::Challenge(of) => {
                    let certified = Arc::new((number, false));
                    certificates.insert_challenge(&name(of), &certified);
                    challenges.insert(of, certified);
                }
                Step::ChallengeOver(of) => drop(challenges.remove(of)),
                Step::Validate { asked, among_others } => {
                    let protocols = if among_others { Protocols::AcmeTlsAmongOthers } else { Protocols::AcmeTls };
                    let hello = Hello { server_name: asked, signature_schemes: &[P256], protocols };
                    let expected = asked.filter(|_| !among_others).and_then(|asked| challenges.get(asked));
                    prop_assert_eq!(certificates.find(&hello, day(now)).certified(), expected.cloned());
                }
            }
        }
    }
}
