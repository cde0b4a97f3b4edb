//! RFC 9773: when a certificate should be renewed, and which order replaces it.

use serde_json::{Value, json};

use super::{
    certificates::is_revoked_rightly,
    issuing::{ISSUANCE, Issued, attempt, completed, for_names, issued, ready_for},
    proofs::VALIDATION_FAILS,
};
use crate::{
    conformance::{
        case::{Case, Level::*},
        driver::{Answer, Driver, base64url},
        verdict::Stop,
    },
    oracles::reader::timestamp::unix_seconds,
};

/// The case that is about renewal information at all.
const RENEWAL_INFO: &str = "rfc9773/4/renewal-info";

/// The case that is about orders that replace a certificate at all.
const REPLACES: &str = "rfc9773/5/replaces";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc9773/4/renewal-info",
        level: Must,
        requirements: &[
            "rfc9773-3-ari-directory",
            "rfc9773-4.1-ari-certid",
            "rfc9773-4.1-ari-get-unauth",
            "rfc9773-4.2-ari-content-type",
        ],
        sent: "GET to renewalInfo, a slash and the certificate's identifier, without a signature.",
        expected: "200 and a suggested window.",
        why: "Anybody may ask, so that load balancers can.",
        run: |driver| Box::pin(renewal_info(driver)),
    },
    Case {
        id: "rfc9773/4.2/window",
        level: Must,
        requirements: &["rfc9773-4.2-ari-window", "rfc9773-4.2-ari-window-in-validity"],
        sent: "Renewal information of three certificates.",
        expected: "A window whose start is before its end, both times of RFC 3339, within the certificate's life.",
        why: "A client draws a moment between them.",
        run: |driver| Box::pin(window(driver)),
    },
    Case {
        id: "rfc9773/4.3/retry-after",
        level: Must,
        requirements: &["rfc9773-4.3-ari-retry-after"],
        sent: "Renewal information.",
        expected: "Retry-After, in seconds or a date.",
        why: "By it a client knows when to ask again.",
        run: |driver| Box::pin(retry_after(driver)),
    },
    Case {
        id: "rfc9773/4.1/identifier-malformed",
        level: Robustness,
        requirements: &["rfc9773-4.1-ari-certid-bad"],
        sent: "Renewal information of identifiers with padding, without a dot, with two, and with other letters; then of the right one.",
        expected: "A refusal with a status of 4xx, and 200 to the last.",
        why: "500 makes a client try again for ever.",
        run: |driver| Box::pin(identifier_malformed(driver)),
    },
    Case {
        id: "rfc9773/4.1/certificate-unknown",
        level: Robustness,
        requirements: &["rfc9773-4.1-ari-unknown", "rfc9773-4.1-ari-case-sensitive"],
        sent: "Renewal information of the same issuer's serial number that there is not, and of one in other letters; then of the right one.",
        expected: "A refusal with a status of 4xx, and 200 to the last.",
        why: "Letters of base64url differ in their case.",
        run: |driver| Box::pin(certificate_unknown(driver)),
    },
    Case {
        id: "rfc9773/4.2/explanation",
        level: May,
        requirements: &["rfc9773-4.2-ari-explanation"],
        sent: "Renewal information.",
        expected: "explanationURL, if it is there, is a URL.",
        why: "It is for a person to open.",
        run: |driver| Box::pin(explanation(driver)),
    },
    Case {
        id: "rfc9773/4.2/revoked",
        level: Robustness,
        requirements: &["rfc9773-4.2-ari-revoked-past", "rfc8555-7.6-rev-effective"],
        sent: "Renewal information of a certificate that was revoked.",
        expected: "A window in the past.",
        why: "So that it is replaced at once.",
        run: |driver| Box::pin(revoked(driver)),
    },
    Case {
        id: "rfc9773/5/replaces",
        level: Must,
        requirements: &["rfc9773-5-ari-replaces-accept"],
        sent: "A new order that replaces a certificate.",
        expected: "201 with replaces, now and later.",
        why: "The client sees that the CA has understood.",
        run: |driver| Box::pin(replaces(driver)),
    },
    Case {
        id: "rfc9773/5/replaced-already",
        level: Must,
        requirements: &["rfc9773-5-ari-replaces-409"],
        sent: "Two new orders that replace one certificate.",
        expected: "409 alreadyReplaced to the second.",
        why: "Two servers with one certificate find out about each other.",
        run: |driver| Box::pin(replaced_already(driver)),
    },
    Case {
        id: "rfc9773/5/replaces-of-another-account",
        level: Should,
        requirements: &["rfc9773-5-ari-replaces-account"],
        sent: "A new order that replaces another account's certificate; then one by its own account.",
        expected: "A refusal, then 201.",
        why: "§5 would have it checked; else anybody keeps the owner from it.",
        run: |driver| Box::pin(replaces_of_another_account(driver)),
    },
    Case {
        id: "rfc9773/5/replaces-for-other-names",
        level: Should,
        requirements: &["rfc9773-5-ari-replaces-noshare"],
        sent: "A new order that replaces a certificate, for none of its names; then one for its names.",
        expected: "A refusal, then 201.",
        why: "It replaces nothing.",
        run: |driver| Box::pin(replaces_for_other_names(driver)),
    },
    Case {
        id: "rfc9773/5/replaces-after-a-failure",
        level: Should,
        requirements: &["rfc9773-5-ari-replaces-invalid-order"],
        sent: "A new order that replaces a certificate whose first replacement has failed.",
        expected: "201.",
        why: "Else one failure keeps a certificate from being replaced for ever.",
        run: |driver| Box::pin(replaces_after_a_failure(driver)),
    },
    Case {
        id: "rfc9773/5/replaces-malformed",
        level: Robustness,
        requirements: &["rfc9773-5-ari-replaces-malformed"],
        sent: "New orders that replace what is no identifier, what there is not, and a number.",
        expected: "A refusal with a status of 4xx.",
        why: "500 makes a client try again for ever.",
        run: |driver| Box::pin(replaces_malformed(driver)),
    },
    Case {
        id: "rfc9773/5/replaces-where-not-offered",
        level: Robustness,
        requirements: &["rfc9773-5-ari-only-supported"],
        sent: "A new order with replaces at a CA without renewal information.",
        expected: "An order, or a refusal with a status of 4xx.",
        why: "Clients that meet another CA may say it still.",
        run: |driver| Box::pin(replaces_where_not_offered(driver)),
    },
    Case {
        id: "rfc9773/5/replaces-revoked",
        level: Robustness,
        requirements: &["rfc9773-5-ari-replaces-expired"],
        sent: "A certificate is revoked, and then ordered anew as its replacement.",
        expected: "201, or a refusal with a status of 4xx.",
        why: "What was revoked is what has to be replaced most urgently.",
        run: |driver| Box::pin(replaces_revoked(driver)),
    },
];

/// A certificate's identifier (RFC 9773 §4.1).
fn id_of(issued: &Issued) -> Result<String, Stop> {
    let none = || Stop::Fail(issued.chain.finding("an authority key identifier", "none".to_owned()));
    issued.read.renewal_id.clone().ok_or_else(none)
}

async fn info(driver: &Driver, id: &str) -> Result<Answer, Stop> {
    let url = driver.optional_resource("renewalInfo").await?;
    let url = format!("{}/{id}", url.trim_end_matches('/'));
    let answer = driver.method("GET", &url).await?;
    if answer.status() != 404 {
        return Ok(answer);
    }
    driver.env().sleep(std::time::Duration::from_secs(1)).await;
    driver.method("GET", &url).await
}

async fn info_of(driver: &Driver, issued: &Issued) -> Result<Answer, Stop> {
    let id = id_of(issued)?;
    let read = async {
        let answer = info(driver, &id).await?;
        answer.has_status(200)?;
        Ok(answer)
    };
    driver.needed(RENEWAL_INFO, read).await
}

async fn of_new(driver: &Driver) -> Result<(Issued, Answer), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    let info = info_of(driver, &issued).await?;
    Ok((issued, info))
}

/// Start and end, in seconds.
fn window_of(info: &Answer) -> Result<(i64, i64), Stop> {
    let json = info.json();
    let end = |member: &str| {
        json.pointer(&format!("/suggestedWindow/{member}")).and_then(Value::as_str).and_then(unix_seconds)
    };
    let both = end("start").zip(end("end"));
    both.ok_or_else(|| Stop::Fail(info.finding("a suggestedWindow with start and end", json.to_string())))
}

async fn renewal_info(driver: &Driver) -> Result<(), Stop> {
    let (_, info) = of_new(driver).await?;
    window_of(&info)?;
    let kind = info.media_type();
    info.claim(kind == "application/json", "application/json", || kind.clone())
}

async fn window(driver: &Driver) -> Result<(), Stop> {
    for _ in 0..3 {
        let (issued, info) = of_new(driver).await?;
        let (start, end) = window_of(&info)?;
        info.claim(start < end, "a start before the end", || info.json().to_string())?;
        let is_within = issued.read.not_before_s <= start && end <= issued.read.not_after_s;
        info.claim(is_within, "a window within the certificate's life", || info.json().to_string())?;
    }
    Ok(())
}

async fn retry_after(driver: &Driver) -> Result<(), Stop> {
    let (_, info) = of_new(driver).await?;
    let text = info.header("retry-after").unwrap_or_default().to_owned();
    let is_right = driver.retry_after(&info).is_some();
    info.claim(is_right, "Retry-After in seconds or a date", || format!("{text:?}"))
}

async fn identifier_malformed(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    let id = id_of(&issued)?;
    let no_dot = id.replace('.', "");
    for wrong in [format!("{id}="), no_dot, format!("{id}.x"), format!("{id}%20"), "x".to_owned(), ".".to_owned()] {
        info(driver, &wrong).await?.is_refused().map_err(|stop| stop.with(&wrong))?;
    }
    info_of(driver, &issued).await.map(drop)
}

async fn certificate_unknown(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    let id = id_of(&issued)?;
    let (authority, _) = id.split_once('.').unwrap_or_default();
    let unknown = format!("{authority}.{}", base64url([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    let swapped: String = id.chars().map(swap_case).collect();
    for wrong in [unknown, swapped] {
        info(driver, &wrong).await?.is_refused().map_err(|stop| stop.with(&wrong))?;
    }
    info_of(driver, &issued).await.map(drop)
}

fn swap_case(letter: char) -> char {
    if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
}

async fn explanation(driver: &Driver) -> Result<(), Stop> {
    let (_, info) = of_new(driver).await?;
    match info.json().get("explanationURL") {
        None => Ok(()),
        Some(url) => {
            let is_url = url.as_str().is_some_and(|url| url::Url::parse(url).is_ok());
            info.claim(is_url, "a URL", || url.to_string())
        }
    }
}

async fn revoked(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    let payload = json!({"certificate": base64url(&issued.leaf)});
    let url = driver.resource("revokeCert").await?;
    let revoked = driver.post(&issued.account, &url, &payload).await?;
    revoked.is_success("a revocation").map_err(|stop| stop.before("rfc8555/7.6/revoked"))?;
    let info = info_of(driver, &issued).await?;
    let (_, end) = window_of(&info)?;
    let now = driver.env().utc_now().unix_timestamp();
    info.claim(end <= now, "a window in the past", || info.json().to_string())
}

/// The payload of an order that replaces it, for the same names.
fn replacing(issued: &Issued) -> Result<Value, Stop> {
    let names: Vec<&str> = issued.names.iter().map(String::as_str).collect();
    let mut payload = for_names(&names);
    payload["replaces"] = json!(id_of(issued)?);
    Ok(payload)
}

async fn replaces(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    let payload = replacing(&issued)?;
    let order = driver.ask_order(&issued.account, &payload).await?;
    order.has_status(201)?;
    let later = driver.get(&issued.account, &order.location()?).await?;
    for shown in [order, later] {
        let json = shown.json();
        shown.claim(json.get("replaces") == payload.get("replaces"), "replaces as it was sent", || json.to_string())?;
    }
    Ok(())
}

/// What was refused is done rightly: else a CA that has nothing replaced would keep to it.
async fn is_replaced_rightly(driver: &Driver, issued: &Issued) -> Result<(), Stop> {
    let payload = replacing(issued)?;
    let replaced = async {
        let order = driver.ask_order(&issued.account, &payload).await?;
        order.has_status(201).map_err(|stop| stop.with("a request that is right"))
    };
    driver.needed(REPLACES, replaced).await
}

async fn replaced_already(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    let payload = replacing(&issued)?;
    let replaced = attempt(driver, &issued.account, &payload, "http-01").await?;
    replaced.expect_issued().map_err(|stop| stop.before(REPLACES))?;
    let second = driver.ask_order(&issued.account, &payload).await?;
    second.is_problem(409, "alreadyReplaced")
}

async fn replaces_of_another_account(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    driver.ask_order(&driver.other_account().await?, &replacing(&issued)?).await?.is_refused()?;
    is_replaced_rightly(driver, &issued).await
}

async fn replaces_for_other_names(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    let mut payload = for_names(&[&driver.new_name()]);
    payload["replaces"] = json!(id_of(&issued)?);
    driver.ask_order(&issued.account, &payload).await?.is_refused()?;
    is_replaced_rightly(driver, &issued).await
}

async fn replaces_after_a_failure(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    // A name more, which is not proved: the certificate's own may be good still.
    let more = driver.new_name();
    let mut payload = replacing(&issued)?;
    let same = payload.clone();
    if let Some(list) = payload.get_mut("identifiers").and_then(Value::as_array_mut) {
        list.push(json!({"type": "dns", "value": more}));
    }
    let order = driver.ask_order(&issued.account, &payload).await?;
    order.is_success("a new order").map_err(|stop| stop.before(REPLACES))?;
    for challenge in driver.challenges(&issued.account, &order, "http-01").await? {
        driver.needed(VALIDATION_FAILS, driver.judged(&issued.account, &challenge)).await?;
    }
    let url = order.location()?;
    let lost = driver.until(&issued.account, &url, |status| status == "invalid");
    driver.needed(VALIDATION_FAILS, lost).await?;
    driver.ask_order(&issued.account, &same).await?.has_status(201)
}

async fn replaces_malformed(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    driver.presumes(ISSUANCE);
    let account = driver.account().await?;
    for wrong in [json!("x"), json!(""), json!("a.b.c"), json!("AAAA.AQIDBAUGBwgJ"), json!(1)] {
        let mut payload = for_names(&[&driver.new_name()]);
        payload["replaces"] = wrong.clone();
        driver.ask_order(&account, &payload).await?.is_refused().map_err(|stop| stop.with(&wrong.to_string()))?;
    }
    Ok(())
}

async fn replaces_where_not_offered(driver: &Driver) -> Result<(), Stop> {
    if driver.optional_resource("renewalInfo").await.is_ok() {
        return Err(Stop::Skip("the CA has renewal information".to_owned()));
    }
    let account = driver.account().await?;
    let order = ready_for(driver, &account, &for_names(&[&driver.new_name()]), "http-01").await?;
    let issued = completed(driver, &order).await?;
    let answer = driver.ask_order(&account, &replacing(&issued)?).await?;
    answer.claim(answer.status() < 500, "a status below 500", || answer.in_words())
}

async fn replaces_revoked(driver: &Driver) -> Result<(), Stop> {
    driver.optional_resource("renewalInfo").await?;
    let issued = issued(driver).await?;
    is_revoked_rightly(driver, &issued).await?;
    let order = driver.ask_order(&issued.account, &replacing(&issued)?).await?;
    if order.status() == 201 { Ok(()) } else { order.is_refused() }
}
