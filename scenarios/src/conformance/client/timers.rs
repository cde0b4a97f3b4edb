//! What a client does with a certificate in the course of its life: the CA's clock goes on by days between two of its runs.

use std::ops::RangeInclusive;

use super::{
    Case, Examination,
    nonces::fault,
    renewals::{has_polled, identifier, polls, polls_at_most_once_within, replaces},
    session::Session,
    task::Task::RunByTimer,
};
use crate::conformance::{case::Level::*, verdict::Stop};

const HOUR_NS: u64 = 3_600_000_000_000;

/// The days of a timer, in hours.
macro_rules! days {
    ($($day:literal),*) => { &[$($day * 24),*] };
}

/// How long the CA has clients wait between two questions for renewal information.
const POLL_INTERVAL: &str = "[ca.ari]\nretry-after = \"6h\"\n";

/// Serial numbers with a leading zero.
const SIGN_OCTET: &str = "[ca]\nserial-sign-octet = true\n";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc9773/4.2/client-renews-in-time",
        level: Robustness,
        requirements: &["rfc9773-4.2-cl-renew-jitter"],
        sent: "A certificate of 90 days and no renewal information; the timer comes after 1, 10, 40, 80 and 86 days.",
        expected: "A second certificate after 40 days at the earliest, and after 86 at the latest.",
        why: "Who comes too late has an outage, and who comes each time meets the CA's limits.",
        run: Examination {
            task: RunByTimer(days!(1, 10, 40, 80, 86)),
            ca: fault!(r#"endpoints = "directory""# r#"remove-fields = "/renewalInfo""#),
            judge: |session| renewed_within(session, 40 * 24..=86 * 24),
        },
    },
    Case {
        id: "rfc9773/4.2/client-renews-short-lived",
        level: Robustness,
        requirements: &["rfc9773-4.2-cl-renew-jitter"],
        sent: "A certificate of 160 hours and no renewal information; the timer comes after 12, 24, 60, 96, 120 and 144 hours.",
        expected: "A second certificate after 60 hours at the earliest, and after 144 at the latest.",
        why: "Thirty days before its end such a certificate is not issued yet: who goes by days renews it each time, and meets the CA's limits.",
        run: Examination {
            task: RunByTimer(&[12, 24, 60, 96, 120, 144]),
            ca: concat!(
                "[ca]\nvalidity = \"160h\"\n",
                fault!(r#"endpoints = "directory""# r#"remove-fields = "/renewalInfo""#)
            ),
            judge: |session| renewed_within(session, 60..=144),
        },
    },
    Case {
        id: "rfc9773/4.2/client-renews-without-information",
        level: Robustness,
        requirements: &["rfc9773-4.2-cl-ari-failure-fallback"],
        sent: "A certificate of 90 days, and 500 whenever renewal information is asked for; the timer comes after 10, 80 and 86 days.",
        expected: "A second certificate after 86 days at the latest.",
        why: "Renewal information is advice: where there is none, certificates must be renewed all the same.",
        run: Examination {
            task: RunByTimer(days!(10, 80, 86)),
            ca: fault!(r#"endpoints = "renewalInfo""# "status = 500"),
            judge: |session| renewed_within(session, 10 * 24..=86 * 24),
        },
    },
    Case {
        id: "rfc9773/4.2/client-window-moved",
        level: Robustness,
        requirements: &["rfc9773-4.2-cl-ari-window-moved"],
        sent: "A certificate of 90 days whose window is a late one at first, and over from the second question on; the timer comes after 10, 11 and 12 days.",
        expected: "A second certificate after 12 days at the latest, if renewal information is asked for.",
        why: "So a CA has certificates replaced that it is about to revoke.",
        run: Examination {
            task: RunByTimer(days!(10, 11, 12)),
            ca: fault!(r#"endpoints = "renewalInfo""# "nth = 2" r#"set-fields = '/suggestedWindow = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}'"#),
            judge: window_moved,
        },
    },
    Case {
        id: "rfc9773/4.3/client-poll-interval",
        level: Must,
        requirements: &["rfc9773-4.3.2-cl-ari-retry-after"],
        sent: "Renewal information with a Retry-After of six hours; the timer comes after 24, 25, 26 and 33 hours.",
        expected: "Whoever asks for renewal information asks again after 33 hours, and no certificate is asked about twice within five.",
        why: "§4.3: the field is both the least and the most that is waited.",
        run: Examination { task: RunByTimer(&[24, 25, 26, 33]), ca: POLL_INTERVAL, judge: poll_interval },
    },
    Case {
        id: "rfc9773/4.3/client-poll-interval-after-failure",
        level: Must,
        requirements: &["rfc9773-4.3.3-cl-ari-longterm"],
        sent: "404 to each question for renewal information; the timer comes after 24, 25 and 26 hours.",
        expected: "No certificate is asked about twice within five hours.",
        why: "§4.3.3: what is no passing fault is tried again after six hours.",
        run: Examination {
            task: RunByTimer(&[24, 25, 26]),
            ca: fault!(r#"endpoints = "renewalInfo""# r#"problem = "malformed""# "status = 404"),
            judge: polls_seldom,
        },
    },
    Case {
        id: "rfc9773/4.3/client-expired-certificate",
        level: Must,
        requirements: &["rfc9773-4.3-cl-ari-stop-expired"],
        sent: "A certificate of 90 days; the timer comes after 10 and 92 days.",
        expected: "A second certificate, and nothing is asked about one that has expired.",
        why: "§4.3: there is nothing to be known of it any more.",
        run: Examination { task: RunByTimer(days!(10, 92)), ca: "", judge: expired_certificate },
    },
    Case {
        id: "rfc9773/4.1/client-identifier-by-timer",
        level: Must,
        requirements: &["rfc9773-4.1-cl-ari-certid"],
        sent: "A certificate of 90 days; the timer comes after 10, 80 and 86 days.",
        expected: "Whatever renewal information is asked for, and whatever an order says that it replaces, is a certificate that was given out.",
        why: "§4.1: a leading zero that is left out makes it another certificate. Who is told to renew may not ask, so a timer is needed.",
        run: Examination { task: RunByTimer(days!(10, 80, 86)), ca: SIGN_OCTET, judge: identifier },
    },
    Case {
        id: "rfc9773/5/client-replaces-by-timer",
        level: Should,
        requirements: &["rfc9773-5-cl-ari-replaces"],
        sent: "A certificate of 90 days; the timer comes after 10, 80 and 86 days.",
        expected: "The renewal's order says that it replaces the first certificate.",
        why: "§5: CAs exempt such orders from their limits.",
        run: Examination { task: RunByTimer(days!(10, 80, 86)), ca: SIGN_OCTET, judge: replaces },
    },
];

/// The exchange that gave out the second certificate.
fn renewal(session: &Session) -> Result<usize, Stop> {
    let (_, first) = session.first_certificate()?;
    let second = session.certificates().find(|(_, certificate)| certificate.serial != first.serial);
    second.map(|(index, _)| index).ok_or_else(|| session.missing("a second certificate"))
}

/// The second certificate came so many hours after the beginning.
fn renewed_within(session: &Session, hours: RangeInclusive<u64>) -> Result<(), Stop> {
    let index = renewal(session)?;
    let hour = session.asked()[index].at_ns / HOUR_NS;
    if hours.contains(&hour) {
        return Ok(());
    }
    let expected = format!("a second certificate after {} to {} hours", hours.start(), hours.end());
    Err(session.fail(Some(index), &expected, format!("one after {hour}")))
}

fn window_moved(session: &Session) -> Result<(), Stop> {
    session.first_certificate()?;
    if has_polled(session) { renewed_within(session, 0..=12 * 24) } else { Ok(()) }
}

fn poll_interval(session: &Session) -> Result<(), Stop> {
    polls_seldom(session)?;
    let is_late = |(index, _): (usize, &str)| session.asked()[index].at_ns >= 26 * HOUR_NS;
    if !has_polled(session) || polls(session).any(is_late) {
        return Ok(());
    }
    Err(session.fail(None, "a question for renewal information once Retry-After is over", "none"))
}

fn polls_seldom(session: &Session) -> Result<(), Stop> {
    session.first_certificate()?;
    polls_at_most_once_within(session, 5 * 3_600)
}

fn expired_certificate(session: &Session) -> Result<(), Stop> {
    renewal(session)?;
    has_polled(session);
    let (_, first) = session.first_certificate()?;
    let is_late = |(index, id): &(usize, &str)| {
        let asked = &session.asked()[*index];
        Some(*id) == first.renewal_id.as_deref() && asked.at_ns > 90 * 24 * HOUR_NS
    };
    match polls(session).find(is_late) {
        Some((index, id)) => Err(session.fail(Some(index), "nothing about the certificate that has expired", id)),
        None => Ok(()),
    }
}
