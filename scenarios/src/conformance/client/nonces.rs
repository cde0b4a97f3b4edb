//! RFC 8555 §6.5 and §7.2: nonces, and what to do without a good one.

use super::{Case, Examination, session::Session, task::Task::Obtain};
use crate::{
    conformance::{case::Level::*, verdict::Stop},
    oracles::reader::step::Resource,
};

/// How often a client may try again before it gives up: no client needs more, and one without a limit never ends.
const TRIES_MAX: usize = 20;

macro_rules! fault {
    ($($line:literal)*) => {
        concat!("[[timeline]]\nat = \"0s\"\ndo = \"ca.fault\"\n", $($line, "\n",)*)
    };
}
pub(super) use fault;

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/6.5/client-nonces-once",
        level: Must,
        requirements: &["rfc8555-6.5-cl-nonce-fresh-each", "rfc8555-6.5-cl-nonce-pool-duplicate"],
        sent: "The first signed request, and each fourth one after it, is refused for its nonce, though that is good.",
        expected: "No nonce is sent twice.",
        why: "A nonce that was used is spent, whatever the CA has answered.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = ["newAccount", "newOrder", "authorization", "challenge", "finalize", "order", "certificate"]"# r#"problem = "badNonce""# "every-nth = 4"),
            judge: nonces_once,
        },
    },
    Case {
        id: "rfc8555/7.2/client-nonce-cached",
        level: Robustness,
        requirements: &["rfc8555-7.2-cl-newnonce-cached"],
        sent: "newNonce gives out the same nonce each time, which was used long ago.",
        expected: "A certificate, with the nonces of other answers.",
        why: "A cache before the CA may keep what it must not; an error has a nonce that is good.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newNonce""# r#"set-headers = "Replay-Nonce: Z2l2ZW4tb3V0LWxvbmctYWdv""#),
            judge: obtained_by_trying_again,
        },
    },
    Case {
        id: "rfc8555/6.5/client-nonces-from-new-nonce-alone",
        level: Robustness,
        requirements: &["rfc8555-6.5-cl-nonce-source"],
        sent: "Neither the directory nor the answers to what is signed have a Replay-Nonce.",
        expected: "A nonce from newNonce for each request, and a certificate.",
        why: "§7.2: it is the one place where a client can always get one.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = ["directory", "newAccount", "newOrder", "order", "authorization", "challenge", "finalize", "certificate"]"# r#"remove-headers = "Replay-Nonce""#),
            judge: once_and_obtained,
        },
    },
    Case {
        id: "rfc8555/6.5/client-bad-nonce",
        level: Should,
        requirements: &["rfc8555-6.5-cl-badnonce-retry"],
        sent: "badNonce to the first new order, with a fresh nonce.",
        expected: "The order again, and a certificate.",
        why: "A CA may forget nonces at any time; it costs the client one more request.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "badNonce""# "count = 1"),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/6.5/client-bad-nonce-three-times",
        level: Should,
        requirements: &["rfc8555-6.5-cl-badnonce-retry"],
        sent: "badNonce to the first three requests for finalization, each with a fresh nonce.",
        expected: "The request again, and a certificate.",
        why: "Pebble refuses one nonce in twenty, and who tries once more only fails in one of 400.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "finalize""# r#"problem = "badNonce""# "count = 3"),
            judge: obtained_by_trying_again,
        },
    },
    Case {
        id: "rfc8555/6.5/client-nonce-of-the-error",
        level: Should,
        requirements: &["rfc8555-6.5-cl-badnonce-use-given"],
        sent: "badNonce to the first new order, with a fresh nonce.",
        expected: "The order again, with the nonce that came with the error.",
        why: "§6.5: it is the one that the CA says it will take.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "badNonce""# "count = 1"),
            judge: nonce_of_the_error,
        },
    },
    Case {
        id: "rfc8555/6.5/client-bad-nonce-for-ever",
        level: Robustness,
        requirements: &["rfc8555-6.5-cl-badnonce-bounded"],
        sent: "badNonce to every new order, each with a fresh nonce.",
        expected: "At most twenty tries within a minute, and no success.",
        why: "A client that never stops becomes a denial of service when a CA's nonces are broken.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "badNonce""#),
            judge: bounded,
        },
    },
    Case {
        id: "rfc8555/6.5/client-bad-nonce-without-nonce",
        level: Robustness,
        requirements: &["rfc8555-6.5-cl-badnonce-missing"],
        sent: "badNonce to the first new order, without a fresh nonce.",
        expected: "A nonce from newNonce, the order again, and a certificate.",
        why: "CAs behind a balancer have been seen to leave it out.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "badNonce""# "count = 1" r#"remove-headers = "Replay-Nonce""#),
            judge: obtained_by_trying_again,
        },
    },
    Case {
        id: "rfc8555/6.5/client-no-nonce-with-success",
        level: Robustness,
        requirements: &["rfc8555-6.5-cl-nonce-missing-2xx"],
        sent: "The answers to new orders and authorizations have no Replay-Nonce.",
        expected: "A nonce from newNonce, and a certificate.",
        why: "A client that panics at a header that is missing has taken servers down.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = ["newOrder", "authorization"]"# r#"remove-headers = "Replay-Nonce""#),
            judge: once_and_obtained,
        },
    },
    Case {
        id: "rfc8555/6.5.1/client-invalid-nonce",
        level: Must,
        requirements: &["rfc8555-6.5.1-cl-nonce-invalid"],
        sent: "The answers to new accounts and orders have a Replay-Nonce that is no base64url.",
        expected: "It is not sent, and a certificate.",
        why: "§6.5.1: clients must ignore invalid values.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = ["newAccount", "newOrder"]"# r#"set-headers = "Replay-Nonce: not/base64url=""#),
            judge: invalid_nonce_ignored,
        },
    },
    Case {
        id: "rfc8555/7.2/client-new-nonce-204",
        level: Robustness,
        requirements: &["rfc8555-7.2-cl-newnonce-status"],
        sent: "newNonce is answered with 204, to HEAD too.",
        expected: "A certificate.",
        why: "Let's Encrypt changed from one to the other, and clients broke.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newNonce""# "carried-out = true" "status = 204"),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.2/client-new-nonce-200",
        level: Robustness,
        requirements: &["rfc8555-7.2-cl-newnonce-status"],
        sent: "newNonce is answered with 200, to GET too.",
        expected: "A certificate.",
        why: "Both are seen.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newNonce""# "carried-out = true" "status = 200"),
            judge: Session::obtained,
        },
    },
];

/// The case about whether a client tries again where its nonce is refused.
pub(super) const BAD_NONCE: &str = "rfc8555/6.5/client-bad-nonce";

/// As [`Session::obtained`], where a client has to try again for it.
pub(super) fn obtained_by_trying_again(session: &Session) -> Result<(), Stop> {
    session.obtained().map_err(not_tried_again)
}

fn not_tried_again(stop: Stop) -> Stop {
    Stop::Blocked { by: BAD_NONCE, stop: Box::new(stop) }
}

fn once_and_obtained(session: &Session) -> Result<(), Stop> {
    session.keeps("nonces.single-use")?;
    session.obtained()
}

fn nonces_once(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::NewAccount)?;
    session.keeps("nonces.single-use")?;
    if session.obtained().is_err() {
        session.note("the client gives up where a nonce is refused");
    }
    Ok(())
}

fn nonce_of_the_error(session: &Session) -> Result<(), Stop> {
    let orders: Vec<_> = session.of(|resource| *resource == Resource::NewOrder).collect();
    let [(_, refused), (index, again), ..] = orders[..] else {
        return Err(not_tried_again(session.missing("the order again")));
    };
    let given = refused.step.header("replay-nonce");
    let sent = again.step.jws().and_then(|jws| jws.nonce());
    let expected = format!("the nonce {:?}", given.unwrap_or_default());
    if sent == given { Ok(()) } else { Err(session.fail(Some(index), &expected, format!("{sent:?}"))) }
}

fn bounded(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::NewOrder)?;
    session.asks_at_most(TRIES_MAX, 60, |resource| *resource == Resource::NewOrder)?;
    session.gave_up()
}

fn invalid_nonce_ignored(session: &Session) -> Result<(), Stop> {
    let sent = session.signed().find(|(_, _, jws)| jws.nonce().is_some_and(|nonce| nonce.contains(['/', '='])));
    match sent {
        Some((index, ..)) => Err(session.fail(Some(index), "a nonce that is valid", "the invalid one")),
        None => session.obtained(),
    }
}
