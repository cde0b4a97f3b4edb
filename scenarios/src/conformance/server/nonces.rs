//! RFC 8555 §6.5 and §7.2: nonces, which let no request be sent twice.

use std::sync::Arc;

use serde_json::json;

use crate::conformance::{
    case::{Case, Level::*},
    driver::{Account, AccountKey, Driver, Request},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/6.5/nonce-missing",
        level: Must,
        requirements: &["rfc8555-6.5-nonce-missing"],
        sent: "A reading of the account without a nonce.",
        expected: "A refusal.",
        why: "Without one the request can be sent again for ever.",
        run: |driver| Box::pin(nonce_missing(driver)),
    },
    Case {
        id: "rfc8555/6.5/nonce-sent-again",
        level: Must,
        requirements: &["rfc8555-6.5-nonce-once"],
        sent: "The same request twice, octet for octet.",
        expected: "400 badNonce to the second.",
        why: "A nonce is good for one request.",
        run: |driver| Box::pin(nonce_sent_again(driver)),
    },
    Case {
        id: "rfc8555/6.5/nonce-invented",
        level: Must,
        requirements: &["rfc8555-6.5-nonce-fresh"],
        sent: "A reading of the account with a nonce that the CA has not given out.",
        expected: "400 badNonce.",
        why: "By this problem a client knows that another nonce will do.",
        run: |driver| Box::pin(nonce_invented(driver)),
    },
    Case {
        id: "rfc8555/6.5/nonce-malformed",
        level: Must,
        requirements: &["rfc8555-6.5.2-nonce-malformed", "rfc8555-6.5.2-nonce-nonstring"],
        sent: "Readings of the account whose nonce has letters outside of base64url, is empty, or is no text.",
        expected: "A refusal; §6.5.2 says malformed.",
        why: "What can't have been given out is not merely used up.",
        run: |driver| Box::pin(nonce_malformed(driver)),
    },
    Case {
        id: "rfc8555/6.5/nonce-in-bad-nonce",
        level: Must,
        requirements: &["rfc8555-6.5-nonce-in-badnonce"],
        sent: "A reading of the account with a nonce that was not given out, and then one with the nonce from the refusal.",
        expected: "A Replay-Nonce header in the refusal, which is then taken.",
        why: "A client retries with that nonce; CAs that leave it out make clients panic or give up.",
        run: |driver| Box::pin(nonce_in_bad_nonce(driver)),
    },
    Case {
        id: "rfc8555/6.5/nonce-in-errors",
        level: Should,
        requirements: &["rfc8555-6.5-nonce-on-errors"],
        sent: "A new order that is refused.",
        expected: "A Replay-Nonce header in the refusal.",
        why: "§6.5.1: error responses should have one, since the request has used one up.",
        run: |driver| Box::pin(nonce_in_errors(driver)),
    },
    Case {
        id: "rfc8555/6.5/nonce-in-success",
        level: Must,
        requirements: &["rfc8555-6.5-nonce-every-2xx", "rfc8555-6.5.1-nonce-syntax"],
        sent: "A new order.",
        expected: "A Replay-Nonce header, in base64url.",
        why: "§6.5: every successful answer to a POST has one.",
        run: |driver| Box::pin(nonce_in_success(driver)),
    },
    Case {
        id: "rfc8555/7.2/new-nonce-head",
        level: Must,
        requirements: &["rfc8555-7.2-newnonce-nostore", "rfc8555-7.2-newnonce-head-200"],
        sent: "HEAD to newNonce.",
        expected: "200, a Replay-Nonce header, Cache-Control: no-store.",
        why: "It is where every client begins.",
        run: |driver| Box::pin(new_nonce(driver, "HEAD", 200)),
    },
    Case {
        id: "rfc8555/7.2/new-nonce-get",
        level: Must,
        requirements: &["rfc8555-7.2-newnonce-get-204"],
        sent: "GET to newNonce.",
        expected: "204, a Replay-Nonce header, Cache-Control: no-store.",
        why: "Some CAs answer 200 or not at all.",
        run: |driver| Box::pin(new_nonce(driver, "GET", 204)),
    },
    Case {
        id: "rfc8555/7.2/new-nonce-each-new",
        level: Must,
        requirements: &["rfc8555-7.2-newnonce-unique"],
        sent: "HEAD to newNonce, eight times.",
        expected: "Eight nonces.",
        why: "A nonce that two clients have fails one of them.",
        run: |driver| Box::pin(new_nonce_each_new(driver)),
    },
    Case {
        id: "rfc8555/6.5/nonce-after-a-bad-signature",
        level: Robustness,
        requirements: &["rfc8555-6.5-nonce-order-of-checks"],
        sent: "A reading of the account with a good nonce and another key's signature, then a right one with the same nonce.",
        expected: "A refusal, then the account or badNonce.",
        why: "Either is a policy; anything else tells that the CA has lost count.",
        run: |driver| Box::pin(nonce_after_a_bad_signature(driver)),
    },
];

async fn nonce_missing(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let answer = driver.send(&driver.draft_get(&account, &account.url).without("nonce")).await?;
    answer.is_refused()
}

async fn nonce_sent_again(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    driver.read_account(&account).await?;
    let nonce = driver.nonce().await?;
    let draft = || driver.draft_get(&account, &account.url).header("nonce", nonce.as_str());
    let first = driver.send(&draft()).await?;
    if first.problem().as_deref() == Some("badNonce") {
        return Err(Stop::Skip("the CA did not take the nonce even once".to_owned()));
    }
    first.is_success("reading the account")?;
    driver.send(&draft()).await?.is_problem(400, "badNonce")
}

async fn nonce_invented(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let draft = driver.draft_get(&account, &account.url).header("nonce", "bm90LWdpdmVuLW91dC1ieS15b3U");
    driver.send(&draft).await?.is_problem(400, "badNonce")
}

async fn nonce_malformed(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for nonce in [json!("?not base64url?"), json!("="), json!(""), json!(1), json!(null)] {
        let shown = format!("the nonce {nonce}");
        let answer = driver.send(&driver.draft_get(&account, &account.url).header("nonce", nonce)).await?;
        answer.is_refused().map_err(|stop| stop.with(&shown))?;
        if answer.problem().as_deref() != Some("malformed") {
            driver.note(format!("malformed is what §6.5.2 says of {shown}, and it is {}", answer.in_words()));
        }
    }
    Ok(())
}

async fn nonce_in_bad_nonce(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    driver.read_account(&account).await?;
    let refused = driver.send(&driver.draft_get(&account, &account.url).header("nonce", "bm90LWdpdmVu")).await?;
    refused.is_refused()?;
    refused.claim(refused.nonce().is_some(), "a Replay-Nonce header", || "none".to_owned())?;
    let nonce = refused.nonce().unwrap_or_default();
    let answer = driver.send(&driver.draft_get(&account, &account.url).header("nonce", nonce)).await?;
    answer.is_success("a request with the nonce from the refusal")
}

async fn nonce_in_errors(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let answer = driver.post(&account, &url, &json!({"identifiers": []})).await?;
    answer.is_refused()?;
    answer.claim(answer.nonce().is_some(), "a Replay-Nonce header", || "none".to_owned())
}

async fn nonce_in_success(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let (answer, _) = driver.pending_order(&account).await?;
    let nonce = answer.nonce().unwrap_or_default();
    let is_base64url = nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    answer.claim(!nonce.is_empty() && is_base64url, "a Replay-Nonce header in base64url", || format!("{nonce:?}"))
}

async fn new_nonce(driver: &Driver, method: &str, status: u16) -> Result<(), Stop> {
    let url = driver.url(&driver.resource("newNonce").await?)?;
    let answer = driver.ask(&Request::of(method, &url)).await?;
    answer.has_status(status)?;
    answer.claim(answer.nonce().is_some(), "a Replay-Nonce header", || "none".to_owned())?;
    let control = answer.header("cache-control").unwrap_or_default();
    answer.claim(control.contains("no-store"), "Cache-Control: no-store", || format!("{control:?}"))
}

async fn new_nonce_each_new(driver: &Driver) -> Result<(), Stop> {
    let url = driver.url(&driver.resource("newNonce").await?)?;
    let mut seen = Vec::new();
    for _ in 0..8 {
        let answer = driver.ask(&Request::of("HEAD", &url)).await?;
        let nonce = answer.nonce().unwrap_or_default().to_owned();
        answer.claim(!nonce.is_empty() && !seen.contains(&nonce), "another nonce", || format!("{nonce:?}"))?;
        seen.push(nonce);
    }
    Ok(())
}

async fn nonce_after_a_bad_signature(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    driver.read_account(&account).await?;
    let nonce = driver.nonce().await?;
    let forged = Account { key: Arc::new(AccountKey::generate(driver.env())), url: account.url.clone() };
    let draft = |account| driver.draft_get(account, &account.url).header("nonce", nonce.as_str());
    driver.send(&draft(&forged)).await?.is_refused()?;
    let second = driver.send(&draft(&account)).await?;
    if second.status() == 200 { Ok(()) } else { second.is_problem(400, "badNonce") }
}
