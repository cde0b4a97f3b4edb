//! RFC 8555 §7.3.4 to §7.6: accounts that are bound to others or get another key, and certificates that are given up.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    Case, Examination,
    nonces::fault,
    session::{Asked, Session},
    task::Task::{ChangeKey, ObtainBound, Revoke},
};
use crate::{
    conformance::{case::Level::*, verdict::Stop},
    oracles::reader::{certificate::Certificate, step::Resource},
};

/// A CA that knows the external account of the task, and takes no account without one.
macro_rules! bound {
    ($($part:expr),*) => {
        concat!(
            "[ca]\nexternal-account-required = true\n",
            "[[ca.external-account-keys]]\nkid = \"customer-7\"\nmac-key = \"Z2F1bnRsZXQgZXh0ZXJuYWwgYWNjb3VudCBrZXkgMDc\"\n",
            $($part),*
        )
    };
}

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.3.4/client-binding",
        level: Must,
        requirements: &["rfc8555-7.3.4-cl-eab-hs256", "rfc8555-7.3.4-cl-eab-key-decode"],
        sent: "Accounts have to be bound to an external one.",
        expected: "A binding that is right in all: algorithm, key's name, URL, payload, MAC, no nonce; and a certificate.",
        why: "§7.3.4: the CA recomputes every octet of it.",
        run: Examination { task: ObtainBound, ca: bound!(), judge: Session::obtained },
    },
    Case {
        id: "rfc8555/7.3.4/client-binding-and-bad-nonce",
        level: Must,
        requirements: &["rfc8555-6.5-cl-badnonce-resign"],
        sent: "badNonce to the first new account, which is to be bound.",
        expected: "The account again, with another nonce outside and none inside, and a certificate.",
        why: "Only what is signed for the CA is signed anew.",
        run: Examination {
            task: ObtainBound,
            ca: bound!(fault!(r#"endpoints = "newAccount""# r#"problem = "badNonce""# "count = 1")),
            judge: bound_again,
        },
    },
    Case {
        id: "rfc8555/7.3.4/client-binding-once",
        level: Robustness,
        requirements: &["rfc8555-7.3.4-cl-eab-only-needed"],
        sent: "Accounts have to be bound to an external one.",
        expected: "No binding but in new accounts, and a certificate.",
        why: "The key is a secret between the operator and the CA, and is used where it is asked for.",
        run: Examination { task: ObtainBound, ca: bound!(), judge: binding_once },
    },
    Case {
        id: "rfc8555/7.3.5/client-key-change",
        level: Must,
        requirements: &["rfc8555-7.3.5-cl-keychange"],
        sent: "Nothing out of the ordinary, and then the account is to get another key.",
        expected: "A change that is right in all: signed by both keys, the inner one for the same URL and without a nonce, with the account and its old key.",
        why: "§7.3.5: it is what an operator does whose account's key may be in wrong hands.",
        run: Examination { task: ChangeKey, ca: "", judge: key_changed },
    },
    Case {
        id: "rfc8555/7.3.5/client-key-change-and-bad-nonce",
        level: Must,
        requirements: &["rfc8555-6.5-cl-badnonce-resign"],
        sent: "badNonce to the first change of a key.",
        expected: "The change again, with another nonce outside and none inside, and success.",
        why: "Only what is signed for the CA is signed anew.",
        run: Examination {
            task: ChangeKey,
            ca: fault!(r#"endpoints = "keyChange""# r#"problem = "badNonce""# "count = 1"),
            judge: key_changed_again,
        },
    },
    Case {
        id: "rfc8555/7.3.5/client-key-of-another-account",
        level: Robustness,
        requirements: &["rfc8555-7.3.5-cl-keychange-409"],
        sent: "409 to every change of a key.",
        expected: "At most four changes within a minute, and no success.",
        why: "§7.3.5: the new key is another account's, and the old one is still this one's.",
        run: Examination {
            task: ChangeKey,
            ca: fault!(r#"endpoints = "keyChange""# r#"problem = "malformed""# "status = 409"),
            judge: key_not_changed,
        },
    },
    Case {
        id: "rfc8555/7.6/client-revocation",
        level: Robustness,
        requirements: &["rfc8555-7.6-cl-revoke"],
        sent: "Nothing out of the ordinary, and then the certificate is to be revoked.",
        expected: "The certificate that was given out is revoked, by its account or by its own key.",
        why: "§7.6: it is what an operator does whose key is in wrong hands.",
        run: Examination { task: Revoke, ca: "", judge: revoked },
    },
    Case {
        id: "rfc8555/7.6/client-revoked-already",
        level: Robustness,
        requirements: &["rfc8555-7.6-cl-revoke"],
        sent: "alreadyRevoked to every revocation.",
        expected: "At most four revocations within a minute; the certificate is as it should be.",
        why: "Whoever asks again for what is done already has reached the aim.",
        run: Examination {
            task: Revoke,
            ca: fault!(r#"endpoints = "revokeCert""# r#"problem = "alreadyRevoked""# "status = 400"),
            judge: revoked_already,
        },
    },
];

fn bound_again(session: &Session) -> Result<(), Stop> {
    if tries_again(session, &Resource::NewAccount)? { session.obtained() } else { Ok(()) }
}

fn key_changed_again(session: &Session) -> Result<(), Stop> {
    if tries_again(session, &Resource::KeyChange)? { key_changed(session) } else { Ok(()) }
}

/// Whether it is seen how the client signs this again, which it should do but need not (RFC 8555 §6.5).
fn tries_again(session: &Session, resource: &Resource) -> Result<bool, Stop> {
    session.has_asked(resource)?;
    let tries_again = session.of(|one| one == resource).count() > 1;
    if !tries_again {
        session.note("the client gives up where its nonce is refused");
    }
    Ok(tries_again)
}

fn binding_once(session: &Session) -> Result<(), Stop> {
    session.obtained()?;
    let elsewhere = session.signed().find(|(_, asked, jws)| {
        asked.step.resource != Resource::NewAccount && jws.payload.get("externalAccountBinding").is_some()
    });
    match elsewhere {
        Some((index, ..)) => Err(session.fail(Some(index), "no binding but in new accounts", "one here")),
        None => Ok(()),
    }
}

fn is_key_change(resource: &Resource) -> bool {
    *resource == Resource::KeyChange
}

fn key_changed(session: &Session) -> Result<(), Stop> {
    let Some((index, asked)) = session.of(is_key_change).last() else {
        return Err(session.fail(None, "a change of the account's key", session.in_words()));
    };
    match asked.step.status() {
        200 => session.obtained(),
        status => {
            let found = format!("{status} {}", asked.step.body_text("detail").unwrap_or_default());
            Err(session.fail(Some(index), "a change that the CA carries out", found))
        }
    }
}

fn key_not_changed(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::KeyChange)?;
    session.asks_at_most(4, 60, is_key_change)?;
    session.gave_up()
}

fn is_revocation(resource: &Resource) -> bool {
    *resource == Resource::RevokeCertificate
}

/// The serial number of the certificate that is to be revoked.
fn serial(asked: &Asked) -> Option<String> {
    let text = asked.step.payload()?.get("certificate")?.as_str()?;
    Some(Certificate::read(&URL_SAFE_NO_PAD.decode(text).ok()?)?.serial)
}

fn revoked(session: &Session) -> Result<(), Stop> {
    let (_, certificate) = session.first_certificate()?;
    let Some((index, asked)) = session.of(is_revocation).next() else {
        return Err(session.fail(None, "a revocation", session.in_words()));
    };
    let found = format!("{} for {:?}", asked.step.status(), serial(asked));
    match asked.step.status() == 200 && serial(asked).as_ref() == Some(&certificate.serial) {
        true => Ok(()),
        false => Err(session.fail(Some(index), &format!("200 for {}", certificate.serial), found)),
    }
}

fn revoked_already(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::RevokeCertificate)?;
    session.asks_at_most(4, 60, is_revocation)
}
