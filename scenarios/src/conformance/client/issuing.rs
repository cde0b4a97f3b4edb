//! RFC 8555 §7: what a CA may leave out, add or answer otherwise on the way to a certificate.

use super::{
    Case, Examination,
    nonces::fault,
    session::{Ended, Session},
    task::Task::Obtain,
};
use crate::{
    conformance::{case::Level::*, verdict::Stop},
    oracles::reader::step::Resource,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.1.1/client-unknown-members",
        level: Robustness,
        requirements: &["rfc8555-7.1.1-cl-dir-unknown", "rfc8555-7.1.1-dir-random-key"],
        sent: "The directory and its meta have members that no document knows, of all types.",
        expected: "A certificate.",
        why: "Let's Encrypt puts such a member there so that clients learn it.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "directory""# r#"set-fields = ['/gauntlet = {"a": [1, null]}', '/meta/gauntlet = [true]', '/x = 7']"#),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.1.1/client-minimal-directory",
        level: Robustness,
        requirements: &["rfc8555-7.1.1-cl-dir-missing-optional"],
        sent: "The directory has no renewalInfo, no newAuthz, and in meta nothing but the terms of service.",
        expected: "A certificate.",
        why: "§7.1.1: all of these are optional.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "directory""# r#"remove-fields = ["/meta/website", "/meta/caaIdentities", "/meta/externalAccountRequired", "/meta/profiles", "/renewalInfo", "/newAuthz"]"#),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.1.1/client-other-urls",
        level: Robustness,
        requirements: &["rfc8555-7.1.1-cl-url-opaque"],
        sent: "All URLs have another shape, that of Buypass.",
        expected: "A certificate.",
        why: "What a URL looks like is the CA's affair; the directory and the objects tell them all.",
        run: Examination { task: Obtain, ca: "[ca]\npreset = \"buypass-like\"", judge: Session::obtained },
    },
    Case {
        id: "rfc8555/7.3/client-no-terms",
        level: Robustness,
        requirements: &["rfc8555-7.3-cl-tos-absent"],
        sent: "The CA has no terms of service.",
        expected: "A certificate.",
        why: "There is nothing to agree to, and nobody to be asked.",
        run: Examination { task: Obtain, ca: "[ca]\nterms-of-service = false", judge: without_terms },
    },
    Case {
        id: "rfc8555/7.3/client-account-known",
        level: Robustness,
        requirements: &["rfc8555-7.3-cl-account-200"],
        sent: "A new account is answered with 200.",
        expected: "A certificate.",
        why: "It is the answer for a key that the CA knows.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newAccount""# "carried-out = true" "status = 200"),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.3/client-minimal-account",
        level: Robustness,
        requirements: &["rfc8555-7.3-cl-account-fields"],
        sent: "The account has no contact, no orders, no termsOfServiceAgreed, and a member that no document knows.",
        expected: "A certificate.",
        why: "Buypass left one of them out, and clients crashed.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = ["newAccount", "account"]"# r#"remove-fields = ["/contact", "/orders", "/termsOfServiceAgreed"]"# r#"set-fields = "/x-gauntlet = {}""#),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.4/client-order-reused",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-order-201-200"],
        sent: "A new order is answered with 200.",
        expected: "A certificate.",
        why: "CAs that give an open order again say so.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "newOrder""# "carried-out = true" "status = 200"),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.4/client-no-location-of-finalization",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-finalize-no-location"],
        sent: "Neither a finalization nor an order has a Location.",
        expected: "A certificate.",
        why: "Only a new order must have one.",
        run: Examination {
            task: Obtain,
            ca: concat!(
                "[ca]\nissuance-delay = \"2s\"\n",
                "[[timeline]]\nat = \"0s\"\ndo = \"ca.fault\"\nendpoints = [\"finalize\", \"order\"]\nremove-headers = \"Location\"\n"
            ),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.4/client-finalization-201",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-finalize-201"],
        sent: "A finalization is answered with 201.",
        expected: "A certificate.",
        why: "§7.4 says 200; CAs have been seen that say otherwise.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "finalize""# "carried-out = true" "status = 201"),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.4/client-processing",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-cert-url-late"],
        sent: "Issuance takes four seconds, and the order is processing for so long.",
        expected: "The order is read again, with pauses, and a certificate.",
        why: "There is no certificate's URL before the order is valid.",
        run: Examination { task: Obtain, ca: "[ca]\nissuance-delay = \"4s\"", judge: Session::obtained_without_haste },
    },
    Case {
        id: "rfc8555/7.4/client-unknown-members",
        level: Robustness,
        requirements: &["rfc8555-6.7-inv-extensible"],
        sent: "Accounts, orders, authorizations and challenges have a member that no document knows.",
        expected: "A certificate.",
        why: "§9.7.1: there will be more.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = ["newAccount", "newOrder", "order", "authorization", "challenge", "finalize"]"# r#"set-fields = '/x-gauntlet = {"a": [null]}'"#),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.4.2/client-certificate-type-with-parameters",
        level: Robustness,
        requirements: &["rfc8555-7.4.2-cl-cert-accept"],
        sent: "The chain's type is application/pem-certificate-chain; charset=utf-8.",
        expected: "A certificate.",
        why: "A media type may have parameters.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "certificate""# r#"set-headers = "Content-Type: application/pem-certificate-chain; charset=utf-8""#),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.4.2/client-alternates",
        level: Robustness,
        requirements: &["rfc8555-7.4.2-cl-alternates"],
        sent: "There are two alternate chains.",
        expected: "A certificate.",
        why: "Who does not want another chain need not know of them.",
        run: Examination { task: Obtain, ca: "[ca]\nalternate-roots = 2", judge: Session::obtained },
    },
    Case {
        id: "rfc8555/7.4.2/client-odd-links",
        level: Robustness,
        requirements: &["rfc8555-7.4.2-cl-link-parse"],
        sent: "Answers have Link fields with commas and semicolons in their URLs, and with relations that no document knows.",
        expected: "A certificate.",
        why: "RFC 8288 allows all of it.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = ["newOrder", "order", "certificate"]"# r#"add-headers = ['Link: <https://ca.test/a,b;c>;rel="x y";title="a, b", </rel>; rel=next-big-thing', 'Link: <>;rel=""']"#),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/8.3/client-token-with-a-path",
        level: Robustness,
        requirements: &["rfc8555-8.3-cl-token-syntax"],
        sent: "The tokens of all challenges are \"../../gauntlet\".",
        expected: "No challenge is answered, and no success.",
        why: "A token becomes a file's name, and this one leads out of the folder.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "authorization""# r#"set-fields = ['/challenges/0/token = "../../gauntlet"', '/challenges/1/token = "../../gauntlet"', '/challenges/2/token = "../../gauntlet"', '/challenges/3/token = "../../gauntlet"', '/challenges/4/token = "../../gauntlet"']"#),
            judge: token_with_a_path,
        },
    },
    Case {
        id: "rfc8555/11.4/client-key-in-the-chain",
        level: Must,
        requirements: &["rfc8555-11.4-cl-cert-only-certs"],
        sent: "Where the chain should be, there is a private key.",
        expected: "No success.",
        why: "§11.4: what is not a certificate must be refused, or a CA can plant a key.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "certificate""# r#"body = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n""# r#"content-type = "application/pem-certificate-chain""# "status = 200"),
            judge: key_in_the_chain,
        },
    },
    Case {
        id: "rfc8555/7.4.2/client-no-certificate-in-the-chain",
        level: Robustness,
        requirements: &["rfc8555-7.4.2-cl-cert-verify-match"],
        sent: "Where the chain should be, there is nothing.",
        expected: "No success.",
        why: "What is put in place of a good certificate must be one.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "certificate""# r#"body = """# r#"content-type = "application/pem-certificate-chain""# "status = 200"),
            judge: key_in_the_chain,
        },
    },
    Case {
        id: "rfc8555/7.1.6/client-order-becomes-invalid",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-order-invalid-report"],
        sent: "Each order becomes invalid as soon as it is read or finalized.",
        expected: "At most ten orders within a minute, and no success.",
        why: "An invalid order never becomes anything else.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = ["order", "finalize"]"# r#"state = "invalid""#),
            judge: |session| session.gives_up_ordering_after(10, 60),
        },
    },
    Case {
        id: "rfc8555/7.1.6/client-authorization-invalid",
        level: Robustness,
        requirements: &["rfc8555-7.1.6-cl-authz-final"],
        sent: "Each authorization becomes invalid as soon as it is read.",
        expected: "No loop without a pause, at most ten orders within a minute, and no success.",
        why: "An invalid authorization never becomes anything else.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "authorization""# r#"state = "invalid""#),
            judge: lost,
        },
    },
    Case {
        id: "rfc8555/7.1.6/client-authorization-deactivated",
        level: Robustness,
        requirements: &["rfc8555-7.1.6-cl-authz-final"],
        sent: "Each authorization becomes deactivated as soon as it is read.",
        expected: "No loop without a pause, at most ten orders within a minute, and no success.",
        why: "Somebody else with the account's key may have done so.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "authorization""# r#"state = "deactivated""#),
            judge: lost,
        },
    },
    Case {
        id: "rfc8555/7.1.6/client-unknown-status",
        level: Robustness,
        requirements: &["rfc8555-7.1.6-cl-status-unknown"],
        sent: "The status of an order that was finalized is \"queued\", twice.",
        expected: "No crash, no loop without a pause, and if the client goes on, a certificate.",
        why: "CAs have had states of their own.",
        run: Examination {
            task: Obtain,
            ca: concat!(
                "[ca]\nissuance-delay = \"3s\"\n",
                "[[timeline]]\nat = \"0s\"\ndo = \"ca.fault\"\nendpoints = \"order\"\nnth = 2\ncount = 2\nset-fields = '/status = \"queued\"'\n"
            ),
            judge: unknown_status,
        },
    },
    Case {
        id: "rfc8555/7.4/client-order-not-ready",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-ordernotready"],
        sent: "orderNotReady to the first finalization.",
        expected: "The order is read and finalized again, and a certificate.",
        why: "A replica of the CA may not have heard yet that the order is ready.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "finalize""# r#"problem = "orderNotReady""# "status = 403" "count = 1"),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/7.4/client-finalizes-once",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-finalize-not-repeated", "rfc8555-7.4-cl-order-processing"],
        sent: "Issuance takes four seconds, and the order is processing for so long.",
        expected: "One finalization, and a certificate.",
        why: "Each further one may be another certificate.",
        run: Examination { task: Obtain, ca: "[ca]\nissuance-delay = \"4s\"", judge: finalizes_once },
    },
    Case {
        id: "rfc8555/7.4/client-valid-at-once",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-finalize-all-status"],
        sent: "The answer to a finalization shows the order valid, with its certificate.",
        expected: "A certificate.",
        why: "A CA that is quick may wait with its answer.",
        run: Examination { task: Obtain, ca: "[ca]\nawaits-issuance = true", judge: Session::obtained },
    },
    Case {
        id: "rfc8555/7.4/client-bad-csr",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-badcsr"],
        sent: "badCSR to every finalization.",
        expected: "At most four finalizations within a minute, and no success.",
        why: "The same CSR will be refused for the same reason.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "finalize""# r#"problem = "badCSR""# "status = 400"),
            judge: bad_csr,
        },
    },
    Case {
        id: "rfc8555/7.4.2/client-long-chain",
        level: Robustness,
        requirements: &["rfc8555-7.4.2-cl-cert-no-root"],
        sent: "Three intermediates stand between the certificate and its root.",
        expected: "A certificate.",
        why: "How long a chain is, is the CA's affair.",
        run: Examination { task: Obtain, ca: "[ca]\nchain-length = 3", judge: Session::obtained },
    },
    Case {
        id: "rfc8555/7.1.1/client-relative-url",
        level: Robustness,
        requirements: &["rfc8555-7.1.1-cl-dir-relative"],
        sent: "The directory's newOrder is \"/elsewhere\".",
        expected: "No crash and no success: the URL is refused, or resolved to a resource that is not there.",
        why: "A client that takes it for something else asks whoever knows what.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "directory""# r#"set-fields = '/newOrder = "/elsewhere"'"#),
            judge: Session::gave_up,
        },
    },
    Case {
        id: "draft-ietf-acme-profiles/4/client-none-chosen",
        level: Robustness,
        requirements: &["profiles-4-cl-prof-omit"],
        sent: "The directory offers a profile, and nobody has asked for one.",
        expected: "A certificate, by an order that has no profile in it, null neither.",
        why: "What is not chosen is left out; a CA may refuse null.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "directory""# r#"set-fields = '/meta/profiles = {"classic": "https://ca.test/profiles/classic"}'"#),
            judge: no_profile,
        },
    },
];

fn without_terms(session: &Session) -> Result<(), Stop> {
    session.obtained()?;
    let mut accounts = session.signed().filter(|(_, asked, _)| asked.step.resource == Resource::NewAccount);
    if accounts.any(|(_, _, jws)| jws.payload.get("termsOfServiceAgreed").is_some()) {
        session.note("it agrees to terms, though there are none");
    }
    Ok(())
}

fn lost(session: &Session) -> Result<(), Stop> {
    session.keeps("manager.no-hot-loop")?;
    session.gives_up_ordering_after(10, 60)
}

fn unknown_status(session: &Session) -> Result<(), Stop> {
    session.keeps("manager.no-hot-loop")?;
    match session.ended() {
        Ended::Exit(1..) => {
            session.note("the client gives up at a status that it does not know");
            Ok(())
        }
        Ended::Exit(_) | Ended::Signal | Ended::Killed | Ended::GoesOn => session.obtained(),
    }
}

fn is_finalization(resource: &Resource) -> bool {
    matches!(resource, Resource::Finalize { .. })
}

fn finalizes_once(session: &Session) -> Result<(), Stop> {
    session.obtained()?;
    match session.of(is_finalization).nth(1) {
        Some((index, _)) => Err(session.fail(Some(index), "one finalization", "another")),
        None => Ok(()),
    }
}

fn bad_csr(session: &Session) -> Result<(), Stop> {
    session.has_asked(&Resource::NewOrder)?;
    session.asks_at_most(4, 60, is_finalization)?;
    session.gave_up()
}

fn token_with_a_path(session: &Session) -> Result<(), Stop> {
    let is_challenge = |resource: &Resource| matches!(resource, Resource::Challenge { .. });
    let answered = session.of(is_challenge).find(|(_, asked)| {
        let payload = asked.step.payload();
        payload.is_some_and(|payload| payload.is_object() && payload.get("status").is_none())
    });
    match answered {
        Some((index, _)) => Err(session.fail(Some(index), "no answer to the challenge", "one")),
        None => {
            session.has_asked(&Resource::Authorization)?;
            session.gave_up()
        }
    }
}

fn key_in_the_chain(session: &Session) -> Result<(), Stop> {
    let is_certificate = |resource: &Resource| matches!(resource, Resource::Certificate { .. });
    match session.of(is_certificate).next() {
        Some(_) => session.gave_up(),
        None => Err(session.fail(None, "a request for the certificate", session.in_words())),
    }
}

fn no_profile(session: &Session) -> Result<(), Stop> {
    session.obtained()?;
    let with_one = session
        .of(|resource| *resource == Resource::NewOrder)
        .find_map(|(index, asked)| Some((index, asked.step.payload()?.get("profile")?)));
    match with_one {
        Some((index, profile)) => Err(session.fail(Some(index), "an order without a profile", profile.to_string())),
        None => Ok(()),
    }
}
