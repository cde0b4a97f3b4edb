//! What `[ca]` is made of: presets, profiles, names, keys.

use std::{num::NonZeroU32, time::Duration};

use crate::language::values::{MacKey, Slug};

section! {
    /// A kind of certificate that clients can choose by name (draft-ietf-acme-profiles).
    pub struct ProfileSettings {
        /// Its name.
        "name" => name: Slug = required,
        /// What the directory says about it; left out: nothing.
        "description" => description: String = optional,
        /// From notBefore to notAfter of a certificate; left out: as `[ca]` says.
        "validity" => validity: Duration = optional,
        /// The most names in an order; left out: as `[ca]` says.
        "names-max" => names_max: NonZeroU32 = optional,
        /// Whether one of the names stands in the subject's common name as well.
        "common-name" => common_name: bool = ["false"],
        /// Whether there are certificates for IP addresses.
        "addresses" => addresses: bool = ["true"],
    }

    /// What is asked of a name; what is left out is as it is without this table.
    pub struct NamePolicySettings {
        /// The fewest labels; with 1, `localhost` will do (2).
        "labels-min" => labels_min: NonZeroU32 = optional,
        /// The most labels (10).
        "labels-max" => labels_max: NonZeroU32 = optional,
        /// What the Public Suffix List has to do with it (refused).
        "public-suffixes" => public_suffixes: PublicSuffixes = optional,
        /// Whether an order for a wildcard may not have a name that the wildcard stands for (false).
        "refuses-names-under-wildcards" => refuses_names_under_wildcards: bool = optional,
    }

    /// A key by which accounts can be bound to an external one (RFC 8555 §7.3.4).
    pub struct ExternalAccountSettings {
        /// What it is called.
        "kid" => kid: String = required,
        /// The key.
        "mac-key" => mac_key: MacKey = required,
        /// Whether it is good for one account only.
        "single-use" => single_use: bool = ["false"],
    }
}

choices! {
    /// A CA in use that the CA can be like.
    pub enum Preset("a preset") {
        /// Pebble without configuration: chance has a say in nonces, reuse, delays and forms.
        "pebble" => Pebble,
        /// Boulder, without limits.
        "boulder" => Boulder,
        /// Let's Encrypt: 90 days.
        "letsencrypt-2026" => LetsEncrypt2026,
        /// Let's Encrypt from 2027-02-10: 64 days, and proofs that are good for 10.
        "letsencrypt-2027" => LetsEncrypt2027,
        /// Let's Encrypt from 2028-02-16: 45 days, and proofs that are good for 7 hours.
        "letsencrypt-2028" => LetsEncrypt2028,
        /// step-ca: a day, no renewal information, problems with statuses of its own.
        "step-ca" => StepCa,
        /// Like ZeroSSL: external accounts, and clients that are told to ask again tomorrow.
        "zerossl-like" => ZeroSslLike,
        /// Like Buypass: half a year, pre-authorization, and orders whose URL is told once.
        "buypass-like" => BuypassLike,
        /// What the RFCs say and no chance: nothing is reused, refused or delayed.
        "strict-rfc" => StrictRfc,
    }

    /// How the ICANN part of the Public Suffix List is used.
    pub enum PublicSuffixes("a use of the Public Suffix List") {
        /// Not at all.
        "ignored" => Ignored,
        /// Nothing is issued for a suffix, nor for all names directly below one.
        "refused" => Refused,
        /// As `refused`, and a name must end in a suffix that is on the list: nothing is issued for `.test`.
        "required" => Required,
    }

    /// A kind of key that a certificate may be for.
    pub enum CertificateKey("a kind of key") {
        /// ECDSA on P-256.
        "p256" => P256,
        /// ECDSA on P-384.
        "p384" => P384,
        /// RSA with 2048 bits.
        "rsa2048" => Rsa2048,
        /// RSA with 3072 bits.
        "rsa3072" => Rsa3072,
        /// RSA with 4096 bits.
        "rsa4096" => Rsa4096,
        /// Ed25519.
        "ed25519" => Ed25519,
    }

    /// What the certificate of the API's own HTTPS server is like.
    pub enum ApiCertificate("a certificate of the API") {
        /// As it should be.
        "good" => Good,
        /// Signed by another root than the one that clients are told, of the same name.
        "other-root" => OtherRoot,
        /// For another host.
        "other-name" => OtherName,
        /// It has expired.
        "expired" => Expired,
    }

    /// The kind of keys that roots and intermediates have.
    pub enum AuthorityKeyAlgorithm("a kind of key of an authority") {
        /// ECDSA with P-256 and SHA-256.
        "ecdsa-p256" => EcdsaP256,
        /// RSA with 2048 bits and SHA-256; found slowly.
        "rsa2048" => Rsa2048,
    }
}
