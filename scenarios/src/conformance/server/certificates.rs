//! RFC 8555 §7.4.2, §7.6 and §9.1: the certificate resource, its chains, and revocation in detail.

use rcgen::CertificateParams;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::issuing::{Issued, attempt, certificates, completed, for_names, issued, new_key, ready_for};
use crate::{
    conformance::{
        case::{Case, Level::*},
        driver::{AccountKey, Answer, Driver, base64url},
        verdict::Stop,
    },
    oracles::reader::link,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.4.2/pem",
        level: Must,
        requirements: &["rfc8555-9.1-cert-strict-pem"],
        sent: "A certificate is read.",
        expected: "PEM blocks of certificates and nothing else: no text before, between or behind them.",
        why: "§9.1 asks for strict PEM (RFC 7468), and clients hand it on to servers that read no more.",
        run: |driver| Box::pin(pem(driver)),
    },
    Case {
        id: "rfc8555/7.4.2/chain-order",
        level: Should,
        requirements: &["rfc8555-9.1-cert-chain-order"],
        sent: "A certificate is read.",
        expected: "Each certificate is the issuer of the one before.",
        why: "Servers send them as they stand (RFC 8446 §4.4.2).",
        run: |driver| Box::pin(chain_order(driver)),
    },
    Case {
        id: "rfc8555/7.4.2/alternates",
        level: May,
        requirements: &["rfc8555-7.4.2-cert-alternates", "rfc8555-7.4.2-cert-link-parse"],
        sent: "A certificate is read, and each of its alternates.",
        expected: "Chains that begin with the same certificate and differ.",
        why: "A client chooses the chain that its visitors trust.",
        run: |driver| Box::pin(alternates(driver)),
    },
    Case {
        id: "rfc8555/7.4.2/unchanged",
        level: Must,
        requirements: &["rfc8555-7.4.2-cert-immutable"],
        sent: "A certificate is read, revoked, and read again.",
        expected: "The same first certificate.",
        why: "§7.4.2: a certificate resource is one certificate, for ever.",
        run: |driver| Box::pin(unchanged(driver)),
    },
    Case {
        id: "rfc8555/7.4.2/of-another-account",
        level: Robustness,
        requirements: &["rfc8555-7.4.2-cert-owner"],
        sent: "A certificate of one account's is read by another.",
        expected: "A refusal.",
        why: "§7.4.2 has it read by POST-as-GET, so that the CA can tell who asks.",
        run: |driver| Box::pin(of_another_account(driver)),
    },
    Case {
        id: "rfc8555/7.4.2/other-formats",
        level: May,
        requirements: &["rfc8555-7.4.2-cert-alt-formats"],
        sent: "A certificate is read with an Accept for PKCS #7, for one certificate in DER, and for anything.",
        expected: "The format that is asked for, or the one that all have, or 406.",
        why: "§7.4.2: formats can be negotiated.",
        run: |driver| Box::pin(other_formats(driver)),
    },
    Case {
        id: "rfc8555/6.3/payload-where-none-belongs",
        level: Must,
        requirements: &["rfc8555-6.3-postasget-nonempty"],
        sent: "A certificate, and the list of orders, are asked for with the payloads {}, null and a blank.",
        expected: "A refusal.",
        why: "§6.3: a request to read has an empty payload.",
        run: |driver| Box::pin(payload_where_none_belongs(driver)),
    },
    Case {
        id: "rfc8555/7.4/certificate-url-only-when-valid",
        level: Robustness,
        requirements: &["rfc8555-7.4-cert-url-only-valid", "rfc8555-7.1.6-order-monotonic"],
        sent: "An order is read when it is pending, ready and valid.",
        expected: "certificate only in the valid one, which stays valid.",
        why: "A client takes it for the end.",
        run: |driver| Box::pin(certificate_url_only_when_valid(driver)),
    },
    Case {
        id: "rfc8555/7.4/serial-numbers",
        level: Robustness,
        requirements: &["rfc8555-7.4-serial-unique"],
        sent: "Six certificates.",
        expected: "Six serial numbers, positive, of 20 octets at most; some of 8 or more.",
        why: "By the number a certificate is revoked (RFC 5280 §4.1.2.2); one that can be guessed helps forgers.",
        run: |driver| Box::pin(serial_numbers(driver)),
    },
    Case {
        id: "rfc8555/7.6/revoked-by-its-key",
        level: Must,
        requirements: &["rfc8555-7.6-rev-certkey"],
        sent: "A certificate is to be revoked by a request signed with its own key, and with another.",
        expected: "A refusal of the other's, and 200 to its own.",
        why: "Who finds a key on the web can have its certificates revoked.",
        run: |driver| Box::pin(revoked_by_its_key(driver)),
    },
    Case {
        id: "rfc8555/7.6/revoked-by-who-controls-the-names",
        level: Must,
        requirements: &["rfc8555-7.6-rev-other-authz"],
        sent: "A certificate for two names is to be revoked by an account that has proved one of them, then both.",
        expected: "A refusal, then 200.",
        why: "A name's new owner can get rid of the old one's certificates.",
        run: |driver| Box::pin(revoked_by_who_controls_the_names(driver)),
    },
    Case {
        id: "rfc8555/7.6/certificate-encoding",
        level: Must,
        requirements: &["rfc8555-7.6-rev-encoding"],
        sent: "A certificate is to be revoked that is given as PEM, in base64url with padding, with octets behind it, and not at all; then rightly.",
        expected: "A refusal, and 200 to the last.",
        why: "§7.6: base64url of DER.",
        run: |driver| Box::pin(certificate_encoding(driver)),
    },
    Case {
        id: "rfc8555/7.6/kid-and-certificate-key",
        level: Robustness,
        requirements: &["rfc8555-7.6-rev-certkey-with-kid"],
        sent: "A revocation signed with the certificate's key that has jwk and kid; then one with jwk alone.",
        expected: "A refusal, then 200.",
        why: "There must be one reading of who asks.",
        run: |driver| Box::pin(kid_and_certificate_key(driver)),
    },
    Case {
        id: "rfc8555/7.6/reason-of-another-type",
        level: Robustness,
        requirements: &["rfc8555-7.6-rev-reason-type"],
        sent: "A certificate is to be revoked for the reasons \"1\", 1.5, -1 and [1]; then for none.",
        expected: "A refusal, and 200 to the last.",
        why: "500 makes a client try again for ever.",
        run: |driver| Box::pin(reason_of_another_type(driver)),
    },
    Case {
        id: "rfc8555/7.6/reasons",
        level: Robustness,
        requirements: &["rfc8555-7.6-rev-reason-allowed"],
        sent: "Certificates are revoked for the reasons 0, 1, 3, 4 and 5, by their account.",
        expected: "200.",
        why: "Subscribers of public CAs have to give one of these (Baseline Requirements §4.9.1.1).",
        run: |driver| Box::pin(reasons(driver)),
    },
    Case {
        id: "rfc8555/7.6/foreign-certificate",
        level: Robustness,
        requirements: &["rfc8555-7.6-rev-foreign-cert"],
        sent: "A certificate is to be revoked that the CA has not issued, by the account and by the certificate's key; then one of its own.",
        expected: "A refusal with a status of 4xx, and 200 to the last.",
        why: "It is not the CA's to revoke.",
        run: |driver| Box::pin(foreign_certificate(driver)),
    },
    Case {
        id: "rfc8555/7.6/deactivated-account",
        level: Robustness,
        requirements: &["rfc8555-7.6-rev-deact-account"],
        sent: "A certificate is to be revoked by its account, which is deactivated.",
        expected: "A refusal.",
        why: "Such an account can do nothing any more.",
        run: |driver| Box::pin(deactivated_account(driver)),
    },
];

/// Asks for a revocation with the certificate's own key (RFC 8555 §7.6).
pub(super) async fn revoke_by_key(driver: &Driver, issued: &Issued) -> Result<Answer, Stop> {
    let url = driver.resource("revokeCert").await?;
    let key = AccountKey::from(issued.key.clone());
    driver.send(&driver.draft_with_key(&key, &url, &json!({"certificate": base64url(&issued.leaf)}))).await
}

async fn revoke(driver: &Driver, issued: &Issued, payload: &Value) -> Result<Answer, Stop> {
    driver.post(&issued.account, &driver.resource("revokeCert").await?, payload).await
}

/// What was refused is done rightly: else a CA that revokes nothing would keep to it.
pub(super) async fn is_revoked_rightly(driver: &Driver, issued: &Issued) -> Result<(), Stop> {
    let payload = json!({"certificate": base64url(&issued.leaf)});
    let revoked = async {
        revoke(driver, issued, &payload).await?.has_status(200).map_err(|stop| stop.with("a request that is right"))
    };
    driver.needed("rfc8555/7.6/revoked", revoked).await
}

async fn pem(driver: &Driver) -> Result<(), Stop> {
    let chain = issued(driver).await?.chain;
    let text = String::from_utf8_lossy(chain.body()).replace("\r\n", "\n");
    let mut is_inside = false;
    for line in text.lines() {
        let is_right = match line {
            "-----BEGIN CERTIFICATE-----" => !std::mem::replace(&mut is_inside, true),
            "-----END CERTIFICATE-----" => std::mem::replace(&mut is_inside, false),
            // Some have an empty line between (RFC 7468 §2 has none).
            base64 => {
                let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
                is_inside && !base64.is_empty() && base64.len() <= 64 && base64.bytes().all(is_base64)
            }
        };
        chain.claim(is_right, "certificates in PEM and nothing else", || format!("the line {line:?}"))?;
    }
    Ok(())
}

async fn chain_order(driver: &Driver) -> Result<(), Stop> {
    let chain = issued(driver).await?.chain;
    let all = certificates(&chain);
    let read: Vec<X509Certificate<'_>> =
        all.iter().filter_map(|der| X509Certificate::from_der(der).ok()).map(|(_, read)| read).collect();
    chain.claim(read.len() == all.len(), "certificates that can be read", || {
        format!("{} of {}", read.len(), all.len())
    })?;
    for pair in read.windows(2) {
        let found = || format!("{} before {}", pair[0].subject(), pair[1].subject());
        chain.claim(pair[0].issuer() == pair[1].subject(), "each certificate before its issuer's", found)?;
    }
    Ok(())
}

fn alternate_urls(chain: &Answer) -> Vec<String> {
    chain.headers("link").flat_map(|field| link::targets(field, "alternate")).map(ToOwned::to_owned).collect()
}

async fn alternates(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let urls = alternate_urls(&issued.chain);
    if urls.is_empty() {
        return Err(Stop::Skip("the CA has no alternate chains".to_owned()));
    }
    let mut seen = vec![certificates(&issued.chain)];
    for url in urls {
        let url = driver.url(&issued.url)?.join(&url).map_or(url, Into::into);
        let other = driver.get(&issued.account, &url).await?;
        other.has_status(200)?;
        let certificates = certificates(&other);
        let found = || format!("{} certificates", certificates.len());
        other.claim(certificates.first() == Some(&issued.leaf), "the same first certificate", found)?;
        other.claim(!seen.contains(&certificates), "another chain", || "one that was there before".to_owned())?;
        seen.push(certificates);
    }
    Ok(())
}

async fn unchanged(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let revoked = revoke(driver, &issued, &json!({"certificate": base64url(&issued.leaf)})).await?;
    revoked.is_success("a revocation").map_err(|stop| stop.before("rfc8555/7.6/revoked"))?;
    let again = driver.get(&issued.account, &issued.url).await?;
    if again.status() == 404 || again.status() == 410 {
        driver.note("a revoked certificate can't be read any more");
        return Ok(());
    }
    again.has_status(200)?;
    let is_same = certificates(&again).first() == Some(&issued.leaf);
    again.claim(is_same, "the same certificate", || "another one".to_owned())
}

async fn of_another_account(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    driver.get(&driver.other_account().await?, &issued.url).await?.is_refused()
}

async fn other_formats(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    for accept in ["application/pkcs7-mime", "application/pkix-cert", "*/*", "application/pem-certificate-chain"] {
        let draft = driver.draft_get(&issued.account, &issued.url).http_header("Accept", accept);
        let answer = driver.send(&draft).await?;
        if answer.status() == 406 {
            continue;
        }
        answer.has_status(200).map_err(|stop| stop.with(accept))?;
        let kind = answer.media_type();
        let is_known = kind == accept || kind == "application/pem-certificate-chain";
        answer.claim(is_known, "what was asked for, or a chain in PEM", || kind.clone())?;
        if kind == "application/pkix-cert" {
            let has_up = answer.headers("link").any(|field| !link::targets(field, "up").is_empty());
            answer.claim(has_up, "a Link with rel=\"up\" beside one certificate", || "none".to_owned())?;
        }
    }
    Ok(())
}

async fn payload_where_none_belongs(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let account = driver.get(&issued.account, &issued.account.url).await?;
    let orders = account.json().get("orders").and_then(Value::as_str).map(ToOwned::to_owned);
    for url in [Some(issued.url.clone()), orders].into_iter().flatten() {
        for payload in ["{}", "null", " "] {
            let draft = driver.draft_get(&issued.account, &url).payload(payload.as_bytes());
            let answer = driver.send(&draft).await?;
            answer.is_refused().map_err(|stop| stop.with(&format!("the payload {payload:?}")))?;
        }
    }
    Ok(())
}

async fn certificate_url_only_when_valid(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let (order, _) = driver.pending_order(&account).await?;
    let has_none = |answer: &Answer| answer.json().get("certificate").is_none();
    order.claim(has_none(&order), "no certificate in a pending order", || order.json().to_string())?;
    let ready = ready_for(driver, &account, &for_names(&[&driver.new_name()]), "http-01").await?;
    let shown = &ready.shown;
    shown.claim(has_none(shown), "no certificate in an order that is ready", || shown.json().to_string())?;
    let issued = completed(driver, &ready).await?;
    let later = driver.get(&account, &issued.order_url).await?;
    later.claim(later.text("status")? == "valid", "an order that stays valid", || later.json().to_string())?;
    let is_same = later.text("certificate")? == issued.url && issued.order.text("certificate")? == issued.url;
    later.claim(is_same, "the same certificate", || later.json().to_string())
}

async fn serial_numbers(driver: &Driver) -> Result<(), Stop> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for _ in 0..6 {
        let issued = issued(driver).await?;
        let serial = X509Certificate::from_der(&issued.leaf).map(|(_, read)| read.raw_serial().to_vec());
        let serial = serial.unwrap_or_default();
        let is_positive = serial.first().is_some_and(|first| first & 0x80 == 0);
        let is_right = is_positive && serial.len() <= 20 && !seen.contains(&serial);
        let found = || format!("{serial:02x?}");
        issued.chain.claim(is_right, "another positive number of 20 octets at most", found)?;
        seen.push(serial);
        // Of random numbers of 64 bits, one in 256 has an octet less.
        if seen.len() == 6 {
            let is_long = seen.iter().any(|serial| serial.len() >= 8);
            issued.chain.claim(is_long, "a number of 8 octets or more among six", || format!("{seen:02x?}"))?;
        }
    }
    Ok(())
}

async fn revoked_by_its_key(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let url = driver.resource("revokeCert").await?;
    let other = AccountKey::from(new_key(driver));
    let payload = json!({"certificate": base64url(&issued.leaf)});
    let refused = driver.send(&driver.draft_with_key(&other, &url, &payload)).await?;
    refused.is_refused().map_err(|stop| stop.with("another key"))?;
    revoke_by_key(driver, &issued).await?.has_status(200)
}

async fn revoked_by_who_controls_the_names(driver: &Driver) -> Result<(), Stop> {
    let (own, other) = (driver.account().await?, driver.other_account().await?);
    let names = [driver.new_name(), driver.new_name()];
    let both = for_names(&[&names[0], &names[1]]);
    let issued = completed(driver, &ready_for(driver, &own, &both, "http-01").await?).await?;
    let url = driver.resource("revokeCert").await?;
    let payload = json!({"certificate": base64url(&issued.leaf)});
    attempt(driver, &other, &for_names(&[&names[0]]), "http-01").await?;
    driver.post(&other, &url, &payload).await?.is_refused().map_err(|stop| stop.with("one of two names"))?;
    attempt(driver, &other, &for_names(&[&names[1]]), "http-01").await?;
    driver.post(&other, &url, &payload).await?.has_status(200).map_err(|stop| stop.with("both names"))
}

async fn certificate_encoding(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let pem = pem::encode(&pem::Pem::new("CERTIFICATE", issued.leaf.clone()));
    let longer = base64url([&issued.leaf[..], b"xx"].concat());
    let text = base64url(&issued.leaf);
    for (variant, payload) in [
        ("PEM", json!({"certificate": pem})),
        ("padding", json!({"certificate": format!("{text}=")})),
        ("octets behind it", json!({"certificate": longer})),
        ("no certificate", json!({})),
        ("a number", json!({"certificate": 1})),
    ] {
        revoke(driver, &issued, &payload).await?.is_refused().map_err(|stop| stop.with(variant))?;
    }
    is_revoked_rightly(driver, &issued).await
}

async fn kid_and_certificate_key(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let url = driver.resource("revokeCert").await?;
    let key = AccountKey::from(issued.key.clone());
    let payload = json!({"certificate": base64url(&issued.leaf)});
    let draft = driver.draft_with_key(&key, &url, &payload).header("kid", issued.account.url.as_str());
    driver.send(&draft).await?.is_refused()?;
    let revoked = async {
        revoke_by_key(driver, &issued).await?.has_status(200).map_err(|stop| stop.with("a request with jwk alone"))
    };
    driver.needed("rfc8555/7.6/revoked-by-its-key", revoked).await
}

async fn reason_of_another_type(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    for reason in [json!("1"), json!(1.5), json!(-1), json!([1])] {
        let payload = json!({"certificate": base64url(&issued.leaf), "reason": reason});
        let answer = revoke(driver, &issued, &payload).await?;
        answer.is_refused().map_err(|stop| stop.with(&format!("the reason {reason}")))?;
    }
    is_revoked_rightly(driver, &issued).await
}

async fn reasons(driver: &Driver) -> Result<(), Stop> {
    for reason in [0, 1, 3, 4, 5] {
        let issued = issued(driver).await?;
        let payload = json!({"certificate": base64url(&issued.leaf), "reason": reason});
        let answer = revoke(driver, &issued, &payload).await?;
        if answer.problem().as_deref() == Some("badRevocationReason") {
            driver.note(format!("the CA does not take the reason {reason} of an account"));
            continue;
        }
        answer.has_status(200).map_err(|stop| stop.with(&format!("the reason {reason}")))?;
    }
    Ok(())
}

async fn foreign_certificate(driver: &Driver) -> Result<(), Stop> {
    let url = driver.resource("revokeCert").await?;
    let key = new_key(driver);
    let mut params = CertificateParams::new(vec![driver.new_name()]).expect("a name in ASCII");
    params.serial_number = Some(77_u64.into());
    let certificate = params.self_signed(&key).expect("parameters are complete").der().to_vec();
    let payload = json!({"certificate": base64url(certificate)});
    driver.post(&driver.account().await?, &url, &payload).await?.is_refused()?;
    let key = AccountKey::from(key);
    let refused = driver.send(&driver.draft_with_key(&key, &url, &payload)).await?;
    refused.is_refused().map_err(|stop| stop.with("the certificate's key"))?;
    is_revoked_rightly(driver, &issued(driver).await?).await
}

async fn deactivated_account(driver: &Driver) -> Result<(), Stop> {
    let account = driver.new_account().await?;
    let order = ready_for(driver, &account, &for_names(&[&driver.new_name()]), "http-01").await?;
    let issued = completed(driver, &order).await?;
    let gone = driver.post(&account, &account.url, &json!({"status": "deactivated"})).await?;
    gone.is_success("deactivating an account").map_err(|stop| stop.before("rfc8555/7.3.6/deactivated"))?;
    let answer = revoke(driver, &issued, &json!({"certificate": base64url(&issued.leaf)})).await?;
    answer.is_refused()
}
