//! RFC 9773 and what else is about a client that has a certificate already.

use std::collections::BTreeSet;

use super::{
    Case, Examination,
    nonces::fault,
    session::Session,
    task::Task::{Obtain, Renew},
};
use crate::{
    conformance::{case::Level::*, verdict::Stop},
    oracles::reader::step::Resource,
};

/// A CA whose certificates live for half an hour, and this besides.
macro_rules! short_lived {
    ($($part:expr),*) => {
        concat!("[ca]\nbackdate = \"1m\"\nvalidity = \"31m\"\n", $($part),*)
    };
}

/// What stands in an explanation's URL.
const MARKER: &str = "gauntlet-marker-9773";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.3/client-account-kept",
        level: Robustness,
        requirements: &["rfc8555-7.3-cl-account-200"],
        sent: "Nothing out of the ordinary, twice.",
        expected: "A renewal by the account of the first certificate.",
        why: "CAs limit how many accounts an address may have, and replacing is for the same account.",
        run: Examination { task: Renew, ca: short_lived!(), judge: account_kept },
    },
    Case {
        id: "rfc8555/6.7/client-account-lost",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-accountdoesnotexist"],
        sent: "accountDoesNotExist to the order of a renewal.",
        expected: "Another account and a certificate, or no success; at most ten orders within a minute.",
        why: "CAs have lost accounts; who goes on with one that is gone never gets a certificate again.",
        run: Examination {
            task: Renew,
            ca: short_lived!(
                fault!(r#"endpoints = "newOrder""# r#"problem = "accountDoesNotExist""# "status = 400" "nth = 2" "count = 1")
            ),
            judge: renewed_or_given_up,
        },
    },
    Case {
        id: "rfc8555/7.1.3/client-proved-already",
        level: Should,
        requirements: &["rfc8555-7.1.3-cl-authz-valid-skip", "rfc8555-7.1.3-cl-order-ready-skip"],
        sent: "The authorizations of the first order are good for the renewal too, whose order is ready at once.",
        expected: "A second certificate, and no answer to a challenge for it.",
        why: "§7.1.6: an authorization that is valid asks for nothing more.",
        run: Examination {
            task: Renew,
            ca: short_lived!("reuse-authorizations = true\nauthorization-lifetime = \"1d\"\norder-lifetime = \"1h\"\n"),
            judge: proved_already,
        },
    },
    Case {
        id: "rfc9773/4.1/client-identifier",
        level: Must,
        requirements: &["rfc9773-4.1-cl-ari-certid", "rfc9773-4.1-ari-certid"],
        sent: "Nothing out of the ordinary, twice.",
        expected: "Whatever renewal information is asked for, and whatever an order says that it replaces, is a certificate that was given out.",
        why: "§4.1: a leading zero that is left out makes it another certificate.",
        run: Examination { task: Renew, ca: short_lived!("serial-sign-octet = true\n"), judge: identifier },
    },
    Case {
        id: "rfc9773/4.2/client-window-backwards",
        level: Must,
        requirements: &["rfc9773-4.2-cl-ari-invalid-window", "rfc9773-4.2-cl-ari-failure-fallback"],
        sent: "Every suggested window ends before it begins.",
        expected: "A second certificate all the same.",
        why: "§4.2: it is as good as no answer, and clients renew by their own schedule.",
        run: Examination {
            task: Renew,
            ca: short_lived!(
                fault!(r#"endpoints = "renewalInfo""# r#"set-fields = '/suggestedWindow = {"start": "2026-02-02T00:00:00Z", "end": "2026-02-01T00:00:00Z"}'"#)
            ),
            judge: Session::renewed,
        },
    },
    Case {
        id: "rfc9773/4.2/client-window-in-the-past",
        level: Should,
        requirements: &["rfc9773-4.2-cl-ari-past"],
        sent: "The first window that is suggested for a certificate of a day is over.",
        expected: "A second certificate now.",
        why: "§4.2: so a CA asks for what it is about to revoke to be replaced.",
        run: Examination {
            task: Renew,
            ca: concat!(
                "[ca]\nvalidity = \"1d\"\n",
                fault!(r#"endpoints = "renewalInfo""# r#"set-fields = '/suggestedWindow = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}'"# "count = 1")
            ),
            judge: Session::renewed,
        },
    },
    Case {
        id: "rfc9773/4.2/client-explanation",
        level: Should,
        requirements: &["rfc9773-4.2-cl-ari-explanation"],
        sent: "Renewal information has an explanation's URL.",
        expected: "The URL in what the client prints, if it asks for renewal information.",
        why: "§4.2: whoever wonders why a certificate is renewed early can read it there.",
        run: Examination {
            task: Renew,
            ca: short_lived!(
                fault!(r#"endpoints = "renewalInfo""# r#"set-fields = '/explanationURL = "https://ca.test/gauntlet-marker-9773"'"#)
            ),
            judge: explanation,
        },
    },
    Case {
        id: "rfc9773/4.3/client-no-retry-after",
        level: Must,
        requirements: &["rfc9773-4.3.2-cl-ari-missing-ra"],
        sent: "Renewal information comes without Retry-After.",
        expected: "A second certificate, and no certificate is asked about twice within an hour.",
        why: "§4.3.2: it is asked again after six hours; one client asked at each look, another panicked.",
        run: Examination {
            task: Renew,
            ca: short_lived!(fault!(r#"endpoints = "renewalInfo""# r#"remove-headers = "Retry-After""#)),
            judge: polled_with_pauses,
        },
    },
    Case {
        id: "rfc9773/4.3/client-replaced-certificate",
        level: Must,
        requirements: &["rfc9773-4.3-cl-ari-stop-replaced"],
        sent: "Nothing out of the ordinary, twice.",
        expected: "Nothing is asked about the first certificate once there is the second.",
        why: "§4.3: its time is over.",
        run: Examination { task: Renew, ca: short_lived!(), judge: replaced_certificate },
    },
    Case {
        id: "rfc9773/4.3/client-asks-after-issuance",
        level: Should,
        requirements: &["rfc9773-4.3-cl-ari-fetch-on-issue"],
        sent: "Nothing out of the ordinary.",
        expected: "Renewal information is asked for.",
        why: "§4.3: whoever asks at once knows the window, and notices early if it moves.",
        run: Examination { task: Obtain, ca: "", judge: asked_after_issuance },
    },
    Case {
        id: "rfc8555/7.1.1/client-directory-read-again",
        level: Robustness,
        requirements: &["rfc8555-7.1.1-cl-dir-refresh"],
        sent: "Nothing out of the ordinary, twice.",
        expected: "The directory is read again before the second order.",
        why: "A CA's URLs may change from one year to the next.",
        run: Examination { task: Renew, ca: short_lived!(), judge: directory_read_again },
    },
    Case {
        id: "rfc9773/5/client-replaces",
        level: Should,
        requirements: &["rfc9773-5-cl-ari-replaces"],
        sent: "Nothing out of the ordinary, twice.",
        expected: "The renewal's order says that it replaces the first certificate.",
        why: "§5: CAs exempt such orders from their limits.",
        run: Examination { task: Renew, ca: short_lived!("serial-sign-octet = true\n"), judge: replaces },
    },
    Case {
        id: "rfc9773/5/client-replaces-where-not-offered",
        level: Should,
        requirements: &["rfc9773-5-cl-ari-replaces-not"],
        sent: "The directory has no renewalInfo.",
        expected: "A second certificate, and no order that says what it replaces.",
        why: "§5: a CA that does not know the member may refuse it.",
        run: Examination {
            task: Renew,
            ca: short_lived!(fault!(r#"endpoints = "directory""# r#"remove-fields = "/renewalInfo""#)),
            judge: |session| {
                session.renewed()?;
                session.keeps("manager.replaces-where-it-belongs")
            },
        },
    },
    Case {
        id: "rfc9773/5/client-replaced-already",
        level: Robustness,
        requirements: &["rfc9773-5-cl-ari-replaces-409"],
        sent: "alreadyReplaced to every order that says what it replaces.",
        expected: "A second certificate, by an order without it.",
        why: "Clients have gone on to say so until the certificate expired.",
        run: Examination {
            task: Renew,
            ca: short_lived!(
                fault!(r#"endpoints = "newOrder""# "replaces = true" r#"problem = "alreadyReplaced""# "status = 409")
            ),
            judge: replaces_in_its_place,
        },
    },
    Case {
        id: "rfc9773/5/client-replaces-refused",
        level: Robustness,
        requirements: &["rfc9773-5-cl-ari-replaces-reject"],
        sent: "400 malformed to every order that says what it replaces.",
        expected: "A second certificate, by an order without it.",
        why: "That a certificate replaces another must never keep it from being issued.",
        run: Examination {
            task: Renew,
            ca: short_lived!(
                fault!(r#"endpoints = "newOrder""# "replaces = true" r#"problem = "malformed""# "status = 400")
            ),
            judge: replaces_in_its_place,
        },
    },
];

fn account_kept(session: &Session) -> Result<(), Stop> {
    session.renewed()?;
    session.keeps("manager.one-account")
}

fn renewed_or_given_up(session: &Session) -> Result<(), Stop> {
    session.asks_at_most(10, 60, |resource| *resource == Resource::NewOrder)?;
    session.renewed().or_else(|stop| session.gave_up().map_err(|_| stop))
}

fn proved_already(session: &Session) -> Result<(), Stop> {
    session.renewed()?;
    let (first, _) = session.first_certificate()?;
    let is_answer = |index: usize, resource: &Resource| index > first && matches!(resource, Resource::Challenge { .. });
    let answered =
        session.signed().find(|(index, asked, jws)| is_answer(*index, &asked.step.resource) && !jws.is_post_as_get());
    match answered {
        Some((index, ..)) => {
            Err(session.fail(Some(index), "no answer to a challenge for the second certificate", "one here"))
        }
        None => Ok(()),
    }
}

/// Where renewal information was asked for, and about what.
pub(super) fn polls(session: &Session) -> impl Iterator<Item = (usize, &str)> {
    session.asked().iter().enumerate().filter_map(|(index, asked)| {
        let Resource::RenewalInfo { certificate_id } = &asked.step.resource else { return None };
        Some((index, certificate_id.as_str()))
    })
}

pub(super) fn has_polled(session: &Session) -> bool {
    let has_polled = polls(session).next().is_some();
    if !has_polled {
        session.note("the client never asks for renewal information");
    }
    has_polled
}

pub(super) fn identifier(session: &Session) -> Result<(), Stop> {
    let known: BTreeSet<String> =
        session.certificates().filter_map(|(_, certificate)| certificate.renewal_id).collect();
    if let Some((index, id)) = polls(session).chain(replacing(session)).find(|(_, id)| !known.contains(*id)) {
        return Err(session.fail(Some(index), &format!("one of {known:?}"), id));
    }
    session.renewed()?;
    has_polled(session);
    Ok(())
}

fn asked_after_issuance(session: &Session) -> Result<(), Stop> {
    session.obtained()?;
    match polls(session).next() {
        Some(_) => Ok(()),
        None => Err(session.fail(None, "a question for renewal information", "none")),
    }
}

fn directory_read_again(session: &Session) -> Result<(), Stop> {
    session.renewed()?;
    let (first, _) = session.first_certificate()?;
    let ordered =
        session.of(|resource| *resource == Resource::NewOrder).map(|(index, _)| index).find(|index| *index > first);
    let is_read = session
        .of(|resource| *resource == Resource::Directory)
        .any(|(index, _)| index > first && Some(index) < ordered);
    if is_read {
        Ok(())
    } else {
        Err(session.fail(ordered, "the directory before this order", "none since the first certificate"))
    }
}

fn explanation(session: &Session) -> Result<(), Stop> {
    session.renewed()?;
    if has_polled(session) { session.has_printed(MARKER) } else { Ok(()) }
}

fn polled_with_pauses(session: &Session) -> Result<(), Stop> {
    session.renewed()?;
    has_polled(session);
    polls_at_most_once_within(session, 3_600)
}

/// No certificate is asked about twice within any so many seconds.
pub(super) fn polls_at_most_once_within(session: &Session, seconds: u64) -> Result<(), Stop> {
    let ids: BTreeSet<&str> = polls(session).map(|(_, id)| id).collect();
    let is_about =
        |resource: &Resource, id| matches!(resource, Resource::RenewalInfo { certificate_id } if certificate_id == id);
    ids.into_iter().try_for_each(|id| session.asks_at_most(1, seconds, |resource| is_about(resource, id)))
}

fn replaced_certificate(session: &Session) -> Result<(), Stop> {
    session.renewed()?;
    has_polled(session);
    let (_, first) = session.first_certificate()?;
    let second = session.certificates().find(|(_, certificate)| certificate.serial != first.serial);
    let over = second.map_or(usize::MAX, |(index, _)| index);
    match polls(session).find(|(index, id)| *index > over && Some(*id) == first.renewal_id.as_deref()) {
        Some((index, id)) => Err(session.fail(Some(index), "nothing about the certificate that was replaced", id)),
        None => Ok(()),
    }
}

/// The orders that say what they replace, with that.
fn replacing(session: &Session) -> impl Iterator<Item = (usize, &str)> {
    session
        .of(|resource| *resource == Resource::NewOrder)
        .filter_map(|(index, asked)| Some((index, asked.step.payload()?.get("replaces")?.as_str()?)))
}

pub(super) fn replaces(session: &Session) -> Result<(), Stop> {
    let (_, first) = session.first_certificate()?;
    let expected = first.renewal_id.unwrap_or_default();
    let said = replacing(session).next();
    if let Some((index, id)) = said.filter(|(_, id)| *id != expected) {
        return Err(session.fail(Some(index), &format!("an order that replaces {expected}"), id));
    }
    session.renewed()?;
    match said {
        Some(_) => session.keeps("manager.replaces-where-it-belongs"),
        // Who knows nothing of renewal information need not say so.
        None if !has_polled(session) => Ok(()),
        None => Err(session.fail(None, &format!("an order that replaces {expected}"), "none says what it replaces")),
    }
}

fn replaces_in_its_place(session: &Session) -> Result<(), Stop> {
    session.renewed()?;
    if replacing(session).next().is_none() {
        session.note("no order says what it replaces");
    }
    session.keeps("manager.replaces-where-it-belongs")
}
