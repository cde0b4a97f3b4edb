//! RFC 8555 §8.4 and §11.2: dns-01.

use serde_json::Value;

use crate::conformance::{
    case::{Case, Level::*},
    driver::{Challenge, Driver},
    responder::{Published, RecordType},
    server::issuing::{first_authorization, for_names},
    verdict::Stop,
};

/// The case that is about proving wildcards at all.
pub(super) const NAME_OF_A_WILDCARD: &str = "rfc8555/8.4/name-of-a-wildcard";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/8.4/record",
        level: Must,
        requirements: &["rfc8555-8.4-d1-value", "rfc8555-8.4-d1-name"],
        sent: "dns-01 is answered with the digest of the key authorization, in base64url, as a TXT record.",
        expected: "A valid authorization, and a question for TXT at _acme-challenge below the name.",
        why: "It is the way for who has no web server there.",
        run: |driver| Box::pin(record(driver)),
    },
    Case {
        id: "rfc8555/8.4/record-wrong",
        level: Must,
        requirements: &["rfc8555-8.4-d1-value", "rfc8555-8.4-d1-quotes"],
        sent: "dns-01 is answered with the digest in lower case, with padding, in hexadecimal, in quotes, and with the key authorization itself.",
        expected: "An invalid authorization.",
        why: "Letters of base64url differ in their case.",
        run: |driver| Box::pin(record_wrong(driver)),
    },
    Case {
        id: "rfc8555/8.4/name-of-a-wildcard",
        level: Must,
        requirements: &["rfc8555-8.4-d1-name"],
        sent: "dns-01 of a wildcard is answered.",
        expected: "A valid authorization, by a record below the name without the star.",
        why: "There can be no record below a star that is not one itself.",
        run: |driver| Box::pin(name_of_a_wildcard(driver)),
    },
    Case {
        id: "rfc8555/8.4/one-of-many",
        level: Must,
        requirements: &["rfc8555-8.4-d1-any-of-many"],
        sent: "dns-01 is answered with the right record behind eight others.",
        expected: "A valid authorization.",
        why: "Records of earlier attempts and of other clients stand there too.",
        run: |driver| Box::pin(one_of_many(driver)),
    },
    Case {
        id: "rfc8555/8.4/name-and-wildcard-together",
        level: Robustness,
        requirements: &["rfc8555-8.4-d1-two-tokens"],
        sent: "dns-01 of a name and of its wildcard, in one order, both with records at the one place.",
        expected: "Two valid authorizations.",
        why: "It is the commonest order with two names that there is.",
        run: |driver| Box::pin(name_and_wildcard_together(driver)),
    },
    Case {
        id: "rfc8555/8.4/split-strings",
        level: Robustness,
        requirements: &["rfc8555-8.4-d1-split-strings"],
        sent: "dns-01 is answered with a TXT record of two character-strings.",
        expected: "A valid authorization.",
        why: "They are one text.",
        run: |driver| Box::pin(split_strings(driver)),
    },
    Case {
        id: "rfc8555/8.4/alias",
        level: Robustness,
        requirements: &["rfc8555-8.4-d1-cname"],
        sent: "dns-01 is answered by aliases that lead, over three names, to the record.",
        expected: "A valid authorization.",
        why: "Who can't change a zone automatically lets the one name point to a zone that can.",
        run: |driver| Box::pin(alias(driver)),
    },
    Case {
        id: "rfc8555/8.4/alias-loop",
        level: Robustness,
        requirements: &["rfc8555-8.4-d1-cname"],
        sent: "dns-01 is answered by an alias of itself.",
        expected: "An invalid authorization.",
        why: "It has no end.",
        run: |driver| Box::pin(alias_loop(driver)),
    },
    Case {
        id: "rfc8555/8.4/no-record",
        level: Robustness,
        requirements: &["rfc8555-8.4-d1-nxdomain"],
        sent: "dns-01 is answered, and there is no record, or the server fails.",
        expected: "An invalid authorization with an error of the client's, not of the server's.",
        why: "It is the DNS that is to be mended.",
        run: |driver| Box::pin(no_record(driver)),
    },
    Case {
        id: "rfc8555/8.4/record-taken-away",
        level: Robustness,
        requirements: &["rfc8555-8.4-d1-cleanup-race"],
        sent: "dns-01 is answered; when the authorization is valid, the record is taken away.",
        expected: "An authorization that stays valid.",
        why: "Clients clean up at once.",
        run: |driver| Box::pin(record_taken_away(driver)),
    },
    Case {
        id: "rfc8555/8.4/published-late",
        level: Robustness,
        requirements: &["rfc8555-8.4-d1-fresh"],
        sent: "dns-01 fails since there is no record; then it is published, with a new order for the same name.",
        expected: "A valid authorization.",
        why: "A CA that remembers that there was nothing keeps out who has mended it.",
        run: |driver| Box::pin(published_late(driver)),
    },
    Case {
        id: "rfc8555/11.2/truncated",
        level: Should,
        requirements: &["rfc8555-11.2-d1-tcp"],
        sent: "dns-01 is answered over TCP alone: over UDP there is only a word that the answer is too long.",
        expected: "A valid authorization.",
        why: "§11.2 would have TCP anyway, and answers with many records don't fit.",
        run: |driver| Box::pin(truncated(driver)),
    },
];

async fn challenge(driver: &Driver) -> Result<Challenge, Stop> {
    let account = driver.account().await?;
    driver.pending_challenge(&account, "dns-01").await
}

async fn proves_with(driver: &Driver, records: impl FnOnce(&Challenge) -> Vec<Published>) -> Result<Challenge, Stop> {
    let challenge = challenge(driver).await?;
    driver.responder().publish_records(&challenge.record_name(), records(&challenge));
    driver.proves(&driver.account().await?, &challenge).await?;
    Ok(challenge)
}

async fn fails_with(driver: &Driver, records: impl FnOnce(&Challenge) -> Vec<Published>) -> Result<Value, Stop> {
    let challenge = challenge(driver).await?;
    driver.responder().publish_records(&challenge.record_name(), records(&challenge));
    driver.fails_to_prove(&driver.account().await?, &challenge).await
}

async fn record(driver: &Driver) -> Result<(), Stop> {
    let challenge = proves_with(driver, |one| vec![Published::text(one.digest())]).await?;
    let over = driver.get(&driver.account().await?, &challenge.authorization).await?;
    let count = driver.questions(&challenge.record_name(), RecordType::TXT);
    over.claim(count > 0, &format!("a question for TXT at {}", challenge.record_name()), || "none".to_owned())
}

async fn record_wrong(driver: &Driver) -> Result<(), Stop> {
    type Wrong = fn(&Challenge) -> String;
    let variants: [(&str, Wrong); 5] = [
        ("the digest in lower case", |one| format!("{}x", one.digest().to_lowercase())),
        ("padding", |one| format!("{}=", one.digest())),
        ("a blank before", |one| format!(" {}", one.digest())),
        ("quotes", |one| format!("\"{}\"", one.digest())),
        ("the key authorization", |one| one.key_authorization.clone()),
    ];
    for (variant, wrong) in variants {
        let tried = fails_with(driver, |one| vec![Published::text(wrong(one))]).await;
        tried.map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn name_of_a_wildcard(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let name = driver.new_name();
    let (order, _) = driver.new_order(&account, &[format!("*.{name}")]).await?;
    for challenge in driver.challenges(&account, &order, "dns-01").await? {
        let record_name = format!("_acme-challenge.{name}");
        driver.responder().publish_records(&record_name, vec![Published::text(challenge.digest())]);
        driver.proves(&account, &challenge).await?;
    }
    Ok(())
}

async fn one_of_many(driver: &Driver) -> Result<(), Stop> {
    let records = |one: &Challenge| {
        let others = (0..8).map(|number| Published::text(format!("{number}{}", &one.digest()[1..])));
        others.chain([Published::text(one.digest())]).collect()
    };
    proves_with(driver, records).await.map(drop)
}

async fn name_and_wildcard_together(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let name = driver.new_name();
    let order = driver.ask_order(&account, &for_names(&[&name, &format!("*.{name}")])).await?;
    order.is_success("a new order").map_err(|stop| stop.before(NAME_OF_A_WILDCARD))?;
    let challenges = driver.challenges(&account, &order, "dns-01").await?;
    let count = challenges.len();
    order.claim(count == 2, "two authorizations", || format!("{count}"))?;
    challenges.iter().for_each(|challenge| driver.publish(challenge));
    for challenge in &challenges {
        driver.needed(NAME_OF_A_WILDCARD, driver.proves(&account, challenge)).await?;
    }
    Ok(())
}

async fn split_strings(driver: &Driver) -> Result<(), Stop> {
    let records = |one: &Challenge| {
        let digest = one.digest();
        let (first, rest) = digest.split_at(20);
        vec![Published::Text(vec![first.to_owned(), rest.to_owned()])]
    };
    proves_with(driver, records).await.map(drop)
}

async fn alias(driver: &Driver) -> Result<(), Stop> {
    let challenge = challenge(driver).await?;
    let names = [challenge.record_name(), driver.new_name(), driver.new_name(), driver.new_name()];
    for pair in names.windows(2) {
        driver.responder().publish_records(&pair[0], vec![Published::Alias(pair[1].clone())]);
    }
    driver.responder().publish_records(&names[3], vec![Published::text(challenge.digest())]);
    driver.proves(&driver.account().await?, &challenge).await.map(drop)
}

async fn alias_loop(driver: &Driver) -> Result<(), Stop> {
    fails_with(driver, |one| vec![Published::Alias(one.record_name())]).await.map(drop)
}

async fn no_record(driver: &Driver) -> Result<(), Stop> {
    for (variant, records) in
        [("no record", vec![]), ("a server that fails", vec![Published::Failure(RecordType::TXT)])]
    {
        let account = driver.account().await?;
        let challenge = challenge(driver).await?;
        driver.responder().publish_records(&challenge.record_name(), records);
        let error = driver.fails_with_error(&account, &challenge).await.map_err(|stop| stop.with(variant))?;
        let kind = error.get("type").and_then(Value::as_str).unwrap_or_default();
        let over = driver.get(&account, &challenge.authorization).await?;
        let is_told = ["dns", "unauthorized", "incorrectResponse"].iter().any(|known| kind.ends_with(known));
        over.claim(is_told, "an error dns, unauthorized or incorrectResponse", || error.to_string())
            .map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn record_taken_away(driver: &Driver) -> Result<(), Stop> {
    let challenge = proves_with(driver, |one| vec![Published::text(one.digest())]).await?;
    driver.responder().publish_records(&challenge.record_name(), Vec::new());
    let later = driver.get(&driver.account().await?, &challenge.authorization).await?;
    later.claim(later.text("status")? == "valid", "an authorization that is valid", || later.json().to_string())
}

async fn published_late(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let first = challenge(driver).await?;
    driver.fails_to_prove(&account, &first).await?;
    let order = driver.ask_order(&account, &for_names(&[&first.identifier])).await?;
    order.is_success("a new order")?;
    let (url, shown) = first_authorization(driver, &account, &order).await?;
    let second = driver.challenge(&account, &url, &shown, "dns-01")?;
    driver.publish(&second);
    driver.proves(&account, &second).await.map(drop)
}

async fn truncated(driver: &Driver) -> Result<(), Stop> {
    proves_with(driver, |one| vec![Published::Truncated, Published::text(one.digest())]).await.map(drop)
}
