//! Whether a certificate still holds: what its CA says by OCSP (RFC 6960) and by revocation lists (RFC 5280 §5).
//!
//! Bytes become statements here, each verified against the certificate's issuer, or are refused with the reason. No socket, no
//! disk and no clock: when to ask, what to keep and what follows is the manager's business.
//!
//! Both are plain HTTP, as RFC 5019 §5 and the Baseline Requirements have them: what they carry is signed, and who wants to
//! know whether a certificate holds can't begin with a connection that depends on one.

pub mod crl;
pub mod ocsp;
pub mod sources;

use std::fmt;

use ring::digest;
use rustls::pki_types::CertificateDer;
pub use sources::StatusSources;
use time::UtcDateTime;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::acme::certificate::Chain;

/// How far a responder's clock may be ahead of ours.
const CLOCK_TOLERANCE: time::Duration = time::Duration::minutes(5);

/// What is said about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    Good,
    /// It has been taken back.
    Revoked(Reason),
}

/// Why a certificate has been taken back (RFC 5280 §5.3.1), as far as it makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody else may have the key.
    KeyCompromise,
    /// Any other, or none told: the reason's code.
    Other(u8),
}

impl Reason {
    /// The reason with this code; 0 where none is told.
    #[must_use]
    pub fn of_code(code: u8) -> Self {
        if code == 1 { Self::KeyCompromise } else { Self::Other(code) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyCompromise => f.write_str("the key is compromised"),
            Self::Other(code) => write!(f, "reason {code}"),
        }
    }
}

/// A certificate whose status is asked for, with what names and vouches for it.
#[derive(Clone, Debug)]
pub struct Subject {
    issuer: CertificateDer<'static>,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    /// The serial number's DER content, leading zero octet included.
    serial: Vec<u8>,
}

impl Subject {
    /// The leaf of a chain; `None` if the chain does not go on with its issuer, without whom nothing can be verified.
    #[must_use]
    pub fn of(chain: &Chain) -> Option<Self> {
        let [leaf, issuer, ..] = chain.certificates() else { return None };
        let (_, of_leaf) = X509Certificate::from_der(leaf).ok()?;
        let (_, of_issuer) = X509Certificate::from_der(issuer).ok()?;
        if of_leaf.issuer().as_raw() != of_issuer.subject().as_raw() {
            return None;
        }
        // SHA-1 is only a name here, and what every responder knows (RFC 5019 §2.1.1).
        let hash = |bytes: &[u8]| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec();
        Some(Self {
            issuer: issuer.clone(),
            issuer_name_hash: hash(of_issuer.subject().as_raw()),
            issuer_key_hash: hash(&of_issuer.public_key().subject_public_key.data),
            serial: of_leaf.raw_serial().to_vec(),
        })
    }

    /// The serial number's DER content, leading zero octet included.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The issuer's certificate.
    #[must_use]
    pub fn issuer(&self) -> &CertificateDer<'static> {
        &self.issuer
    }
}

/// From when until when a statement holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// When it was true (thisUpdate).
    pub from: UtcDateTime,
    /// When there will be a newer one (nextUpdate). It may lie beyond the certificate's own end.
    pub until: UtcDateTime,
}

impl Validity {
    /// `None` unless it holds at `now`, as far as clocks agree.
    fn at(now: UtcDateTime, from: UtcDateTime, until: UtcDateTime) -> Option<Self> {
        (from < until && now < until && from.saturating_sub(CLOCK_TOLERANCE) <= now).then_some(Self { from, until })
    }
}
