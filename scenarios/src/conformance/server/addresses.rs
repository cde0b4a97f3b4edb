//! RFC 8738: certificates for IP addresses.

use rcgen::{DnType, SanType};
use serde_json::{Value, json};

use crate::conformance::{
    case::{Case, Level::*},
    driver::{Account, Answer, Driver},
    responder::dns_name,
    server::issuing::{
        attempt, csr_params, finalize, first_authorization, for_names, identifier, new_key, ready_for, signed_csr,
    },
    verdict::{Finding, Stop},
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8738/3/order",
        level: Must,
        requirements: &["rfc8738-3-ip-type", "rfc8738-3-ip-authz-value"],
        sent: "New orders for an IPv4 and an IPv6 address.",
        expected: "Orders and authorizations for just these, of type ip.",
        why: "Addresses are identifiers of a type of their own.",
        run: |driver| Box::pin(order(driver)),
    },
    Case {
        id: "rfc8738/3/form",
        level: Must,
        requirements: &["rfc8738-3-ip-type"],
        sent: "New orders for addresses that are not written as RFC 5952 has it, with a zone, and for texts that are none.",
        expected: "A refusal, or an order for the address as it should be written.",
        why: "One address in two forms has two authorizations.",
        run: |driver| Box::pin(form(driver)),
    },
    Case {
        id: "rfc8738/3/ranges",
        level: Robustness,
        requirements: &["rfc8738-3-ip-wildcard"],
        sent: "New orders of type ip for 10.0.0.0/8, *.1.2.3, and a name.",
        expected: "A refusal.",
        why: "There are certificates for single addresses only.",
        run: |driver| Box::pin(ranges(driver)),
    },
    Case {
        id: "rfc8738/3/private-addresses",
        level: Robustness,
        requirements: &["rfc8738-3-ip-private"],
        sent: "New orders for private, local, unspecified and multicast addresses.",
        expected: "A refusal.",
        why: "They are nobody's; the Baseline Requirements §4.2.2 forbid certificates for them.",
        run: |driver| Box::pin(private_addresses(driver)),
    },
    Case {
        id: "rfc8738/4/issuance",
        level: Must,
        requirements: &["rfc8738-5-ip-host-header", "rfc8738-4-ip-no-dns"],
        sent: "An order for the suite's own address is proved by http-01.",
        expected: "A request whose Host is the address, no question to the DNS, and a certificate.",
        why: "It is the address that is connected to.",
        run: |driver| Box::pin(issuance(driver)),
    },
    Case {
        id: "rfc8738/6/tls-alpn",
        level: Must,
        requirements: &["rfc8738-6-ip-alpn-sni", "rfc8738-6-ip-alpn-san", "rfc8738-6-ip-alpn-works"],
        sent: "An order for the suite's own address is proved by tls-alpn-01.",
        expected: "A handshake that asks for the address's name in the reverse tree, and a certificate.",
        why: "An address can't be a server's name in TLS.",
        run: |driver| Box::pin(tls_alpn(driver)),
    },
    Case {
        id: "rfc8738/6/tls-alpn-name",
        level: Must,
        requirements: &["rfc8738-6-ip-alpn-san"],
        sent: "tls-alpn-01 of an address is answered with a certificate for its name in the reverse tree, and for the address as a name; then rightly.",
        expected: "An invalid authorization, and a certificate in the end.",
        why: "§6: the certificate has the one iPAddress.",
        run: |driver| Box::pin(tls_alpn_name(driver)),
    },
    Case {
        id: "rfc8738/7/no-dns-01",
        level: Must,
        requirements: &["rfc8738-7-ip-no-dns01"],
        sent: "A new order for an address.",
        expected: "No dns-01 challenge.",
        why: "§7: whoever has the reverse tree need not have the address.",
        run: |driver| Box::pin(no_dns_01(driver)),
    },
    Case {
        id: "rfc8738/3/csr",
        level: Robustness,
        requirements: &["rfc8738-3-ip-csr"],
        sent: "A ready order for an address, finalized with a CSR that has it as a dNSName, or as the common name alone.",
        expected: "A refusal.",
        why: "The CSR must ask for the same identifiers.",
        run: |driver| Box::pin(csr(driver)),
    },
];

/// An order for this address, or why there are none.
async fn ordered(driver: &Driver, address: &str) -> Result<Answer, Stop> {
    let account = driver.account().await?;
    let order = driver.ask_order(&account, &for_names(&[address])).await?;
    match order.problem().as_deref() {
        Some("unsupportedIdentifier" | "rejectedIdentifier") => {
            Err(Stop::Skip(format!("the CA has no certificates for {address}: {}", order.in_words())))
        }
        _ => Ok(order),
    }
}

/// The address that the suite answers at.
async fn own(driver: &Driver) -> Result<String, Stop> {
    let own = driver.target().address.to_string();
    ordered(driver, &own).await?;
    Ok(own)
}

async fn order(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for address in ["192.0.2.1", "2001:db8::1"] {
        let order = ordered(driver, address).await?;
        order.has_status(201)?;
        let wanted = json!([identifier(address)]);
        let json = order.json();
        order.claim(json.get("identifiers") == Some(&wanted), &wanted.to_string(), || json.to_string())?;
        let (_, shown) = first_authorization(driver, &account, &order).await?;
        let json = shown.json();
        shown.claim(json.get("identifier") == wanted.get(0), &wanted.to_string(), || json.to_string())?;
    }
    Ok(())
}

async fn form(driver: &Driver) -> Result<(), Stop> {
    ordered(driver, "192.0.2.1").await?;
    let account = driver.account().await?;
    for (text, canonical) in [
        ("2001:DB8::1", Some("2001:db8::1")),
        ("2001:db8:0:0:0:0:0:1", Some("2001:db8::1")),
        ("2001:0db8::1", Some("2001:db8::1")),
        ("192.0.2.001", Some("192.0.2.1")),
        ("fe80::1%eth0", None),
        ("192.0.2", None),
        ("[2001:db8::1]", None),
    ] {
        let payload = json!({"identifiers": [{"type": "ip", "value": text}]});
        let answer = driver.ask_order(&account, &payload).await?;
        if let Some(canonical) = canonical
            && answer.status() == 201
        {
            let json = answer.json();
            let shown = json.pointer("/identifiers/0/value").and_then(Value::as_str);
            let expected = format!("an order for {canonical}, or a refusal, with {text}");
            answer.claim(shown == Some(canonical), &expected, || json.to_string())?;
        } else {
            answer.is_refused().map_err(|stop| stop.with(text))?;
        }
    }
    Ok(())
}

async fn ranges(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for text in ["10.0.0.0/8", "*.1.2.3", "a.example"] {
        let payload = json!({"identifiers": [{"type": "ip", "value": text}]});
        driver.ask_order(&account, &payload).await?.is_refused().map_err(|stop| stop.with(text))?;
    }
    Ok(())
}

async fn private_addresses(driver: &Driver) -> Result<(), Stop> {
    driver.only_public("only public CAs must not issue for private addresses")?;
    let account = driver.account().await?;
    for address in ["10.0.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.1", "::1", "::", "fe80::1", "fc00::1"] {
        let answer = driver.ask_order(&account, &for_names(&[address])).await?;
        answer.is_refused().map_err(|stop| stop.with(address))?;
    }
    Ok(())
}

async fn issuance(driver: &Driver) -> Result<(), Stop> {
    let own = own(driver).await?;
    let account = driver.account().await?;
    let order = ordered(driver, &own).await?;
    order.is_success("a new order")?;
    for challenge in driver.challenges(&account, &order, "http-01").await? {
        driver.publish(&challenge);
        let over = driver.proves(&account, &challenge).await?;
        for fetched in driver.responder().fetched(&challenge.path()) {
            let host = fetched.header("host").unwrap_or_default().to_owned();
            let wanted = if own.contains(':') { format!("[{own}]") } else { own.clone() };
            let is_right = host == wanted || host.starts_with(&format!("{wanted}:"));
            over.claim(is_right, &format!("the host {wanted}"), || host.clone())?;
        }
        let asked = driver.responder().asked(&own);
        let found = || asked.iter().map(|one| format!("{} {}", one.name, one.record_type)).collect::<Vec<_>>();
        over.claim(asked.is_empty(), "no question to the DNS", || found().join(", "))?;
    }
    attempt(driver, &account, &for_names(&[&own]), "http-01").await?.expect_issued()
}

async fn tls_alpn(driver: &Driver) -> Result<(), Stop> {
    let own = own(driver).await?;
    is_issued_by_tls_alpn(driver, &driver.new_account().await?, &own).await
}

/// A certificate for this address, which the account has not proved yet. Handshakes are answered by their name alone.
async fn is_issued_by_tls_alpn(driver: &Driver, account: &Account, own: &str) -> Result<(), Stop> {
    let earlier = driver.responder().server_names().len();
    let attempt = attempt(driver, account, &for_names(&[own]), "tls-alpn-01").await?;
    let names = driver.responder().server_names().split_off(earlier);
    let asked = if names.is_empty() { "none came".to_owned() } else { names.join(", ") };
    attempt.expect_issued().map_err(|stop| match stop {
        Stop::Fail(finding) => {
            let found = format!("{}; server names of the handshakes: {asked}", finding.found);
            Stop::Fail(Finding { found, ..finding })
        }
        Stop::Hang(_) | Stop::Skip(_) | Stop::Blocked { .. } => stop,
    })
}

async fn tls_alpn_name(driver: &Driver) -> Result<(), Stop> {
    let own = own(driver).await?;
    // The shared account may have proved the address already.
    let account = driver.new_account().await?;
    for wrong in [None, Some(own.clone())] {
        let order = driver.ask_order(&account, &for_names(&[&own])).await?;
        order.is_success("a new order")?;
        for challenge in driver.challenges(&account, &order, "tls-alpn-01").await? {
            let mut proof = challenge.proof();
            let name = wrong.clone().unwrap_or_else(|| challenge.server_name());
            proof.names = vec![dns_name(&name.replace(':', "-"))];
            driver.responder().publish_handshake(&challenge.server_name(), proof.handshake(driver.env()));
            driver.fails_to_prove(&account, &challenge).await.map_err(|stop| stop.with(&name))?;
        }
    }
    driver.needed("rfc8738/6/tls-alpn", is_issued_by_tls_alpn(driver, &account, &own)).await
}

async fn no_dns_01(driver: &Driver) -> Result<(), Stop> {
    let order = ordered(driver, "192.0.2.1").await?;
    order.is_success("a new order")?;
    let (_, shown) = first_authorization(driver, &driver.account().await?, &order).await?;
    let json = shown.json();
    let challenges = json.get("challenges").and_then(Value::as_array);
    let has_dns = challenges
        .into_iter()
        .flatten()
        .any(|one| one.get("type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("dns-")));
    shown.claim(!has_dns, "no challenge by the DNS", || json.to_string())
}

async fn csr(driver: &Driver) -> Result<(), Stop> {
    let own = own(driver).await?;
    let account = driver.account().await?;
    let order = ready_for(driver, &account, &for_names(&[&own]), "http-01").await?;
    let mut as_name = csr_params(&[]);
    as_name.subject_alt_names = vec![dns_name(&own.replace(':', "-"))];
    let mut nothing_else = csr_params(&[]);
    nothing_else.distinguished_name.push(DnType::CommonName, "x");
    let mut another = csr_params(&[]);
    another.subject_alt_names = vec![SanType::IpAddress([192, 0, 2, 77].into())];
    for (variant, params) in [("a dNSName", as_name), ("a common name alone", nothing_else), ("another", another)] {
        let answer = finalize(driver, &order, &signed_csr(&new_key(driver), params)).await?;
        answer.is_refused().map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}
