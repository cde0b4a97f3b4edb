//! RFC 8555 §7.1.6, §7.4.1, §7.5 and §8: authorizations and their challenges, whatever the type; RFC 9444.

use std::time::Duration;

use serde_json::{Value, json};

use super::issuing::{attempt, first_authorization, for_names};
use crate::conformance::{
    case::{Case, Level::*},
    driver::{Account, Answer, Challenge, Driver, challenge},
    responder::{Page, RecordType, Service},
    verdict::Stop,
};

/// So long a CA is given to look a second time, in seconds.
const LOOKED_AT_MAX_S: u32 = 60;
/// How often a challenge is looked at until it is decided, and how long is waited between: 90 s in all.
const LOOKS_MAX: u32 = 180;
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// One more than Let's Encrypt lets an account fail for one name in an hour (<https://letsencrypt.org/docs/rate-limits/>), and
/// another to be sure.
const FAILURES_MAX: u32 = 7;

/// How often an authorization is read for its Retry-After, and the longest one that is right.
const READINGS: u32 = 6;
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// The case that is about what becomes of a challenge that can't be proved.
pub(super) const VALIDATION_FAILS: &str = "rfc8555/7.5.1/validation-fails";

/// The case that is about the decision on a challenge that can be proved.
const RESPONSE: &str = "rfc8555/7.5.1/response";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.5.1/response",
        level: Must,
        requirements: &["rfc8555-7.5.1-chall-post-200", "rfc8555-7.5.1-chall-poll-200"],
        sent: "A challenge is answered, and the authorization read until it is decided.",
        expected: "200 with the challenge, and 200 each time.",
        why: "§7.5.1: the server updates the challenge and sends it back.",
        run: |driver| Box::pin(response(driver)),
    },
    Case {
        id: "rfc8555/7.1/link-up",
        level: Robustness,
        requirements: &["rfc8555-7.1-link-up-challenge"],
        sent: "A challenge is answered.",
        expected: "A Link with rel=\"up\" to the authorization.",
        why: "§7.1 has it so, and clients that poll by it fail without.",
        run: |driver| Box::pin(link_up(driver)),
    },
    Case {
        id: "rfc8555/7.5.1/unknown-members-ignored",
        level: Must,
        requirements: &["rfc8555-7.5.1-chall-unknown-fields"],
        sent: "A challenge is answered with an object of members that nobody knows, keyAuthorization among them.",
        expected: "200, and a valid authorization.",
        why: "Clients of drafts of ACME sent keyAuthorization (erratum 5729).",
        run: |driver| Box::pin(unknown_members_ignored(driver)),
    },
    Case {
        id: "rfc8555/7.5.1/response-not-an-object",
        level: Must,
        requirements: &["rfc8555-7.5.1-chall-invalid-resp"],
        sent: "A challenge is answered with an array, a text, a number and no JSON.",
        expected: "A refusal, and a challenge that is pending still.",
        why: "§7.5.1: a response that is not right begins no validation.",
        run: |driver| Box::pin(response_not_an_object(driver)),
    },
    Case {
        id: "rfc8555/7.5.1/validated",
        level: Must,
        requirements: &["rfc8555-8-chall-validated", "rfc8555-7.5.1-authz-valid-expires"],
        sent: "An authorization is proved and read.",
        expected: "validated in the challenge that proved it, and expires in the authorization.",
        why: "§8 and §7.1.4: they must be there when it is valid.",
        run: |driver| Box::pin(validated(driver)),
    },
    Case {
        id: "rfc8555/7.1.6/challenge-states",
        level: Must,
        requirements: &[
            "rfc8555-7.1.6-authz-states",
            "rfc8555-7.1.6-chall-states",
            "rfc8555-8-chall-error-status",
            "rfc8555-7.1.6-inv-state-model",
        ],
        sent: "One authorization is proved, one fails; both are read at every step.",
        expected: "States in the order of §7.1.6, and an error only in what is processing or invalid.",
        why: "Clients are state machines too.",
        run: |driver| Box::pin(challenge_states(driver)),
    },
    Case {
        id: "rfc8555/7.5.1/answered-again",
        level: Robustness,
        requirements: &["rfc8555-7.5.1-chall-repost-valid"],
        sent: "Challenges of a valid and of an invalid authorization are answered again.",
        expected: "Nothing changes.",
        why: "What is decided is decided.",
        run: |driver| Box::pin(answered_again(driver)),
    },
    Case {
        id: "rfc8555/7.5.1/retry-after",
        level: May,
        requirements: &["rfc8555-7.5.1-chall-retry-after"],
        sent: "A challenge is answered, and its authorization is read at once and some times more.",
        expected: "Retry-After, if it is there, is a number of seconds up to an hour, or a date.",
        why: "Clients wait that long.",
        run: |driver| Box::pin(retry_after(driver)),
    },
    Case {
        id: "rfc8555/7.5.1/other-challenges-dropped",
        level: May,
        requirements: &["rfc8555-7.5.1-chall-remove-others"],
        sent: "An authorization that fails is read.",
        expected: "The challenge that failed is there and invalid; others, if they are there, are not valid.",
        why: "It is all that a person has to find out why.",
        run: |driver| Box::pin(other_challenges_dropped(driver)),
    },
    Case {
        id: "rfc8555/8.2/tried-again",
        level: Must,
        requirements: &["rfc8555-8.2-chall-retry-info", "rfc8555-8.2-chall-server-retry"],
        sent: "http-01 is answered wrongly until the CA looks for a second time, and then rightly.",
        expected: "Between the looks an error in the challenge and a Retry-After; in the end a valid authorization.",
        why: "§8.2: by these a client knows what is wrong, and that it is not too late to mend it.",
        run: |driver| Box::pin(tried_again(driver)),
    },
    Case {
        id: "rfc8555/6.6/failures-without-end",
        level: Must,
        requirements: &[
            "rfc8555-6.6-ratelimited-type",
            "rfc8555-6.6-ratelimited-retryafter",
            "rfc8555-6.6-ratelimited-nonce",
        ],
        sent: "One name is ordered by one account again and again, and never proved, until that is refused; seven times at most.",
        expected: "rateLimited; 429 is usual, and Retry-After tells when to come back.",
        why: "§6.6: by the type a client knows that it is not its request that is wrong.",
        run: |driver| Box::pin(failures_without_end(driver)),
    },
    Case {
        id: "rfc8555/8/tokens-differ",
        level: Must,
        requirements: &["rfc8555-8.3-token-entropy", "rfc8555-8-chall-token-unique"],
        sent: "Eight new orders.",
        expected: "Tokens of at least 22 letters of base64url, all of them different.",
        why: "Who knows a token beforehand can have it answered beforehand (§8.3).",
        run: |driver| Box::pin(tokens_differ(driver)),
    },
    Case {
        id: "rfc8555/7.5.2/deactivated-after-proof",
        level: Must,
        requirements: &["rfc8555-7.5.2-deact-authz-nouse"],
        sent: "A proved authorization is deactivated, and a new order made for the name.",
        expected: "An order that asks for a new proof.",
        why: "§7.5.2: the account has given up its right.",
        run: |driver| Box::pin(deactivated_after_proof(driver)),
    },
    Case {
        id: "rfc8555/7.5.2/deactivated-by-another-account",
        level: Must,
        requirements: &["rfc8555-7.5.2-deact-authz-owner"],
        sent: "An authorization of one account's is deactivated by another, then by its own.",
        expected: "A refusal, and an authorization that is pending still; then 200.",
        why: "Else anybody stops anybody's certificates.",
        run: |driver| Box::pin(deactivated_by_another_account(driver)),
    },
    Case {
        id: "rfc8555/7.5/proof-of-another-account",
        level: Robustness,
        requirements: &["rfc8555-7.5-authz-reuse-scope"],
        sent: "A name that one account has proved is ordered by another.",
        expected: "An order that asks for a proof.",
        why: "Control was shown by one account and not by another.",
        run: |driver| Box::pin(proof_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/7.1.6/ready-at-once",
        level: Robustness,
        requirements: &["rfc8555-7.1.6-order-ready-created", "rfc8555-7.1.3-order-authz-all"],
        sent: "A name that the account has just proved is ordered again.",
        expected: "An order that lists its authorization, and is ready if that is valid already.",
        why: "A client that sees pending waits for what has happened.",
        run: |driver| Box::pin(ready_at_once(driver)),
    },
    Case {
        id: "rfc8555/7.1/location",
        level: Must,
        requirements: &["rfc8555-7.1-loc-201"],
        sent: "A new account and a new order, each read at its Location.",
        expected: "200.",
        why: "§7.1: it is the resource's name from then on.",
        run: |driver| Box::pin(location(driver)),
    },
    Case {
        id: "rfc8555/7.4.1/new-authorization",
        level: Must,
        requirements: &["rfc8555-7.4.1-preauth-pending", "rfc8555-7.1-loc-201"],
        sent: "newAuthz for a new name.",
        expected: "201, Location, and an authorization that is pending.",
        why: "A name can be proved before it is needed.",
        run: |driver| Box::pin(new_authorization(driver)),
    },
    Case {
        id: "rfc8555/7.4.1/wildcard",
        level: Must,
        requirements: &["rfc8555-7.4.1-preauth-nowildcard"],
        sent: "newAuthz for a wildcard.",
        expected: "A refusal.",
        why: "§7.4.1: wildcards can't be authorized beforehand.",
        run: |driver| Box::pin(new_authorization_of_a_wildcard(driver)),
    },
    Case {
        id: "rfc8555/7.4.1/unwilling",
        level: Should,
        requirements: &["rfc8555-7.4.1-preauth-unwilling"],
        sent: "newAuthz for a name that is none.",
        expected: "403 with a problem.",
        why: "§7.4.1 has it so for what the server is not willing to authorize.",
        run: |driver| Box::pin(unwilling(driver)),
    },
    Case {
        id: "rfc9444/4.4/meta",
        level: Must,
        requirements: &["rfc9444-4.4-sub-meta"],
        sent: "The directory is read.",
        expected: "subdomainAuthAllowed, if it is there, is true or false.",
        why: "By it a client knows whether one proof is enough for all names below.",
        run: |driver| Box::pin(subdomains_meta(driver)),
    },
    Case {
        id: "rfc9444/4.1/flag",
        level: Must,
        requirements: &["rfc9444-4.1-sub-flag"],
        sent: "newAuthz with subdomainAuthAllowed.",
        expected: "An authorization with subdomainAuthAllowed true.",
        why: "The client sees what it is good for.",
        run: |driver| Box::pin(subdomains_flag(driver)),
    },
    Case {
        id: "rfc9444/4.3/challenge-at-ancestor",
        level: Must,
        requirements: &["rfc9444-4.3-sub-challenge"],
        sent: "A new order for a name with the name above it as ancestorDomain, and dns-01 answered at that.",
        expected: "An authorization of the ancestor, a question for TXT there, and that it is valid.",
        why: "§4.3: it is the ancestor that the client controls.",
        run: |driver| Box::pin(subdomains_challenge(driver)),
    },
    Case {
        id: "rfc9444/4.3/ancestor",
        level: Must,
        requirements: &["rfc9444-4.3-sub-ancestor"],
        sent: "A new order whose ancestorDomain is no ancestor of the name.",
        expected: "A refusal.",
        why: "Else control of one domain is good for another.",
        run: |driver| Box::pin(subdomains_ancestor(driver)),
    },
    Case {
        id: "rfc8555/7.1.6/one-challenge-fails",
        level: Robustness,
        requirements: &["rfc8555-7.5.1-authz-one-fail"],
        sent: "http-01 fails, and dns-01 of the same authorization is proved.",
        expected: "An authorization that the first has made invalid, or that the second makes valid.",
        why: "§7.1.6 has it become invalid, some CAs let it go on; what is between leaves clients waiting.",
        run: |driver| Box::pin(one_challenge_fails(driver)),
    },
];

const KIND: &str = "http-01";

async fn response(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let challenge = driver.pending_challenge(&account, KIND).await?;
    driver.publish(&challenge);
    let answer = driver.respond(&account, &challenge).await?;
    answer.has_status(200)?;
    answer.claim(answer.text("url")? == challenge.url, "the challenge", || answer.json().to_string())?;
    let at_once = driver.get(&account, &challenge.authorization).await?;
    at_once.has_status(200)?;
    let decided = |status: &str| status != "pending" && status != "processing";
    driver.until(&account, &challenge.authorization, decided).await?.has_status(200)
}

async fn link_up(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let challenge = driver.pending_challenge(&account, KIND).await?;
    driver.publish(&challenge);
    let answer = driver.respond(&account, &challenge).await?;
    let links: Vec<&str> = answer.headers("link").collect();
    let targets = links.iter().flat_map(|field| crate::oracles::reader::link::targets(field, "up"));
    let base = driver.url(&challenge.url)?;
    let is_there = targets.into_iter().any(|up| base.join(up).is_ok_and(|url| url.as_str() == challenge.authorization));
    let expected = format!("a Link with rel=\"up\" to {}", challenge.authorization);
    let found = || if links.is_empty() { "no Link".to_owned() } else { links.join(", ") };
    answer.claim(is_there, &expected, found)
}

async fn unknown_members_ignored(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let challenge = driver.pending_challenge(&account, KIND).await?;
    driver.publish(&challenge);
    let payload = json!({"x-nobody-knows": 1, "keyAuthorization": "x", "resource": "challenge"});
    driver.post(&account, &challenge.url, &payload).await?.has_status(200)?;
    let decided = |status: &str| status != "pending" && status != "processing";
    let over = driver.until(&account, &challenge.authorization, decided).await?;
    over.claim(over.text("status")? == "valid", "a valid authorization", || over.json().to_string())
}

async fn response_not_an_object(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let challenge = driver.pending_challenge(&account, KIND).await?;
    for payload in ["[]", "\"x\"", "1", "{"] {
        let answer = driver.send(&driver.draft_get(&account, &challenge.url).payload(payload.as_bytes())).await?;
        answer.is_refused().map_err(|stop| stop.with(&format!("the payload {payload}")))?;
    }
    let shown = driver.get(&account, &challenge.authorization).await?;
    shown.claim(shown.text("status")? == "pending", "an authorization that is pending", || shown.json().to_string())
}

async fn proved(driver: &Driver, account: &Account) -> Result<(String, Answer), Stop> {
    let challenge = driver.pending_challenge(account, KIND).await?;
    driver.publish(&challenge);
    let over = driver.proves(account, &challenge).await?;
    Ok((challenge.authorization, over))
}

async fn validated(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let (url, over) = proved(driver, &account).await?;
    let over = if over.json().get("challenges").is_some() { over } else { driver.get(&account, &url).await? };
    let is_time = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .is_some_and(|text| crate::oracles::reader::timestamp::unix_seconds(text).is_some())
    };
    let json = over.json();
    over.claim(is_time(json.get("expires")), "expires, a time of RFC 3339", || json.to_string())?;
    let shown = challenge(&over, KIND).unwrap_or_default();
    over.claim(is_time(shown.get("validated")), "validated, a time of RFC 3339", || shown.to_string())
}

async fn challenge_states(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let proved = driver.pending_challenge(&account, KIND).await?;
    driver.publish(&proved);
    ends_as(driver, &account, &proved, "valid", RESPONSE).await?;
    let failed = driver.pending_challenge(&account, KIND).await?;
    ends_as(driver, &account, &failed, "invalid", VALIDATION_FAILS).await
}

/// All states that are seen on the way to this `end` are right; that there is one is what the case with the id `by` is about.
async fn ends_as(
    driver: &Driver,
    account: &Account,
    answered: &Challenge,
    end: &str,
    by: &'static str,
) -> Result<(), Stop> {
    driver.respond(account, answered).await?;
    let mut last = ("pending".to_owned(), "pending".to_owned());
    let mut looks = 0;
    loop {
        let over = driver.get(account, &answered.authorization).await?;
        over.is_success("reading an authorization")?;
        let shown = challenge(&over, KIND).unwrap_or_default();
        let state = shown.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        let now = (over.text("status")?, state);
        let follows = |from: &str, to: &str| {
            from == to
                || matches!((from, to), ("pending", _) | ("processing", "valid" | "invalid"))
                || (from == "processing" && to == "pending")
        };
        let is_right = follows(&last.0, &now.0) && follows(&last.1, &now.1) && now.0 != "processing";
        let in_words = |(whole, one): &(String, String)| format!("an authorization {whole} and a challenge {one}");
        over.claim(is_right, &format!("what may follow {} (§7.1.6)", in_words(&last)), || in_words(&now))?;
        let may_err = ["processing", "invalid"].contains(&now.1.as_str()) || shown.get("error").is_none();
        over.claim(may_err, "an error only in what is processing or invalid", || shown.to_string())?;
        last = now;
        if last.0 != "pending" {
            return over.claim(last.0 == end && last.1 == end, &format!("both {end}"), || over.json().to_string());
        }
        looks += 1;
        if looks == LOOKS_MAX {
            let expected = format!("an authorization that is {end} in the end");
            return Err(Stop::Hang(over.finding(&expected, over.json().to_string())).before(by));
        }
        driver.env().sleep(LOOK_INTERVAL).await;
    }
}

async fn answered_again(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for is_published in [true, false] {
        let challenge = driver.pending_challenge(&account, KIND).await?;
        if is_published {
            driver.publish(&challenge);
        }
        let judged = driver.judged(&account, &challenge);
        let before = if is_published { judged.await? } else { driver.needed(VALIDATION_FAILS, judged).await? };
        driver.responder().publish_page(&challenge.path(), Page::new(if is_published { "" } else { "late" }));
        let again = driver.post(&account, &challenge.url, &json!({})).await?;
        again.claim(again.status() < 500, "a status below 500", || again.in_words())?;
        driver.env().sleep(std::time::Duration::from_secs(2)).await;
        let after = driver.get(&account, &challenge.authorization).await?;
        let status = before.text("status")?;
        after.claim(after.text("status")? == status, &format!("status {status}"), || after.json().to_string())?;
    }
    Ok(())
}

async fn retry_after(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let challenge = driver.pending_challenge(&account, KIND).await?;
    driver.publish(&challenge);
    let answer = driver.respond(&account, &challenge).await?;
    let mut answers = vec![answer];
    for _ in 0..READINGS {
        answers.push(driver.get(&account, &challenge.authorization).await?);
    }
    driver.until(&account, &challenge.authorization, |status| status != "pending").await?;
    for answer in answers {
        let Some(text) = answer.header("retry-after") else { continue };
        let wait = driver.retry_after(&answer);
        let is_right = wait.is_some_and(|wait| wait <= RETRY_AFTER_MAX);
        answer.claim(is_right, "Retry-After with seconds or a date, up to an hour", || format!("{text:?}"))?;
    }
    Ok(())
}

async fn other_challenges_dropped(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let challenge_there = driver.pending_challenge(&account, KIND).await?;
    driver.responder().publish_page(&challenge_there.path(), Page::new("wrong"));
    driver.fails_with_error(&account, &challenge_there).await?;
    let over = driver.get(&account, &challenge_there.authorization).await?;
    let json = over.json();
    let all: Vec<&Value> = json.get("challenges").and_then(Value::as_array).into_iter().flatten().collect();
    let is_it = |one: &Value| one.get("url").and_then(Value::as_str) == Some(&challenge_there.url);
    let has_status = |one: &Value, status: &str| one.get("status").and_then(Value::as_str) == Some(status);
    let is_there = all.iter().any(|one| is_it(one) && has_status(one, "invalid"));
    over.claim(is_there, "the challenge that failed, which is invalid", || json.to_string())?;
    let is_alone = all.iter().all(|one| is_it(one) || !has_status(one, "valid"));
    over.claim(is_alone, "no other challenge that is valid", || json.to_string())
}

async fn tokens_differ(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let mut seen = Vec::new();
    for _ in 0..8 {
        let (order, _) = driver.pending_order(&account).await?;
        let (_, shown) = first_authorization(driver, &account, &order).await?;
        let Some(one) = challenge(&shown, KIND) else { return Err(Stop::Skip(format!("the CA offers no {KIND}"))) };
        let token = one.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_base64url = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let is_right = token.len() >= 22 && is_base64url && !seen.contains(&token);
        shown.claim(is_right, "another token of 128 bits", || token.clone())?;
        seen.push(token);
    }
    Ok(())
}

async fn deactivated_after_proof(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let challenge = driver.pending_challenge(&account, KIND).await?;
    driver.publish(&challenge);
    driver.proves(&account, &challenge).await?;
    let gone = driver.post(&account, &challenge.authorization, &json!({"status": "deactivated"})).await?;
    gone.has_status(200)?;
    let order = driver.ask_order(&account, &for_names(&[&challenge.identifier])).await?;
    order.is_success("a new order")?;
    let (url, shown) = first_authorization(driver, &account, &order).await?;
    let is_new = url != challenge.authorization && shown.text("status")? == "pending";
    shown.claim(is_new, "a new authorization that is pending", || format!("{url}: {}", shown.json()))
}

async fn deactivated_by_another_account(driver: &Driver) -> Result<(), Stop> {
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    let (order, _) = driver.pending_order(&own).await?;
    let (url, _) = first_authorization(driver, &own, &order).await?;
    driver.post(&other, &url, &json!({"status": "deactivated"})).await?.is_refused()?;
    let shown = driver.get(&own, &url).await?;
    shown.claim(shown.text("status")? == "pending", "an authorization that is pending", || shown.json().to_string())?;
    // Else a CA that deactivates nothing would keep to it.
    let deactivated = async {
        let answer = driver.post(&own, &url, &json!({"status": "deactivated"})).await?;
        answer.has_status(200).map_err(|stop| stop.with("its own account"))
    };
    driver.needed("rfc8555/7.5.2/authorization-deactivated", deactivated).await
}

async fn proof_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    let name = driver.new_name();
    let order = driver.new_order(&own, std::slice::from_ref(&name)).await?;
    driver.prove(&own, &order).await?;
    let (theirs, _) = driver.new_order(&other, &[name]).await?;
    let (_, shown) = first_authorization(driver, &other, &theirs).await?;
    shown.claim(shown.text("status")? == "pending", "an authorization that is pending", || shown.json().to_string())
}

async fn ready_at_once(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let name = driver.new_name();
    let order = driver.new_order(&account, std::slice::from_ref(&name)).await?;
    driver.prove(&account, &order).await?;
    let (again, _) = driver.new_order(&account, std::slice::from_ref(&name)).await?;
    let (_, shown) = first_authorization(driver, &account, &again).await?;
    let wanted = if shown.text("status")? == "valid" { "ready" } else { "pending" };
    again.claim(again.text("status")? == wanted, &format!("an order that is {wanted}"), || again.json().to_string())
}

async fn location(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    driver.get(&account, &account.url).await?.has_status(200)?;
    let (order, url) = driver.pending_order(&account).await?;
    order.has_status(201)?;
    driver.get(&account, &url).await?.has_status(200)
}

async fn new_authorization(driver: &Driver) -> Result<(), Stop> {
    let url = driver.optional_resource("newAuthz").await?;
    let account = driver.account().await?;
    let name = driver.new_name();
    let payload = json!({"identifier": {"type": "dns", "value": name}});
    let answer = driver.post(&account, &url, &payload).await?;
    answer.has_status(201)?;
    answer
        .claim(answer.text("status")? == "pending", "an authorization that is pending", || answer.json().to_string())?;
    let url = answer.location()?;
    let shown = driver.get(&account, &url).await?;
    shown.has_status(200)?;
    let challenge = driver.challenge(&account, &url, &shown, KIND)?;
    driver.publish(&challenge);
    driver.proves(&account, &challenge).await?;
    attempt(driver, &account, &for_names(&[&name]), KIND).await?.expect_issued()
}

async fn new_authorization_of_a_wildcard(driver: &Driver) -> Result<(), Stop> {
    let url = driver.optional_resource("newAuthz").await?;
    let payload = json!({"identifier": {"type": "dns", "value": format!("*.{}", driver.new_name())}});
    driver.post(&driver.account().await?, &url, &payload).await?.is_refused()
}

async fn unwilling(driver: &Driver) -> Result<(), Stop> {
    let url = driver.optional_resource("newAuthz").await?;
    let payload = json!({"identifier": {"type": "dns", "value": "not a name"}});
    let answer = driver.post(&driver.account().await?, &url, &payload).await?;
    if answer.status() < 300 {
        return answer.is_refused().map_err(|stop| stop.before("rfc8555/7.4/names-that-are-none"));
    }
    answer.has_status(403)?;
    answer.claim(answer.problem().is_some(), "a problem", || answer.in_words())
}

async fn tried_again(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let challenge = driver.pending_challenge(&account, KIND).await?;
    driver.responder().publish_page(&challenge.path(), Page::new("not yet"));
    driver.respond(&account, &challenge).await?;
    let looks = || driver.responder().fetched(&challenge.path()).len();
    let (mut former, mut quiet_s, mut told) = (0, 0, None);
    for _ in 0..LOOKED_AT_MAX_S {
        driver.env().sleep(Duration::from_secs(1)).await;
        let shown = driver.get(&account, &challenge.url).await?;
        if !["pending", "processing"].contains(&shown.text("status")?.as_str()) {
            return Err(Stop::Skip("the CA does not try again".to_owned()));
        }
        // Several perspectives look at about the same time.
        let is_another = former > 0 && quiet_s >= 2 && looks() > former;
        if is_another {
            let Some(told) = told else {
                return Err(Stop::Fail(
                    shown.finding("an error and a Retry-After", "another look without them".to_owned()),
                ));
            };
            driver.publish(&challenge);
            let over =
                driver.until(&account, &challenge.authorization, |status| !["pending", "processing"].contains(&status));
            let over = over.await?;
            return over.claim(over.text("status")? == "valid", "a valid authorization", || {
                format!("{} after {told}", over.json())
            });
        }
        (quiet_s, former) = if looks() == former { (quiet_s + 1, former) } else { (0, looks()) };
        if shown.json().get("error").is_some() && shown.header("Retry-After").is_some() {
            told = Some(shown.in_words());
        }
    }
    Err(Stop::Skip(format!("the CA has neither decided nor looked again in {LOOKED_AT_MAX_S} s")))
}

async fn failures_without_end(driver: &Driver) -> Result<(), Stop> {
    let (account, payload) = (driver.account().await?, for_names(&[&driver.new_name()]));
    for _ in 0..FAILURES_MAX {
        let order = driver.ask_order(&account, &payload).await?;
        if order.status() >= 400 {
            let kind = order.problem().unwrap_or_default();
            order.claim(kind == "rateLimited", "rateLimited", || order.in_words())?;
            if order.status() != 429 {
                driver.note(format!("429 is usual; the status is {}", order.status()));
            }
            if order.header("Retry-After").is_none() {
                driver.note("no Retry-After tells when to come back");
            }
            order.claim(order.nonce().is_some(), "a Replay-Nonce header", || "none".to_owned())?;
            return Ok(());
        }
        for challenge in driver.challenges(&account, &order, KIND).await? {
            driver.fails_to_prove(&account, &challenge).await?;
        }
    }
    Err(Stop::Skip(format!("the CA has no limit that {FAILURES_MAX} failures come to")))
}

async fn allows_subdomains(driver: &Driver) -> Result<bool, Stop> {
    Ok(driver.meta("subdomainAuthAllowed").await? == Some(json!(true)))
}

async fn subdomains_meta(driver: &Driver) -> Result<(), Stop> {
    let Some(value) = driver.meta("subdomainAuthAllowed").await? else {
        return Err(Stop::Skip("the directory's meta has no subdomainAuthAllowed".to_owned()));
    };
    let directory = driver.directory().await?;
    directory.claim(value.is_boolean(), "true or false", || value.to_string())
}

fn no_subdomains() -> Stop {
    Stop::Skip("the directory does not say subdomainAuthAllowed".to_owned())
}

async fn subdomains_flag(driver: &Driver) -> Result<(), Stop> {
    if !allows_subdomains(driver).await? {
        return Err(no_subdomains());
    }
    let url = driver.optional_resource("newAuthz").await?;
    let identifier = json!({"type": "dns", "value": driver.new_name()});
    let payload = json!({"identifier": identifier, "subdomainAuthAllowed": true});
    let answer = driver.post(&driver.account().await?, &url, &payload).await?;
    answer.has_status(201)?;
    let json = answer.json();
    let is_right = json.get("subdomainAuthAllowed") == Some(&json!(true));
    answer.claim(is_right, "subdomainAuthAllowed true", || json.to_string())
}

async fn subdomains_challenge(driver: &Driver) -> Result<(), Stop> {
    if !allows_subdomains(driver).await? {
        return Err(no_subdomains());
    }
    let (account, ancestor) = (driver.account().await?, driver.new_name());
    let mut payload = for_names(&[&format!("below.{ancestor}")]);
    payload["identifiers"][0]["ancestorDomain"] = json!(ancestor);
    let order = driver.ask_order(&account, &payload).await?;
    order.has_status(201)?;
    for challenge in driver.challenges(&account, &order, "dns-01").await? {
        order.claim(challenge.identifier == ancestor, &format!("an authorization of {ancestor}"), || {
            challenge.identifier.clone()
        })?;
        driver.publish(&challenge);
        let over = driver.proves(&account, &challenge).await?;
        let count = driver.questions(&challenge.record_name(), RecordType::TXT);
        over.claim(count > 0, &format!("a question for TXT at {}", challenge.record_name()), || "none".to_owned())?;
    }
    Ok(())
}

async fn subdomains_ancestor(driver: &Driver) -> Result<(), Stop> {
    if !allows_subdomains(driver).await? {
        return Err(no_subdomains());
    }
    let account = driver.account().await?;
    for ancestor in [driver.new_name(), "uite.test".to_owned()] {
        let mut payload = for_names(&[&driver.new_name()]);
        payload["identifiers"][0]["ancestorDomain"] = json!(ancestor);
        driver.ask_order(&account, &payload).await?.is_refused().map_err(|stop| stop.with(&ancestor))?;
    }
    Ok(())
}

async fn one_challenge_fails(driver: &Driver) -> Result<(), Stop> {
    driver.needs(Service::Dns)?;
    let account = driver.account().await?;
    let failed = driver.pending_challenge(&account, KIND).await?;
    let state = |over: &Answer| {
        let shown = challenge(over, KIND).unwrap_or_default();
        shown.get("status").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    driver.respond(&account, &failed).await?;
    let mut over = driver.get(&account, &failed.authorization).await?;
    for _ in 0..LOOKS_MAX {
        if state(&over) == "invalid" || over.text("status")? != "pending" {
            break;
        }
        driver.env().sleep(LOOK_INTERVAL).await;
        over = driver.get(&account, &failed.authorization).await?;
    }
    if over.text("status")? == "invalid" {
        return Ok(());
    }
    over.claim(state(&over) == "invalid", "a challenge that is invalid", || over.json().to_string())
        .map_err(|stop| stop.before(VALIDATION_FAILS))?;
    let other = driver.challenge(&account, &failed.authorization, &over, "dns-01")?;
    driver.publish(&other);
    driver.proves(&account, &other).await.map(drop)
}
