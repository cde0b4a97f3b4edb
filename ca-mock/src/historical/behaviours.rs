//! What CAs have been seen to do that a client has to live with, each as data: fault rules in the words of `/faults`, or
//! settings.
//!
//! Nothing here is caught by a law of the CA: each is for the client to get over. `scenarios` tells of each name what a
//! correct client does then, and where it was seen. What repeats itself (`everyNth`) leaves room for the one retry that a
//! correct client makes.

use std::time::Duration;

use crate::{Config, CrossSign, FaultRule};

const DAY: Duration = Duration::from_secs(86_400);

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// Its name in scenario files, behind `ca.`; also that of its first rule, and those of further ones begin with it.
    pub name: &'static str,
    rules: &'static str,
    settings: fn(&mut Config),
}

impl Behaviour {
    /// All of them.
    pub const ALL: &'static [Self] = ALL;

    /// The one of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|known| known.name == name)
    }

    /// Lets the CA be so.
    pub fn switch_on(&self, config: &mut Config) {
        config.faults.extend(self.rules());
        (self.settings)(config);
    }

    /// Its fault rules; none if it is by settings alone, which a running CA can't take over.
    #[must_use]
    pub fn rules(&self) -> Vec<FaultRule> {
        FaultRule::read(self.rules).expect("a test reads them all")
    }
}

const fn rules(name: &'static str, rules: &'static str) -> Behaviour {
    Behaviour { name, rules, settings: |_| {} }
}

const fn settings(name: &'static str, settings: fn(&mut Config)) -> Behaviour {
    Behaviour { name, rules: "[]", settings }
}

/// What is asked by a signed POST and so needs a nonce.
macro_rules! signed {
    () => {
        r#""endpoint": ["newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange", "account", "orders", "order",
            "finalize", "authorization", "challenge", "certificate"]"#
    };
}

macro_rules! ten_times {
    ($text:expr) => {
        concat!($text, $text, $text, $text, $text, $text, $text, $text, $text, $text)
    };
}

macro_rules! caa_of_one_name {
    () => {
        r#"{"type": "urn:ietf:params:acme:error:caa", "detail": "CAA record for example.test prevents issuance",
            "identifier": {"type": "dns", "value": "example.test"}}"#
    };
}

const ALL: &[Behaviour] = &[
    // Nonces.
    rules(
        "nonce-other-dc",
        concat!(
            r#"{"name": "nonce-other-dc", "nth": 2, "everyNth": 4, "fault": {"problem": "badNonce",
                "detail": "JWS has an invalid anti-replay nonce"},"#,
            signed!(),
            "}"
        ),
    ),
    rules(
        "nonce-500-html",
        concat!(
            r#"{"name": "nonce-500-html", "nth": 3, "everyNth": 11, "fault": {"status": 500,
                "html": "<html><head><title>HTTP Status 500 - Internal Server Error</title></head></html>"},"#,
            signed!(),
            "}"
        ),
    ),
    rules(
        "badnonce-no-nonce",
        concat!(
            r#"{"name": "badnonce-no-nonce", "nth": 2, "everyNth": 4, "fault": {"problem": "badNonce",
                "detail": "the given nonce is invalid", "removeHeaders": ["Replay-Nonce"]},"#,
            signed!(),
            "}"
        ),
    ),
    settings("nonce-evict", |config| config.nonce_lifetime = Some(Duration::from_secs(2))),
    rules(
        "429-keeps-nonce",
        r#"{"name": "429-keeps-nonce", "endpoint": ["order", "authorization"], "nth": 2, "everyNth": 3,
            "fault": {"carriedOut": true, "problem": "rateLimited", "detail": "Too many requests",
                "setHeaders": {"Retry-After": "5"}}}"#,
    ),
    // A CA, or what stands before it, that is too busy.
    rules(
        "busy-429",
        r#"{"name": "busy-429", "endpoint": ["newAccount", "newOrder", "finalize"], "everyNth": 2,
            "fault": {"problem": "rateLimited", "detail": "Service busy; retry later.",
                "setHeaders": {"Retry-After": "10"}}}"#,
    ),
    rules(
        "lb-503-html",
        r#"[{"name": "lb-503-html", "nth": 3, "everyNth": 20, "fault": {"status": 503,
                "html": "<html><head><title>503 Service Temporarily Unavailable</title></head></html>"}},
            {"name": "lb-503-html-no-body", "nth": 9, "everyNth": 20, "fault": {"status": 504, "body": ""}}]"#,
    ),
    rules(
        "issuance-halt",
        r#"{"name": "issuance-halt", "forSeconds": 8760, "fault": {"status": 503, "contentType": "application/problem+json",
            "body": "{\"type\": \"urn:acme:error:serverInternal\", \"detail\": \"The service is down for maintenance\"}",
            "setHeaders": {"Retry-After": "1800"}}}"#,
    ),
    // Copies of the database that lag behind.
    rules(
        "replica-404-authz",
        r#"{"name": "replica-404-authz", "endpoint": "authorization", "everyNth": 3,
            "fault": {"problem": "malformed", "status": 404, "detail": "No such authorization"}}"#,
    ),
    rules(
        "replica-404-order",
        r#"{"name": "replica-404-order", "endpoint": "order", "everyNth": 3,
            "fault": {"problem": "malformed", "status": 404, "detail": "No order found for ID"}}"#,
    ),
    rules(
        "replica-404-cert",
        r#"{"name": "replica-404-cert", "endpoint": "certificate", "everyNth": 2,
            "fault": {"problem": "malformed", "status": 404, "detail": "Certificate not found"}}"#,
    ),
    rules(
        "replica-500-order",
        r#"{"name": "replica-500-order", "endpoint": "order", "everyNth": 3,
            "fault": {"problem": "serverInternal", "detail": "Failed to retrieve order: wrong number of authorizations"}}"#,
    ),
    // Waiting.
    settings("processing-forever", |config| config.issuance_delay = 365 * DAY),
    rules(
        "retry-after-86400",
        r#"{"name": "retry-after-86400", "endpoint": ["order", "authorization", "challenge", "finalize"],
            "fault": {"setHeaders": {"Retry-After": "86400"}}}"#,
    ),
    settings("retry-after-date", |config| config.retry_after_date_percent = 100),
    rules(
        "retry-after-bad",
        r#"[{"name": "retry-after-bad", "endpoint": ["order", "authorization", "finalize"], "nth": 1, "everyNth": 6,
                "fault": {"setHeaders": {"Retry-After": "-5"}}},
            {"name": "retry-after-bad-float", "endpoint": ["order", "authorization", "finalize"], "nth": 2, "everyNth": 6,
                "fault": {"setHeaders": {"Retry-After": "1.5"}}},
            {"name": "retry-after-bad-past", "endpoint": ["order", "authorization", "finalize"], "nth": 3, "everyNth": 6,
                "fault": {"setHeaders": {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}}},
            {"name": "retry-after-bad-iso", "endpoint": ["order", "authorization", "finalize"], "nth": 4, "everyNth": 6,
                "fault": {"setHeaders": {"Retry-After": "2026-11-21T00:00:00Z"}}},
            {"name": "retry-after-bad-huge", "endpoint": ["order", "authorization", "finalize"], "nth": 5, "everyNth": 6,
                "fault": {"setHeaders": {"Retry-After": "99999999999999999999"}}},
            {"name": "retry-after-bad-empty", "endpoint": ["order", "authorization", "finalize"], "nth": 6, "everyNth": 6,
                "fault": {"setHeaders": {"Retry-After": ""}}}]"#,
    ),
    rules(
        "ready-vs-pending",
        r#"[{"name": "ready-vs-pending", "endpoint": "order", "everyNth": 4,
                "fault": {"setFields": {"/status": "pending"}, "removeFields": ["/certificate"]}},
            {"name": "ready-vs-pending-finalize", "endpoint": "finalize", "everyNth": 2,
                "fault": {"problem": "orderNotReady", "detail": "Order's status (\"pending\") is not acceptable"}}]"#,
    ),
    // Headers.
    rules(
        "no-location-finalize",
        r#"{"name": "no-location-finalize", "endpoint": "finalize", "fault": {"removeHeaders": ["Location"]}}"#,
    ),
    rules(
        "link-up-absent",
        r#"{"name": "link-up-absent", "endpoint": "challenge", "fault": {"removeHeaders": ["Link"]}}"#,
    ),
    rules(
        "link-up-broken",
        r#"{"name": "link-up-broken", "endpoint": "challenge",
            "fault": {"setHeaders": {"Link": "/acme/authz//acme/authz/1;rel=\"up\""}}}"#,
    ),
    rules(
        "ctype-charset",
        r#"[{"name": "ctype-charset", "endpoint": "certificate",
                "fault": {"contentType": "application/pem-certificate-chain;charset=UTF-8"}},
            {"name": "ctype-charset-json", "endpoint": ["directory", "order", "authorization"],
                "fault": {"contentType": "application/json; charset=utf-8"}}]"#,
    ),
    // States.
    rules(
        "error-null",
        r#"{"name": "error-null", "endpoint": "order", "everyNth": 12,
            "fault": {"state": "invalid", "setFields": {"/error": null}}}"#,
    ),
    rules(
        "authz-invalid-chal-pending",
        r#"{"name": "authz-invalid-chal-pending", "endpoint": "authorization", "nth": 2, "everyNth": 9,
            "fault": {"state": "invalid"}}"#,
    ),
    rules(
        "dup-validate-race",
        r#"{"name": "dup-validate-race", "endpoint": "challenge", "everyNth": 2, "fault": {"carriedOut": true,
            "problem": "conflict", "status": 409, "detail": "Authorization is already being validated"}}"#,
    ),
    rules(
        "authz-valid-no-challenge",
        r#"{"name": "authz-valid-no-challenge", "endpoint": "authorization",
            "fault": {"state": "valid", "setFields": {"/challenges": []}}}"#,
    ),
    rules(
        "pending-no-challenge",
        r#"{"name": "pending-no-challenge", "endpoint": "authorization", "fault": {"setFields": {"/challenges": []}}}"#,
    ),
    settings("chal-get-triggers", |config| config.challenge_trigger = super::ANY_REQUEST_TRIGGERS),
    // Dates and chains.
    settings("backdate-24h", |config| config.backdate = DAY),
    settings("chain-expired-root", |config| {
        let (lifetime, default_for) = (Duration::from_secs(1), 3_650 * DAY);
        config.hierarchy.cross_sign = Some(CrossSign { lifetime, default_for });
    }),
    // Renewal information (RFC 9773).
    rules(
        "ari-old-draft",
        r#"{"name": "ari-old-draft", "endpoint": "renewalInfo",
            "fault": {"problem": "malformed", "detail": "Invalid path: base64 of a DER-encoded CertID is expected"}}"#,
    ),
    rules(
        "ari-unknown-issuer",
        r#"{"name": "ari-unknown-issuer", "endpoint": "renewalInfo", "fault": {"problem": "malformed", "status": 404,
            "detail": "path contained an Authority Key Identifier that did not match a known issuer"}}"#,
    ),
    rules(
        "ari-replaces-500",
        r#"{"name": "ari-replaces-500", "endpoint": "newOrder", "replaces": true, "fault": {"problem": "serverInternal",
            "detail": "could not validate ARI 'replaces' field"}}"#,
    ),
    rules(
        "ari-already-replaced",
        r#"{"name": "ari-already-replaced", "endpoint": "newOrder", "replaces": true, "fault": {
            "problem": "alreadyReplaced", "detail": "cannot indicate an order replaces a certificate which already has a replacement order"}}"#,
    ),
    rules(
        "ari-not-supported",
        r#"[{"name": "ari-not-supported", "endpoint": "directory", "fault": {"removeFields": ["/renewalInfo"]}},
            {"name": "ari-not-supported-replaces", "endpoint": "newOrder", "replaces": true,
                "fault": {"problem": "malformed", "detail": "unknown field: replaces"}},
            {"name": "ari-not-supported-asked", "endpoint": "renewalInfo", "fault": {"status": 404, "body": ""}}]"#,
    ),
    rules(
        "ari-bad-window",
        r#"[{"name": "ari-bad-window", "endpoint": "renewalInfo", "nth": 1, "everyNth": 6, "fault": {"setFields":
                {"/suggestedWindow": {"start": "2026-02-02T00:00:00Z", "end": "2026-02-01T00:00:00Z"}}}},
            {"name": "ari-bad-window-no-start", "endpoint": "renewalInfo", "nth": 2, "everyNth": 6,
                "fault": {"removeFields": ["/suggestedWindow/start"]}},
            {"name": "ari-bad-window-number", "endpoint": "renewalInfo", "nth": 3, "everyNth": 6, "fault": {"setFields":
                {"/suggestedWindow": {"start": 1769904000000, "end": 1769990400000}}}},
            {"name": "ari-bad-window-null", "endpoint": "renewalInfo", "nth": 4, "everyNth": 6,
                "fault": {"setFields": {"/suggestedWindow": null}}},
            {"name": "ari-bad-window-late", "endpoint": "renewalInfo", "nth": 5, "everyNth": 6, "fault": {"setFields":
                {"/suggestedWindow": {"start": "2199-01-01T00:00:00Z", "end": "2199-01-02T00:00:00Z"}}}},
            {"name": "ari-bad-window-html", "endpoint": "renewalInfo", "nth": 6, "everyNth": 6,
                "fault": {"html": "<html><body>It works!</body></html>"}}]"#,
    ),
    rules(
        "ari-flip",
        r#"{"name": "ari-flip", "endpoint": "renewalInfo", "nth": 2, "count": 1, "fault": {"setFields": {
            "/suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"},
            "/explanationURL": "https://ca.test/incidents/1"}}}"#,
    ),
    // Accounts and refusals.
    rules(
        "paused-429",
        r#"{"name": "paused-429", "endpoint": "newOrder", "fault": {"problem": "rateLimited",
            "detail": "Your account is temporarily prevented from requesting certificates for example.test and possibly others. Please visit: https://ca.test/sfe/v1/unpause?jwt=e30"}}"#,
    ),
    rules(
        "401-for-403",
        r#"{"name": "401-for-403", "endpoint": "finalize", "everyNth": 2,
            "fault": {"problem": "orderNotReady", "status": 401, "detail": "The request attempted to finalize an order that is not ready"}}"#,
    ),
    rules(
        "400-for-429",
        r#"{"name": "400-for-429", "endpoint": "newOrder", "everyNth": 2, "fault": {"problem": "rateLimited",
            "status": 400, "detail": "The request exceeds a rate limit", "setHeaders": {"Retry-After": "10"}}}"#,
    ),
    rules(
        "acct-409",
        r#"{"name": "acct-409", "endpoint": "newAccount", "account": "*", "fault": {"carriedOut": true, "status": 409,
            "contentType": "application/problem+json", "setFields": {"/type": "urn:ietf:params:acme:error:malformed",
                "/detail": "Registration key is already in use", "/status": 409}}}"#,
    ),
    rules(
        "caa-dup-subproblems",
        concat!(
            r#"{"name": "caa-dup-subproblems", "endpoint": "finalize", "everyNth": 2, "fault": {"status": 403,
                "carriedOut": true, "state": "invalid", "contentType": "application/problem+json", "setFields": {
                    "/type": "urn:ietf:params:acme:error:caa", "/detail": "Rechecking CAA for 101 names", "/status": 403,
                    "/subproblems": ["#,
            ten_times!(ten_times!(concat!(caa_of_one_name!(), ","))),
            caa_of_one_name!(),
            "]}}}"
        ),
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_can_be_read_and_bears_its_behaviour_s_name() {
        let mut names = BTreeSet::new();
        for behaviour in Behaviour::ALL {
            let rules =
                FaultRule::read(behaviour.rules).unwrap_or_else(|mistakes| panic!("{behaviour:?}: {mistakes:?}"));
            assert!(rules.first().is_none_or(|rule| rule.name == behaviour.name), "{behaviour:?}");
            assert!(rules.iter().all(|rule| rule.name.starts_with(behaviour.name)), "{behaviour:?}");
            assert!(rules.into_iter().all(|rule| names.insert(rule.name)), "{behaviour:?}");
            assert!(Behaviour::find(behaviour.name).is_some());
        }
    }
}
