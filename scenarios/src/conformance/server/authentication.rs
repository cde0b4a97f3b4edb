//! RFC 8555 §6.2 and §6.4: who speaks, proved by a signature over what is said and where.

use serde_json::{Value, json};

use crate::conformance::{
    case::{Case, Level::*},
    driver::{AccountKey, Answer, Draft, Driver, base64url},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/6.2/alg-none",
        level: Must,
        requirements: &["rfc8555-6.2-jws-alg-none"],
        sent: "A new order whose protected header says alg none, None or NONE, with an empty signature.",
        expected: "400 badSignatureAlgorithm.",
        why: "Whoever accepts it lets anybody speak for any account.",
        run: |driver| Box::pin(alg_none(driver)),
    },
    Case {
        id: "rfc8555/6.2/alg-mac",
        level: Must,
        requirements: &["rfc8555-6.2-jws-alg-mac"],
        sent: "A new order under HS256, with the account's public key as the secret.",
        expected: "A refusal.",
        why: "A library that picks its check by the header takes the public key for a shared secret, and everybody knows it.",
        run: |driver| Box::pin(alg_mac(driver)),
    },
    Case {
        id: "rfc8555/6.2/alg-missing",
        level: Must,
        requirements: &["rfc8555-6.2-jws-alg-missing"],
        sent: "A new order without alg in the protected header.",
        expected: "A refusal.",
        why: "§6.2 lists alg among the fields that the header must have.",
        run: |driver| Box::pin(refuses_new_order(driver, |draft| draft.without("alg"))),
    },
    Case {
        id: "rfc8555/6.2/alg-case",
        level: Must,
        requirements: &["rfc7515-4.1.1-alg-case"],
        sent: "A new order under alg es256.",
        expected: "A refusal.",
        why: "Names of algorithms are case-sensitive (RFC 7515 §4.1.1).",
        run: |driver| Box::pin(refuses_new_order(driver, |draft| draft.header("alg", "es256"))),
    },
    Case {
        id: "rfc8555/6.2/alg-unsupported",
        level: Must,
        requirements: &["rfc8555-6.2-badsigalg-type", "rfc8555-6.2-badsigalg-algorithms"],
        sent: "A new order under alg ES256K.",
        expected: "400 badSignatureAlgorithm, with an array of the algorithms that there are.",
        why: "A client can choose another algorithm only if it is told which there are.",
        run: |driver| Box::pin(alg_unsupported(driver)),
    },
    Case {
        id: "rfc8555/6.2/alg-of-another-key",
        level: Robustness,
        requirements: &["rfc8555-6.2-jws-alg-key-mismatch"],
        sent: "A new order of a P-256 key's under alg RS256, then under alg ES384.",
        expected: "A refusal.",
        why: "An algorithm that is not the key's can't have made the signature.",
        run: |driver| Box::pin(alg_of_another_key(driver)),
    },
    Case {
        id: "rfc8555/6.2/jws-general",
        level: Must,
        requirements: &["rfc8555-6.2-jws-flattened", "rfc8555-6.2-jws-multi-sig"],
        sent: "A new order in the general JSON serialization, with one signature, then with two, then as the compact text.",
        expected: "A refusal.",
        why: "Only the flattened serialization with one signature is allowed, so that there is one reading of who has signed.",
        run: |driver| Box::pin(jws_general(driver)),
    },
    Case {
        id: "rfc8555/6.2/jws-unencoded-payload",
        level: Must,
        requirements: &["rfc8555-6.2-jws-b64-false"],
        sent: "A new order whose header says b64 false and names it in crit (RFC 7797).",
        expected: "A refusal.",
        why: "§6.2 forbids the unencoded payload.",
        run: |driver| {
            Box::pin(refuses_new_order(driver, |draft| draft.header("b64", false).header("crit", json!(["b64"]))))
        },
    },
    Case {
        id: "rfc8555/6.2/jws-unprotected-header",
        level: Must,
        requirements: &["rfc8555-6.2-jws-unprotected"],
        sent: "A new order with an unprotected header, empty or naming the account.",
        expected: "A refusal.",
        why: "Nobody has signed what stands there.",
        run: |driver| Box::pin(jws_unprotected_header(driver)),
    },
    Case {
        id: "rfc8555/6.2/jws-detached",
        level: Must,
        requirements: &["rfc8555-6.2-jws-detached", "rfc8555-6.3-payload-field-present"],
        sent: "A new order without the member payload.",
        expected: "A refusal.",
        why: "The payload must be there, empty for a POST-as-GET.",
        run: |driver| {
            Box::pin(refuses_new_order(driver, |draft| {
                draft.edit(|jws| {
                    jws.remove("payload");
                })
            }))
        },
    },
    Case {
        id: "rfc8555/6.2/kid-and-jwk",
        level: Must,
        requirements: &["rfc8555-6.2-kid-jwk-both"],
        sent: "A new order that names the account by kid and brings its key as jwk too.",
        expected: "A refusal.",
        why: "They exclude each other: a server that checks one and believes the other can be deceived.",
        run: |driver| Box::pin(kid_and_jwk(driver)),
    },
    Case {
        id: "rfc8555/6.2/kid-nor-jwk",
        level: Must,
        requirements: &["rfc8555-6.2-kid-jwk-neither"],
        sent: "A new order with neither kid nor jwk.",
        expected: "A refusal.",
        why: "Nobody says whose signature it is.",
        run: |driver| Box::pin(refuses_new_order(driver, |draft| draft.without("kid"))),
    },
    Case {
        id: "rfc8555/6.2/jwk-where-kid-belongs",
        level: Must,
        requirements: &["rfc8555-6.2-kid-required"],
        sent: "A new order, and a reading of the account, that bring the account's key as jwk instead of naming it by kid.",
        expected: "A refusal.",
        why: "Only newAccount, and revokeCert by a certificate's key, are signed that way.",
        run: |driver| Box::pin(jwk_where_kid_belongs(driver)),
    },
    Case {
        id: "rfc8555/6.2/kid-where-jwk-belongs",
        level: Must,
        requirements: &["rfc8555-6.2-jwk-required"],
        sent: "A new account, asked for by an account that is named by kid.",
        expected: "A refusal.",
        why: "A new account's key has to be in the request.",
        run: |driver| Box::pin(kid_where_jwk_belongs(driver)),
    },
    Case {
        id: "rfc8555/6.2/kid-unknown",
        level: Must,
        requirements: &["rfc8555-6.2-kid-unknown"],
        sent: "A new order of an account that does not exist, at an address like that of one that does.",
        expected: "400 accountDoesNotExist, or 401 or 403 unauthorized.",
        why: "Clients that have lost their account find out by this problem.",
        run: |driver| Box::pin(kid_unknown(driver)),
    },
    Case {
        id: "rfc8555/6.2/kid-of-another-server",
        level: Must,
        requirements: &["rfc8555-6.2-kid-foreign-url"],
        sent: "A new order whose kid is the account's path on another host, its path alone, or its last part alone.",
        expected: "A refusal.",
        why: "The account's URL is its name, whole.",
        run: |driver| Box::pin(kid_of_another_server(driver)),
    },
    Case {
        id: "rfc8555/6.2/signature-of-another-account",
        level: Must,
        requirements: &["rfc8555-6.2-kid-other-account"],
        sent: "A new order that names one account by kid and is signed with another's key.",
        expected: "A refusal.",
        why: "Else any account speaks for any other.",
        run: |driver| Box::pin(signature_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/6.2/signature-wrong",
        level: Must,
        requirements: &["rfc8555-6.2-sig-verified-first"],
        sent: "A change of the account's contacts whose signature has one wrong letter, then none at all.",
        expected: "A refusal, and an account that is as it was.",
        why: "Servers have been seen that act first and check later.",
        run: |driver| Box::pin(signature_wrong(driver)),
    },
    Case {
        id: "rfc8555/6.2/payload-exchanged",
        level: Must,
        requirements: &["rfc8555-6.2-payload-tamper"],
        sent: "A new order whose payload, then whose protected header, is exchanged after the signature was made.",
        expected: "A refusal.",
        why: "The signature is over both.",
        run: |driver| Box::pin(payload_exchanged(driver)),
    },
    Case {
        id: "rfc8555/6.2/signature-der",
        level: Must,
        requirements: &["rfc7518-3.4-es-sig-length"],
        sent: "A new order with the right signature in DER, then one octet short.",
        expected: "A refusal.",
        why: "RFC 7518 §3.4 has R and S in 32 octets each. Two forms of one signature are one too many.",
        run: |driver| Box::pin(signature_der(driver)),
    },
    Case {
        id: "rfc8555/6.2/crit-unknown",
        level: Robustness,
        requirements: &["rfc8555-6.2-jws-crit"],
        sent: "A new order whose crit names a header that nobody knows, is empty, or names alg.",
        expected: "A refusal.",
        why: "RFC 7515 §4.1.11: who does not understand what is critical must not accept it.",
        run: |driver| Box::pin(crit_unknown(driver)),
    },
    Case {
        id: "rfc8555/6.2/header-unknown",
        level: Robustness,
        requirements: &["rfc8555-6.2-jws-unknown-header"],
        sent: "A new order whose protected header has typ JWT and a member that nobody knows.",
        expected: "An order.",
        why: "Unknown headers that are not critical are ignored (RFC 7515 §4).",
        run: |driver| Box::pin(header_unknown(driver)),
    },
    Case {
        id: "rfc8555/6.2/content-type",
        level: Must,
        requirements: &["rfc8555-6.2-content-type-415"],
        sent: "A new order as application/json, then as text/plain.",
        expected: "415.",
        why: "Browsers send neither application/jose+json nor anything else unasked: the type keeps other sites' scripts away.",
        run: |driver| Box::pin(content_type(driver)),
    },
    Case {
        id: "rfc8555/6.2/no-jws",
        level: Must,
        requirements: &["rfc8555-6.2-unauth-endpoints"],
        sent: "Nothing, an empty object and an unsigned payload, posted to each resource of the directory.",
        expected: "A refusal.",
        why: "A CA was seen in 2026 whose endpoints acted without any signature.",
        run: |driver| Box::pin(no_jws(driver)),
    },
    Case {
        id: "rfc8555/6.4/url-missing",
        level: Must,
        requirements: &["rfc8555-6.4-url-missing"],
        sent: "A new order without url in the protected header.",
        expected: "A refusal.",
        why: "Without it a request can be turned against another resource.",
        run: |driver| Box::pin(refuses_new_order(driver, |draft| draft.without("url"))),
    },
    Case {
        id: "rfc8555/6.4/url-mismatch",
        level: Must,
        requirements: &["rfc8555-6.4-url-mismatch"],
        sent: "A new order whose url has another path, query, scheme, host, port or letter case, or a slash more.",
        expected: "A refusal; §6.4 says unauthorized.",
        why: "The comparison is of octets. What is normalized before it can be made to mean another resource.",
        run: |driver| Box::pin(url_mismatch(driver)),
    },
    Case {
        id: "rfc8555/6.4/url-of-another-resource",
        level: Must,
        requirements: &["rfc8555-6.4-url-crossresource"],
        sent: "A request that is signed for newOrder, posted to newAccount and to revokeCert.",
        expected: "A refusal.",
        why: "Who sees a request must not be able to use it elsewhere.",
        run: |driver| Box::pin(url_of_another_resource(driver)),
    },
    Case {
        id: "rfc8555/6.4/url-unprotected",
        level: Must,
        requirements: &["rfc8555-6.4-url-unprotected"],
        sent: "A new order whose url stands in an unprotected header.",
        expected: "A refusal.",
        why: "Nobody has signed it there.",
        run: |driver| Box::pin(url_unprotected(driver)),
    },
];

/// A new order for a new name, changed by `wrong`.
async fn new_order<'a>(driver: &Driver, wrong: impl for<'d> FnOnce(Draft<'d>) -> Draft<'d>) -> Result<Answer, Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let draft = driver.draft(&account, &url, &order_payload(driver));
    driver.send(&wrong(draft)).await
}

fn order_payload(driver: &Driver) -> Value {
    json!({"identifiers": [{"type": "dns", "value": driver.new_name()}]})
}

async fn refuses_new_order(driver: &Driver, wrong: impl for<'d> FnOnce(Draft<'d>) -> Draft<'d>) -> Result<(), Stop> {
    new_order(driver, wrong).await?.is_refused()
}

async fn alg_none(driver: &Driver) -> Result<(), Stop> {
    for alg in ["none", "None", "NONE"] {
        let answer =
            new_order(driver, |draft| draft.header("alg", alg).edit_text("signature", |_| String::new())).await?;
        answer.is_refused().map_err(|stop| stop.with(alg))?;
        note_other_problem(driver, &answer, "badSignatureAlgorithm");
    }
    Ok(())
}

/// Notes if it is refused as something else than the document says, where the standards leave room.
fn note_other_problem(driver: &Driver, answer: &Answer, kind: &str) {
    if answer.problem().as_deref() != Some(kind) {
        driver.note(format!("{kind} is what the RFC says, and it is {}", answer.in_words()));
    }
}

async fn alg_mac(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let secret = account.key.jwk().to_string();
    let draft = driver.draft(&account, &url, &order_payload(driver)).header("alg", "HS256").edit(|jws| {
        let part = |name: &str| jws.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let input = format!("{}.{}", part("protected"), part("payload"));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let signature = base64url(ring::hmac::sign(&key, input.as_bytes()));
        jws.insert("signature".to_owned(), signature.into());
    });
    driver.send(&draft).await?.is_refused()
}

async fn alg_unsupported(driver: &Driver) -> Result<(), Stop> {
    let answer = new_order(driver, |draft| draft.header("alg", "ES256K")).await?;
    answer.is_problem(400, "badSignatureAlgorithm")?;
    let json = answer.json();
    let algorithms = json.get("algorithms").and_then(Value::as_array);
    let is_list = algorithms.is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string));
    answer.claim(is_list, "an array \"algorithms\" of names in the problem", || json.to_string())
}

async fn alg_of_another_key(driver: &Driver) -> Result<(), Stop> {
    for alg in ["RS256", "ES384"] {
        let answer = new_order(driver, |draft| draft.header("alg", alg)).await?;
        answer.is_refused().map_err(|stop| stop.with(alg))?;
    }
    Ok(())
}

async fn jws_general(driver: &Driver) -> Result<(), Stop> {
    for signatures in [1, 2] {
        let answer = new_order(driver, |draft| {
            draft.edit(move |jws| {
                let mut one = serde_json::Map::new();
                for member in ["protected", "signature"] {
                    one.extend(jws.remove(member).map(|value| (member.to_owned(), value)));
                }
                jws.insert("signatures".to_owned(), vec![Value::Object(one); signatures].into());
            })
        });
        answer.await?.is_refused().map_err(|stop| stop.with(&format!("{signatures} signatures")))?;
    }
    let both = new_order(driver, |draft| {
        draft.edit(|jws| {
            let one = json!({"protected": jws.get("protected"), "signature": jws.get("signature")});
            jws.insert("signatures".to_owned(), json!([one]));
        })
    });
    both.await?.is_refused().map_err(|stop| stop.with("signature and signatures"))
}

async fn jws_unprotected_header(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for header in [json!({}), json!({"kid": account.url})] {
        let shown = header.to_string();
        let answer = new_order(driver, |draft| {
            draft.edit(move |jws| {
                jws.insert("header".to_owned(), header.clone());
            })
        });
        answer.await?.is_refused().map_err(|stop| stop.with(&shown))?;
    }
    Ok(())
}

async fn kid_and_jwk(driver: &Driver) -> Result<(), Stop> {
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    for key in [&own.key, &other.key] {
        new_order(driver, |draft| draft.header("jwk", key.jwk())).await?.is_refused()?;
    }
    Ok(())
}

async fn jwk_where_kid_belongs(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let jwk = account.key.jwk();
    let answer = new_order(driver, |draft| draft.without("kid").header("jwk", jwk.clone())).await?;
    answer.is_refused().map_err(|stop| stop.with("a new order"))?;
    let draft = driver.draft_get(&account, &account.url).without("kid").header("jwk", jwk);
    driver.send(&draft).await?.is_refused().map_err(|stop| stop.with("a reading of the account"))
}

async fn kid_where_jwk_belongs(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newAccount").await?;
    driver.post(&account, &url, &driver.new_account_payload()).await?.is_refused()
}

async fn kid_unknown(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let unknown = format!("{}0000000", account.url);
    let answer = new_order(driver, |draft| draft.header("kid", unknown)).await?;
    let problem = answer.problem().unwrap_or_default();
    let is_right = match answer.status() {
        400 => problem == "accountDoesNotExist",
        401 | 403 => problem == "unauthorized",
        _ => false,
    };
    answer.claim(is_right, "400 accountDoesNotExist, or 401 or 403 unauthorized", || answer.in_words())
}

async fn kid_of_another_server(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.url(&account.url)?;
    let mut elsewhere = url.clone();
    if elsewhere.set_host(Some("elsewhere.invalid")).is_err() {
        return Err(Stop::Skip(format!("the account's address {url} has no host")));
    }
    let last = url.path().rsplit('/').find(|segment| !segment.is_empty()).unwrap_or_default();
    let slash = format!("{url}/");
    for kid in [elsewhere.as_str(), url.path(), last, &slash] {
        let answer = new_order(driver, |draft| draft.header("kid", kid)).await?;
        answer.is_refused().map_err(|stop| stop.with(&format!("the kid {kid}")))?;
    }
    Ok(())
}

async fn signature_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    let url = driver.resource("newOrder").await?;
    let draft = driver.draft(&other, &url, &order_payload(driver)).header("kid", own.url.as_str());
    driver.send(&draft).await?.is_refused()
}

async fn signature_wrong(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let before = driver.read_account(&account).await?.json();
    let contact = json!({"contact": ["mailto:somebody-else@example.com"]});
    for variant in ["a wrong letter", "no signature"] {
        let draft = driver.draft(&account, &account.url, &contact).edit_text("signature", |text| match variant {
            "no signature" => String::new(),
            _ => {
                let (start, end) = text.split_at(text.len() - 2);
                let other = if end.starts_with('A') { "B" } else { "A" };
                format!("{start}{other}{}", &end[1..])
            }
        });
        driver.send(&draft).await?.is_refused().map_err(|stop| stop.with(variant))?;
    }
    let after = driver.read_account(&account).await?;
    after.claim(after.json().get("contact") == before.get("contact"), "an account that is as it was", || {
        after.json().to_string()
    })
}

async fn payload_exchanged(driver: &Driver) -> Result<(), Stop> {
    let payload = base64url(order_payload(driver).to_string());
    let answer = new_order(driver, |draft| draft.edit_text("payload", move |_| payload.clone())).await?;
    answer.is_refused().map_err(|stop| stop.with("another payload"))?;
    // A header that says the same in other bytes.
    let answer = new_order(driver, |draft| {
        draft.edit_text("protected", |text| {
            use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
            let header: Value = URL_SAFE_NO_PAD
                .decode(text)
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .unwrap_or_default();
            base64url(format!(" {header}"))
        })
    });
    answer.await?.is_refused().map_err(|stop| stop.with("another protected header"))
}

async fn signature_der(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let url = driver.resource("newOrder").await?;
    let signature = |key: &AccountKey, jws: &serde_json::Map<String, Value>| {
        let part = |name: &str| jws.get(name).and_then(Value::as_str).unwrap_or_default();
        key.sign_der(format!("{}.{}", part("protected"), part("payload")).as_bytes())
    };
    let draft = driver.draft(&account, &url, &order_payload(driver)).edit(|jws| {
        let der = base64url(signature(&account.key, jws));
        jws.insert("signature".to_owned(), der.into());
    });
    driver.send(&draft).await?.is_refused().map_err(|stop| stop.with("DER"))?;
    let answer =
        new_order(driver, |draft| draft.edit_text("signature", |text| text[..text.len() - 2].to_owned())).await?;
    answer.is_refused().map_err(|stop| stop.with("an octet less"))
}

async fn crit_unknown(driver: &Driver) -> Result<(), Stop> {
    for crit in [json!(["x"]), json!([]), json!(["alg"])] {
        let shown = format!("crit {crit}");
        let answer = new_order(driver, |draft| draft.header("x", 1).header("crit", crit)).await?;
        answer.is_refused().map_err(|stop| stop.with(&shown))?;
    }
    Ok(())
}

async fn header_unknown(driver: &Driver) -> Result<(), Stop> {
    let answer = new_order(driver, |draft| draft.header("foo", 1).header("typ", "JWT")).await?;
    answer.has_status(201)
}

async fn content_type(driver: &Driver) -> Result<(), Stop> {
    for wrong in ["application/json", "text/plain"] {
        let answer = new_order(driver, |draft| draft.content_type(wrong)).await?;
        answer.has_status(415).map_err(|stop| stop.with(wrong))?;
    }
    Ok(())
}

async fn no_jws(driver: &Driver) -> Result<(), Stop> {
    let directory = driver.directory().await?.json();
    let payload = order_payload(driver).to_string();
    for resource in ["newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange"] {
        let Some(url) = directory.get(resource).and_then(Value::as_str) else { continue };
        for body in ["", "{}", &payload] {
            let request = crate::conformance::driver::Request::of("POST", &driver.url(url)?)
                .with_body("application/jose+json", body.as_bytes().to_vec());
            let answer = driver.ask(&request).await?;
            answer.is_refused().map_err(|stop| stop.with(&format!("{body:?} at {resource}")))?;
        }
    }
    Ok(())
}

async fn url_mismatch(driver: &Driver) -> Result<(), Stop> {
    let url = driver.resource("newOrder").await?;
    let parsed = driver.url(&url)?;
    let mut other_host = parsed.clone();
    let mut other_port = parsed.clone();
    if other_host.set_host(Some("elsewhere.invalid")).is_err() || other_port.set_port(Some(1)).is_err() {
        return Err(Stop::Skip(format!("newOrder's address {url} has no host")));
    }
    let variants = [
        ("another path", format!("{url}x")),
        ("a slash more", format!("{url}/")),
        ("a query", format!("{url}?a=b")),
        ("a fragment", format!("{url}#a")),
        ("another scheme", url.replacen("https:", "http:", 1)),
        ("another host", other_host.to_string()),
        ("another port", other_port.to_string()),
        ("upper case", url.to_uppercase()),
        ("its path alone", parsed.path().to_owned()),
    ];
    for (variant, wrong) in variants.into_iter().filter(|(_, wrong)| *wrong != url) {
        let answer = new_order(driver, |draft| draft.header("url", wrong)).await?;
        answer.is_refused().map_err(|stop| stop.with(variant))?;
        if variant == "another path" {
            note_other_problem(driver, &answer, "unauthorized");
        }
    }
    Ok(())
}

async fn url_of_another_resource(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let signed_for = driver.resource("newOrder").await?;
    for resource in ["newAccount", "revokeCert"] {
        let url = driver.resource(resource).await?;
        let draft = driver.draft(&account, &url, &order_payload(driver)).header("url", signed_for.as_str());
        driver.send(&draft).await?.is_refused().map_err(|stop| stop.with(resource))?;
    }
    Ok(())
}

async fn url_unprotected(driver: &Driver) -> Result<(), Stop> {
    let url = driver.resource("newOrder").await?;
    let answer = new_order(driver, |draft| {
        draft.without("url").edit(move |jws| {
            jws.insert("header".to_owned(), json!({"url": url}));
        })
    });
    answer.await?.is_refused()
}
