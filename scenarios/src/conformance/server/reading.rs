//! RFC 8555 §6.1 and §6.3: how a CA is reached, and how its resources are read.

use std::{io, net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::{Host, Url};

use super::issuing::finalize_url;
use crate::conformance::{
    case::{Case, Level::*},
    driver::{Account, Driver, Request, authorizations, challenge},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/6.1/https-only",
        level: Must,
        requirements: &["rfc8555-6.1-https-only"],
        sent: "The directory is read.",
        expected: "All URLs in it begin with https.",
        why: "Every client must be able to tell that it speaks to the CA and nobody else.",
        run: |driver| Box::pin(https_only(driver)),
    },
    Case {
        id: "rfc8555/6.1/tls-old",
        level: Should,
        requirements: &["rfc8555-6.1-tls-modern"],
        sent: "The beginnings of handshakes that know TLS 1.0, then 1.1, and nothing later.",
        expected: "No answer to them, or an alert.",
        why: "RFC 9325 §3.1.1: these must not be negotiated.",
        run: |driver| Box::pin(tls_old(driver)),
    },
    Case {
        id: "rfc8555/6.1/cors",
        level: Should,
        requirements: &["rfc8555-6.1-cors-star"],
        sent: "The directory and a new nonce, asked for with an Origin header.",
        expected: "Access-Control-Allow-Origin: *.",
        why: "Clients that run in a browser need it.",
        run: |driver| Box::pin(cors(driver)),
    },
    Case {
        id: "rfc8555/6.1/base64url-padding",
        level: Must,
        requirements: &["rfc8555-6.1-b64-pad-reject"],
        sent: "A new order with padding at the end of the protected header, of the payload, of the signature.",
        expected: "A refusal.",
        why: "§6.1: encodings with padding are rejected as improperly encoded. Two forms of one value are one too many.",
        run: |driver| Box::pin(base64url(driver, |text| format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4)))),
    },
    Case {
        id: "rfc8555/6.1/base64url-alphabet",
        level: Robustness,
        requirements: &["rfc8555-6.1-b64-alphabet-reject"],
        sent: "A new order with a line break within the protected header, within the payload, within the signature.",
        expected: "A refusal.",
        why: "What stands outside of the alphabet is not base64url.",
        run: |driver| Box::pin(base64url(driver, |text| format!("{}\n{}", &text[..2], &text[2..]))),
    },
    Case {
        id: "rfc8555/6.1/user-agent-missing",
        level: Robustness,
        requirements: &["rfc8555-6.1-ua-missing"],
        sent: "The directory, asked for without User-Agent.",
        expected: "The directory, or a refusal with a status of 4xx.",
        why: "Clients must send one, but that is no reason to fail.",
        run: |driver| Box::pin(user_agent_missing(driver)),
    },
    Case {
        id: "rfc8555/6.3/get-refused",
        level: Must,
        requirements: &["rfc8555-6.3-http-method-405"],
        sent: "GET to an account, an order, its authorization, challenge and finalize, and to newAccount, newOrder and revokeCert.",
        expected: "405 with the problem malformed.",
        why: "Before POST-as-GET anybody who had a URL could read what it led to.",
        run: |driver| Box::pin(get_refused(driver)),
    },
    Case {
        id: "rfc8555/6.3/other-methods",
        level: May,
        requirements: &["rfc8555-6.3-other-verbs-405"],
        sent: "PUT, DELETE and PATCH to newOrder and to an order.",
        expected: "A refusal.",
        why: "Nothing is defined for them.",
        run: |driver| Box::pin(other_methods(driver)),
    },
    Case {
        id: "rfc8555/6.3/post-as-get-directory",
        level: Must,
        requirements: &["rfc8555-6.3-postasget-directory"],
        sent: "POST-as-GET to the directory and to newNonce.",
        expected: "What GET gives: the directory; a nonce.",
        why: "§6.3: servers must allow it there as well, for clients that always sign.",
        run: |driver| Box::pin(post_as_get_directory(driver)),
    },
    Case {
        id: "rfc8555/6.3/post-as-get-of-another-account",
        level: Must,
        requirements: &["rfc8555-6.3-postasget-auth"],
        sent: "POST-as-GET to an account, its order, the order's finalize, authorization and challenge, signed by another account.",
        expected: "A refusal.",
        why: "CAs have been seen that let any account read and finalize the orders of all.",
        run: |driver| Box::pin(post_as_get_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/6.3/post-as-get-challenge",
        level: Must,
        requirements: &["rfc8555-6.3-postasget-challenge-noop"],
        sent: "POST-as-GET to a challenge.",
        expected: "The challenge, pending as it was.",
        why: "Reading a challenge must not begin its validation: the client may not be ready.",
        run: |driver| Box::pin(post_as_get_challenge(driver)),
    },
    Case {
        id: "rfc8555/6.3/post-as-get-account",
        level: Robustness,
        requirements: &["rfc8555-6.3-postasget-account"],
        sent: "POST-as-GET to the account.",
        expected: "200 and the account.",
        why: "Clients look whether their account is still valid.",
        run: |driver| Box::pin(post_as_get_account(driver)),
    },
];

async fn https_only(driver: &Driver) -> Result<(), Stop> {
    let directory = driver.directory().await?;
    let json = directory.json();
    for (name, url) in json.as_object().into_iter().flatten() {
        let Some(url) = url.as_str().filter(|url| url.contains("://")) else { continue };
        directory.claim(url.starts_with("https://"), &format!("an https URL for {name}"), || url.to_owned())?;
    }
    Ok(())
}

async fn tls_old(driver: &Driver) -> Result<(), Stop> {
    let directory = driver.directory().await?;
    for (minor, version) in [(1, "TLS 1.0"), (2, "TLS 1.1")] {
        let answer = first_record(driver, &client_hello(&driver.target().directory, minor)).await;
        // A handshake message: the server goes on.
        let goes_on = answer.as_deref().unwrap_or_default().first() == Some(&HANDSHAKE_RECORD);
        directory.claim(!goes_on, &format!("no handshake in {version}"), || "a ServerHello".to_owned())?;
    }
    Ok(())
}

/// The type of a record with handshake messages (RFC 5246 §6.2.1).
const HANDSHAKE_RECORD: u8 = 22;

/// A ClientHello of TLS 1.`minor - 1` (RFC 4346 §7.4.1.2), with the suites that everybody had then.
fn client_hello(url: &Url, minor: u8) -> Vec<u8> {
    let with_length = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap_or_default().to_be_bytes(), bytes].concat();
    let name = url.domain().unwrap_or_default();
    let server_name = with_length(&[&[0][..], &with_length(name.as_bytes())].concat());
    let mut extensions = [&[0, 10][..], &with_length(&[0, 4, 0, 23, 0, 24]), &[0, 11, 0, 2, 1, 0]].concat();
    if !name.is_empty() {
        extensions.extend([&[0, 0][..], &with_length(&server_name)].concat());
    }
    let suites = [0xc0, 0x13, 0xc0, 0x14, 0xc0, 0x09, 0xc0, 0x0a, 0x00, 0x2f, 0x00, 0x35, 0x00, 0x0a];
    let random = [minor; 32];
    let hello = [&[3, minor][..], &random, &[0], &with_length(&suites), &[1, 0], &with_length(&extensions)].concat();
    let message = [&[1, 0][..], &with_length(&hello)].concat();
    [&[HANDSHAKE_RECORD, 3, 1][..], &with_length(&message)].concat()
}

/// The beginning of what the CA answers to these octets; nothing if it does not.
async fn first_record(driver: &Driver, octets: &[u8]) -> Option<Vec<u8>> {
    let url = &driver.target().directory;
    let address = match url.host()? {
        Host::Domain(name) => driver.env().lookup(name).await.ok()?.into_iter().next()?,
        Host::Ipv4(ip) => ip.into(),
        Host::Ipv6(ip) => ip.into(),
    };
    let port = url.port_or_known_default()?;
    let answer = async {
        let mut stream = driver.env().connect(SocketAddr::new(address, port)).await?;
        stream.write_all(octets).await?;
        let mut bytes = Vec::new();
        stream.read_buf(&mut bytes).await?;
        io::Result::Ok(bytes)
    };
    driver.env().timeout(HELLO_LIMIT, answer).await.ok()?.ok()
}

/// How long a CA may take to answer the beginning of a handshake.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

async fn cors(driver: &Driver) -> Result<(), Stop> {
    let nonce = driver.resource("newNonce").await?;
    let directory = driver.target().directory.to_string();
    for (method, url) in [("GET", directory), ("HEAD", nonce)] {
        let request = Request::of(method, &driver.url(&url)?).with_header("Origin", "https://client.example");
        let answer = driver.ask(&request).await?;
        let allowed = answer.header("access-control-allow-origin");
        answer.claim(allowed == Some("*"), "Access-Control-Allow-Origin: *", || {
            format!("{} at {url}", allowed.unwrap_or("none"))
        })?;
    }
    Ok(())
}

async fn base64url(driver: &Driver, wrong: impl Fn(&str) -> String + Send + Sync + Copy) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    for member in ["protected", "payload", "signature"] {
        let name = driver.new_name();
        // Of each length: some texts need no padding.
        for length in 1..=3 {
            let payload = json!({"identifiers": [{"type": "dns", "value": format!("{}.{name}", "a".repeat(length))}]});
            let draft = driver.draft(&account, &url, &payload).header("x", "a".repeat(length)).edit_text(member, wrong);
            let (sent, changed) = (driver.send(&draft).await?, draft.is_changed());
            if changed {
                sent.is_refused().map_err(|stop| stop.with(member))?;
            }
        }
    }
    Ok(())
}

async fn user_agent_missing(driver: &Driver) -> Result<(), Stop> {
    let mut request = Request::of("GET", &driver.target().directory);
    request.headers.retain(|(name, _)| name != "User-Agent");
    let answer = driver.ask(&request).await?;
    answer.claim(answer.status() < 500, "a status below 500", || answer.in_words())
}

/// The URLs of an account, of an order of its own, and of what belongs to that.
async fn resources_of(driver: &Driver, account: &Account) -> Result<Vec<(&'static str, String)>, Stop> {
    let (order, order_url) = driver.pending_order(account).await?;
    let mut urls = vec![("account", account.url.clone()), ("order", order_url), ("finalize", finalize_url(&order)?)];
    for authorization in authorizations(&order)? {
        let answer = driver.get(account, &authorization).await?;
        let url = challenge(&answer, "http-01").and_then(|challenge| Some(challenge.get("url")?.as_str()?.to_owned()));
        urls.push(("authorization", authorization));
        urls.extend(url.map(|url| ("challenge", url)));
    }
    Ok(urls)
}

async fn get_refused(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let mut urls = resources_of(driver, &account).await?;
    for resource in ["newAccount", "newOrder", "revokeCert"] {
        urls.push((resource, driver.resource(resource).await?));
    }
    for (what, url) in urls {
        let answer = driver.method("GET", &url).await?;
        answer.is_problem(405, "malformed").map_err(|stop| stop.with(what))?;
    }
    Ok(())
}

async fn other_methods(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let (_, order) = driver.pending_order(&account).await?;
    let new_order = driver.resource("newOrder").await?;
    for method in ["PUT", "DELETE", "PATCH"] {
        for url in [&new_order, &order] {
            let answer = driver.method(method, url).await?;
            let is_refused = (400..500).contains(&answer.status()) || answer.status() == 501;
            answer.claim(is_refused, "a refusal", || format!("{} to {method} {url}", answer.in_words()))?;
        }
    }
    Ok(())
}

async fn post_as_get_directory(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let directory = driver.target().directory.to_string();
    let answer = driver.get(&account, &directory).await?;
    answer.is_success("POST-as-GET to the directory")?;
    answer.text("newOrder")?;
    let answer = driver.get(&account, &driver.resource("newNonce").await?).await?;
    answer.is_success("POST-as-GET to newNonce")?;
    answer.claim(answer.nonce().is_some(), "a Replay-Nonce header", || "none".to_owned())
}

async fn post_as_get_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    for (what, url) in resources_of(driver, &own).await? {
        // Whoever may not read a challenge may not see it begun either.
        let answer = driver.get(&other, &url).await?;
        answer.is_refused().map_err(|stop| stop.with(what))?;
    }
    Ok(())
}

async fn post_as_get_challenge(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for (what, url) in resources_of(driver, &account).await? {
        if what != "challenge" {
            continue;
        }
        for _ in 0..2 {
            let answer = driver.get(&account, &url).await?;
            answer.has_status(200)?;
            let status = answer.text("status")?;
            answer.claim(status == "pending", "a challenge that is pending", || status.clone())?;
            driver.env().sleep(Duration::from_secs(2)).await;
        }
    }
    Ok(())
}

async fn post_as_get_account(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let answer = driver.get(&account, &account.url).await?;
    answer.has_status(200)?;
    let json = answer.json();
    answer.claim(json.get("status").and_then(Value::as_str) == Some("valid"), "a valid account", || json.to_string())
}
