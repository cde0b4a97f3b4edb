//! draft-ietf-acme-dns-account-label and draft-ietf-acme-dns-persist: records at a place of the account's own, and records
//! that stay.

use std::time::Duration;

use serde_json::Value;

use super::{
    issuing::{attempt, first_authorization, for_names},
    key_change::rolled_over,
};
use crate::conformance::{
    case::{Case, Level::*},
    driver::{Challenge, Driver},
    responder::{Published, RecordType},
    verdict::Stop,
};

const ACCOUNT: &str = "dns-account-01";
const PERSIST: &str = "dns-persist-01";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "draft-ietf-acme-dns-account-label/3.2/name",
        level: Must,
        requirements: &["dns-account-3.2-da-name", "dns-account-3.5-da-kid-url"],
        sent: "dns-account-01 is answered at the label that is made of the account's URL.",
        expected: "A valid authorization, and a question for TXT there.",
        why: "Several accounts can prove one name at the same time.",
        run: |driver| Box::pin(account_name(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-account-label/3.1/token",
        level: Must,
        requirements: &["dns-account-3.1-da-token"],
        sent: "A new order.",
        expected: "A dns-account-01 challenge with a token of 128 bits.",
        why: "It must not be guessed.",
        run: |driver| Box::pin(account_token(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-account-label/3.3/record-wrong",
        level: Must,
        requirements: &["dns-account-3.3-da-verify-all"],
        sent: "dns-account-01 is answered with another digest, at the name of dns-01, and not at all.",
        expected: "An invalid authorization.",
        why: "Only the account's own place counts.",
        run: |driver| Box::pin(account_record_wrong(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-account-label/3.3/one-of-many",
        level: Robustness,
        requirements: &["dns-account-3.3-da-any-of-many"],
        sent: "dns-account-01 is answered with the right record behind others.",
        expected: "A valid authorization.",
        why: "Records of earlier attempts stand there too.",
        run: |driver| Box::pin(account_one_of_many(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-account-label/3.2/wildcard",
        level: Robustness,
        requirements: &["dns-account-3.2-da-wildcard"],
        sent: "A certificate for a wildcard, proved by dns-account-01.",
        expected: "A certificate.",
        why: "It is a challenge by the DNS like dns-01.",
        run: |driver| Box::pin(account_wildcard(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/3.1/challenge",
        level: Must,
        requirements: &["dns-persist-3.1-dp-object"],
        sent: "A new order.",
        expected: "A dns-persist-01 challenge with one to ten issuer domain names, in lower case and without a dot at their end.",
        why: "One of them stands in the record.",
        run: |driver| Box::pin(persist_challenge(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/3.1/no-token",
        level: Robustness,
        requirements: &["dns-persist-3.1-dp-no-token"],
        sent: "A new order.",
        expected: "A dns-persist-01 challenge without a token.",
        why: "The record stays the same.",
        run: |driver| Box::pin(persist_no_token(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/4/name",
        level: Must,
        requirements: &["dns-persist-4-dp-name", "dns-persist-4.1-dp-issue-value"],
        sent: "dns-persist-01 is answered with records for the CA and the account, with parameters that nobody knows and blanks.",
        expected: "A valid authorization, and a question for TXT at _validation-persist.",
        why: "The record is read as an issue-value of CAA.",
        run: |driver| Box::pin(persist_name(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/4.1/issuer",
        level: Must,
        requirements: &["dns-persist-4.1-dp-issuer"],
        sent: "dns-persist-01 is answered with a record for another CA.",
        expected: "An invalid authorization.",
        why: "The owner trusts that one.",
        run: |driver| Box::pin(persist_fails(driver, &["other.example; accounturi={account}"])),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/4.1/account-uri",
        level: Must,
        requirements: &["dns-persist-4.1-dp-accounturi", "dns-persist-4.1-dp-accounturi-exact"],
        sent: "dns-persist-01 is answered with records without account, for another one, for it twice, and in other letters.",
        expected: "An invalid authorization.",
        why: "The record is for one account.",
        run: |driver| {
            Box::pin(persist_fails(
                driver,
                &[
                    "{ca}",
                    "{ca}; accounturi=https://ca.invalid/1",
                    "{ca}; accounturi={account}; accounturi={account}",
                    "{ca}; accounturi={account}/",
                    "{ca}; accounturi={ACCOUNT}",
                ],
            ))
        },
    },
    Case {
        id: "draft-ietf-acme-dns-persist/4.1/policy",
        level: Must,
        requirements: &["dns-persist-4.1-dp-policy-case", "dns-persist-5-dp-wildcard"],
        sent: "Wildcards proved by dns-persist-01, with policy=wildcard, policy=WILDCARD, another policy, and none.",
        expected: "A certificate with the first two only.",
        why: "All names below are more than one.",
        run: |driver| Box::pin(persist_policy(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/4.1/persist-until",
        level: Must,
        requirements: &["dns-persist-4.1-dp-persist-until"],
        sent: "dns-persist-01 is answered with records that are over, with ends that are no numbers, and with one to come.",
        expected: "A valid authorization with the last alone.",
        why: "The owner says how long it is good.",
        run: |driver| Box::pin(persist_until(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/4.4/several",
        level: Must,
        requirements: &["dns-persist-4.4-dp-multi-records"],
        sent: "dns-persist-01 is answered with records for other CAs and accounts, and one for this.",
        expected: "A valid authorization.",
        why: "One that is right is enough.",
        run: |driver| Box::pin(persist_several(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/7.8/record-withdrawn",
        level: Must,
        requirements: &["dns-persist-7.8-dp-ttl"],
        sent: "A name is proved by a record with a TTL of a second, which is withdrawn, and ordered again three seconds later.",
        expected: "An authorization that is not valid.",
        why: "What the owner has taken back is no proof any more.",
        run: |driver| Box::pin(persist_withdrawn(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/4.1/split-strings",
        level: Robustness,
        requirements: &["dns-persist-4.1-dp-multistring"],
        sent: "dns-persist-01 is answered with a record of several character-strings.",
        expected: "A valid authorization.",
        why: "A string has 255 octets at most.",
        run: |driver| Box::pin(persist_split_strings(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-persist/6.1/parent",
        level: Must,
        requirements: &["dns-persist-6.1-dp-subdomain-suffix"],
        sent: "dns-persist-01 is answered at a name that ends in the same letters, without its first label's beginning.",
        expected: "An invalid authorization.",
        why: "It is another name.",
        run: |driver| Box::pin(persist_parent(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-account-label/3.4/error-names-account",
        level: Should,
        requirements: &["dns-account-3.4-da-error-url"],
        sent: "dns-account-01 is answered, and there is no record.",
        expected: "An error whose detail has the account's URL.",
        why: "The label is made of it, and the commonest mistake is that of another account.",
        run: |driver| Box::pin(account_error(driver)),
    },
    Case {
        id: "draft-ietf-acme-dns-account-label/3.5/key-changed",
        level: Should,
        requirements: &["dns-account-3.5-da-stable"],
        sent: "An account's key is changed, and dns-account-01 answered at the label that it had before.",
        expected: "A valid authorization.",
        why: "The label is made of the account's URL, which stays.",
        run: |driver| Box::pin(account_key_changed(driver)),
    },
];

async fn challenge(driver: &Driver, kind: &str) -> Result<Challenge, Stop> {
    let account = driver.account().await?;
    driver.pending_challenge(&account, kind).await
}

async fn proves(driver: &Driver, challenge: &Challenge, records: Vec<Published>) -> Result<(), Stop> {
    driver.responder().publish_records(&challenge.record_name(), records);
    driver.proves(&driver.account().await?, challenge).await.map(drop)
}

async fn fails(driver: &Driver, challenge: &Challenge, records: Vec<Published>) -> Result<(), Stop> {
    driver.responder().publish_records(&challenge.record_name(), records);
    driver.fails_to_prove(&driver.account().await?, challenge).await.map(drop)
}

async fn is_asked(driver: &Driver, challenge: &Challenge) -> Result<(), Stop> {
    let over = driver.get(&driver.account().await?, &challenge.authorization).await?;
    let name = challenge.record_name();
    let count = driver.questions(&name, RecordType::TXT);
    over.claim(count > 0, &format!("a question for TXT at {name}"), || "none".to_owned())
}

async fn account_name(driver: &Driver) -> Result<(), Stop> {
    let challenge = challenge(driver, ACCOUNT).await?;
    proves(driver, &challenge, vec![Published::text(challenge.digest())]).await?;
    is_asked(driver, &challenge).await
}

async fn account_token(driver: &Driver) -> Result<(), Stop> {
    let challenge = challenge(driver, ACCOUNT).await?;
    let over = driver.get(&driver.account().await?, &challenge.authorization).await?;
    let is_base64url = challenge.token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    over.claim(challenge.token.len() >= 22 && is_base64url, "a token of 128 bits", || challenge.token.clone())
}

async fn account_record_wrong(driver: &Driver) -> Result<(), Stop> {
    let one = challenge(driver, ACCOUNT).await?;
    fails(driver, &one, vec![Published::text(format!("x{}", one.digest()))]).await?;
    let one = challenge(driver, ACCOUNT).await?;
    let elsewhere = format!("_acme-challenge.{}", one.identifier);
    driver.responder().publish_records(&elsewhere, vec![Published::text(one.digest())]);
    fails(driver, &one, Vec::new()).await
}

async fn account_one_of_many(driver: &Driver) -> Result<(), Stop> {
    let one = challenge(driver, ACCOUNT).await?;
    let others = (0..4).map(|number| Published::text(format!("{number}{}", one.digest())));
    let records = others.chain([Published::text(one.digest())]).collect();
    proves(driver, &one, records).await
}

async fn account_wildcard(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let payload = for_names(&[&format!("*.{}", driver.new_name())]);
    attempt(driver, &account, &payload, ACCOUNT).await?.expect_issued()
}

async fn persist_challenge(driver: &Driver) -> Result<(), Stop> {
    let challenge = challenge(driver, PERSIST).await?;
    let over = driver.get(&driver.account().await?, &challenge.authorization).await?;
    let issuers = challenge.issuers();
    let is_right = (1..=10).contains(&issuers.len())
        && issuers.iter().all(|name| {
            !name.is_empty() && name.len() <= 253 && !name.ends_with('.') && *name == name.to_ascii_lowercase()
        });
    over.claim(is_right, "one to ten issuer domain names", || challenge.object.to_string())
}

async fn persist_no_token(driver: &Driver) -> Result<(), Stop> {
    let challenge = challenge(driver, PERSIST).await?;
    let over = driver.get(&driver.account().await?, &challenge.authorization).await?;
    let token = challenge.object.get("token").map(Value::to_string);
    over.claim(token.is_none(), "no token", || challenge.object.to_string())
}

/// `{ca}` stands for the CA's name and `{account}` for the account's URL, `{ACCOUNT}` in upper case.
fn filled(challenge: &Challenge, text: &str) -> Published {
    let issuer = challenge.issuers().into_iter().next().unwrap_or_default();
    Published::text(
        text.replace("{ca}", &issuer)
            .replace("{account}", &challenge.account)
            .replace("{ACCOUNT}", &challenge.account.to_uppercase()),
    )
}

async fn persist_name(driver: &Driver) -> Result<(), Stop> {
    for text in
        ["{ca}; accounturi={account}", "{ca};accounturi={account}", " {ca} ; accounturi = {account} ; x-nobody-knows=1"]
    {
        let one = challenge(driver, PERSIST).await?;
        proves(driver, &one, vec![filled(&one, text)]).await.map_err(|stop| stop.with(text))?;
        is_asked(driver, &one).await?;
    }
    Ok(())
}

async fn persist_fails(driver: &Driver, texts: &[&str]) -> Result<(), Stop> {
    for text in texts {
        let one = challenge(driver, PERSIST).await?;
        fails(driver, &one, vec![filled(&one, text)]).await.map_err(|stop| stop.with(text))?;
    }
    Ok(())
}

async fn persist_policy(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for (policy, is_enough) in
        [("; policy=wildcard", true), ("; policy=WILDCARD", true), ("; policy=strict", false), ("", false)]
    {
        let (order, _) = driver.new_order(&account, &[format!("*.{}", driver.new_name())]).await?;
        for one in driver.challenges(&account, &order, PERSIST).await? {
            let record = filled(&one, &format!("{{ca}}; accounturi={{account}}{policy}"));
            let tried = match is_enough {
                true => proves(driver, &one, vec![record]).await,
                false => fails(driver, &one, vec![record]).await,
            };
            tried.map_err(|stop| stop.with(&format!("{policy:?}")))?;
        }
    }
    Ok(())
}

async fn persist_until(driver: &Driver) -> Result<(), Stop> {
    let now = driver.env().utc_now().unix_timestamp();
    let with = |until: String| format!("{{ca}}; accounturi={{account}}; persistUntil={until}");
    for until in [format!("{}", now - 60), "soon".to_owned(), format!("+{}", now + 9_999), format!("{}.5", now + 9_999)]
    {
        persist_fails(driver, &[&with(until)]).await?;
    }
    let one = challenge(driver, PERSIST).await?;
    proves(driver, &one, vec![filled(&one, &with(format!("{}", now + 86_400)))]).await
}

async fn persist_several(driver: &Driver) -> Result<(), Stop> {
    let one = challenge(driver, PERSIST).await?;
    let texts = ["other.example; accounturi={account}", "no record at all", "{ca}; accounturi=https://ca.invalid/1"];
    let records = texts.iter().copied().chain(["{ca}; accounturi={account}"]).map(|text| filled(&one, text)).collect();
    proves(driver, &one, records).await
}

async fn persist_withdrawn(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let one = challenge(driver, PERSIST).await?;
    proves(driver, &one, vec![filled(&one, "{ca}; accounturi={account}")]).await?;
    driver.responder().publish_records(&one.record_name(), Vec::new());
    driver.env().sleep(Duration::from_secs(3)).await;
    let (order, _) = driver.new_order(&account, std::slice::from_ref(&one.identifier)).await?;
    let (_, shown) = first_authorization(driver, &account, &order).await?;
    let status = shown.text("status")?;
    shown.claim(status != "valid", "an authorization that is not valid", || shown.json().to_string())
}

async fn persist_split_strings(driver: &Driver) -> Result<(), Stop> {
    let one = challenge(driver, PERSIST).await?;
    let Published::Text(whole) = filled(&one, "{ca}; accounturi={account}") else { return Ok(()) };
    let whole = whole.concat();
    let (first, rest) = whole.split_at(whole.len() / 2);
    proves(driver, &one, vec![Published::Text(vec![first.to_owned(), rest.to_owned()])]).await
}

async fn persist_parent(driver: &Driver) -> Result<(), Stop> {
    let one = challenge(driver, PERSIST).await?;
    let elsewhere = format!("_validation-persist.{}", one.identifier.trim_start_matches('n'));
    driver.responder().publish_records(&elsewhere, vec![filled(&one, "{ca}; accounturi={account}; policy=wildcard")]);
    fails(driver, &one, Vec::new()).await
}

async fn account_error(driver: &Driver) -> Result<(), Stop> {
    let one = challenge(driver, ACCOUNT).await?;
    let account = driver.account().await?;
    let error = driver.fails_with_error(&account, &one).await?;
    let over = driver.get(&account, &one.authorization).await?;
    let detail = error.get("detail").and_then(Value::as_str).unwrap_or_default();
    over.claim(detail.contains(&account.url), &format!("{} in the error's detail", account.url), || detail.to_owned())
}

async fn account_key_changed(driver: &Driver) -> Result<(), Stop> {
    let old = driver.new_account().await?;
    let label = driver.pending_challenge(&old, ACCOUNT).await?.record_name();
    let new = rolled_over(driver, &old).await?;
    let one = driver.pending_challenge(&new, ACCOUNT).await?;
    let host = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let record = one.record_name();
    let over = driver.get(&new, &one.authorization).await?;
    over.claim(host(&label) == host(&record), &format!("the label {}", host(&label)), || host(&record))?;
    driver.responder().publish_records(&record, vec![Published::text(one.digest())]);
    driver.proves(&new, &one).await.map(drop)
}
