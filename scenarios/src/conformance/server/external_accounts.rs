//! RFC 8555 §7.3.4: accounts that are bound to what their holder has at the CA by other means.

use serde_json::{Value, json};

use crate::conformance::{
    case::{Case, Level::*},
    driver::{AccountKey, Answer, Binding, Driver, base64url, sign},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.3.4/binding",
        level: Robustness,
        requirements: &["rfc8555-7.3.4-eab-accept", "rfc8555-7.3.4-eab-reflect"],
        sent: "A new account with a binding under HS256.",
        expected: "201, and an account that shows the binding as it was sent.",
        why: "The client sees that the server has taken it.",
        run: |driver| Box::pin(binding(driver)),
    },
    Case {
        id: "rfc8555/7.3.4/binding-algorithms",
        level: Robustness,
        requirements: &["rfc8555-7.3.4-eab-alg-choice"],
        sent: "New accounts with bindings under HS384 and HS512.",
        expected: "201, or a refusal with a status of 4xx.",
        why: "Keys may be longer than 32 octets.",
        run: |driver| Box::pin(binding_algorithms(driver)),
    },
    Case {
        id: "rfc8555/7.3.4/binding-missing",
        level: Should,
        requirements: &[
            "rfc8555-7.3.4-eab-required-type",
            "rfc8555-7.1.1-meta-eab-true",
            "rfc8555-7.3.4-eab-required-bypass",
        ],
        sent: "A new account without a binding, at a CA whose directory says that it has to have one.",
        expected: "A refusal, externalAccountRequired; and there is no account.",
        why: "By this problem a client knows that its user has to get a key.",
        run: |driver| Box::pin(binding_missing(driver)),
    },
    Case {
        id: "rfc8555/7.1.1/binding-not-required",
        level: Must,
        requirements: &["rfc8555-7.1.1-meta-eab-true"],
        sent: "A new account without a binding, at a CA whose directory does not say that it has to have one.",
        expected: "Anything but externalAccountRequired.",
        why: "A client asks its user for a key only if the directory says so.",
        run: |driver| Box::pin(binding_not_required(driver)),
    },
    Case {
        id: "rfc8555/7.3.4/binding-malformed",
        level: Must,
        requirements: &["rfc8555-7.3.4-eab-malformed"],
        sent: "New accounts whose binding is a text, an empty object, a JWS without its signature, and one that is no base64url.",
        expected: "A refusal.",
        why: "What can't be read binds nobody.",
        run: |driver| Box::pin(binding_malformed(driver)),
    },
    Case {
        id: "rfc8555/7.3.4/binding-alg-not-a-mac",
        level: Must,
        requirements: &["rfc8555-7.3.4-eab-alg-mac"],
        sent: "New accounts whose binding says alg none, or is signed with the account's key under ES256.",
        expected: "A refusal.",
        why: "Only a MAC shows that the customer's key is there.",
        run: |driver| Box::pin(binding_alg_not_a_mac(driver)),
    },
    Case {
        id: "rfc8555/7.3.4/binding-with-nonce",
        level: Must,
        requirements: &["rfc8555-7.3.4-eab-nonce"],
        sent: "A new account whose binding has a nonce.",
        expected: "A refusal.",
        why: "§7.3.4: it must not have one.",
        run: |driver| Box::pin(refuses(driver, |binding| binding.header("nonce", "bm9uY2U"))),
    },
    Case {
        id: "rfc8555/7.3.4/binding-for-another-url",
        level: Must,
        requirements: &["rfc8555-7.3.4-eab-url"],
        sent: "New accounts whose binding is for another URL, and for none.",
        expected: "A refusal.",
        why: "Else a binding that was made for one CA is good at another.",
        run: |driver| Box::pin(binding_for_another_url(driver)),
    },
    Case {
        id: "rfc8555/7.3.4/binding-kid-unknown",
        level: Must,
        requirements: &["rfc8555-7.3.4-eab-kid-unknown", "rfc8555-7.3.4-eab-kid-types"],
        sent: "New accounts whose binding names no key, one that there is not, in letters of other scripts, and a number.",
        expected: "A refusal.",
        why: "Nobody has such a key.",
        run: |driver| Box::pin(binding_kid_unknown(driver)),
    },
    Case {
        id: "rfc8555/7.3.4/binding-mac-wrong",
        level: Must,
        requirements: &["rfc8555-7.3.4-eab-mac-bad"],
        sent: "New accounts whose binding is under another key, has a MAC with octets missing, and has no MAC.",
        expected: "A refusal.",
        why: "The name of a customer's key is no secret; the key is.",
        run: |driver| Box::pin(binding_mac_wrong(driver)),
    },
    Case {
        id: "rfc8555/7.3.4/binding-of-another-key",
        level: Must,
        requirements: &["rfc8555-7.3.4-eab-payload-key"],
        sent: "A new account whose binding is of another account's key.",
        expected: "A refusal.",
        why: "Else who sees a binding can use it.",
        run: |driver| Box::pin(binding_of_another_key(driver)),
    },
    Case {
        id: "rfc8555/7.3.4/binding-with-jwk",
        level: Robustness,
        requirements: &["rfc8555-7.3.4-eab-jwk-inner"],
        sent: "A new account whose binding has a jwk beside its kid.",
        expected: "A refusal.",
        why: "There must be one reading of whose key it is.",
        run: |driver| Box::pin(binding_with_jwk(driver)),
    },
];

/// Asks for an account with a binding that `change` may have made wrong.
async fn bound(driver: &Driver, change: impl FnOnce(Binding) -> Binding) -> Result<Answer, Stop> {
    let key = AccountKey::generate(driver.env());
    sent(driver, &key, |binding| change(binding).jws()).await
}

async fn sent(driver: &Driver, key: &AccountKey, made: impl FnOnce(Binding) -> Value) -> Result<Answer, Stop> {
    let Some(external) = &driver.target().external_account else {
        return Err(Stop::Skip("it needs --eab KID:KEY".to_owned()));
    };
    let url = driver.resource("newAccount").await?;
    let mut payload = driver.new_account_payload();
    payload["externalAccountBinding"] = made(Binding::of(external, key, &url));
    driver.send(&driver.draft_with_key(key, &url, &payload)).await
}

async fn refuses(driver: &Driver, change: impl FnOnce(Binding) -> Binding) -> Result<(), Stop> {
    bound(driver, change).await?.is_refused()
}

async fn binding(driver: &Driver) -> Result<(), Stop> {
    let key = AccountKey::generate(driver.env());
    let mut jws = Value::Null;
    let answer = sent(driver, &key, |binding| {
        jws = binding.jws();
        jws.clone()
    })
    .await?;
    answer.has_status(201)?;
    let json = answer.json();
    let shown = json.get("externalAccountBinding");
    if shown.is_none() {
        driver.note("the account does not show its binding");
        return Ok(());
    }
    answer.claim(shown == Some(&jws), "the binding as it was sent", || json.to_string())
}

async fn binding_algorithms(driver: &Driver) -> Result<(), Stop> {
    for algorithm in ["HS384", "HS512"] {
        let answer = bound(driver, |binding| binding.header("alg", algorithm)).await?;
        if answer.status() != 201 {
            answer.is_refused().map_err(|stop| stop.with(algorithm))?;
        }
    }
    Ok(())
}

async fn is_required(driver: &Driver) -> Result<bool, Stop> {
    Ok(driver.meta("externalAccountRequired").await? == Some(json!(true)))
}

async fn unbound(driver: &Driver, key: &AccountKey) -> Result<Answer, Stop> {
    let url = driver.resource("newAccount").await?;
    driver.send(&driver.draft_with_key(key, &url, &driver.new_account_payload())).await
}

async fn binding_missing(driver: &Driver) -> Result<(), Stop> {
    if !is_required(driver).await? {
        return Err(Stop::Skip("the directory does not say externalAccountRequired".to_owned()));
    }
    let key = AccountKey::generate(driver.env());
    let answer = unbound(driver, &key).await?;
    answer.is_refused()?;
    let kind = answer.problem().unwrap_or_default();
    answer.claim(kind == "externalAccountRequired", "the problem externalAccountRequired", || answer.in_words())?;
    let url = driver.resource("newAccount").await?;
    let again = driver.send(&driver.draft_with_key(&key, &url, &json!({"onlyReturnExisting": true}))).await?;
    again.is_refused()
}

async fn binding_not_required(driver: &Driver) -> Result<(), Stop> {
    if is_required(driver).await? {
        return Err(Stop::Skip("the directory says externalAccountRequired".to_owned()));
    }
    let answer = unbound(driver, &AccountKey::generate(driver.env())).await?;
    let kind = answer.problem().unwrap_or_default();
    answer.claim(kind != "externalAccountRequired", "no externalAccountRequired", || answer.in_words())
}

async fn binding_malformed(driver: &Driver) -> Result<(), Stop> {
    type Wrong = fn(Value) -> Value;
    let variants: [(&str, Wrong); 4] = [
        ("a text", |jws| json!(jws.to_string())),
        ("an empty object", |_| json!({})),
        ("no signature", |jws| json!({"protected": jws["protected"], "payload": jws["payload"]})),
        ("no base64url", |jws| json!({"protected": "{}", "payload": jws["payload"], "signature": "?"})),
    ];
    for (variant, wrong) in variants {
        let key = AccountKey::generate(driver.env());
        let answer = sent(driver, &key, |binding| wrong(binding.jws())).await?;
        answer.is_refused().map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn binding_alg_not_a_mac(driver: &Driver) -> Result<(), Stop> {
    for algorithm in ["none", "ES256"] {
        let key = AccountKey::generate(driver.env());
        let answer = sent(driver, &key, |binding| {
            let binding = binding.header("alg", algorithm);
            Value::Object(sign(&key, &Value::Object(binding.protected), binding.payload.to_string().as_bytes()))
        })
        .await?;
        answer.is_refused().map_err(|stop| stop.with(algorithm))?;
    }
    Ok(())
}

async fn binding_for_another_url(driver: &Driver) -> Result<(), Stop> {
    let other = driver.resource("newOrder").await?;
    refuses(driver, |binding| binding.header("url", other)).await?;
    refuses(driver, |binding| binding.without("url")).await
}

async fn binding_kid_unknown(driver: &Driver) -> Result<(), Stop> {
    refuses(driver, |binding| binding.without("kid")).await?;
    for kid in [json!("x-nobody-has-this"), json!(""), json!("ключ"), json!(1), json!(null)] {
        let shown = format!("the kid {kid}");
        refuses(driver, |binding| binding.header("kid", kid)).await.map_err(|stop| stop.with(&shown))?;
    }
    Ok(())
}

async fn binding_mac_wrong(driver: &Driver) -> Result<(), Stop> {
    refuses(driver, |binding| Binding { secret: b"another secret".to_vec(), ..binding }).await?;
    for octets_missing in [1, 16, 32] {
        let tried = refuses(driver, |binding| Binding { octets_missing, ..binding }).await;
        tried.map_err(|stop| stop.with(&format!("{octets_missing} octets missing")))?;
    }
    Ok(())
}

async fn binding_of_another_key(driver: &Driver) -> Result<(), Stop> {
    let other = AccountKey::generate(driver.env());
    refuses(driver, |binding| Binding { payload: other.jwk(), ..binding }).await?;
    refuses(driver, |binding| Binding { payload: json!(base64url("no key")), ..binding }).await
}

async fn binding_with_jwk(driver: &Driver) -> Result<(), Stop> {
    let key = AccountKey::generate(driver.env());
    let jwk = key.jwk();
    sent(driver, &key, |binding| binding.header("jwk", jwk).jws()).await?.is_refused()
}
