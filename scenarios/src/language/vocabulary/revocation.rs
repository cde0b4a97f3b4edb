//! Revocation and what CAs say about it.

use std::time::Duration;

section! {
    /// The OCSP responder.
    pub struct OcspSettings {
        /// How long a response holds.
        "lifetime" => lifetime: Duration = ["4d"],
    }

    /// The revocation list.
    pub struct CrlSettings {
        /// How long a list holds.
        "lifetime" => lifetime: Duration = ["7d"],
    }
}

choices! {
    /// What an OCSP responder does with questions.
    pub enum OcspAnswers("what a responder does") {
        /// Says what is so.
        "truthful" => Truthful,
        /// Knows of no certificate.
        "unknown" => Unknown,
        /// Gives responses that have ceased to hold.
        "stale" => Stale,
        /// Gives responses about other certificates.
        "about-another" => AboutAnother,
        /// Gives responses whose signature does not fit.
        "badly-signed" => BadlySigned,
        /// Gives something that is no response.
        "garbage" => Garbage,
        /// Answers with status 503.
        "unavailable" => Unavailable,
        /// Answers after two minutes.
        "late" => Late,
    }

    /// Why a certificate is revoked (RFC 5280 §5.3.1).
    pub enum RevocationReason("a reason") {
        /// None is told.
        "unspecified" => Unspecified,
        /// Somebody else has the private key.
        "key-compromise" => KeyCompromise,
        /// Another certificate is in its place.
        "superseded" => Superseded,
        /// What it was for has ended.
        "cessation-of-operation" => CessationOfOperation,
    }
}
