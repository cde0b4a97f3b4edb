//! RFC 8555 §7.3.2, §7.3.5 and §7.3.6 in detail: who may change an account, and how its key is changed.

use std::sync::Arc;

use futures_util::future::join;
use serde_json::{Map, Value, json};

use crate::conformance::{
    case::{Case, Level::*},
    driver::{Account, AccountKey, Answer, Driver, base64url, sign},
    server::issuing::{ISSUANCE, completed, csr, finalize, finalize_url, for_names, new_key, ready_for},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.3.1/known-key-changes-nothing",
        level: Must,
        requirements: &["rfc8555-7.3.1-acct-existing-ignore", "rfc8555-7.3.1-acct-existing-body"],
        sent: "A new account with a key that has one, and with another contact.",
        expected: "200 and the account as it was.",
        why: "§7.3.1: the fields of such a request are ignored.",
        run: |driver| Box::pin(known_key_changes_nothing(driver)),
    },
    Case {
        id: "rfc8555/7.3.1/key-written-otherwise",
        level: Robustness,
        requirements: &["rfc8555-7.3.1-acct-key-canonical"],
        sent: "A new account with a key that has one, whose JWK has alg, use and kid too.",
        expected: "200 and the same account, or a refusal.",
        why: "A key is a key, however it is written (RFC 7638).",
        run: |driver| Box::pin(key_written_otherwise(driver)),
    },
    Case {
        id: "rfc8555/7.3.1/only-return-existing-false",
        level: Robustness,
        requirements: &["rfc8555-7.3.1-only-existing-false"],
        sent: "A new account with onlyReturnExisting false.",
        expected: "201.",
        why: "It is as if it were not there.",
        run: |driver| Box::pin(created(driver, |payload| payload["onlyReturnExisting"] = json!(false))),
    },
    Case {
        id: "rfc8555/7.3/contact-optional",
        level: Robustness,
        requirements: &["rfc8555-7.3-acct-contact-optional", "rfc8555-7.3-acct-status-values"],
        sent: "New accounts without contact, and with an empty list.",
        expected: "201 and status valid.",
        why: "§7.1.2: contact is optional.",
        run: |driver| Box::pin(contact_optional(driver)),
    },
    Case {
        id: "rfc8555/7.3/contact-international",
        level: Robustness,
        requirements: &["rfc8555-7.3-contact-idn"],
        sent: "New accounts with contacts at internationalized domains, as A-label, as U-label and escaped.",
        expected: "201, or a refusal with a status of 4xx.",
        why: "People have such addresses.",
        run: |driver| Box::pin(contact_international(driver)),
    },
    Case {
        id: "rfc8555/7.3/contact-mailto",
        level: Must,
        requirements: &["rfc8555-7.3-contact-mailto-support"],
        sent: "A new account with the contact mailto:a@example.com.",
        expected: "Anything but unsupportedContact.",
        why: "§7.3: servers that validate contacts must know mailto.",
        run: |driver| Box::pin(contact_mailto(driver)),
    },
    Case {
        id: "rfc8555/7.3.2/contact-cleared",
        level: Robustness,
        requirements: &["rfc8555-7.3.2-acct-contact-clear"],
        sent: "The contacts are changed to none.",
        expected: "200 and no contacts.",
        why: "It is how a client has itself forgotten.",
        run: |driver| Box::pin(contact_cleared(driver)),
    },
    Case {
        id: "rfc8555/7.3.2/update-of-another-account",
        level: Must,
        requirements: &["rfc8555-7.3.2-acct-update-other", "rfc8555-7.3.6-deact-other"],
        sent: "A change of contacts, and a deactivation, of one account by another.",
        expected: "A refusal, and an account that is as it was.",
        why: "Else anybody changes anybody's account.",
        run: |driver| Box::pin(update_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/inner-kid",
        level: Must,
        requirements: &["rfc8555-7.3.5-kc-inner-jwk"],
        sent: "Changes of key whose inner JWS names the account by kid, has kid and jwk, and has neither.",
        expected: "A refusal.",
        why: "The new key proves itself.",
        run: |driver| Box::pin(inner_kid(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/inner-nonce",
        level: Must,
        requirements: &["rfc8555-7.3.5-kc-inner-nonce"],
        sent: "Changes of key whose inner JWS has a nonce, be it empty.",
        expected: "A refusal.",
        why: "§7.3.5: the inner JWS must omit it.",
        run: |driver| Box::pin(inner_nonce(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/inner-url",
        level: Must,
        requirements: &["rfc8555-7.3.5-kc-inner-url"],
        sent: "Changes of key whose inner JWS is for another URL, and for none.",
        expected: "A refusal.",
        why: "Else what was signed for another purpose changes a key.",
        run: |driver| Box::pin(inner_url(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/inner-payload",
        level: Must,
        requirements: &["rfc8555-7.3.5-kc-inner-payload"],
        sent: "Changes of key whose inner payload is no JSON, an array, empty, and lacks account or oldKey.",
        expected: "A refusal.",
        why: "It has to say whose key is changed, and which.",
        run: |driver| Box::pin(inner_payload(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/inner-alg",
        level: Robustness,
        requirements: &["rfc8555-7.3.5-kc-inner-mac"],
        sent: "Changes of key whose inner JWS is under alg none and HS256.",
        expected: "A refusal.",
        why: "Nobody has proved to have the new key.",
        run: |driver| Box::pin(inner_alg(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/same-key",
        level: Robustness,
        requirements: &["rfc8555-7.3.5-kc-same-key"],
        sent: "A change of key to the key that it is.",
        expected: "A refusal, or 200 with the account as it was; and a key that is still good.",
        why: "The key has an account already.",
        run: |driver| Box::pin(same_key(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/orders-survive",
        level: Must,
        requirements: &["rfc8555-7.3.5-kc-keeps-orders"],
        sent: "An order is made, the key changed, the order proved with the new key, finalized and read.",
        expected: "A certificate.",
        why: "The account is the same; its key is another.",
        run: |driver| Box::pin(orders_survive(driver)),
    },
    Case {
        id: "rfc8555/7.3.6/deactivated-for-ever",
        level: Must,
        requirements: &[
            "rfc8555-7.3.6-deact-terminal",
            "rfc8555-7.1.6-acct-states",
            "rfc8555-7.3.1-acct-deactivated-lookup",
        ],
        sent: "A deactivated account is set to valid, and asked for anew with its key.",
        expected: "Refusals; a note where newAccount answers 200 with the account that is deactivated.",
        why: "§7.3.6: there is no way back, so that a stolen key stays without use.",
        run: |driver| Box::pin(deactivated_for_ever(driver)),
    },
    Case {
        id: "rfc8555/7.3.6/orders-cancelled",
        level: Should,
        requirements: &["rfc8555-7.3.6-deact-cancel"],
        sent: "An account with an order that is ready is deactivated, and the order finalized.",
        expected: "A refusal.",
        why: "§7.3.6: pending operations should be cancelled.",
        run: |driver| Box::pin(orders_cancelled(driver)),
    },
    Case {
        id: "rfc8555/7.3.6/deactivated-with-more",
        level: Robustness,
        requirements: &["rfc8555-7.3.6-deact-extra-fields"],
        sent: "An account is deactivated by a request that has contacts too.",
        expected: "200 and status deactivated, or a refusal.",
        why: "It must not be half done.",
        run: |driver| Box::pin(deactivated_with_more(driver)),
    },
    Case {
        id: "rfc8555/7.3.6/certificates-not-revoked",
        level: Should,
        requirements: &["rfc8555-7.3.6-deact-no-revoke"],
        sent: "An account with a certificate is deactivated, and the certificate revoked by its key.",
        expected: "200 to the revocation: it was not revoked yet.",
        why: "§7.3.6: deactivating an account says nothing about its certificates, and their keys can still revoke them.",
        run: |driver| Box::pin(certificates_not_revoked(driver)),
    },
    Case {
        id: "rfc8555/7.3.1/race",
        level: Robustness,
        requirements: &["rfc8555-7.3.1-acct-race"],
        sent: "Two requests for a new account with one key, at the same time.",
        expected: "One account: 201 to one of them and 200 to the other, with the same Location.",
        why: "A client that has lost an answer asks again while the CA is still at work.",
        run: |driver| Box::pin(account_race(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/race",
        level: Robustness,
        requirements: &["rfc8555-7.3.5-kc-atomic"],
        sent: "Two changes of one account's key, to different ones, at the same time.",
        expected: "One is carried out, and its key is good; the other one's and the old one are not.",
        why: "An account with two keys, or with none, is lost to its owner.",
        run: |driver| Box::pin(key_change_race(driver)),
    },
];

async fn key_change(driver: &Driver) -> Result<String, Stop> {
    driver.optional_resource("keyChange").await
}

/// A change of key of `account` to `key`, as it should be, before it is signed.
struct Inner {
    protected: Map<String, Value>,
    payload: Vec<u8>,
}

fn inner(url: &str, account: &Account, key: &AccountKey) -> Inner {
    let protected = json!({"alg": "ES256", "jwk": key.jwk(), "url": url});
    let payload = json!({"account": account.url, "oldKey": account.key.jwk()}).to_string().into_bytes();
    Inner { protected: protected.as_object().cloned().unwrap_or_default(), payload }
}

async fn changed(driver: &Driver, account: &Account, key: &AccountKey, inner: Inner) -> Result<Answer, Stop> {
    let jws = sign(key, &Value::Object(inner.protected), &inner.payload);
    driver.post(account, &key_change(driver).await?, &Value::Object(jws)).await
}

/// A change of the shared account's key that `wrong` has made wrong is refused, and the key is still good.
async fn refuses(driver: &Driver, wrong: impl FnOnce(&mut Inner)) -> Result<(), Stop> {
    let url = key_change(driver).await?;
    let account = driver.account().await?;
    let key = AccountKey::generate(driver.env());
    let mut inner = inner(&url, &account, &key);
    wrong(&mut inner);
    changed(driver, &account, &key, inner).await?.is_refused()?;
    driver.read_account(&account).await.map(drop)
}

/// Asks for an account; `payload` may be changed before.
async fn asked(driver: &Driver, key: &AccountKey, change: impl FnOnce(&mut Value)) -> Result<Answer, Stop> {
    let url = driver.resource("newAccount").await?;
    let mut payload = driver.bound(driver.new_account_payload(), key, &url);
    change(&mut payload);
    driver.send(&driver.draft_with_key(key, &url, &payload)).await
}

async fn created(driver: &Driver, change: impl FnOnce(&mut Value)) -> Result<(), Stop> {
    let answer = asked(driver, &AccountKey::generate(driver.env()), change).await?;
    answer.has_status(201)?;
    answer.claim(answer.text("status")? == "valid", "a valid account", || answer.json().to_string())
}

async fn known_key_changes_nothing(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    let before = driver.read_account(&account).await?.json();
    let answer = asked(driver, &account.key, |payload| {
        payload["contact"] = json!(["mailto:somebody-else@example.com"]);
    })
    .await?;
    answer.has_status(200)?;
    answer.claim(answer.text("status")? == "valid", "the account", || answer.json().to_string())?;
    let after = driver.read_account(&account).await?;
    after.claim(after.json() == before, &format!("the account as it was: {before}"), || after.json().to_string())
}

async fn key_written_otherwise(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newAccount").await?;
    let mut jwk = account.key.jwk();
    for (member, value) in [("alg", "ES256"), ("use", "sig"), ("kid", "mine")] {
        jwk[member] = json!(value);
    }
    let draft = driver.draft_with_key(&account.key, &url, &driver.new_account_payload()).header("jwk", jwk);
    let answer = driver.send(&draft).await?;
    if answer.status() == 200 {
        let location = answer.location()?;
        return answer.claim(location == account.url, &format!("the account {}", account.url), || location.clone());
    }
    answer.is_refused()
}

async fn contact_optional(driver: &Driver) -> Result<(), Stop> {
    let without = |payload: &mut Value| drop(payload.as_object_mut().and_then(|payload| payload.remove("contact")));
    created(driver, without).await.map_err(|stop| stop.with("no contact"))?;
    created(driver, |payload| payload["contact"] = json!([])).await.map_err(|stop| stop.with("an empty list"))
}

async fn contact_international(driver: &Driver) -> Result<(), Stop> {
    for contact in ["mailto:a@xn--bcher-kva.example", "mailto:a@bücher.example", "mailto:b%C3%BCcher@example.com"] {
        let key = AccountKey::generate(driver.env());
        let answer = asked(driver, &key, |payload| payload["contact"] = json!([contact])).await?;
        if answer.status() != 201 {
            answer.is_refused().map_err(|stop| stop.with(contact))?;
        }
    }
    Ok(())
}

async fn contact_mailto(driver: &Driver) -> Result<(), Stop> {
    let key = AccountKey::generate(driver.env());
    let answer = asked(driver, &key, |payload| payload["contact"] = json!(["mailto:a@example.com"])).await?;
    let kind = answer.problem().unwrap_or_default();
    answer.claim(kind != "unsupportedContact", "a contact that is known", || answer.in_words())
}

async fn contact_cleared(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    let answer = driver.post(&account, &account.url, &json!({"contact": []})).await?;
    answer.has_status(200)?;
    let json = answer.json();
    let contact = json.get("contact").and_then(Value::as_array);
    answer.claim(contact.is_none_or(Vec::is_empty), "no contacts", || json.to_string())
}

async fn update_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    let before = driver.read_account(&own).await?.json();
    for payload in [json!({"contact": ["mailto:thief@example.com"]}), json!({"status": "deactivated"})] {
        driver.post(&other, &own.url, &payload).await?.is_refused()?;
    }
    let after = driver.read_account(&own).await?;
    after.claim(after.json() == before, &format!("the account as it was: {before}"), || after.json().to_string())
}

async fn inner_kid(driver: &Driver) -> Result<(), Stop> {
    let kid = driver.account().await?.url;
    refuses(driver, |inner| {
        inner.protected.remove("jwk");
        inner.protected.insert("kid".to_owned(), json!(kid));
    })
    .await
    .map_err(|stop| stop.with("kid instead of jwk"))?;
    refuses(driver, |inner| drop(inner.protected.insert("kid".to_owned(), json!(kid))))
        .await
        .map_err(|stop| stop.with("kid and jwk"))?;
    refuses(driver, |inner| drop(inner.protected.remove("jwk"))).await.map_err(|stop| stop.with("neither"))
}

async fn inner_nonce(driver: &Driver) -> Result<(), Stop> {
    for nonce in ["bm9uY2U", ""] {
        refuses(driver, |inner| drop(inner.protected.insert("nonce".to_owned(), json!(nonce))))
            .await
            .map_err(|stop| stop.with(&format!("the nonce {nonce:?}")))?;
    }
    Ok(())
}

async fn inner_url(driver: &Driver) -> Result<(), Stop> {
    let other = driver.resource("newOrder").await?;
    refuses(driver, |inner| drop(inner.protected.insert("url".to_owned(), json!(other))))
        .await
        .map_err(|stop| stop.with("another URL"))?;
    refuses(driver, |inner| drop(inner.protected.remove("url"))).await.map_err(|stop| stop.with("no URL"))
}

async fn inner_payload(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let no_key = json!({"account": account.url}).to_string();
    let no_account = json!({"oldKey": account.key.jwk()}).to_string();
    for payload in ["{", "[]", "", "null", &no_key, &no_account] {
        let tried = refuses(driver, |inner| inner.payload = payload.as_bytes().to_vec()).await;
        tried.map_err(|stop| stop.with(&format!("the payload {payload}")))?;
    }
    Ok(())
}

async fn inner_alg(driver: &Driver) -> Result<(), Stop> {
    for algorithm in ["none", "HS256"] {
        let tried = refuses(driver, |inner| drop(inner.protected.insert("alg".to_owned(), json!(algorithm)))).await;
        tried.map_err(|stop| stop.with(algorithm))?;
    }
    Ok(())
}

async fn same_key(driver: &Driver) -> Result<(), Stop> {
    let url = key_change(driver).await?;
    let account = driver.account().await?;
    let answer = changed(driver, &account, &account.key, inner(&url, &account, &account.key)).await?;
    if answer.status() != 200 {
        answer.is_refused()?;
    }
    driver.read_account(&account).await.map(drop)
}

/// The account with another key.
pub(super) async fn rolled_over(driver: &Driver, old: &Account) -> Result<Account, Stop> {
    let url = key_change(driver).await?;
    let key = Arc::new(AccountKey::generate(driver.env()));
    let answer = changed(driver, old, &key, inner(&url, old, &key)).await?;
    let new = Account { key, url: old.url.clone() };
    let is_changed = match answer.is_success("a change of key") {
        Ok(()) => driver.get(&new, &new.url).await?.is_success("reading the account with its new key"),
        refused => refused,
    };
    is_changed.map_err(|stop| stop.before("rfc8555/7.3.5/key-changed"))?;
    Ok(new)
}

async fn orders_survive(driver: &Driver) -> Result<(), Stop> {
    let old = driver.new_account().await?;
    let name = driver.new_name();
    let order = driver.new_order(&old, std::slice::from_ref(&name)).await?;
    let new = rolled_over(driver, &old).await?;
    driver.needed(ISSUANCE, gives_certificate(driver, &new, &order, &name)).await
}

/// The order for this name is proved and finalized by this account, and its certificate read.
async fn gives_certificate(
    driver: &Driver,
    account: &Account,
    order: &(Answer, String),
    name: &str,
) -> Result<(), Stop> {
    let shown = driver.prove(account, order).await?;
    shown.claim(shown.text("status")? == "ready", "an order that is ready", || shown.json().to_string())?;
    let request = json!({"csr": base64url(csr(&new_key(driver), &[name]))});
    driver.post(account, &finalize_url(&order.0)?, &request).await?.is_success("finalize")?;
    let done = driver.until(account, &order.1, |status| status != "processing" && status != "ready").await?;
    driver.get(account, &done.text("certificate")?).await?.has_status(200)
}

async fn deactivated(driver: &Driver, account: &Account) -> Result<(), Stop> {
    let answer = driver.post(account, &account.url, &json!({"status": "deactivated"})).await?;
    answer.is_success("deactivating an account").map_err(|stop| stop.before("rfc8555/7.3.6/deactivated"))
}

async fn deactivated_for_ever(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    deactivated(driver, &account).await?;
    let update = driver.post(&account, &account.url, &json!({"status": "valid"})).await?;
    // Front ends may be behind; then the account is asked for once more.
    if (200..300).contains(&update.status()) {
        update.claim(update.text("status")? == "deactivated", "a deactivated account", || update.json().to_string())?;
    }
    let answer = asked(driver, &account.key, |_| {}).await?;
    if answer.status() >= 300 {
        return answer.is_refused().map_err(|stop| stop.with("newAccount and a deactivated account's key"));
    }
    let json = answer.json();
    let status = json.get("status").and_then(Value::as_str).unwrap_or("missing");
    let location = answer.header("location").unwrap_or("missing");
    let is_as_it_was = answer.status() == 200 && location == account.url && status == "deactivated";
    let expected = format!("newAccount to refuse a deactivated account's key, or 200 with {} as it is", account.url);
    answer.claim(is_as_it_was, &expected, || {
        format!("{} from newAccount: the account's status is {status}, its Location {location}", answer.status())
    })?;
    driver
        .note("newAccount answers a deactivated account's key with 200 and the account, which is deactivated (§7.3.1)");
    Ok(())
}

async fn orders_cancelled(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    let order = ready_for(driver, &account, &for_names(&[&driver.new_name()]), "http-01").await?;
    deactivated(driver, &account).await?;
    let answer = finalize(driver, &order, &csr(&new_key(driver), &[&order.name])).await?;
    answer.is_refused()
}

async fn deactivated_with_more(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    let payload = json!({"status": "deactivated", "contact": ["mailto:last@example.com"]});
    let answer = driver.post(&account, &account.url, &payload).await?;
    if answer.status() != 200 {
        return answer.is_refused();
    }
    answer.claim(answer.text("status")? == "deactivated", "status deactivated", || answer.json().to_string())
}

async fn certificates_not_revoked(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    let order = ready_for(driver, &account, &for_names(&[&driver.new_name()]), "http-01").await?;
    let issued = completed(driver, &order).await?;
    deactivated(driver, &account).await?;
    super::certificates::revoke_by_key(driver, &issued).await?.has_status(200)
}

async fn account_race(driver: &Driver) -> Result<(), Stop> {
    let key = AccountKey::generate(driver.env());
    let (one, other) = join(asked(driver, &key, |_| {}), asked(driver, &key, |_| {})).await;
    let (one, other) = (one?, other?);
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    other.claim(statuses == [200, 201], "201 and 200", || format!("{} and {}", statuses[0], statuses[1]))?;
    let (first, second) = (one.location()?, other.location()?);
    other.claim(first == second, &format!("the Location {first}"), || second.clone())
}

async fn key_change_race(driver: &Driver) -> Result<(), Stop> {
    let url = key_change(driver).await?;
    let old = driver.new_account().await?;
    let keys = [AccountKey::generate(driver.env()), AccountKey::generate(driver.env())];
    let [first, second] = keys.each_ref().map(|key| changed(driver, &old, key, inner(&url, &old, key)));
    let (first, second) = join(first, second).await;
    let answers = [first?, second?];
    let mut good = 0;
    for (key, answer) in keys.into_iter().zip(&answers) {
        let new = Account { key: Arc::new(key), url: old.url.clone() };
        let is_done = answer.status() == 200;
        let read = driver.get(&new, &new.url).await?;
        read.claim(
            (read.status() == 200) == is_done,
            "a key that is good if and only if its change is carried out",
            || format!("{} to the change, {} to a reading of the account", answer.in_words(), read.in_words()),
        )?;
        good += usize::from(is_done);
    }
    answers[1].claim(good == 1, "one change that is carried out", || format!("{good}"))?;
    driver.get(&old, &old.url).await?.is_refused().map_err(|stop| stop.with("the old key"))
}
