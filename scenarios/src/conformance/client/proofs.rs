//! RFC 8555 §7.1.3 to §7.5 and RFC 8737: orders, authorizations and challenges as CAs may show them.

use super::{
    Case, Examination,
    nonces::fault,
    session::Session,
    task::Task::{Obtain, ObtainByTlsAlpn, ObtainForBoth},
};
use crate::{
    conformance::{case::Level::*, verdict::Stop},
    oracles::reader::step::Resource,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7/client-two-names",
        level: Must,
        requirements: &["rfc8555-7.1.3-cl-order-sort"],
        sent: "Orders show their names in the other order, and so do not match their authorizations one by one.",
        expected: "One certificate for both names.",
        why: "§7.1.3: the order of identifiers and authorizations means nothing.",
        run: Examination {
            task: ObtainForBoth,
            ca: fault!(r#"endpoints = ["newOrder", "order", "finalize"]"# r#"set-fields = '/identifiers = [{"type": "dns", "value": "www.example.test"}, {"type": "dns", "value": "shop.example.test"}]'"#),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/6.7.1/client-one-name-refused",
        level: Robustness,
        requirements: &["rfc8555-6.7.1-cl-subproblems"],
        sent: "rejectedIdentifier to every new order, with a subproblem for one of its two names.",
        expected: "No order without that name, at most ten within a minute, and no success.",
        why: "Who has asked for two names and gets a certificate for one has a site that does not work.",
        run: Examination {
            task: ObtainForBoth,
            ca: fault!(r#"endpoints = "newOrder""# r#"problem = "rejectedIdentifier""# "status = 403" r#"set-fields = '/subproblems = [{"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "This name is on a list", "identifier": {"type": "dns", "value": "shop.example.test"}}]'"#),
            judge: one_name_refused,
        },
    },
    Case {
        id: "rfc8555/7.1.3/client-names-changed",
        level: Should,
        requirements: &["rfc8555-7.1.3-cl-order-changed"],
        sent: "An order shows another name once it is read or finalized.",
        expected: "No crash, and no loop without a pause.",
        why: "§7.1.3: a client should take such an order for invalid; what it gets is for its own CSR in any case.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = ["order", "finalize"]"# r#"set-fields = '/identifiers = [{"type": "dns", "value": "other.example.test"}]'"#),
            judge: names_changed,
        },
    },
    Case {
        id: "rfc8555/7.1.4/client-unknown-challenge",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-cl-challenge-unknown", "rfc8555-7.1.4-cl-challenge-notoken"],
        sent: "Among the challenges is one of an unknown type, without a URL and a token.",
        expected: "A certificate.",
        why: "There will be new types, and dns-persist-01 has no token.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "authorization""# r#"set-fields = '/challenges/1 = {"type": "x-gauntlet-01", "status": "pending", "shape": [1, {"a": null}]}'"#),
            judge: Session::obtained,
        },
    },
    Case {
        id: "rfc8555/8.2/client-error-while-processing",
        level: Robustness,
        requirements: &["rfc8555-8.2-cl-chall-error-processing"],
        sent: "A challenge that is processing shows an error, as after a look that will be repeated.",
        expected: "A certificate.",
        why: "Erratum 5732: there is an error while the CA tries again, and it is no failure yet.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "challenge""# r#"set-fields = '/error = {"type": "urn:ietf:params:acme:error:dns", "detail": "Not there yet"}'"#),
            judge: Session::obtained,
        },
    },
    Case {
        id: "draft-ietf-acme-dns-persist/3.1/client-issuer-names",
        level: Must,
        requirements: &["dns-persist-3.1-cl-dp-array"],
        sent: "Among the challenges are two of dns-persist-01 with no issuer's name and with eleven.",
        expected: "Neither is answered, and a certificate by another one.",
        why: "§3.1: a client must take such a challenge for malformed, and not the whole authorization.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "authorization""# r#"set-fields = ['/challenges/1 = {"type": "dns-persist-01", "url": "https://ca.test/none", "status": "pending", "issuer-domain-names": []}', '/challenges/2 = {"type": "dns-persist-01", "url": "https://ca.test/eleven", "status": "pending", "issuer-domain-names": ["a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test", "h.test", "i.test", "j.test", "k.test"]}']"#),
            judge: by_another_challenge,
        },
    },
    Case {
        id: "rfc8555/8.3/client-token-never-given",
        level: Robustness,
        requirements: &["rfc8555-8.3-cl-h1-no-reflect"],
        sent: "While a challenge is open, the CA's validation asks for a token that the CA never gave.",
        expected: "Anything but a key authorization for it, and a certificate.",
        why: "A server that makes a proof of whatever it is asked for proves control for who only has the account's thumbprint.",
        run: Examination {
            task: Obtain,
            ca: "[ca]\ndecoys = true",
            judge: |session| {
                session.refused_decoy("token", "a key authorization for a token that was never given")?;
                session.obtained()
            },
        },
    },
    Case {
        id: "rfc8555/7.1.4/client-no-known-challenge",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-cl-no-supported-challenge"],
        sent: "The only challenge is of an unknown type.",
        expected: "At most ten orders within a minute, no crash, and no success.",
        why: "The operator has to hear that there is no way to prove control.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "authorization""# r#"set-fields = '/challenges = [{"type": "x-gauntlet-01", "url": "https://ca.test/x", "status": "pending", "token": "t"}]'"#),
            judge: |session| session.gives_up_ordering_after(10, 60),
        },
    },
    Case {
        id: "rfc8555/7.1.4/client-unknown-identifier",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-cl-ident-unknown-type"],
        sent: "The identifier of an authorization is of an unknown type.",
        expected: "No crash, no loop without a pause, at most ten orders within a minute.",
        why: "There are identifiers of other types in other documents.",
        run: Examination {
            task: Obtain,
            ca: fault!(r#"endpoints = "authorization""# r#"set-fields = '/identifier/type = "x-gauntlet"'"#),
            judge: unknown_identifier,
        },
    },
    Case {
        id: "rfc8555/7.1.6/client-validation-takes-time",
        level: Robustness,
        requirements: &["rfc8555-7.1.6-cl-chall-processing", "rfc8555-7.5.1-cl-poll-authz"],
        sent: "A challenge is processing for some seconds before it is valid.",
        expected: "A certificate, and no loop without a pause.",
        why: "CAs look from several places, one after the other.",
        run: Examination {
            task: Obtain,
            ca: "[ca]\nvalidation-delay = \"4s\"",
            judge: Session::obtained_without_haste,
        },
    },
    Case {
        id: "rfc8737/3/client-certificate",
        level: Must,
        requirements: &["rfc8737-3-cl-ta-cert", "rfc8737-4-cl-ta-tls12"],
        sent: "Nothing out of the ordinary.",
        expected: "A certificate, by tls-alpn-01.",
        why: "The CA looks at every octet of the validation certificate: names, digest, criticality, protocol.",
        run: Examination { task: ObtainByTlsAlpn, ca: "", judge: by_tls_alpn },
    },
    Case {
        id: "rfc8737/3/client-certificate-for-validations-alone",
        level: Must,
        requirements: &["rfc8737-3-cl-ta-alpn-select"],
        sent: "While a challenge is open, a handshake for http/1.1 with the name.",
        expected: "Anything but the validation certificate, and a certificate by tls-alpn-01.",
        why: "§3: it is for where acme-tls/1 was agreed on; visitors can do nothing with it.",
        run: Examination {
            task: ObtainByTlsAlpn,
            ca: "[ca]\ndecoys = true",
            judge: |session| {
                session.refused_decoy("protocol", "the validation certificate for http/1.1")?;
                by_tls_alpn(session)
            },
        },
    },
    Case {
        id: "rfc8737/3/client-unknown-name",
        level: Robustness,
        requirements: &["rfc8737-3-cl-ta-unknown-sni"],
        sent: "While a challenge is open, a handshake for acme-tls/1 with a name that nobody has ordered.",
        expected: "It fails, and a certificate by tls-alpn-01.",
        why: "There is nothing to be shown for such a name.",
        run: Examination {
            task: ObtainByTlsAlpn,
            ca: "[ca]\ndecoys = true",
            judge: |session| {
                session.refused_decoy("name", "a validation certificate for another name")?;
                session.refused_decoy("handshake", "a handshake by acme-tls/1 with another name")?;
                by_tls_alpn(session)
            },
        },
    },
    Case {
        id: "rfc8737/4/client-no-application-data",
        level: Robustness,
        requirements: &["rfc8737-4-cl-ta-noapp"],
        sent: "While a challenge is open, a request of HTTP after a handshake for acme-tls/1.",
        expected: "No answer to it, and a certificate by tls-alpn-01.",
        why: "§4: the protocol is for validation, and carries nothing.",
        run: Examination {
            task: ObtainByTlsAlpn,
            ca: "[ca]\ndecoys = true",
            judge: |session| {
                session.refused_decoy("request", "an answer on a connection of acme-tls/1")?;
                by_tls_alpn(session)
            },
        },
    },
    Case {
        id: "rfc8737/3/client-validation-takes-time",
        level: Robustness,
        requirements: &["rfc8555-7.1.6-cl-chall-processing"],
        sent: "It takes the CA some seconds until it looks for the validation certificate.",
        expected: "A certificate, by tls-alpn-01.",
        why: "What answers a challenge must be there until the challenge is over.",
        run: Examination { task: ObtainByTlsAlpn, ca: "[ca]\nvalidation-delay = \"4s\"", judge: by_tls_alpn },
    },
    Case {
        id: "rfc8555/8.2/client-answers-when-ready",
        level: Should,
        requirements: &["rfc8555-8.2-cl-respond-when-ready"],
        sent: "The CA looks as soon as a challenge is answered, and once only.",
        expected: "A certificate.",
        why: "§8.2: clients should not answer before what they have done is in effect.",
        run: Examination {
            task: Obtain,
            ca: "[ca]\nvalidation-delay = \"0s\"\nvalidation-retries = 0\n",
            judge: Session::obtained,
        },
    },
];

fn one_name_refused(session: &Session) -> Result<(), Stop> {
    let fewer = session.of(|resource| *resource == Resource::NewOrder).find(|(_, asked)| {
        let identifiers = asked.step.payload().and_then(|payload| payload.get("identifiers")?.as_array());
        identifiers.is_none_or(|identifiers| identifiers.len() != 2)
    });
    match fewer {
        Some((index, _)) => Err(session.fail(Some(index), "orders for both names", "another")),
        None => session.gives_up_ordering_after(10, 60),
    }
}

fn names_changed(session: &Session) -> Result<(), Stop> {
    session.keeps("manager.no-hot-loop")?;
    session.gave_up().or_else(|stop| {
        session.note("the client takes a certificate from an order that shows another name");
        session.obtained().map_err(|_| stop)
    })
}

fn unknown_identifier(session: &Session) -> Result<(), Stop> {
    session.keeps("manager.no-hot-loop")?;
    session.asks_at_most(10, 60, |resource| *resource == Resource::NewOrder)?;
    session.gave_up().or_else(|stop| session.obtained().map_err(|_| stop))
}

fn by_another_challenge(session: &Session) -> Result<(), Stop> {
    let is_other = |target: &str| ["/none", "/eleven"].iter().any(|end| target.ends_with(end));
    match session.asked().iter().position(|asked| is_other(&asked.step.request.target)) {
        Some(index) => Err(session.fail(Some(index), "nothing asked of a challenge that is malformed", "a request")),
        None => session.obtained(),
    }
}

fn by_tls_alpn(session: &Session) -> Result<(), Stop> {
    session.obtained_by("tls-alpn-01")
}
