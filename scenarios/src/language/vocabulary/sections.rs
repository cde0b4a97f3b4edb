//! The sections of a file, and the keys of `[meta]`, `[run]` and `[ca]`.

use std::{num::NonZeroU32, time::Duration};

use super::ca::{
    ApiCertificate, AuthorityKeyAlgorithm, CertificateKey, ExternalAccountSettings, NamePolicySettings, Preset,
    ProfileSettings,
};
use super::revocation::{CrlSettings, OcspSettings};
use crate::language::values::{DurationRange, Epoch, Names, Percentage, Rate, ScenarioId, Seeds, Slug};

/// One key of the top level.
pub(crate) struct SectionRow {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) doc: &'static str,
}

/// What stands behind a key of the top level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A plain value.
    Value,
    /// `[section]`
    Table,
    /// `[[section]]`
    List,
}

const fn row(name: &'static str, form: Form, doc: &'static str) -> SectionRow {
    SectionRow { name, form, doc }
}

/// The top level, in the order in which a file is best read.
pub(crate) const SECTIONS: &[SectionRow] = &[
    row("scenario", Form::Value, "The version of this language: always 1. Required."),
    row(
        "extends",
        Form::Value,
        "A base file that this one is laid over: tables are merged, lists appended. One level.",
    ),
    row("meta", Form::Table, "What the scenario is and why it exists."),
    row(
        "matrix",
        Form::Table,
        "Axes of variation: each combination of their values is a case. `{axis}` stands for the value.",
    ),
    row("run", Form::Table, "How long and how often it runs."),
    row("hosts", Form::Table, "The machines: one table [hosts.NAME] each."),
    row("net", Form::Table, "The links between all hosts; [net.\"a->b\"] overrides one direction."),
    row("ca", Form::Table, "The certificate authority's policy."),
    row("dns", Form::Table, "The zone that the DNS host serves, as RFC 1035 text."),
    row("bugs", Form::Table, "Historical defects to switch on."),
    row("explore", Form::Table, "Points to be tried one by one; the runner expands them."),
    row("timeline", Form::List, "What happens, and when: one [[timeline]] a step."),
    row("expect", Form::List, "What must hold: one [[expect]] each. At least one is `sometimes`."),
];

section! {
    /// What the scenario is and why it exists.
    pub struct Meta {
        /// The path of the file under the catalogue, without `.toml`; stable, since reports refer to it.
        "id" => id: ScenarioId = required,
        /// One sentence that says what goes wrong and what must hold all the same.
        "title" => title: String = required,
        /// Where the requirement comes from: clauses such as "RFC8555 §7.4", or addresses.
        "refs" => refs: Vec<String> = optional,
        /// How binding the requirement is.
        "level" => level: Level = ["MUST"],
        /// How bad a failure is.
        "severity" => severity: Severity = ["medium"],
        /// Whose conduct is judged.
        "side" => side: Side = ["both"],
        /// Whether the scenario shows conduct that holds, or proves that a known defect is caught.
        "kind" => kind: Kind = ["positive"],
        /// Words to filter by.
        "tags" => tags: Vec<String> = optional,
        /// Who answers questions about it.
        "owner" => owner: String = optional,
    }

    /// How long and how often the scenario runs.
    pub struct Run {
        /// Which seeds, when the command line names none.
        "seeds" => seeds: Seeds = ["0..4"],
        /// The virtual time at which the run ends.
        "until" => until: Duration = required,
        /// What the true clock shows at the beginning.
        "epoch" => epoch: Epoch = ["2026-01-01T00:00:00Z"],
        /// Why `cargo test` leaves it out, such as "a minute in a debug build"; `gauntlet run` never does.
        "left-out-of-cargo-test" => left_out_of_cargo_test: String = optional,
    }

    /// The certificate authority's policy. What is left out is as the preset has it; the values in brackets are those of
    /// `strict-rfc`.
    pub struct CaSettings {
        /// The CA in use that it is like; left out: `strict-rfc`.
        "preset" => preset: Preset = optional,
        /// From notBefore to notAfter of a certificate, whatever its profile (90d).
        "validity" => validity: Duration = optional,
        /// How far notBefore lies before the issuance (1h).
        "backdate" => backdate: Duration = optional,
        /// Whether orders may say when their certificates begin and end (false).
        "honors-requested-validity" => honors_requested_validity: bool = optional,
        /// ACME Renewal Information (RFC 9773).
        "ari" => ari: AriSettings = optional,
        /// Certificates name an OCSP responder, at port 80 of the CA's host; left out: none.
        "ocsp" => ocsp: OcspSettings = optional,
        /// Certificates name a revocation list, at port 80 of the CA's host; left out: none.
        "crl" => crl: CrlSettings = optional,
        /// The kinds of certificates that clients may choose from by name, in place of the preset's.
        "profiles" => profiles: Vec<ProfileSettings> = optional,
        /// The profile of orders that name none; left out: the preset's, or else the first by name.
        "default-profile" => default_profile: Slug = optional,
        /// How long an order stays open, whatever its profile (1d).
        "order-lifetime" => order_lifetime: Duration = optional,
        /// How long an authorization may stay pending, whatever the profile (1h).
        "pending-authorization-lifetime" => pending_authorization_lifetime: Duration = optional,
        /// How long a validated authorization stays valid, whatever the profile (1h).
        "authorization-lifetime" => authorization_lifetime: Duration = optional,
        /// Whether an account's new orders take over its authorizations that are valid already (false).
        "reuse-authorizations" => reuse_authorizations: bool = optional,
        /// Whether a new order is answered with the account's open order for the same (false).
        "reuse-orders" => reuse_orders: bool = optional,
        /// Whether authorizations can be had before an order (RFC 8555 §7.4.1) (false).
        "pre-authorization" => pre_authorization: bool = optional,
        /// Whether serial numbers have a sign octet, 0 before the first one, which is part of what renewal information calls a
        /// certificate by (RFC 9773 §4.1) (by chance).
        "serial-sign-octet" => serial_sign_octet: bool = optional,
        /// Whether control of a domain is proof for the names below it too, where the client asks for that (RFC 9444) (false).
        "subdomain-authorization" => subdomain_authorization: bool = optional,
        /// The most names in an order, where its profile does not say (100).
        "names-max" => names_max: NonZeroU32 = optional,
        /// Which names may be ordered.
        "name-policy" => name_policy: NamePolicySettings = optional,
        /// Domains that nothing is issued for, those below them included.
        "blocklist" => blocklist: Names = optional,
        /// The keys that a certificate may be for (those that public CAs allow: all but Ed25519).
        "certificate-keys" => certificate_keys: Vec<CertificateKey> = optional,
        /// The keys of its roots and intermediates (ecdsa-p256).
        "key-algorithm" => key_algorithm: AuthorityKeyAlgorithm = optional,
        /// How many intermediates stand between a certificate and its root (1).
        "chain-length" => chain_length: NonZeroU32 = optional,
        /// How many roots there are besides the first, each with a chain of its own (0).
        "alternate-roots" => alternate_roots: u32 = optional,
        /// The domain names by which CAA records mean this CA (RFC 8659) (ca.test).
        "caa-identities" => caa_identities: Names = optional,
        /// Whether new accounts must be bound to external ones (RFC 8555 §7.3.4) (false).
        "external-account-required" => external_account_required: bool = optional,
        /// The keys by which accounts can be bound to external ones.
        "external-account-keys" => external_account_keys: Vec<ExternalAccountSettings> = optional,
        /// What Retry-After says while an order or an authorization is being processed (3s).
        "retry-after" => retry_after: Duration = optional,
        /// How often that is a date instead of seconds, in whole percent (0%).
        "retry-after-date" => retry_after_date: Percentage = optional,
        /// Whether it has terms of service, which accounts have to agree to (true).
        "terms-of-service" => terms_of_service: bool = optional,
        /// How often a good nonce is refused, in whole percent (0%).
        "nonce-rejection" => nonce_rejection: Percentage = optional,
        /// How long after it was asked for each validation begins (0s).
        "validation-delay" => validation_delay: Duration = optional,
        /// Each validation begins so much later than that at most, in whole seconds, as chance has it (0s).
        "validation-delay-max" => validation_delay_max: Duration = optional,
        /// How often a validation that has failed is tried again, which `probe:ca/validation-failed-for-now` tells (0).
        "validation-retries" => validation_retries: u32 = optional,
        /// How long before it is, each time (5s).
        "validation-retry-pause" => validation_retry_pause: Duration = optional,
        /// Whether it asks for what nobody is to give before it looks for a proof by http-01 or tls-alpn-01, which is told by
        /// `probe:ca/decoy-refused` and `probe:ca/decoy-taken` (false).
        "decoys" => decoys: bool = optional,
        /// Whether each challenge that is answered becomes valid without a look (false).
        "always-valid" => always_valid: bool = optional,
        /// How long issuance takes (1s).
        "issuance-delay" => issuance_delay: Duration = optional,
        /// Whether the answer to a finalization waits for issuance, so that it shows the order `valid` (false).
        "awaits-issuance" => awaits_issuance: bool = optional,
        /// Whether accounts' keys can be changed (true).
        "key-change" => key_change: bool = optional,
        /// How many orders one page of an account's list has (100).
        "orders-per-page" => orders_per_page: NonZeroU32 = optional,
        /// How many of the hosts of kind `perspective` have to corroborate validations; left out: all.
        "perspectives" => perspectives: u32 = optional,
        /// The certificate of its HTTPS server (good).
        "api-certificate" => api_certificate: ApiCertificate = optional,
        /// How many front ends answer requests, in turn.
        "front-ends" => front_ends: NonZeroU32 = ["1"],
        /// An older root's certificate for the CA's root, at the end of a chain of its own; left out: there is none.
        "cross-sign" => cross_sign: CrossSignSettings = optional,
        /// How much clients may ask for, in place of the preset's limits.
        "limits" => limits: LimitSettings = optional,
    }

    /// How an older root vouches for the CA's root.
    pub struct CrossSignSettings {
        /// When its certificate expires, counted from the beginning.
        "expires" => expires: Duration = required,
        /// How long the chain with it is the one that is given to those who do not choose, counted from the beginning.
        "default-for" => default_for: Duration = required,
    }

    /// Rate limits, each a token bucket; left out: there is none. What is refused is `rateLimited` with Retry-After.
    pub struct LimitSettings {
        /// New accounts from one address.
        "new-accounts-per-address" => new_accounts_per_address: Rate = optional,
        /// New orders of one account; orders for what has been issued before do not count.
        "new-orders-per-account" => new_orders_per_account: Rate = optional,
        /// Certificates for one registered domain; orders for what has been issued before do not count.
        "certificates-per-domain" => certificates_per_domain: Rate = optional,
        /// Certificates for exactly the same names.
        "certificates-per-exact-set" => certificates_per_exact_set: Rate = optional,
        /// Failed validations of one account for one name.
        "failed-validations-per-identifier" => failed_validations_per_identifier: Rate = optional,
        /// Requests from one address; what is refused has status 503.
        "requests-per-address" => requests_per_address: Rate = optional,
        /// Whether Retry-After is a date instead of seconds.
        "retry-after-is-date" => retry_after_is_date: bool = ["false"],
    }

    /// How the CA answers renewalInfo requests.
    pub struct AriSettings {
        /// Whether the directory offers renewalInfo at all.
        "enabled" => enabled: bool = ["true"],
        /// What Retry-After says; left out: there is no such header.
        "retry-after" => retry_after: Duration = optional,
        /// The suggested window, counted from notBefore; left out: the CA's own rule.
        "window" => window: DurationRange = optional,
    }
}

choices! {
    /// How binding a requirement is (RFC 2119).
    pub enum Level("a level") {
        /// Absolute.
        "MUST" => Must,
        /// With exceptions that have to be argued.
        "SHOULD" => Should,
        /// Free, but if done then so.
        "MAY" => May,
    }

    /// How bad a failure is.
    pub enum Severity("a severity") {
        /// A nuisance.
        "low" => Low,
        /// Someone has to act, some day.
        "medium" => Medium,
        /// Someone has to act today.
        "high" => High,
        /// Visitors are turned away, or a certificate is wrongly issued.
        "critical" => Critical,
    }

    /// Whose conduct is judged.
    pub enum Side("a side") {
        /// The client's.
        "client" => Client,
        /// The CA's.
        "server" => Server,
        /// Both.
        "both" => Both,
    }

    /// What the scenario proves.
    pub enum Kind("a kind of scenario") {
        /// Conduct that holds.
        "positive" => Positive,
        /// That a known defect is caught: at least one expectation is `violated`.
        "negative" => Negative,
    }
}
