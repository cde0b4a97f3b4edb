//! RFC 8555 §7.3: accounts.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::conformance::{
    case::{Case, Level::*},
    driver::{Account, AccountKey, Answer, Driver, sign},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.3/account-created",
        level: Must,
        requirements: &["rfc8555-7.3-acct-create-201"],
        sent: "A new account with a new key.",
        expected: "201, its URL in Location, and an object with status valid.",
        why: "The URL is the account's name in every request that follows.",
        run: |driver| Box::pin(account_created(driver)),
    },
    Case {
        id: "rfc8555/7.3/unknown-members-ignored",
        level: Must,
        requirements: &["rfc8555-7.3-acct-ignore-unknown", "rfc8555-7.3-acct-no-reflect"],
        sent: "A new account with a member that nobody knows, a status and a list of orders of its own.",
        expected: "A valid account that shows none of it.",
        why: "What a client can't decide must not be taken from it.",
        run: |driver| Box::pin(unknown_members_ignored(driver)),
    },
    Case {
        id: "rfc8555/7.3/terms-not-agreed",
        level: Must,
        requirements: &["rfc8555-7.3-acct-tos-required"],
        sent: "New accounts that do not agree to the terms of service: false, left out, and \"true\" as a text.",
        expected: "A refusal, if the directory names terms.",
        why: "Who has not agreed has no contract.",
        run: |driver| Box::pin(terms_not_agreed(driver)),
    },
    Case {
        id: "rfc8555/7.3/contact-unsupported",
        level: Must,
        requirements: &["rfc8555-7.3-contact-unsupported"],
        sent: "A new account whose contact is a telephone number.",
        expected: "400 unsupportedContact, or an account.",
        why: "The client learns that another kind of contact will do.",
        run: |driver| Box::pin(contact(driver, "tel:+12025551212", "unsupportedContact")),
    },
    Case {
        id: "rfc8555/7.3/contact-invalid",
        level: Must,
        requirements: &["rfc8555-7.3-contact-invalid"],
        sent: "A new account whose contact is mailto: with no address in it.",
        expected: "400 invalidContact, or an account.",
        why: "A contact that reaches nobody is worse than none.",
        run: |driver| Box::pin(contact(driver, "mailto:nobody", "invalidContact")),
    },
    Case {
        id: "rfc8555/7.3/contact-with-header-fields",
        level: Should,
        requirements: &["rfc8555-7.3-contact-hfields"],
        sent: "A new account whose contact is mailto: with a subject.",
        expected: "400 invalidContact.",
        why: "§7.3 forbids header fields there: they could put words into the CA's mail.",
        run: |driver| Box::pin(contact_refused(driver, "mailto:somebody@example.com?subject=hello")),
    },
    Case {
        id: "rfc8555/7.3/contact-with-two-addresses",
        level: Should,
        requirements: &["rfc8555-7.3-contact-multi-addr"],
        sent: "A new account with two addresses in one contact.",
        expected: "400 invalidContact.",
        why: "§7.3 has one address in each URL.",
        run: |driver| Box::pin(contact_refused(driver, "mailto:one@example.com,two@example.com")),
    },
    Case {
        id: "rfc8555/7.3.1/known-key",
        level: Must,
        requirements: &["rfc8555-7.3.1-acct-existing-200"],
        sent: "A new account with the key of one that exists.",
        expected: "200 and that account's URL; no other account.",
        why: "A client that has lost the URL finds it so.",
        run: |driver| Box::pin(known_key(driver, json!({"termsOfServiceAgreed": true}))),
    },
    Case {
        id: "rfc8555/7.3.1/only-return-existing",
        level: Robustness,
        requirements: &["rfc8555-7.3.1-acct-existing-no-tos"],
        sent: "onlyReturnExisting with the key of an account that exists.",
        expected: "200 and its URL.",
        why: "A client asks whether it has an account without making one.",
        run: |driver| Box::pin(known_key(driver, json!({"onlyReturnExisting": true}))),
    },
    Case {
        id: "rfc8555/7.3.1/only-return-existing-missing",
        level: Must,
        requirements: &["rfc8555-7.3.1-only-existing-missing"],
        sent: "onlyReturnExisting with a new key.",
        expected: "400 accountDoesNotExist.",
        why: "CAs were seen that answer 200 or 404, or make an account.",
        run: |driver| Box::pin(only_return_existing_missing(driver)),
    },
    Case {
        id: "rfc8555/7.3.2/contact-changed",
        level: Must,
        requirements: &["rfc8555-7.3.2-acct-update-200"],
        sent: "Another contact for an account, then the account is read.",
        expected: "200 and the account with that contact, both times.",
        why: "Warnings go there.",
        run: |driver| Box::pin(contact_changed(driver)),
    },
    Case {
        id: "rfc8555/7.3.2/status-not-changed",
        level: Must,
        requirements: &["rfc8555-7.3.2-acct-update-ignore"],
        sent: "An account update with a list of orders, a member that nobody knows and status valid.",
        expected: "200 and the account as it was, or a refusal of the status.",
        why: "§7.3.2: the server ignores what a client can't decide.",
        run: |driver| Box::pin(status_not_changed(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/key-changed",
        level: Must,
        requirements: &["rfc8555-7.3.5-kc-happy"],
        sent: "An account's key is changed; then the account is read with the new key and with the old one.",
        expected: "200; the account; a refusal.",
        why: "A key that may have been stolen must be of no use after that.",
        run: |driver| Box::pin(key_changed(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/key-of-another-account",
        level: Should,
        requirements: &["rfc8555-7.3.5-kc-conflict-409"],
        sent: "An account's key is to be changed to that of another account.",
        expected: "409 and the other account's URL in Location.",
        why: "Two accounts with one key can't be told apart.",
        run: |driver| Box::pin(key_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/old-key-wrong",
        level: Must,
        requirements: &["rfc8555-7.3.5-kc-oldkey", "rfc8555-7.3.5-kc-account"],
        sent: "A change of key whose inner payload names another old key, and one that names another account.",
        expected: "A refusal, and an account that still has its key.",
        why: "The new key's owner says by it whose key it takes over.",
        run: |driver| Box::pin(old_key_wrong(driver)),
    },
    Case {
        id: "rfc8555/7.3.5/inner-signature-wrong",
        level: Must,
        requirements: &["rfc8555-7.3.5-kc-inner-sig"],
        sent: "A change of key whose inner JWS is signed with another key than its jwk.",
        expected: "A refusal.",
        why: "Else an account could be given a key whose owner knows nothing of it.",
        run: |driver| Box::pin(inner_signature_wrong(driver)),
    },
    Case {
        id: "rfc8555/7.3.6/deactivated",
        level: Must,
        requirements: &["rfc8555-7.3.6-deact-200"],
        sent: "An account is deactivated.",
        expected: "200 and an object with status deactivated.",
        why: "It is how a client gives up a key that may have been stolen.",
        run: |driver| Box::pin(deactivated(driver)),
    },
    Case {
        id: "rfc8555/7.3.6/deactivated-unauthorized",
        level: Must,
        requirements: &["rfc8555-7.3.6-deact-401"],
        sent: "A new order and a reading of the account by one that is deactivated.",
        expected: "401 unauthorized.",
        why: "Nothing may be done for it any more. §7.3.6 says which status, and Boulder and Pebble send 403.",
        run: |driver| Box::pin(deactivated_unauthorized(driver)),
    },
];

async fn create(driver: &Driver, payload: &Value) -> Result<(Answer, Arc<AccountKey>), Stop> {
    let key = Arc::new(AccountKey::generate(driver.env()));
    let url = driver.resource("newAccount").await?;
    let payload = driver.bound(payload.clone(), &key, &url);
    let answer = driver.send(&driver.draft_with_key(&key, &url, &payload)).await?;
    Ok((answer, key))
}

async fn account_created(driver: &Driver) -> Result<(), Stop> {
    let (answer, _) = create(driver, &driver.new_account_payload()).await?;
    answer.has_status(201)?;
    driver.url(&answer.location()?)?;
    let status = answer.text("status")?;
    answer.claim(status == "valid", "a valid account", || status.clone())
}

async fn unknown_members_ignored(driver: &Driver) -> Result<(), Stop> {
    let mut payload = driver.new_account_payload();
    payload["x-nobody-knows"] = json!(1);
    payload["status"] = json!("deactivated");
    payload["orders"] = json!("https://elsewhere.invalid/orders");
    let (answer, _) = create(driver, &payload).await?;
    answer.has_status(201)?;
    let json = answer.json();
    let is_clean = json.get("x-nobody-knows").is_none()
        && json.get("status") == Some(&json!("valid"))
        && json.get("orders") != payload.get("orders");
    answer.claim(is_clean, "a valid account that shows none of it", || json.to_string())
}

async fn terms_not_agreed(driver: &Driver) -> Result<(), Stop> {
    let directory = driver.directory().await?.json();
    if directory.get("meta").and_then(|meta| meta.get("termsOfService")).is_none() {
        return Err(Stop::Skip("the directory names no terms of service".to_owned()));
    }
    for agreed in [Some(json!(false)), None, Some(json!("true"))] {
        let mut payload = json!({"contact": driver.target().contact});
        let shown = agreed.as_ref().map(|agreed| format!("termsOfServiceAgreed {agreed}"));
        let shown = shown.unwrap_or_else(|| "no termsOfServiceAgreed".to_owned());
        if let Some(agreed) = agreed {
            payload["termsOfServiceAgreed"] = agreed;
        }
        let (answer, _) = create(driver, &payload).await?;
        answer.is_refused().map_err(|stop| stop.with(&shown))?;
    }
    Ok(())
}

async fn with_contact(driver: &Driver, contact: &str) -> Result<Answer, Stop> {
    let mut payload = driver.new_account_payload();
    payload["contact"] = json!([contact]);
    Ok(create(driver, &payload).await?.0)
}

/// A CA that validates contacts names this problem; one that doesn't may take any.
async fn contact(driver: &Driver, contact: &str, problem: &str) -> Result<(), Stop> {
    let answer = with_contact(driver, contact).await?;
    if answer.status() == 201 {
        driver.note("the CA does not look at contacts");
        return Ok(());
    }
    answer.is_problem(400, problem)
}

async fn contact_refused(driver: &Driver, contact: &str) -> Result<(), Stop> {
    with_contact(driver, contact).await?.is_problem(400, "invalidContact")
}

async fn known_key(driver: &Driver, payload: Value) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newAccount").await?;
    let answer = driver.send(&driver.draft_with_key(&account.key, &url, &payload)).await?;
    answer.has_status(200)?;
    let location = answer.location()?;
    answer.claim(location == account.url, &format!("the account {}", account.url), || location.clone())
}

async fn only_return_existing_missing(driver: &Driver) -> Result<(), Stop> {
    let (answer, key) = create(driver, &json!({"onlyReturnExisting": true})).await?;
    answer.is_problem(400, "accountDoesNotExist")?;
    // Nor is there one now.
    let url = driver.resource("newAccount").await?;
    let again = driver.send(&driver.draft_with_key(&key, &url, &json!({"onlyReturnExisting": true}))).await?;
    again.is_problem(400, "accountDoesNotExist")
}

async fn contact_changed(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    let payload = json!({"contact": ["mailto:changed@example.com"]});
    let changed = driver.post(&account, &account.url, &payload).await?;
    changed.has_status(200)?;
    let read = driver.read_account(&account).await?;
    for answer in [changed, read] {
        let json = answer.json();
        match json.get("contact") {
            None => driver.note("the CA does not show contacts"),
            Some(contact) => {
                answer.claim(Some(contact) == payload.get("contact"), "the new contact", || json.to_string())?;
            }
        }
    }
    Ok(())
}

async fn status_not_changed(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let before = driver.read_account(&account).await?.json();
    let payload = json!({"status": "valid", "orders": "https://elsewhere.invalid/", "x-nobody-knows": 1});
    let answer = driver.post(&account, &account.url, &payload).await?;
    answer.claim(answer.status() < 500, "a status below 500", || answer.in_words())?;
    let after = driver.read_account(&account).await?;
    after.claim(after.json() == before, &format!("the account as it was: {before}"), || after.json().to_string())
}

/// The inner JWS of a change of key (RFC 8555 §7.3.5), signed with `by`.
fn inner(url: &str, new_key: &AccountKey, by: &AccountKey, account: &str, old_key: &Value) -> Value {
    let protected = json!({"alg": "ES256", "jwk": new_key.jwk(), "url": url});
    let payload = json!({"account": account, "oldKey": old_key}).to_string();
    Value::Object(sign(by, &protected, payload.as_bytes()))
}

async fn key_change_url(driver: &Driver) -> Result<String, Stop> {
    driver.optional_resource("keyChange").await
}

async fn key_changed(driver: &Driver) -> Result<(), Stop> {
    let url = key_change_url(driver).await?;
    let old = driver.new_account().await?;
    let key = Arc::new(AccountKey::generate(driver.env()));
    let answer = driver.post(&old, &url, &inner(&url, &key, &key, &old.url, &old.key.jwk())).await?;
    answer.has_status(200)?;
    let new = Account { key, url: old.url.clone() };
    driver.read_account(&new).await?;
    let refused = driver.get(&old, &old.url).await?;
    refused.is_refused().map_err(|stop| stop.with("the old key"))
}

async fn key_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let url = key_change_url(driver).await?;
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    let payload = inner(&url, &other.key, &other.key, &own.url, &own.key.jwk());
    let answer = driver.post(&own, &url, &payload).await?;
    answer.has_status(409)?;
    let location = answer.location()?;
    answer.claim(location == other.url, &format!("Location: {}", other.url), || location.clone())
}

async fn old_key_wrong(driver: &Driver) -> Result<(), Stop> {
    let url = key_change_url(driver).await?;
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    let key = AccountKey::generate(driver.env());
    for (variant, account, old_key) in
        [("another old key", &own.url, other.key.jwk()), ("another account", &other.url, own.key.jwk())]
    {
        let answer = driver.post(&own, &url, &inner(&url, &key, &key, account, &old_key)).await?;
        answer.is_refused().map_err(|stop| stop.with(variant))?;
    }
    driver.read_account(&own).await.map(drop)
}

async fn inner_signature_wrong(driver: &Driver) -> Result<(), Stop> {
    let url = key_change_url(driver).await?;
    let own = driver.account().await?;
    let (key, thief) = (AccountKey::generate(driver.env()), AccountKey::generate(driver.env()));
    let answer = driver.post(&own, &url, &inner(&url, &key, &thief, &own.url, &own.key.jwk())).await?;
    answer.is_refused()?;
    driver.read_account(&own).await.map(drop)
}

async fn deactivate(driver: &Driver) -> Result<(Account, Answer), Stop> {
    let account = driver.new_account().await?;
    let answer = driver.post(&account, &account.url, &json!({"status": "deactivated"})).await?;
    Ok((account, answer))
}

async fn deactivated(driver: &Driver) -> Result<(), Stop> {
    let (_, answer) = deactivate(driver).await?;
    answer.has_status(200)?;
    let status = answer.text("status")?;
    answer.claim(status == "deactivated", "status deactivated", || status.clone())
}

async fn deactivated_unauthorized(driver: &Driver) -> Result<(), Stop> {
    let (account, answer) = deactivate(driver).await?;
    answer.is_success("deactivating an account").map_err(|stop| stop.before("rfc8555/7.3.6/deactivated"))?;
    let payload = json!({"identifiers": [{"type": "dns", "value": driver.new_name()}]});
    let order = driver.post(&account, &driver.resource("newOrder").await?, &payload).await?;
    order.is_problem(401, "unauthorized").map_err(|stop| stop.with("a new order"))?;
    // A CA that shows no account refuses this too.
    driver.read_account(&driver.account().await?).await?;
    let read = driver.get(&account, &account.url).await?;
    read.is_problem(401, "unauthorized").map_err(|stop| stop.with("a reading of the account"))
}
