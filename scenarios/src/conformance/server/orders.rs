//! RFC 8555 §7.4 and §7.5: orders, from the first word to the certificate.

use base64::Engine;
use serde_json::{Value, json};

use super::{
    certificates::is_revoked_rightly,
    issuing::{
        ISSUANCE, csr, finalize, finalize_url, first_authorization, issued, new_key, order_for, ready, still_ready,
    },
};
use crate::conformance::{
    case::{Case, Level::*},
    driver::{Answer, Driver, authorizations, base64url, challenge},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.4/name-in-upper-case",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-ident-case"],
        sent: "A new order for a name in upper case.",
        expected: "An order for it in lower case, or a refusal.",
        why: "Names are the same in any case (RFC 4343), and a CA that keeps both has two authorizations for one name.",
        run: |driver| Box::pin(name_in_upper_case(driver)),
    },
    Case {
        id: "rfc8555/7.4/names-that-are-none",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-ident-underscore", "rfc8555-7.1.4-ident-length", "rfc8555-7.1.3-wildcard-form"],
        sent: "New orders for an empty name, one with a blank, with an empty label, with a label of 64 octets, and *.*.",
        expected: "A refusal with a status of 4xx.",
        why: "A certificate for it would be for nobody, or for others.",
        run: |driver| Box::pin(names_that_are_none(driver)),
    },
    Case {
        id: "rfc8555/7.4/finalize-before-ready",
        level: Must,
        requirements: &["rfc8555-7.4-fin-not-ready"],
        sent: "finalize of an order that is pending.",
        expected: "403 orderNotReady.",
        why: "Without proof there must be no certificate; and by this problem a client knows that it only has to wait.",
        run: |driver| Box::pin(finalize_before_ready(driver)),
    },
    Case {
        id: "rfc8555/7.4/issuance",
        level: Must,
        requirements: &["rfc8555-7.4-fin-happy", "rfc8555-7.4-cert-matches-csr", "rfc8555-7.4.2-cert-pem-default"],
        sent: "An order is proved by http-01, finalized and its certificate read.",
        expected: "ready, then valid, then application/pem-certificate-chain whose first certificate is for the name and the key.",
        why: "It is what all else is for.",
        run: |driver| Box::pin(issuance(driver)),
    },
    Case {
        id: "rfc8555/7.4/csr-for-other-names",
        level: Must,
        requirements: &["rfc8555-7.4-fin-ids-exact"],
        sent: "A ready order, finalized with CSRs for another name, for one name more, and for none.",
        expected: "400 badCSR.",
        why: "The certificate must be for what was proved and nothing else.",
        run: |driver| Box::pin(csr_for_other_names(driver)),
    },
    Case {
        id: "rfc8555/7.4/csr-that-is-none",
        level: Should,
        requirements: &["rfc8555-7.4-fin-badcsr"],
        sent: "A ready order, finalized with octets that are no CSR, and with one whose signature is wrong.",
        expected: "400 badCSR or malformed.",
        why: "The signature proves that the client has the key.",
        run: |driver| Box::pin(csr_that_is_none(driver)),
    },
    Case {
        id: "rfc8555/7.4/csr-with-padding",
        level: Must,
        requirements: &["rfc8555-7.4-fin-csr-encoding"],
        sent: "A ready order, finalized with a CSR in base64url with padding, then as PEM.",
        expected: "A refusal.",
        why: "§7.4: the CSR is base64url-encoded DER.",
        run: |driver| Box::pin(csr_with_padding(driver)),
    },
    Case {
        id: "rfc8555/7.4/finalize-of-another-account",
        level: Robustness,
        requirements: &["rfc8555-7.4-finalize-url-distinct"],
        sent: "finalize of one account's ready order by another account.",
        expected: "A refusal.",
        why: "Else who has an order's URL gets a certificate for somebody else's name.",
        run: |driver| Box::pin(finalize_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/7.5/challenge-of-another-account",
        level: Robustness,
        requirements: &["rfc8555-7.5-authz-unauth"],
        sent: "An answer to a challenge of one account's by another account.",
        expected: "A refusal, and a challenge that is still pending.",
        why: "Nobody may begin or spoil somebody else's validation.",
        run: |driver| Box::pin(challenge_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/7.5.1/validation-fails",
        level: Must,
        requirements: &["rfc8555-7.1.6-order-authz-fail", "rfc8555-8-chall-error-on-invalid"],
        sent: "A challenge is answered, and nothing stands where the CA looks.",
        expected: "An authorization that is invalid, with an error in the challenge, and an order that is invalid.",
        why: "The client sees why, and that the order is lost.",
        run: |driver| Box::pin(validation_fails(driver)),
    },
    Case {
        id: "rfc8555/7.5.2/authorization-deactivated",
        level: Must,
        requirements: &["rfc8555-7.5.2-deact-authz"],
        sent: "A pending authorization is deactivated.",
        expected: "200 and status deactivated; its order is not pending any more.",
        why: "It is how a client gives up what it does not want to prove, so that it does not count against it.",
        run: |driver| Box::pin(authorization_deactivated(driver)),
    },
    Case {
        id: "rfc8555/7.6/revoked",
        level: Must,
        requirements: &["rfc8555-7.6-rev-account", "rfc8555-7.6-rev-already"],
        sent: "A certificate is revoked by its account, and once more.",
        expected: "200; then 400 alreadyRevoked.",
        why: "A key that may have been stolen must not be trusted any longer.",
        run: |driver| Box::pin(revoked(driver)),
    },
    Case {
        id: "rfc8555/7.6/revoked-by-a-stranger",
        level: Must,
        requirements: &["rfc8555-7.6-rev-unauth"],
        sent: "A certificate is to be revoked by a key that is neither its account's nor its own.",
        expected: "403 unauthorized, or another refusal.",
        why: "Else anybody takes anybody's site from the web.",
        run: |driver| Box::pin(revoked_by_a_stranger(driver)),
    },
    Case {
        id: "rfc8555/7.6/reason-unknown",
        level: Must,
        requirements: &["rfc8555-7.6-rev-reason-bad"],
        sent: "A certificate is to be revoked for the reasons 7 and 11, which there are not.",
        expected: "400 badRevocationReason.",
        why: "What a CRL says for ever should mean something.",
        run: |driver| Box::pin(reason_unknown(driver)),
    },
    Case {
        id: "rfc8555/7.4/order-again",
        level: Robustness,
        requirements: &["rfc8555-7.4-order-reuse"],
        sent: "The same new order twice.",
        expected: "An order each time, be it the same one.",
        why: "A client that has lost an answer asks again.",
        run: |driver| Box::pin(order_again(driver)),
    },
    Case {
        id: "rfc8555/7.4/finalize-location",
        level: Robustness,
        requirements: &["rfc8555-7.4-fin-location"],
        sent: "A ready order is finalized.",
        expected: "The answer's Location is the order's URL, if it is there.",
        why: "Nobody asks for it, and some clients go by it.",
        run: |driver| Box::pin(finalize_location(driver)),
    },
];

async fn name_in_upper_case(driver: &Driver) -> Result<(), Stop> {
    let name = driver.new_name();
    let answer = order_for(driver, &name.to_uppercase()).await?;
    if answer.status() != 201 {
        driver.note(format!("the CA refuses upper case: {}", answer.in_words()));
        return answer.is_refused();
    }
    let lower = json!([{"type": "dns", "value": name}]);
    let json = answer.json();
    answer.claim(json.get("identifiers") == Some(&lower), &format!("the identifiers {lower}"), || json.to_string())
}

async fn names_that_are_none(driver: &Driver) -> Result<(), Stop> {
    let domain = driver.target().domain.clone();
    let long = format!("{}.{domain}", "a".repeat(64));
    let blank = format!("a b.{domain}");
    let empty_label = format!("a..{domain}");
    let stars = format!("*.*.{domain}");
    for name in ["", &blank, &empty_label, &long, &stars] {
        let answer = order_for(driver, name).await?;
        answer.is_refused().map_err(|stop| stop.with(&format!("the name {name:?}")))?;
    }
    Ok(())
}

async fn finalize_before_ready(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let name = driver.new_name();
    let (order, _) = driver.new_order(&account, std::slice::from_ref(&name)).await?;
    let payload = json!({"csr": base64url(csr(&new_key(driver), &[&name]))});
    let answer = driver.post(&account, &finalize_url(&order)?, &payload).await?;
    answer.is_problem(403, "orderNotReady")
}

async fn issuance(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let media_type = issued.chain.media_type();
    issued.chain.claim(media_type == "application/pem-certificate-chain", "application/pem-certificate-chain", || {
        media_type.clone()
    })
}

async fn csr_for_other_names(driver: &Driver) -> Result<(), Stop> {
    let mut order = ready(driver).await?;
    let other = driver.new_name();
    for variant in ["another name", "a name more", "no name"] {
        order = still_ready(driver, order).await?;
        let names: &[&str] = match variant {
            "another name" => &[&other],
            "a name more" => &[&order.name, &other],
            _ => &[],
        };
        let answer = finalize(driver, &order, &csr(&new_key(driver), names)).await?;
        answer.is_problem(400, "badCSR").map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn csr_that_is_none(driver: &Driver) -> Result<(), Stop> {
    let mut order = ready(driver).await?;
    for variant in ["octets that are no CSR", "a wrong signature"] {
        order = still_ready(driver, order).await?;
        let mut wrong = csr(&new_key(driver), &[&order.name]);
        if let Some(last) = wrong.last_mut() {
            *last ^= 1;
        }
        let bytes = if variant == "a wrong signature" { &wrong } else { &b"no csr"[..] };
        let answer = finalize(driver, &order, bytes).await?;
        let problem = answer.problem().unwrap_or_default();
        let is_right = answer.status() == 400 && (problem == "badCSR" || problem == "malformed");
        answer.claim(is_right, "400 badCSR or malformed", || answer.in_words()).map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn csr_with_padding(driver: &Driver) -> Result<(), Stop> {
    // Some CSRs need no padding.
    let padded =
        |der: &[u8]| Some(base64::engine::general_purpose::URL_SAFE.encode(der)).filter(|text| text.ends_with('='));
    let pem = |der: &[u8]| Some(pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der)));
    let mut order = ready(driver).await?;
    for (variant, encoded) in [("padding", &padded as &(dyn Fn(&[u8]) -> Option<String> + Sync)), ("PEM", &pem)] {
        order = still_ready(driver, order).await?;
        let csr = loop {
            if let Some(text) = encoded(&csr(&new_key(driver), &[&order.name])) {
                break text;
            }
        };
        let answer = driver.post(&order.account, &order.finalize, &json!({"csr": csr})).await?;
        answer.is_refused().map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn finalize_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let order = ready(driver).await?;
    let other = driver.other_account().await?;
    let payload = json!({"csr": base64url(csr(&new_key(driver), &[&order.name]))});
    driver.post(&other, &order.finalize, &payload).await?.is_refused()
}

async fn challenge_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    let (order, _) = driver.pending_order(&own).await?;
    let reading = first_authorization(driver, &own, &order);
    let (authorization, before) = driver.needed("rfc8555/7.1.4/authorization-object", reading).await?;
    let Some(url) = challenge_url(&before) else {
        return Err(Stop::Skip("the CA offers no http-01 challenge".to_owned()));
    };
    driver.post(&other, &url, &json!({})).await?.is_refused()?;
    // Some CAs begin a validation when the challenge itself is read.
    let after = driver.get(&own, &authorization).await?;
    let shown = challenge(&after, "http-01").unwrap_or_default();
    let is_pending = shown.get("status") == Some(&json!("pending"));
    after.claim(is_pending, "a challenge that is pending in its authorization", || after.json().to_string())
}

fn challenge_url(authorization: &Answer) -> Option<String> {
    Some(challenge(authorization, "http-01")?.get("url")?.as_str()?.to_owned())
}

async fn validation_fails(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let (order, order_url) = driver.pending_order(&account).await?;
    for url in authorizations(&order)? {
        let Some(challenge_url) = challenge_url(&driver.get(&account, &url).await?) else {
            return Err(Stop::Skip("the CA offers no http-01 challenge".to_owned()));
        };
        driver.post(&account, &challenge_url, &json!({})).await?.is_success("answering a challenge")?;
        let over = driver.until(&account, &url, |status| status != "pending" && status != "processing").await?;
        let status = over.text("status")?;
        over.claim(status == "invalid", "an authorization that is invalid", || over.json().to_string())?;
        let failed = challenge(&over, "http-01").unwrap_or_default();
        let is_told = failed.get("error").is_some_and(Value::is_object);
        over.claim(is_told, "an error in the challenge", || failed.to_string())?;
    }
    let order = driver.until(&account, &order_url, |status| status != "pending").await?;
    let status = order.text("status")?;
    order.claim(status == "invalid", "an order that is invalid", || order.json().to_string())
}

async fn authorization_deactivated(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let (order, order_url) = driver.pending_order(&account).await?;
    for url in authorizations(&order)? {
        let answer = driver.post(&account, &url, &json!({"status": "deactivated"})).await?;
        answer.has_status(200)?;
        let status = answer.text("status")?;
        answer.claim(status == "deactivated", "status deactivated", || status.clone())?;
    }
    let order = driver.until(&account, &order_url, |status| status != "pending").await?;
    let status = order.text("status")?;
    order.claim(status == "invalid", "an order that is invalid", || order.json().to_string())
}

async fn revoked(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let url = driver.resource("revokeCert").await?;
    let payload = json!({"certificate": base64url(&issued.leaf)});
    driver.post(&issued.account, &url, &payload).await?.has_status(200)?;
    driver.post(&issued.account, &url, &payload).await?.is_problem(400, "alreadyRevoked")
}

async fn revoked_by_a_stranger(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let url = driver.resource("revokeCert").await?;
    let payload = json!({"certificate": base64url(&issued.leaf)});
    let stranger = driver.other_account().await?;
    let answer = driver.post(&stranger, &url, &payload).await?;
    answer.is_refused().map_err(|stop| stop.with("another account"))?;
    let draft = driver.draft_with_key(&stranger.key, &url, &payload);
    driver.send(&draft).await?.is_refused().map_err(|stop| stop.with("another key"))?;
    is_revoked_rightly(driver, &issued).await
}

async fn reason_unknown(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let url = driver.resource("revokeCert").await?;
    for reason in [7, 11] {
        let payload = json!({"certificate": base64url(&issued.leaf), "reason": reason});
        let answer = driver.post(&issued.account, &url, &payload).await?;
        answer.is_problem(400, "badRevocationReason").map_err(|stop| stop.with(&format!("the reason {reason}")))?;
    }
    Ok(())
}

async fn order_again(driver: &Driver) -> Result<(), Stop> {
    let name = driver.new_name();
    for _ in 0..2 {
        let order = order_for(driver, &name).await?;
        order.is_success("a new order")?;
        order.location()?;
    }
    Ok(())
}

async fn finalize_location(driver: &Driver) -> Result<(), Stop> {
    let order = ready(driver).await?;
    let request = csr(&new_key(driver), &[&order.name]);
    let answer = finalize(driver, &order, &request).await?;
    answer.is_success("finalize").map_err(|stop| stop.before(ISSUANCE))?;
    let base = driver.url(&order.finalize)?;
    let Some(location) = answer.header("location") else { return Ok(()) };
    let is_order = base.join(location).is_ok_and(|url| url.as_str() == order.url);
    answer.claim(is_order, &format!("the Location {}", order.url), || location.to_owned())
}
