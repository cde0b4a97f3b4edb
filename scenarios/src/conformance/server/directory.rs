//! RFC 8555 §6.7 and §7.1: errors, the directory, and how resources look.

use serde_json::{Value, json};
use url::Url;

use crate::{
    conformance::{
        case::{Case, Level::*},
        driver::{Account, Answer, Driver, authorizations},
        verdict::Stop,
    },
    oracles::reader::link::targets,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/6.7/problem-document",
        level: Should,
        requirements: &["rfc8555-6.7-problem-json", "rfc8555-6.7-type-nonempty", "rfc8555-6.7-problem-status"],
        sent: "A new order without identifiers, and one by an account that is none.",
        expected: "application/problem+json with type and detail; status, if it is there, is that of the answer.",
        why: "A client can tell its user only what it is told.",
        run: |driver| Box::pin(problem_document(driver)),
    },
    Case {
        id: "rfc8555/6.7/payload-not-an-object",
        level: Robustness,
        requirements: &["rfc8555-6.7-malformed-json"],
        sent: "A new order whose payload is no JSON, an array, null, a number.",
        expected: "400 malformed.",
        why: "It is the client's mistake and must not look like the server's.",
        run: |driver| Box::pin(payload_not_an_object(driver)),
    },
    Case {
        id: "rfc8555/6.7/payload-of-other-types",
        level: Robustness,
        requirements: &["rfc8555-6.7-type-confusion"],
        sent: "New orders whose identifiers are a text, an object, an array of texts, or have numbers for type and value.",
        expected: "A refusal with a status of 4xx.",
        why: "500 makes a client try again for ever.",
        run: |driver| Box::pin(payload_of_other_types(driver)),
    },
    Case {
        id: "rfc8555/6.7/identifier-type-unknown",
        level: Robustness,
        requirements: &["rfc8555-6.7-unsupported-identifier"],
        sent: "A new order for an identifier of a type that nobody knows.",
        expected: "400 unsupportedIdentifier.",
        why: "The client learns that no spelling of it will do.",
        run: |driver| Box::pin(identifier_type_unknown(driver)),
    },
    Case {
        id: "rfc8555/6.7/subproblems",
        level: Must,
        requirements: &["rfc8555-6.7.1-subproblem-shape"],
        sent: "A new order with two names that no CA can issue for.",
        expected: "Subproblems, if there are any, are an array of problems with an identifier each; the problem itself has none.",
        why: "A client that has fifty names in an order must know which of them are wrong.",
        run: |driver| Box::pin(subproblems(driver)),
    },
    Case {
        id: "rfc8555/7.1/index-link",
        level: Robustness,
        requirements: &["rfc8555-7.1-link-index"],
        sent: "A nonce, a new order and the account are asked for.",
        expected: "A Link header of relation index that leads to the directory.",
        why: "§7.1: all resources but the directory have it.",
        run: |driver| Box::pin(index_link(driver)),
    },
    Case {
        id: "rfc8555/7.1.1/directory",
        level: Robustness,
        requirements: &["rfc8555-7.1.1-dir-required", "rfc8555-7.1.1-dir-content-type"],
        sent: "The directory is read.",
        expected: "newNonce, newAccount, newOrder, revokeCert and keyChange as absolute URLs, in application/json.",
        why: "Clients read it first and fail without one of them.",
        run: |driver| Box::pin(directory(driver)),
    },
    Case {
        id: "rfc8555/7.1.1/meta",
        level: Must,
        requirements: &["rfc8555-7.1.1-meta-object"],
        sent: "The directory is read.",
        expected: "meta is an object, if it is there; its known members have the types of §7.1.1.",
        why: "A client that finds a text where a list should be stops there.",
        run: |driver| Box::pin(meta(driver)),
    },
    Case {
        id: "rfc8555/7.1.1/advertised-resources",
        level: Robustness,
        requirements: &["rfc8555-7.1.1-dir-advertise-works", "rfc8555-7.1.1-dir-newauthz"],
        sent: "A signed empty object to each resource of the directory.",
        expected: "No 404, 405 or 501.",
        why: "step-ca named keyChange for years and answered that it is not implemented.",
        run: |driver| Box::pin(advertised_resources(driver)),
    },
    Case {
        id: "rfc8555/7.1.2/account-object",
        level: Must,
        requirements: &["rfc8555-7.1.2.1-orders-field"],
        sent: "The account is read.",
        expected: "status valid, and orders, a URL.",
        why: "By the list a client finds orders that it has lost. Let's Encrypt has left it out since 2018.",
        run: |driver| Box::pin(account_object(driver)),
    },
    Case {
        id: "rfc8555/7.1.2/orders-list",
        level: Must,
        requirements: &["rfc8555-7.1.2.1-orders-shape", "rfc8555-7.1.2.1-orders-pending"],
        sent: "A new order, then the account's list of orders.",
        expected: "An object with an array of URLs that has the order.",
        why: "A list without pending orders can't be used to find one that was lost.",
        run: |driver| Box::pin(orders_list(driver)),
    },
    Case {
        id: "rfc8555/7.1.2/orders-list-of-another-account",
        level: Must,
        requirements: &["rfc8555-7.1.2.1-orders-authz"],
        sent: "The list of orders of one account, asked for by another.",
        expected: "A refusal.",
        why: "It says what somebody else has certificates for.",
        run: |driver| Box::pin(orders_list_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/7.1.3/order-object",
        level: Must,
        requirements: &["rfc8555-7.4-order-201", "rfc8555-7.1.3-order-expires"],
        sent: "A new order, which is then read.",
        expected: "status pending, expires, identifiers, authorizations and finalize, both times; no certificate yet.",
        why: "It is all that a client knows of what to do next.",
        run: |driver| Box::pin(order_object(driver)),
    },
    Case {
        id: "rfc8555/7.1.4/authorization-object",
        level: Must,
        requirements: &["rfc8555-7.1.4-authz-shape"],
        sent: "A new order, then its authorization.",
        expected: "identifier, status and challenges, each of them with type, url and status, and a token where its type has one.",
        why: "A challenge without token can't be answered.",
        run: |driver| Box::pin(authorization_object(driver)),
    },
];

async fn problem_document(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let payload = json!({"identifiers": []});
    let unknown = driver.draft(&account, &url, &payload).header("kid", format!("{}00000", account.url));
    for draft in [driver.draft(&account, &url, &payload), unknown] {
        let answer = driver.send(&draft).await?;
        answer.is_refused()?;
        let media_type = answer.media_type();
        answer.claim(media_type == "application/problem+json", "application/problem+json", || media_type.clone())?;
        let kind = answer.text("type")?;
        answer.claim(!kind.is_empty(), "a type", || "an empty one".to_owned())?;
        answer.text("detail")?;
        let json = answer.json();
        let status = json.get("status").map(|status| status.as_u64() == Some(answer.status().into()));
        answer.claim(status != Some(false), "the answer's status in the document", || json.to_string())?;
    }
    Ok(())
}

async fn payload_not_an_object(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    for payload in ["{", "[]", "null", "1", "\"text\""] {
        let answer = driver.send(&driver.draft_get(&account, &url).payload(payload.as_bytes())).await?;
        answer.is_problem(400, "malformed").map_err(|stop| stop.with(&format!("the payload {payload}")))?;
    }
    Ok(())
}

async fn payload_of_other_types(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    for identifiers in [json!("a.test"), json!({}), json!(["a.test"]), json!([{"type": 1, "value": 2}]), json!(null)] {
        let answer = driver.post(&account, &url, &json!({"identifiers": identifiers})).await?;
        answer.is_refused().map_err(|stop| stop.with(&format!("the identifiers {identifiers}")))?;
    }
    Ok(())
}

async fn identifier_type_unknown(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let payload = json!({"identifiers": [{"type": "x-nobody-knows", "value": "a"}]});
    driver.post(&account, &url, &payload).await?.is_problem(400, "unsupportedIdentifier")
}

async fn subproblems(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let names = ["in valid.test", "-.test"].map(|name| json!({"type": "dns", "value": name}));
    let answer = driver.post(&account, &url, &json!({"identifiers": names})).await?;
    if answer.status() < 300 {
        return answer.is_refused().map_err(|stop| stop.before("rfc8555/7.4/names-that-are-none"));
    }
    answer.is_refused()?;
    let json = answer.json();
    answer.claim(json.get("identifier").is_none(), "no identifier in the problem itself", || json.to_string())?;
    let Some(list) = json.get("subproblems") else { return Ok(()) };
    let is_right = list.as_array().is_some_and(|list| {
        list.iter().all(|one| {
            let value = one.get("identifier").and_then(|identifier| identifier.get("value"));
            value.is_some_and(Value::is_string) && one.get("type").is_some_and(Value::is_string)
        })
    });
    answer.claim(is_right, "subproblems with type and identifier", || list.to_string())
}

async fn index_link(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let nonce = driver.method("HEAD", &driver.resource("newNonce").await?).await?;
    let (order, _) = driver.pending_order(&account).await?;
    let read = driver.read_account(&account).await?;
    let directory = driver.target().directory.as_str();
    for (of, answer) in [("HEAD of newNonce", nonce), ("a new order", order), ("a reading of the account", read)] {
        let leads_there = answer.headers("link").flat_map(|field| field.split(',')).any(|link| {
            let (target, parameters) = link.split_once('>').unwrap_or_default();
            let target = target.trim().trim_start_matches('<');
            let is_index = parameters.contains("rel=\"index\"") || parameters.contains("rel=index");
            is_index && driver.target().directory.join(target).is_ok_and(|url| url.as_str() == directory)
        });
        let links: Vec<&str> = answer.headers("link").collect();
        let expected = format!("a Link to the directory with rel=\"index\" in the answer to {of}");
        let found = || if links.is_empty() { "no Link".to_owned() } else { links.join(", ") };
        answer.claim(leads_there, &expected, found)?;
    }
    Ok(())
}

async fn directory(driver: &Driver) -> Result<(), Stop> {
    let answer = driver.directory().await?;
    answer.has_status(200)?;
    let media_type = answer.media_type();
    answer.claim(media_type == "application/json", "application/json", || media_type.clone())?;
    for resource in ["newNonce", "newAccount", "newOrder", "revokeCert", "keyChange"] {
        driver.url(&answer.text(resource)?)?;
    }
    Ok(())
}

async fn meta(driver: &Driver) -> Result<(), Stop> {
    let answer = driver.directory().await?;
    let json = answer.json();
    let Some(meta) = json.get("meta") else { return Err(Stop::Skip("the directory has no meta".to_owned())) };
    answer.claim(meta.is_object(), "an object", || meta.to_string())?;
    for (member, value) in meta.as_object().into_iter().flatten() {
        let is_right = match member.as_str() {
            "termsOfService" | "website" => value.is_string(),
            "caaIdentities" => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            "externalAccountRequired" => value.is_boolean(),
            _ => true,
        };
        answer.claim(is_right, &format!("{member} of the type of §7.1.1"), || value.to_string())?;
    }
    Ok(())
}

async fn advertised_resources(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let directory = driver.directory().await?.json();
    for resource in ["newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange"] {
        let Some(url) = directory.get(resource).and_then(Value::as_str) else { continue };
        let answer = driver.post(&account, url, &json!({})).await?;
        let is_there = ![404, 405, 501].contains(&answer.status());
        answer.claim(is_there, &format!("{resource}, which the directory names"), || answer.in_words())?;
    }
    Ok(())
}

async fn account_object(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let answer = driver.read_account(&account).await?;
    let status = answer.text("status")?;
    answer.claim(status == "valid", "a valid account", || status.clone())?;
    driver.url(&answer.text("orders")?).map(drop)
}

/// The URL of the account's list of orders.
pub(super) async fn list_url(driver: &Driver, account: &Account) -> Result<String, Stop> {
    let json = driver.read_account(account).await?.json();
    let url = json.get("orders").and_then(Value::as_str).map(ToOwned::to_owned);
    url.ok_or_else(|| Stop::Skip("the account has no list of orders".to_owned()))
}

/// The URL of the page of a list of orders that follows this one.
pub(super) fn next_page(driver: &Driver, url: &str, page: &Answer) -> Result<Option<String>, Stop> {
    let base = driver.url(url)?;
    let mut links = page.headers("link").flat_map(|field| targets(field, "next"));
    Ok(links.next().and_then(|link| base.join(link).ok()).map(Into::into))
}

async fn orders_list(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let list = list_url(driver, &account).await?;
    let (_, order) = driver.pending_order(&account).await?;
    let mut next = Some(list);
    for _ in 0..100 {
        let Some(url) = next.take() else { break };
        let answer = driver.get(&account, &url).await?;
        answer.has_status(200)?;
        let json = answer.json();
        let orders = json.get("orders").and_then(Value::as_array);
        answer.claim(orders.is_some(), "an array \"orders\"", || json.to_string())?;
        if orders.into_iter().flatten().any(|one| one.as_str() == Some(&order)) {
            return Ok(());
        }
        next = next_page(driver, &url, &answer)?;
        answer.claim(next.is_some(), "the pending order in the list", || json.to_string())?;
    }
    Err(Stop::Skip("the list of orders has more than a hundred pages".to_owned()))
}

async fn orders_list_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let list = list_url(driver, &driver.account().await?).await?;
    driver.get(&driver.other_account().await?, &list).await?.is_refused()
}

async fn order_object(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let name = driver.new_name();
    let (answer, url) = driver.new_order(&account, std::slice::from_ref(&name)).await?;
    answer.has_status(201)?;
    driver.url(&url)?;
    is_pending_order(&answer, &name, "in the answer to newOrder")?;
    let read = driver.get(&account, &url).await?;
    read.is_success("reading the order")?;
    is_pending_order(&read, &name, "in the order as it is read")
}

/// What a pending order for this name must have (§7.1.3).
fn is_pending_order(shown: &Answer, name: &str, place: &str) -> Result<(), Stop> {
    let json = shown.json();
    let claim = |holds, what: &str| shown.claim(holds, &format!("{what} {place}"), || json.to_string());
    let text = |member: &str| json.get(member).and_then(Value::as_str);
    claim(text("status") == Some("pending"), "status pending")?;
    claim(text("expires").is_some(), "expires, a text,")?;
    let is_url = text("finalize").is_some_and(|finalize| Url::parse(finalize).is_ok());
    claim(is_url, "finalize, an absolute URL,")?;
    let identifiers = json!([{"type": "dns", "value": name}]);
    claim(json.get("identifiers") == Some(&identifiers), &format!("the identifiers {identifiers}"))?;
    let is_one = authorizations(shown).is_ok_and(|list| list.len() == 1);
    claim(is_one, "one authorization for one name")?;
    claim(json.get("certificate").is_none(), "no certificate yet")
}

async fn authorization_object(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let name = driver.new_name();
    let (order, _) = driver.new_order(&account, std::slice::from_ref(&name)).await?;
    for url in authorizations(&order)? {
        let answer = driver.get(&account, &url).await?;
        answer.has_status(200)?;
        let json = answer.json();
        let identifier = json!({"type": "dns", "value": name});
        answer.claim(json.get("identifier") == Some(&identifier), &format!("the identifier {identifier}"), || {
            json.to_string()
        })?;
        answer.text("status")?;
        let challenges = json.get("challenges").and_then(Value::as_array);
        answer.claim(challenges.is_some_and(|list| !list.is_empty()), "challenges", || json.to_string())?;
        for challenge in challenges.into_iter().flatten() {
            let has = |member: &str| challenge.get(member).is_some_and(Value::is_string);
            let is_whole = ["type", "url", "status"].into_iter().all(has);
            answer.claim(is_whole, "type, url and status in each challenge", || challenge.to_string())?;
            let kind = challenge.get("type").and_then(Value::as_str).unwrap_or_default();
            if ["http-01", "dns-01", "tls-alpn-01"].contains(&kind) {
                let token = challenge.get("token").and_then(Value::as_str).unwrap_or_default();
                let is_base64url = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
                // 128 bits take 22 letters of base64url (§8.1).
                let is_long = token.len() >= 22 && is_base64url;
                answer.claim(is_long, "a token of at least 128 bits in base64url", || challenge.to_string())?;
            }
        }
    }
    Ok(())
}
