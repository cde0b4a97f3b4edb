//! RFC 8737: tls-alpn-01.

use rcgen::SanType;

use crate::conformance::{
    case::{Case, Level::*},
    driver::{Challenge, Driver},
    responder::{ACME_TLS, Greeted, Handshake, Proof, dns_name},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8737/3/certificate",
        level: Must,
        requirements: &["rfc8737-3-ta-ext-value", "rfc8737-3-ta-port"],
        sent: "tls-alpn-01 is answered with a self-signed certificate with the digest of the key authorization.",
        expected: "A valid authorization.",
        why: "It is the way for who has nothing but a TLS server.",
        run: |driver| Box::pin(certificate(driver)),
    },
    Case {
        id: "rfc8737/3/protocols-offered",
        level: Must,
        requirements: &["rfc8737-3-ta-alpn-only"],
        sent: "tls-alpn-01 is answered.",
        expected: "A handshake that offers acme-tls/1 and nothing else.",
        why: "A server that is offered more may speak something else, and then nothing is proved.",
        run: |driver| Box::pin(protocols_offered(driver)),
    },
    Case {
        id: "rfc8737/3/server-name",
        level: Must,
        requirements: &["rfc8737-3-ta-sni"],
        sent: "tls-alpn-01 is answered.",
        expected: "A handshake that asks for the name.",
        why: "By it a server of many sites knows which one is meant.",
        run: |driver| Box::pin(server_name(driver)),
    },
    Case {
        id: "rfc8737/3/protocol-not-negotiated",
        level: Must,
        requirements: &["rfc8737-3-ta-negotiated"],
        sent: "tls-alpn-01 is answered with the right certificate by a server that chooses no protocol.",
        expected: "An invalid authorization.",
        why: "A server that does not know what it is asked may show what a stranger has uploaded.",
        run: |driver| Box::pin(protocol_not_negotiated(driver)),
    },
    Case {
        id: "rfc8737/3/names-wrong",
        level: Must,
        requirements: &["rfc8737-3-ta-san-single"],
        sent: "tls-alpn-01 is answered with certificates for another name, for a name more, for an address more, and for none.",
        expected: "An invalid authorization.",
        why: "§3: the one name, and no other.",
        run: |driver| Box::pin(names_wrong(driver)),
    },
    Case {
        id: "rfc8737/3/extension-missing",
        level: Must,
        requirements: &["rfc8737-3-ta-ext-present"],
        sent: "tls-alpn-01 is answered with a certificate without acmeIdentifier.",
        expected: "An invalid authorization.",
        why: "A certificate for a name proves nothing about an account.",
        run: |driver| Box::pin(fails_with(driver, |proof| proof.identifier = None)),
    },
    Case {
        id: "rfc8737/3/extension-not-critical",
        level: Must,
        requirements: &["rfc8737-3-ta-ext-critical"],
        sent: "tls-alpn-01 is answered with a certificate whose acmeIdentifier is not critical.",
        expected: "An invalid authorization.",
        why: "It is critical so that nobody takes the certificate for one that is good for anything else.",
        run: |driver| Box::pin(fails_with(driver, |proof| proof.is_critical = false)),
    },
    Case {
        id: "rfc8737/3/digest-wrong",
        level: Must,
        requirements: &["rfc8737-3-ta-ext-value"],
        sent: "tls-alpn-01 is answered with another digest, one octet less, one more, and the digest without its header.",
        expected: "An invalid authorization.",
        why: "It is an OCTET STRING of the digest, in DER, and nothing else.",
        run: |driver| Box::pin(digest_wrong(driver)),
    },
    Case {
        id: "rfc8737/3/extension-of-a-draft",
        level: Robustness,
        requirements: &["rfc8737-3-ta-legacy-oid"],
        sent: "tls-alpn-01 is answered with the extension's number of an early draft.",
        expected: "An invalid authorization.",
        why: "It was given up before the RFC.",
        run: |driver| Box::pin(fails_with(driver, |proof| proof.oid = &[1, 3, 6, 1, 5, 5, 7, 1, 30, 1])),
    },
    Case {
        id: "rfc8737/3/no-answer",
        level: Robustness,
        requirements: &["rfc8737-3-ta-timeout"],
        sent: "tls-alpn-01 is answered by a server that says nothing, and by one that breaks off the handshake.",
        expected: "An invalid authorization with an error, in bounded time.",
        why: "The client sees what is wrong.",
        run: |driver| Box::pin(no_answer(driver)),
    },
    Case {
        id: "rfc8737/4/nothing-said",
        level: Must,
        requirements: &["rfc8737-4-ta-close"],
        sent: "tls-alpn-01 is answered.",
        expected: "Nothing after the handshake.",
        why: "§4: acme-tls/1 has no application data.",
        run: |driver| Box::pin(nothing_said(driver)),
    },
    Case {
        id: "rfc8737/3/extension-twice",
        level: Robustness,
        requirements: &["rfc8737-3-ta-dup-ext"],
        sent: "tls-alpn-01 is answered with a certificate that has acmeIdentifier twice.",
        expected: "An invalid authorization.",
        why: "RFC 5280 §4.2: an extension is there once; two readers may take two different ones.",
        run: |driver| Box::pin(fails_with(driver, |proof| proof.is_twice = true)),
    },
];

async fn challenge(driver: &Driver) -> Result<Challenge, Stop> {
    let account = driver.account().await?;
    driver.pending_challenge(&account, "tls-alpn-01").await
}

/// What the CA did for a challenge that is answered rightly.
async fn greeted(driver: &Driver) -> Result<Vec<Greeted>, Stop> {
    let challenge = challenge(driver).await?;
    driver.publish(&challenge);
    let over = driver.proves(&driver.account().await?, &challenge).await?;
    let greeted = driver.responder().greeted(&challenge.server_name());
    over.claim(!greeted.is_empty(), &format!("a handshake for {}", challenge.server_name()), || "none".to_owned())?;
    Ok(greeted)
}

async fn fails_with(driver: &Driver, wrong: impl FnOnce(&mut Proof)) -> Result<(), Stop> {
    let challenge = challenge(driver).await?;
    let mut proof = challenge.proof();
    wrong(&mut proof);
    driver.responder().publish_handshake(&challenge.server_name(), proof.handshake(driver.env()));
    driver.fails_to_prove(&driver.account().await?, &challenge).await.map(drop)
}

fn said(greeted: &[Greeted]) -> Stop {
    let found = greeted.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let expected = "a handshake as RFC 8737 has it".to_owned();
    Stop::Fail(crate::conformance::verdict::Finding { expected, found, exchange: None })
}

async fn certificate(driver: &Driver) -> Result<(), Stop> {
    greeted(driver).await.map(drop)
}

async fn protocols_offered(driver: &Driver) -> Result<(), Stop> {
    let greeted = greeted(driver).await?;
    if greeted.iter().all(|one| one.protocols == [ACME_TLS]) { Ok(()) } else { Err(said(&greeted)) }
}

async fn server_name(driver: &Driver) -> Result<(), Stop> {
    // Only handshakes for the name are looked for.
    greeted(driver).await.map(drop)
}

async fn nothing_said(driver: &Driver) -> Result<(), Stop> {
    let greeted = greeted(driver).await?;
    if greeted.iter().all(|one| one.octets_after == 0) { Ok(()) } else { Err(said(&greeted)) }
}

async fn protocol_not_negotiated(driver: &Driver) -> Result<(), Stop> {
    let challenge = challenge(driver).await?;
    let handshake = Handshake { protocols: &[], ..challenge.proof().handshake(driver.env()) };
    driver.responder().publish_handshake(&challenge.server_name(), handshake);
    driver.fails_to_prove(&driver.account().await?, &challenge).await.map(drop)
}

async fn names_wrong(driver: &Driver) -> Result<(), Stop> {
    let other = driver.new_name();
    let address = SanType::IpAddress([192, 0, 2, 1].into());
    fails_with(driver, |proof| proof.names = vec![dns_name(&other)]).await.map_err(|stop| stop.with("another name"))?;
    fails_with(driver, |proof| proof.names.push(dns_name(&other))).await.map_err(|stop| stop.with("a name more"))?;
    fails_with(driver, |proof| proof.names.push(address)).await.map_err(|stop| stop.with("an address more"))?;
    fails_with(driver, |proof| proof.names.clear()).await.map_err(|stop| stop.with("no name"))
}

async fn digest_wrong(driver: &Driver) -> Result<(), Stop> {
    type Wrong = fn(&mut Vec<u8>);
    let variants: [(&str, Wrong); 4] = [
        ("another digest", |content| content[10] ^= 1),
        ("an octet less", |content| {
            content.pop();
            content[1] -= 1;
        }),
        ("an octet after it", |content| content.push(0)),
        ("no header", |content| drop(content.drain(..2))),
    ];
    for (variant, wrong) in variants {
        let tried = fails_with(driver, |proof| proof.identifier.iter_mut().for_each(wrong)).await;
        tried.map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn no_answer(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for is_silent in [true, false] {
        let challenge = challenge(driver).await?;
        if is_silent {
            let handshake = Handshake { is_silent, ..challenge.proof().handshake(driver.env()) };
            driver.responder().publish_handshake(&challenge.server_name(), handshake);
        }
        driver.fails_with_error(&account, &challenge).await?;
    }
    Ok(())
}
