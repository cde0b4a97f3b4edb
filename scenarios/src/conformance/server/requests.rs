//! RFC 8555 §5 to §6.7 in detail: requests that are unusual, and what holds for every answer.

use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::{
    directory::{list_url, next_page},
    issuing::{finalize_url, first_authorization, for_names, issued},
};
use crate::conformance::{
    case::{Case, Level::*},
    driver::{AccountKey, Answer, Driver, Request, base64url},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/5/utf-8",
        level: Must,
        requirements: &["rfc8555-5-utf8"],
        sent: "New orders whose payload, then whose body, is no UTF-8; and a change of contacts with letters outside of ASCII.",
        expected: "A refusal with a status of 4xx of the first two, and none with 5xx; answers in UTF-8.",
        why: "§5: everything is UTF-8.",
        run: |driver| Box::pin(utf_8(driver)),
    },
    Case {
        id: "rfc8555/6.1/base64url-trailing-bits",
        level: Robustness,
        requirements: &["rfc8555-6.1-b64-noncanonical"],
        sent: "A reading of the account whose signature has other unused bits in its last letter.",
        expected: "A refusal, or the account: nothing else.",
        why: "One text for one value is safest (RFC 4648 §3.5).",
        run: |driver| Box::pin(base64url_trailing_bits(driver)),
    },
    Case {
        id: "rfc8555/6.1/cors-preflight",
        level: Robustness,
        requirements: &["rfc8555-6.1-cors-preflight"],
        sent: "OPTIONS of newOrder from a page of another origin.",
        expected: "A status below 500; where Access-Control-Allow-Origin is there, Content-Type is allowed.",
        why: "Clients in browsers ask first.",
        run: |driver| Box::pin(cors_preflight(driver)),
    },
    Case {
        id: "rfc8555/6.2/es256",
        level: Must,
        requirements: &["rfc8555-6.2-jws-es256"],
        sent: "A new account with a P-256 key, and requests under ES256.",
        expected: "201 and 200.",
        why: "§6.2: servers must implement it.",
        run: |driver| Box::pin(es256(driver)),
    },
    Case {
        id: "rfc8555/6.2/key-not-on-the-curve",
        level: Must,
        requirements: &["rfc8555-6.2-badpublickey", "rfc7518-6.2.1-ec-coord-length"],
        sent: "New accounts whose P-256 key has a wrong y, both coordinates 0, an octet too few and one too many.",
        expected: "A refusal, badPublicKey or malformed.",
        why: "Such points give away secrets, or are one key in two forms.",
        run: |driver| Box::pin(key_not_on_the_curve(driver)),
    },
    Case {
        id: "rfc8555/6.2/rsa-key-weak",
        level: Must,
        requirements: &["rfc8555-6.2-badpublickey", "rfc7518-6.3.1-rsa-uint-minimal", "rfc7518-2-rsa-e-encoding"],
        sent: "New accounts with RSA keys of 1024 bits, with the exponent 1, with an even modulus and with zeros before it.",
        expected: "A refusal.",
        why: "Such keys can be broken.",
        run: |driver| Box::pin(rsa_key_weak(driver)),
    },
    Case {
        id: "rfc8555/6.2/key-huge",
        level: Robustness,
        requirements: &["rfc8555-10.3-dos-parse"],
        sent: "A new account with an RSA key of 65,536 bits.",
        expected: "A refusal with a status of 4xx.",
        why: "Checking a signature by it takes long.",
        run: |driver| Box::pin(key_huge(driver)),
    },
    Case {
        id: "rfc8555/6.2/content-type-parameters",
        level: Robustness,
        requirements: &["rfc8555-6.2-content-type-params"],
        sent: "A reading of the account as application/jose+json; charset=utf-8.",
        expected: "200 or 415.",
        why: "Libraries add it without being asked.",
        run: |driver| Box::pin(content_type_parameters(driver)),
    },
    Case {
        id: "rfc8555/6.5/nonce-in-request-header",
        level: Should,
        requirements: &["rfc8555-6.2-replay-nonce-request-header"],
        sent: "A reading of the account whose nonce stands in a Replay-Nonce header alone.",
        expected: "A refusal.",
        why: "§6.5.1: clients don't send that header, and nobody has signed it.",
        run: |driver| Box::pin(nonce_in_request_header(driver)),
    },
    Case {
        id: "rfc8555/6.5.2/nonce-unprotected",
        level: Must,
        requirements: &["rfc8555-6.5.2-nonce-unprotected"],
        sent: "A reading of the account whose nonce stands in an unprotected header.",
        expected: "A refusal.",
        why: "Nobody has signed it.",
        run: |driver| Box::pin(nonce_unprotected(driver)),
    },
    Case {
        id: "rfc8555/6.5.1/nonces-unpredictable",
        level: Must,
        requirements: &["rfc8555-6.5.1-nonce-unpredictable"],
        sent: "newNonce, thirty-two times.",
        expected: "Nonces that differ in many places.",
        why: "Who can guess the next one can have a request refused, or accepted.",
        run: |driver| Box::pin(nonces_unpredictable(driver)),
    },
    Case {
        id: "rfc8555/6.5/nonce-of-another-resource",
        level: Robustness,
        requirements: &["rfc8555-6.5-nonce-scope-wide"],
        sent: "A nonce that came with an error is used to read the account, and one from newNonce for a new order.",
        expected: "Success.",
        why: "Clients keep them in one pool.",
        run: |driver| Box::pin(nonce_of_another_resource(driver)),
    },
    Case {
        id: "rfc8555/6.2/members-twice",
        level: Robustness,
        requirements: &["rfc8555-6.2-jws-dup-members"],
        sent: "A reading of the account whose JWS has two payloads, or two signatures, the last of them wrong.",
        expected: "A refusal.",
        why: "RFC 7515 §4: names must be unique; two readers may read two things.",
        run: |driver| Box::pin(members_twice(driver)),
    },
    Case {
        id: "rfc8555/6.2/octets-behind",
        level: Robustness,
        requirements: &["rfc8555-6.2-jws-trailing-json"],
        sent: "A reading of the account with letters, and with another object, behind the JWS.",
        expected: "A refusal.",
        why: "RFC 7515 §10.12 has the whole input be one JSON value.",
        run: |driver| Box::pin(octets_behind(driver)),
    },
    Case {
        id: "rfc8555/6.2/private-key-sent",
        level: Robustness,
        requirements: &["rfc8555-6.2-jws-private-jwk"],
        sent: "A new account whose jwk has the member d.",
        expected: "A refusal, or an account that does not show it.",
        why: "A private key that was sent is private no more.",
        run: |driver| Box::pin(private_key_sent(driver)),
    },
    Case {
        id: "rfc8555/6.2/key-elsewhere",
        level: Robustness,
        requirements: &["rfc8555-6.2-jws-jku-x5u"],
        sent: "Readings of the account whose header has jku and x5u, addresses of the suite's own web server.",
        expected: "Nothing is fetched.",
        why: "A server that fetches what strangers name can be sent anywhere.",
        run: |driver| Box::pin(key_elsewhere(driver)),
    },
    Case {
        id: "rfc8555/6.2/body-large",
        level: Robustness,
        requirements: &["rfc8555-6.2-body-limits"],
        sent: "New orders with a payload of half a megabyte, of ten thousand arrays in each other, and of the number 1e400.",
        expected: "A status of 4xx, or of what is too long, no more reading.",
        why: "Such requests are cheap to send and must be cheap to refuse.",
        run: |driver| Box::pin(body_large(driver)),
    },
    Case {
        id: "rfc8555/6.3/head-elsewhere",
        level: Robustness,
        requirements: &["rfc8555-6.3-head-newnonce-only"],
        sent: "HEAD of an order, its authorization, and a certificate.",
        expected: "405, or another refusal.",
        why: "Nobody has signed it.",
        run: |driver| Box::pin(head_elsewhere(driver)),
    },
    Case {
        id: "rfc8555/6.7/problem-types",
        level: Must,
        requirements: &["rfc8555-6.7-urn-registered"],
        sent: "Requests that are refused for ten different reasons.",
        expected: "Only types of IANA's registry in ACME's namespace.",
        why: "§6.7: others have a namespace of their own; clients know what is registered.",
        run: |driver| Box::pin(problem_types(driver)),
    },
    Case {
        id: "rfc8555/6.7/detail",
        level: Robustness,
        requirements: &["rfc8555-6.7-detail-human"],
        sent: "Requests that are refused.",
        expected: "A detail without markup, file names of a program or traces of its stack.",
        why: "It is shown to people.",
        run: |driver| Box::pin(detail(driver)),
    },
    Case {
        id: "rfc8555/6.7/refusals-of-the-framework",
        level: Robustness,
        requirements: &["rfc8555-6.7-405-not-html"],
        sent: "A path beside newOrder's that there is not, and a method that no resource knows.",
        expected: "A status of 4xx that is no page of HTML.",
        why: "Clients read it as a problem.",
        run: |driver| Box::pin(refusals_of_the_framework(driver)),
    },
    Case {
        id: "rfc8555/7.1.1/host-header",
        level: Robustness,
        requirements: &["rfc8555-7.1.1-dir-relative-host", "rfc8555-6.4-url-behind-proxy"],
        sent: "The directory is read with X-Forwarded-Host and Forwarded headers of a stranger's.",
        expected: "The same URLs as without, or a refusal.",
        why: "Else a cache in between gives others a stranger's URLs.",
        run: |driver| Box::pin(host_header(driver)),
    },
    Case {
        id: "rfc8555/7.1.1/terms-of-service",
        level: Must,
        requirements: &["rfc8555-7.1.1-meta-tos"],
        sent: "A new account that does not agree to any terms.",
        expected: "If it is refused for that, the directory's meta has termsOfService.",
        why: "Nobody can agree to what nobody has shown.",
        run: |driver| Box::pin(terms_of_service(driver)),
    },
    Case {
        id: "rfc8555/7.1.2/invalid-orders-left-out",
        level: Should,
        requirements: &["rfc8555-7.1.2.1-orders-noinvalid", "rfc8555-7.1.2.1-orders-next"],
        sent: "An account makes twenty-five orders, one of which becomes invalid; its list of orders is read to the end.",
        expected: "The other twenty-four, each of them once.",
        why: "§7.1.2.1 would have invalid ones left out.",
        run: |driver| Box::pin(invalid_orders_left_out(driver)),
    },
    Case {
        id: "rfc8555/6.7/unknown-members-everywhere",
        level: Robustness,
        requirements: &["rfc8555-6.7-inv-extensible"],
        sent: "New orders and accounts with members that nobody knows everywhere.",
        expected: "They are passed over.",
        why: "What is defined later must not break what is there now.",
        run: |driver| Box::pin(extensions_ignored(driver)),
    },
    Case {
        id: "rfc8555/10.5/urls-unpredictable",
        level: Should,
        requirements: &["rfc8555-10.5-url-unpredictable"],
        sent: "Eight new orders of one account.",
        expected: "URLs that are not numbered one after the other; a note where they are.",
        why: "§10.5: who can guess a URL may find what is not protected as it should be. They are here.",
        run: |driver| Box::pin(urls_unpredictable(driver)),
    },
    Case {
        id: "rfc8555/6.2/chunked-body",
        level: Robustness,
        requirements: &["rfc8555-6.2-chunked-body"],
        sent: "New orders whose body comes in chunks, and after Expect: 100-continue.",
        expected: "201.",
        why: "Both are HTTP (RFC 9112 §7.1, RFC 9110 §10.1.1), and some clients send so.",
        run: |driver| Box::pin(chunked_body(driver)),
    },
    Case {
        id: "rfc8555/6.2/ed25519",
        level: Should,
        requirements: &["rfc8555-6.2-jws-eddsa"],
        sent: "A new account with an Ed25519 key.",
        expected: "The account; a note where the CA refuses such keys with badSignatureAlgorithm or badPublicKey.",
        why: "§6.2: a CA SHOULD know EdDSA; one that does not must say what it is that it does not know.",
        run: |driver| Box::pin(ed25519(driver)),
    },
    Case {
        id: "rfc8555/6.7/content-language",
        level: Robustness,
        requirements: &["rfc8555-6.7-content-language"],
        sent: "A new order that can't be read, once with Accept-Language: fr.",
        expected: "The same detail both times, or a Content-Language.",
        why: "§6.7: people must be able to tell which language it is.",
        run: |driver| Box::pin(content_language(driver)),
    },
];

async fn utf_8(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let payload = driver.draft_get(&account, &url).payload(b"{\"identifiers\": \"\xff\xfe\"}");
    driver.send(&payload).await?.is_refused().map_err(|stop| stop.with("a payload that is no UTF-8"))?;
    let body = driver.draft(&account, &url, &for_names(&[&driver.new_name()])).edit_bytes(|mut bytes| {
        drop(bytes.splice(1..1, *b"\"x\":\"\xff\xfe\","));
        bytes
    });
    driver.send(&body).await?.is_refused().map_err(|stop| stop.with("a body that is no UTF-8"))?;
    let own = driver.new_account().await?;
    let answer = driver.post(&own, &own.url, &json!({"contact": ["mailto:ä@example.com"]})).await?;
    answer.claim(answer.status() < 500, "a status below 500", || answer.in_words())?;
    let is_utf8 = std::str::from_utf8(answer.body()).is_ok();
    answer.claim(is_utf8, "an answer in UTF-8", || "other octets".to_owned())
}

async fn base64url_trailing_bits(driver: &Driver) -> Result<(), Stop> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let account = driver.account().await?;
    // 64 octets leave two letters' worth of four unused bits at the end.
    let draft = driver.draft_get(&account, &account.url).edit_text("signature", |text| {
        let (head, last) = text.split_at(text.len().saturating_sub(1));
        let place = LETTERS.iter().position(|letter| last.as_bytes() == [*letter]).unwrap_or_default();
        format!("{head}{}", char::from(LETTERS[place ^ 1]))
    });
    let answer = driver.send(&draft).await?;
    if answer.status() == 200 { Ok(()) } else { answer.is_refused() }
}

async fn cors_preflight(driver: &Driver) -> Result<(), Stop> {
    let url = driver.url(&driver.resource("newOrder").await?)?;
    let request = Request::of("OPTIONS", &url)
        .with_header("Origin", "https://browser.example")
        .with_header("Access-Control-Request-Method", "POST")
        .with_header("Access-Control-Request-Headers", "content-type");
    let answer = driver.ask(&request).await?;
    answer.claim(answer.status() < 500, "a status below 500", || answer.in_words())?;
    if answer.header("access-control-allow-origin").is_none() || !(200..300).contains(&answer.status()) {
        return Ok(());
    }
    let allowed = answer.header("access-control-allow-headers").unwrap_or_default().to_ascii_lowercase();
    answer.claim(allowed.contains("content-type") || allowed == "*", "Content-Type to be allowed", || allowed.clone())
}

async fn es256(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    driver.read_account(&account).await?.has_status(200)
}

/// A new account with this key is refused for it, though nobody can have signed by it.
async fn refuses_key(driver: &Driver, algorithm: &str, jwk: Value) -> Result<(), Stop> {
    let key = AccountKey::generate(driver.env());
    let url = driver.resource("newAccount").await?;
    let draft = driver.draft_with_key(&key, &url, &driver.new_account_payload());
    let answer = driver.send(&draft.header("alg", algorithm).header("jwk", jwk)).await?;
    answer.is_refused()
}

async fn key_not_on_the_curve(driver: &Driver) -> Result<(), Stop> {
    let right = AccountKey::generate(driver.env()).jwk();
    let other = AccountKey::generate(driver.env()).jwk();
    let with = |x: Value, y: Value| json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
    let (short, long) = (base64url([7; 31]), base64url([0; 33]));
    let zero = base64url([0; 32]);
    for (variant, jwk) in [
        ("another y", with(right["x"].clone(), other["y"].clone())),
        ("zeros", with(json!(zero), json!(zero))),
        ("an octet less", with(json!(short), right["y"].clone())),
        ("an octet more", with(json!(long), right["y"].clone())),
        ("another curve", json!({"kty": "EC", "crv": "P-192", "x": right["x"], "y": right["y"]})),
    ] {
        refuses_key(driver, "ES256", jwk).await.map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn rsa_key_weak(driver: &Driver) -> Result<(), Stop> {
    let modulus = |octets: usize, last: u8| {
        let mut bytes = vec![0xc5; octets];
        bytes[octets - 1] = last;
        bytes
    };
    let with = |n: Vec<u8>, e: &[u8]| json!({"kty": "RSA", "n": base64url(n), "e": base64url(e)});
    for (variant, jwk) in [
        ("1024 bits", with(modulus(128, 1), &[1, 0, 1])),
        ("the exponent 1", with(modulus(256, 1), &[1])),
        ("an even modulus", with(modulus(256, 2), &[1, 0, 1])),
        ("a zero before the modulus", with([vec![0], modulus(256, 1)].concat(), &[1, 0, 1])),
        ("a zero before the exponent", with(modulus(256, 1), &[0, 1, 0, 1])),
    ] {
        refuses_key(driver, "RS256", jwk).await.map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn key_huge(driver: &Driver) -> Result<(), Stop> {
    let jwk = json!({"kty": "RSA", "n": base64url(vec![0xc5; 8 * 1024]), "e": "AQAB"});
    refuses_key(driver, "RS256", jwk).await
}

async fn content_type_parameters(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    driver.read_account(&account).await?;
    let draft = driver.draft_get(&account, &account.url).content_type("application/jose+json; charset=utf-8");
    let answer = driver.send(&draft).await?;
    answer.claim([200, 415].contains(&answer.status()), "200 or 415", || answer.in_words())
}

async fn nonce_in_request_header(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let nonce = driver.nonce().await?;
    let draft = driver.draft_get(&account, &account.url).without("nonce").http_header("Replay-Nonce", &nonce);
    driver.send(&draft).await?.is_refused()
}

async fn nonce_unprotected(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let nonce = driver.nonce().await?;
    let draft = driver.draft_get(&account, &account.url).without("nonce").edit(|jws| {
        jws.insert("header".to_owned(), json!({"nonce": nonce}));
    });
    driver.send(&draft).await?.is_refused()
}

async fn fresh_nonce(driver: &Driver) -> Result<(Answer, String), Stop> {
    let url = driver.url(&driver.resource("newNonce").await?)?;
    let answer = driver.ask(&Request::of("HEAD", &url)).await?;
    let nonce = answer.nonce().unwrap_or_default().to_owned();
    answer.claim(!nonce.is_empty(), "a Replay-Nonce header", || "none".to_owned())?;
    Ok((answer, nonce))
}

async fn nonces_unpredictable(driver: &Driver) -> Result<(), Stop> {
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..32 {
        let (answer, nonce) = fresh_nonce(driver).await?;
        for earlier in &seen {
            let pairs = nonce.bytes().zip(earlier.bytes());
            let differing = pairs.filter(|(one, other)| one != other).count() + nonce.len().abs_diff(earlier.len());
            answer.claim(differing >= 6, "a nonce that differs in six letters", || format!("{earlier} and {nonce}"))?;
        }
        seen.push(nonce);
    }
    Ok(())
}

async fn nonce_of_another_resource(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    driver.read_account(&account).await?;
    let (_, nonce) = fresh_nonce(driver).await?;
    let url = driver.resource("newOrder").await?;
    let draft = driver.draft(&account, &url, &for_names(&[&driver.new_name()])).header("nonce", nonce.as_str());
    let order = driver.send(&draft).await?;
    if order.problem().as_deref() == Some("badNonce") {
        return Err(Stop::Skip("the CA did not take a nonce from newNonce".to_owned()));
    }
    order.is_success("a new order")?;
    let refused = driver.ask_order(&account, &json!({"identifiers": []})).await?;
    let Some(nonce) = refused.nonce() else { return Ok(()) };
    let read = driver.send(&driver.draft_get(&account, &account.url).header("nonce", nonce)).await?;
    read.claim(read.status() == 200, "the account, by a nonce from an error", || read.in_words())
}

/// Reads the account with `text` instead of the body's last brace.
async fn with_text(driver: &Driver, text: &str) -> Result<Answer, Stop> {
    let account = driver.account().await?;
    let draft = driver.draft_get(&account, &account.url).edit_bytes(|mut bytes| {
        bytes.pop();
        bytes.extend_from_slice(text.as_bytes());
        bytes
    });
    driver.send(&draft).await
}

async fn members_twice(driver: &Driver) -> Result<(), Stop> {
    for text in [",\"payload\":\"e30\"}", ",\"signature\":\"AAAA\"}"] {
        with_text(driver, text).await?.is_refused().map_err(|stop| stop.with(text))?;
    }
    Ok(())
}

async fn octets_behind(driver: &Driver) -> Result<(), Stop> {
    for text in ["}x", "}{}", "}]"] {
        with_text(driver, text).await?.is_refused().map_err(|stop| stop.with(text))?;
    }
    Ok(())
}

async fn private_key_sent(driver: &Driver) -> Result<(), Stop> {
    let key = AccountKey::generate(driver.env());
    let url = driver.resource("newAccount").await?;
    let mut jwk = key.jwk();
    jwk["d"] = json!(base64url([9; 32]));
    let payload = driver.bound(driver.new_account_payload(), &key, &url);
    let answer = driver.send(&driver.draft_with_key(&key, &url, &payload).header("jwk", jwk)).await?;
    if answer.status() != 201 {
        return answer.is_refused();
    }
    let json = answer.json();
    answer.claim(json.pointer("/key/d").is_none(), "an account without the private key", || json.to_string())
}

async fn key_elsewhere(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let path = format!("/keys/{}", driver.new_name());
    let url = format!("http://{}{path}", driver.new_name());
    for member in ["jku", "x5u"] {
        let answer = driver.send(&driver.draft_get(&account, &account.url).header(member, url.as_str())).await?;
        answer.claim(answer.status() < 500, "a status below 500", || answer.in_words())?;
        let fetched = driver.responder().fetched(&path);
        answer.claim(fetched.is_empty(), &format!("nothing to be fetched because of {member}"), || {
            fetched.iter().map(|one| format!("{} {}", one.method, one.path)).collect::<Vec<_>>().join(", ")
        })?;
    }
    Ok(())
}

async fn body_large(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let long = json!({"identifiers": [{"type": "dns", "value": "a".repeat(512 * 1024)}]}).to_string();
    let deep = format!("{{\"identifiers\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let number = "{\"identifiers\": 1e400}".to_owned();
    for (variant, payload) in [("half a megabyte", long), ("ten thousand arrays", deep), ("1e400", number)] {
        match driver.send(&driver.draft_get(&account, &url).payload(payload.as_bytes())).await {
            Ok(answer) => answer.is_refused().map_err(|stop| stop.with(variant))?,
            // A server may hang up on who sends too much, or stop reading.
            Err(Stop::Fail(_) | Stop::Hang(_)) if payload.len() > 100_000 => {}
            Err(stop) => return Err(stop.with(variant)),
        }
    }
    Ok(())
}

async fn head_elsewhere(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let (authorization, _) = first_authorization(driver, &issued.account, &issued.order).await?;
    for url in [&issued.order_url, &authorization, &issued.url] {
        driver.method("HEAD", url).await?.is_refused()?;
    }
    Ok(())
}

/// IANA's registry "ACME Error Types", as of 2026.
const REGISTERED: &[&str] = &[
    "accountDoesNotExist",
    "alreadyReplaced",
    "alreadyRevoked",
    "badCSR",
    "badNonce",
    "badPublicKey",
    "badRevocationReason",
    "badSignatureAlgorithm",
    "caa",
    "compound",
    "connection",
    "dns",
    "externalAccountRequired",
    "incorrectResponse",
    "invalidContact",
    "invalidProfile",
    "malformed",
    "orderNotReady",
    "rateLimited",
    "rejectedIdentifier",
    "serverInternal",
    "tls",
    "unauthorized",
    "unsupportedContact",
    "unsupportedIdentifier",
    "userActionRequired",
    "autoRenewalCanceled",
    "autoRenewalExpired",
    "autoRenewalCancellationInvalid",
    "autoRenewalRevocationNotSupported",
    "unknownDelegation",
    "onionCAARequired",
];

/// Requests that are refused, each for another reason.
async fn refusals(driver: &Driver) -> Result<Vec<Answer>, Stop> {
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    let url = driver.resource("newOrder").await?;
    let name = driver.new_name();
    let payload = for_names(&[&name]);
    let (order, order_url) = driver.pending_order(&own).await?;
    let revoke = driver.resource("revokeCert").await?;
    Ok(vec![
        driver.send(&driver.draft(&own, &url, &payload).header("nonce", "bm9uZQ")).await?,
        driver.send(&driver.draft(&own, &url, &payload).header("alg", "ES256K")).await?,
        driver.send(&driver.draft(&own, &url, &payload).header("kid", format!("{}000", own.url))).await?,
        driver.send(&driver.draft(&own, &url, &payload).header("url", "https://elsewhere.invalid/")).await?,
        driver.ask_order(&own, &json!({"identifiers": []})).await?,
        driver.ask_order(&own, &json!({"identifiers": [{"type": "x", "value": "y"}]})).await?,
        driver.ask_order(&own, &for_names(&["not a name"])).await?,
        driver.get(&other, &order_url).await?,
        driver.post(&own, &finalize_url(&order)?, &json!({"csr": "AAAA"})).await?,
        driver.post(&own, &revoke, &json!({"certificate": "AAAA"})).await?,
    ])
}

async fn problem_types(driver: &Driver) -> Result<(), Stop> {
    for answer in refusals(driver).await? {
        let json = answer.json();
        let kind = json.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some(own) = kind.strip_prefix("urn:ietf:params:acme:error:") {
            answer.claim(REGISTERED.contains(&own), "a type that is registered", || kind.to_owned())?;
        }
    }
    Ok(())
}

async fn detail(driver: &Driver) -> Result<(), Stop> {
    for answer in refusals(driver).await? {
        let json = answer.json();
        let detail = json.get("detail").and_then(Value::as_str).unwrap_or_default();
        let is_program = ["</", "Traceback", "panicked at", "goroutine ", ".go:", ".rs:", ".py\"", "Exception in"];
        let is_right = !is_program.iter().any(|sign| detail.contains(sign)) && detail.len() < 4_096;
        answer.claim(is_right, "a detail for people", || detail.to_owned())?;
    }
    Ok(())
}

async fn refusals_of_the_framework(driver: &Driver) -> Result<(), Stop> {
    let url = driver.url(&driver.resource("newOrder").await?)?;
    // Beside newOrder: elsewhere on its host others may answer.
    let path = url.path().trim_end_matches('/');
    let beside = path.rsplit_once('/').map_or("", |(beside, _)| beside);
    let mut nowhere = url.clone();
    nowhere.set_path(&format!("{beside}/there-is-nothing-here"));
    for (method, url) in [("GET", &nowhere), ("BREW", &url)] {
        let answer = driver.ask(&Request::of(method, url)).await?;
        let told = |expected: &str| format!("{expected} to {method} {url}");
        answer.claim((400..502).contains(&answer.status()), &told("a refusal as the answer"), || answer.in_words())?;
        let kind = answer.media_type();
        answer.claim(kind != "text/html", &told("no page of HTML as the answer"), || kind.clone())?;
    }
    Ok(())
}

async fn host_header(driver: &Driver) -> Result<(), Stop> {
    let right = driver.directory().await?.json();
    let request = Request::of("GET", &driver.target().directory)
        .with_header("X-Forwarded-Host", "evil.invalid")
        .with_header("Forwarded", "host=evil.invalid");
    let answer = driver.ask(&request).await?;
    if answer.status() != 200 {
        return answer.is_refused();
    }
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    answer.claim(!text.contains("evil.invalid"), "the directory's own URLs", || text.clone())?;
    answer.claim(answer.json().get("newOrder") == right.get("newOrder"), "the same newOrder", || text.clone())
}

async fn terms_of_service(driver: &Driver) -> Result<(), Stop> {
    let key = AccountKey::generate(driver.env());
    let url = driver.resource("newAccount").await?;
    let payload = driver.bound(json!({"contact": driver.target().contact}), &key, &url);
    let answer = driver.send(&driver.draft_with_key(&key, &url, &payload)).await?;
    if answer.status() == 201 {
        return Ok(());
    }
    let has_terms = driver.meta("termsOfService").await?.is_some_and(|terms| terms.is_string());
    answer.claim(has_terms, "termsOfService in the directory's meta", || "none".to_owned())
}

async fn invalid_orders_left_out(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    let list = list_url(driver, &account).await?;
    let mut wanted = Vec::new();
    for _ in 0..24 {
        wanted.push(driver.pending_order(&account).await?.1);
    }
    let (order, lost) = driver.pending_order(&account).await?;
    let deactivating = async {
        let (authorization, _) = first_authorization(driver, &account, &order).await?;
        driver.post(&account, &authorization, &json!({"status": "deactivated"})).await?.is_success("a deactivation")
    };
    driver.needed("rfc8555/7.5.2/authorization-deactivated", deactivating).await?;
    driver.until(&account, &lost, |status| status == "invalid").await?;
    let mut found: Vec<String> = Vec::new();
    let mut next = Some(list);
    for _ in 0..30 {
        let Some(url) = next.take() else { break };
        let answer = driver.get(&account, &url).await?;
        answer.has_status(200)?;
        let json = answer.json();
        let orders = json.get("orders").and_then(Value::as_array);
        found.extend(orders.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned));
        next = next_page(driver, &url, &answer)?;
    }
    let answer = driver.get(&account, &lost).await?;
    answer.claim(!found.contains(&lost), "no invalid order in the list", || lost.clone())?;
    found.sort_unstable();
    wanted.sort_unstable();
    answer.claim(found == wanted, "each of the others once", || format!("{} of {}", found.len(), wanted.len()))
}

async fn extensions_ignored(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let mut payload = for_names(&[&driver.new_name()]);
    payload["x-nobody-knows"] = json!({"a": [1]});
    payload["identifiers"][0]["x-nobody-knows"] = json!("b");
    driver.ask_order(&account, &payload).await?.has_status(201)?;
    let answer = driver.post(&account, &account.url, &json!({"x-nobody-knows": 1})).await?;
    answer.has_status(200)
}

async fn urls_unpredictable(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let mut numbers = Vec::new();
    for _ in 0..8 {
        let (_, url) = driver.pending_order(&account).await?;
        let digits: String = url.chars().rev().take_while(char::is_ascii_digit).collect();
        numbers.extend(digits.chars().rev().collect::<String>().parse::<u128>().ok());
    }
    let is_counted = numbers.len() == 8 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
    if is_counted {
        driver.note("the URLs of orders are numbered one after the other");
    }
    Ok(())
}

async fn chunked_body(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let payload = || for_names(&[&driver.new_name()]);
    let in_chunks = |body: Vec<u8>| {
        let (first, second) = body.split_at(body.len() / 2);
        let chunk = |octets: &[u8]| [format!("{:x}\r\n", octets.len()).as_bytes(), octets, b"\r\n"].concat();
        [chunk(first), chunk(second), b"0\r\n\r\n".to_vec()].concat()
    };
    let draft = driver.draft(&account, &url, &payload()).http_header("Transfer-Encoding", "chunked");
    let answer = driver.send(&draft.edit_bytes(in_chunks)).await?;
    answer.has_status(201).map_err(|stop| stop.with("a body in chunks"))?;
    let draft = driver.draft(&account, &url, &payload()).http_header("Expect", "100-continue");
    driver.send(&draft).await?.has_status(201).map_err(|stop| stop.with("Expect: 100-continue"))
}

async fn ed25519(driver: &Driver) -> Result<(), Stop> {
    let pair = Ed25519KeyPair::from_seed_unchecked(&driver.env().entropy::<32>("conformance Ed25519 key"));
    let pair = pair.expect("any 32 octets are a seed");
    let jwk = json!({"crv": "Ed25519", "kty": "OKP", "x": base64url(pair.public_key())});
    let url = driver.resource("newAccount").await?;
    if driver.meta("externalAccountRequired").await? == Some(json!(true)) {
        return Err(Stop::Skip("accounts must be bound, which the suite does for P-256 keys".to_owned()));
    }
    let key = AccountKey::generate(driver.env());
    let draft =
        driver.draft_with_key(&key, &url, &driver.new_account_payload()).header("alg", "EdDSA").header("jwk", jwk);
    let signed = draft.edit(|jws| {
        let text = |member: &str| jws.get(member).and_then(Value::as_str).unwrap_or_default();
        let input = format!("{}.{}", text("protected"), text("payload"));
        jws.insert("signature".to_owned(), base64url(pair.sign(input.as_bytes())).into());
    });
    let answer = driver.send(&signed).await?;
    if answer.status() < 300 {
        return answer.has_status(201);
    }
    answer.is_refused()?;
    let kind = answer.problem().unwrap_or_default();
    let is_told = ["badSignatureAlgorithm", "badPublicKey"].contains(&kind.as_str());
    answer.claim(is_told, "the account, badSignatureAlgorithm or badPublicKey", || answer.in_words())?;
    driver.note("the CA takes no Ed25519 keys");
    Ok(())
}

async fn content_language(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let payload = json!({"identifiers": [{"type": "x-nobody-knows", "value": "a"}]});
    let refused = async |language: Option<&str>| {
        let draft = driver.draft(&account, &url, &payload);
        let draft = language.into_iter().fold(draft, |draft, language| draft.http_header("Accept-Language", language));
        let answer = driver.send(&draft).await?;
        answer.is_refused().map_err(|stop| stop.before("rfc8555/6.7/identifier-type-unknown"))?;
        Ok((answer.json().get("detail").cloned(), answer))
    };
    let (first, _) = refused(None).await?;
    let (again, _) = refused(None).await?;
    if first != again {
        return Err(Stop::Skip("the CA's detail differs each time".to_owned()));
    }
    let (french, answer) = refused(Some("fr")).await?;
    let is_told = french == first || answer.header("content-language").is_some();
    answer.claim(is_told, "a Content-Language where the detail is another one", || "none".to_owned())
}
