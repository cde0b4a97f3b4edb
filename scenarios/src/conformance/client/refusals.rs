//! RFC 8555 §6.6 and §6.7: problems, limits, and answers that come from something before the CA.

use super::{
    Case, Examination,
    nonces::{fault, obtained_by_trying_again},
    session::{Ended, Session},
    task::Task::Obtain,
};
use crate::{
    conformance::{case::Level::*, verdict::Stop},
    oracles::reader::step::Resource,
};

/// What stands in a problem's detail, so that it can be found in what a client prints.
const MARKER: &str = "gauntlet-marker-7349";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/6.3/client-redirected-post",
        level: Robustness,
        requirements: &["rfc8555-6.3-cl-no-get-after-redirect"],
        sent: "307 to a new order, with a Location elsewhere.",
        expected: "Neither a GET nor the same signed request there.",
        why: "What is signed is for one URL, and a GET is signed by nobody.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# "status = 307" r#"set-headers = "Location: /elsewhere""#),
            judge: redirected_post,
        },
    },
    Case {
        id: "rfc8555/6.6/client-rate-limited",
        level: Robustness,
        requirements: &["rfc8555-6.6-cl-ratelimited-wait"],
        sent: "429 rateLimited with Retry-After of an hour to every new order.",
        expected: "No second order within that hour.",
        why: "A client that goes on makes the limit last.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "rateLimited""# "status = 429" r#"set-headers = "Retry-After: 3600""#),
            judge: |session| session.gives_up_ordering_after(1, 3_600),
        },
    },
    Case {
        id: "rfc8555/6.7/client-shows-detail",
        level: Should,
        requirements: &["rfc8555-6.7-cl-show-detail"],
        sent: "403 rejectedIdentifier to every new order, with a detail.",
        expected: "The detail in what the client prints, and no success.",
        why: "It is written for the person who has to do something.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "rejectedIdentifier""# "status = 403" r#"detail = "gauntlet-marker-7349: this name is on a list""#),
            judge: shows_detail,
        },
    },
    Case {
        id: "rfc8555/6.7/client-terminal-sequences",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-server-strings-untrusted"],
        sent: "403 to every new order, whose detail has a terminal's escape sequence.",
        expected: "The client prints no escape of the CA's.",
        why: "What a CA sends must not drive the terminal of whoever reads the log.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "rejectedIdentifier""# "status = 403" r#"detail = "\u001b]0;gauntlet-marker-7349\u0007""#),
            judge: terminal_sequences,
        },
    },
    Case {
        id: "rfc8555/6.7/client-permanent-refusal",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-no-retry-4xx"],
        sent: "400 malformed to every new order.",
        expected: "At most two orders within a minute, and no success.",
        why: "The same request will be refused for the same reason.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "malformed""# "status = 400"),
            judge: |session| session.gives_up_ordering_after(2, 60),
        },
    },
    Case {
        id: "rfc8555/6.7/client-server-errors",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-5xx-backoff"],
        sent: "500 serverInternal to every new order.",
        expected: "At most ten orders within a minute, and no success.",
        why: "A CA that comes back after an outage must not be run over by those who waited.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "serverInternal""# "status = 500"),
            judge: |session| session.gives_up_ordering_after(10, 60),
        },
    },
    Case {
        id: "rfc8555/6.7/client-unavailable-for-a-moment",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-503-retryafter"],
        sent: "503 with Retry-After of five seconds to the first new order, as by a balancer.",
        expected: "No further order within these five seconds.",
        why: "The server says when it is back.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"html = "<h1>busy</h1>""# "status = 503" "count = 1" r#"set-headers = "Retry-After: 5""#),
            judge: unavailable,
        },
    },
    Case {
        id: "rfc8555/6.7/client-unknown-problem",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-problem-unknown-type"],
        sent: "403 to every new order, with a type that is no ACME error.",
        expected: "At most ten orders within a minute, no crash, and no success.",
        why: "There will be new types.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "https://ca.test/errors/on-holiday""# "status = 403"),
            judge: |session| session.gives_up_ordering_after(10, 60),
        },
    },
    Case {
        id: "rfc8555/6.7/client-problem-without-type",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-problem-no-type"],
        sent: "400 to every new order, whose problem document is an empty object.",
        expected: "At most ten orders within a minute, no crash, and no success.",
        why: "RFC 9457 §3.1.1: a problem without a type is about:blank.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"body = "{}""# r#"content-type = "application/problem+json""# "status = 400"),
            judge: |session| session.gives_up_ordering_after(10, 60),
        },
    },
    Case {
        id: "rfc8555/6.7/client-html-instead-of-a-problem",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-problem-wrong-ctype"],
        sent: "502 with HTML to every new order, as by a balancer.",
        expected: "At most ten orders within a minute, no crash, and no success.",
        why: "What stands before a CA knows nothing of ACME.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"html = "<html><h1>502 Bad Gateway</h1></html>""# "status = 502"),
            judge: |session| session.gives_up_ordering_after(10, 60),
        },
    },
    Case {
        id: "rfc8555/6.7/client-problem-type-with-parameters",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-problem-ctype-params"],
        sent: "badNonce to the first new order, as Application/Problem+JSON; charset=utf-8.",
        expected: "The order again, and a certificate.",
        why: "A media type may have parameters, and its case means nothing.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "badNonce""# "count = 1" r#"set-headers = "Content-Type: Application/Problem+JSON; charset=utf-8""#),
            judge: obtained_by_trying_again,
        },
    },
    Case {
        id: "rfc8555/6.7/client-truncated-answer",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-truncated-body"],
        sent: "The first new order is made, and its answer ends in the middle.",
        expected: "At most three orders within a minute, and no crash.",
        why: "The order is there; a client that asks for another each time meets the limit.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# "cut-off-after-bytes = 20" "count = 1"),
            judge: truncated,
        },
    },
    Case {
        id: "rfc8555/6.7/client-no-answer",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-timeout-ambiguous"],
        sent: "The first finalization is carried out, and its answer never comes.",
        expected: "At most two orders within a minute, and no crash.",
        why: "The certificate may have been issued; the order says so.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "finalize""# "carried-out = true" "drop = true" "count = 1"),
            judge: lost_finalization,
        },
    },
    Case {
        id: "rfc9110/10.2.3/client-retry-after-date",
        level: Robustness,
        requirements: &["rfc9110-10.2.3-cl-retry-after-both"],
        sent: "Every Retry-After is a date, three seconds ahead, and issuance takes four.",
        expected: "A certificate, and nothing is asked before that.",
        why: "RFC 9110 has both forms; a client read one as zero and asked a thousand times.",
        run: Examination {
            task: Obtain,
            ca: "[ca]\nretry-after-date = \"100%\"\nretry-after = \"3s\"\nissuance-delay = \"4s\"",
            judge: waits,
        },
    },
    Case {
        id: "rfc9110/10.2.3/client-retry-after-seconds",
        level: Robustness,
        requirements: &["rfc9110-10.2.3-cl-retry-after-both", "rfc8555-7.5.1-cl-poll-retry-after"],
        sent: "Every Retry-After is three seconds, and issuance takes four.",
        expected: "A certificate, and nothing is asked before that.",
        why: "The CA knows how long it takes.",
        run: Examination { task: Obtain, ca: "[ca]\nretry-after = \"3s\"\nissuance-delay = \"4s\"", judge: waits },
    },
    Case {
        id: "rfc9110/10.2.3/client-retry-after-zero",
        level: Robustness,
        requirements: &["rfc9110-10.2.3-cl-retry-after-garbage"],
        sent: "Every Retry-After is zero, and validation and issuance take four seconds each.",
        expected: "A certificate, and no loop without a pause.",
        why: "A server that knows no time to wait must not be asked all the time.",
        run: Examination {
            task: Obtain,
            ca: "[ca]\nretry-after = \"0s\"\nvalidation-delay = \"4s\"\nissuance-delay = \"4s\"",
            judge: Session::obtained_without_haste,
        },
    },
    Case {
        id: "rfc9110/10.2.3/client-retry-after-garbage",
        level: Robustness,
        requirements: &["rfc9110-10.2.3-cl-retry-after-garbage"],
        sent: "Retry-After of authorizations is \"soon\", of orders 1e20.",
        expected: "A certificate, and no loop without a pause.",
        why: "A number that does not fit has made clients panic, or ask without end.",
        run: Examination {
            task: Obtain,
            ca: concat!(
                "[ca]\nissuance-delay = \"2s\"\n",
                "[[timeline]]\nat = \"0s\"\ndo = \"ca.fault\"\nname = \"soon\"\nendpoints = [\"authorization\", \"challenge\"]\nset-headers = \"Retry-After: soon\"\n",
                "[[timeline]]\nat = \"0s\"\ndo = \"ca.fault\"\nname = \"never\"\nendpoints = [\"order\", \"finalize\"]\nset-headers = \"Retry-After: 1e20\"\n",
            ),
            judge: Session::obtained_without_haste,
        },
    },
    Case {
        id: "rfc8555/6.5/client-nonce-after-a-limit",
        level: Must,
        requirements: &["rfc8555-6.5-cl-nonce-reuse-429"],
        sent: "429 with Retry-After of a second to the first new order.",
        expected: "If the order comes again, then with another nonce.",
        why: "The nonce was used, whatever the answer; clients have sent it again for ever.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "rateLimited""# "status = 429" "count = 1" r#"set-headers = "Retry-After: 1""#),
            judge: nonce_after_a_limit,
        },
    },
    Case {
        id: "rfc8555/6.6/client-rate-limited-without-retry-after",
        level: Robustness,
        requirements: &["rfc8555-6.6-cl-ratelimited-noheader"],
        sent: "429 rateLimited without Retry-After to every new order.",
        expected: "At most four orders within a minute, and no success.",
        why: "A limit is over in hours, not in seconds.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "rateLimited""# "status = 429"),
            judge: |session| session.gives_up_ordering_after(4, 60),
        },
    },
    Case {
        id: "rfc8555/6.7/client-status-in-the-problem",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-status-precedence", "rfc7807-3.1-status-advisory"],
        sent: "403 to every new order, whose problem document says status 200.",
        expected: "At most ten orders within a minute, no crash, and no success.",
        why: "RFC 9457 §3.1.2: the status in the document is advisory.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "rejectedIdentifier""# "status = 403" r#"set-fields = "/status = 200""#),
            judge: |session| session.gives_up_ordering_after(10, 60),
        },
    },
    Case {
        id: "rfc8555/7.3/client-external-account-required",
        level: Robustness,
        requirements: &["rfc8555-7.3.4-cl-eab-required-msg"],
        sent: "externalAccountRequired to every new account.",
        expected: "At most four tries within a minute, the detail in what the client prints, and no success.",
        why: "Only the operator can get such a key.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newAccount""# r#"problem = "externalAccountRequired""# "status = 403" r#"detail = "gauntlet-marker-7349: ask for a key""#),
            judge: account_refused,
        },
    },
    Case {
        id: "rfc8555/7.3.3/client-user-action-required",
        level: Robustness,
        requirements: &["rfc8555-7.3.3-cl-user-action"],
        sent: "userActionRequired to every new order, with an instance and the terms that have changed.",
        expected: "At most four orders within a minute, the detail in what the client prints, and no success.",
        why: "Somebody has to read the terms.",
        run: Examination {
            task: Obtain,
            ca: fault!(
                r#"endpoints = "newOrder""#
                r#"problem = "userActionRequired""#
                "status = 403"
                r#"detail = "gauntlet-marker-7349: the terms have changed""#
                r#"set-fields = '/instance = "https://ca.test/agree/7"'"#
                r#"add-headers = 'Link: <https://ca.test/terms/2>;rel="terms-of-service"'"#
            ),
            judge: user_action,
        },
    },
    Case {
        id: "rfc8555/7.3.6/client-account-deactivated",
        level: Robustness,
        requirements: &["rfc8555-6.7-cl-unauthorized-account"],
        sent: "401 unauthorized to every new order, as for an account that is deactivated.",
        expected: "At most four orders within a minute, and no success.",
        why: "Such an account never comes back.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "unauthorized""# "status = 401"),
            judge: |session| session.gives_up_ordering_after(4, 60),
        },
    },
    Case {
        id: "rfc9110/10.2.3/client-retry-after-a-day",
        level: Robustness,
        requirements: &["rfc9110-10.2.3-cl-retry-after-cap"],
        sent: "Retry-After of an order that is processing is a day.",
        expected: "No loop without a pause.",
        why: "Who can't wait for a day should say so, and not ask all the time instead.",
        run: Examination {
            task: Obtain,
            ca: concat!(
                "[ca]\nissuance-delay = \"2s\"\n",
                "[[timeline]]\nat = \"0s\"\ndo = \"ca.fault\"\nendpoints = [\"order\", \"finalize\"]\nset-headers = \"Retry-After: 86400\"\n",
            ),
            judge: no_loop,
        },
    },
];

fn is_order(resource: &Resource) -> bool {
    *resource == Resource::NewOrder
}

fn redirected_post(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::NewOrder)?;
    let elsewhere = session.asked().iter().position(|asked| asked.step.request.target == "/elsewhere");
    match elsewhere {
        Some(index) => {
            Err(session.fail(Some(index), "nothing at /elsewhere", session.asked()[index].step.request.method.clone()))
        }
        None => session.gave_up(),
    }
}

fn nonce_after_a_limit(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::NewOrder)?;
    if session.of(is_order).count() < 2 {
        session.note("the client gives up instead of trying again");
    }
    session.keeps("nonces.single-use")
}

fn account_refused(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::NewAccount)?;
    session.asks_at_most(4, 60, |resource| *resource == Resource::NewAccount)?;
    shown(session)
}

fn user_action(session: &Session) -> Result<(), Stop> {
    session.gives_up_ordering_after(4, 60)?;
    shown(session)
}

fn no_loop(session: &Session) -> Result<(), Stop> {
    if session.ended() == Ended::Killed {
        session.note("the client waits longer than it had time here");
    }
    session.keeps("manager.no-hot-loop")
}

fn unavailable(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::NewOrder)?;
    let at: Vec<u64> = session.of(is_order).map(|(_, asked)| asked.at_ns).collect();
    let [first, second, ..] = at[..] else {
        session.note("the client gives up instead of trying again");
        return session.gave_up();
    };
    let waited_ms = (second - first) / 1_000_000;
    let index = session.of(is_order).nth(1).map(|(index, _)| index);
    // The clocks of two programs, and what a request takes.
    if waited_ms >= 4_900 {
        Ok(())
    } else {
        Err(session.fail(index, "five seconds before the next order", format!("{waited_ms} ms")))
    }
}

fn shows_detail(session: &Session) -> Result<(), Stop> {
    session.gives_up_ordering_after(10, 60)?;
    shown(session)
}

/// The marker stands in what the client has printed, and it did not end with success.
fn shown(session: &Session) -> Result<(), Stop> {
    session.gave_up()?;
    session.has_printed(MARKER)
}

fn terminal_sequences(session: &Session) -> Result<(), Stop> {
    session.gives_up_ordering_after(10, 60)?;
    match session.output().contains("\u{1b}]0;") {
        true => Err(session.fail(None, "no escape sequence of the CA's", session.last_printed())),
        false => Ok(()),
    }
}

fn truncated(session: &Session) -> Result<(), Stop> {
    // An order whose answer is cut off is not seen as an exchange.
    session.has_asked(&Resource::NewAccount)?;
    session.asks_at_most(3, 60, is_order)?;
    no_crash(session)
}

fn lost_finalization(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::NewOrder)?;
    session.asks_at_most(2, 60, is_order)?;
    no_crash(session)
}

fn no_crash(session: &Session) -> Result<(), Stop> {
    match session.ended() {
        Ended::Signal => Err(session.fail(None, "no crash", session.in_words())),
        Ended::Killed => session.obtained(),
        Ended::Exit(_) | Ended::GoesOn => Ok(()),
    }
}

fn waits(session: &Session) -> Result<(), Stop> {
    session.keeps("manager.honors-retry-after")?;
    session.obtained()
}
