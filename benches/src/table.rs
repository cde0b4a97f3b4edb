//! Tables of certificates for names, and what visitors ask of them: what the handshake path's benches have in common.

use std::{hint::black_box, sync::Arc, time::Duration};

use client_under_test::{
    manager::{
        lookup::{Certificates, Hello, Protocols, Shown, Source, StandIns},
        resolver::schemes,
    },
    name::Name,
};
use rustls::{SignatureScheme, sign::CertifiedKey};
use sim::{UtcDateTime, crypto::P256Key};

use crate::identity;

/// What rustls's own client offers, and a browser's protocols.
const OFFERED: [SignatureScheme; 9] = [
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// A name that the table has.
    Exact,
    /// A name below a wildcard that the table has.
    Wildcard,
    /// A name that the table knows nothing of.
    Miss,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Wildcard, Self::Miss];

    /// What it is called.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Exact => "the very name",
            Self::Wildcard => "a name below a wildcard",
            Self::Miss => "an unknown name",
        }
    }

    /// The name of this number that is asked for.
    #[must_use]
    pub fn name(self, number: usize) -> String {
        match self {
            Self::Exact => format!("shop{number:07}.example.com"),
            Self::Wildcard => format!("www.tenant{number:07}.example.com"),
            Self::Miss => format!("nobody{number:07}.example.net"),
        }
    }

    /// So many names in the order in which they are asked for of a table of `names`, drawn by splitmix64.
    #[must_use]
    pub fn asked(self, names: usize, count: usize) -> Vec<String> {
        let known = match self {
            Self::Exact | Self::Miss => names,
            Self::Wildcard => wildcards(names),
        };
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from(mixed ^ (mixed >> 31)).expect("64 bits") % known
        };
        (0..count).map(|_| self.name(draw())).collect()
    }
}

/// What a table of so many names holds: them, and a tenth as many wildcards.
pub fn held(names: usize) -> impl Iterator<Item = String> {
    let exact = (0..names).map(|number| Question::Exact.name(number));
    exact.chain((0..wildcards(names)).map(|number| Question::Wildcard.name(number).replace("www", "*")))
}

fn wildcards(names: usize) -> usize {
    names.div_ceil(10)
}

/// A name's certificate: its own, though all have the same few kilobytes of DER and key.
pub fn certified() -> impl Fn() -> Arc<CertifiedKey> {
    let (key, der) = identity();
    let (key, der): (Arc<P256Key>, &'static [u8]) = (Arc::new(key), Box::leak(der.to_vec().into_boxed_slice()));
    move || Arc::new(CertifiedKey::new(vec![der.into()], key.clone()))
}

/// Our table, from the protocols and signature schemes that a client offers to the certificate. Time does not pass.
#[derive(Debug)]
pub struct Ours {
    /// The table.
    pub certificates: Certificates<CertifiedKey>,
    /// The present.
    pub now: UtcDateTime,
}

impl Ours {
    /// An empty one.
    #[must_use]
    pub fn new(now: UtcDateTime) -> Self {
        Self { certificates: Certificates::new(1, StandIns::default()), now }
    }

    /// What is shown: valid now, without a staple.
    #[must_use]
    pub fn shown(&self, certified: &Arc<CertifiedKey>) -> Shown<CertifiedKey> {
        Shown {
            schemes: schemes(&*certified.key),
            certified: certified.clone(),
            not_before: self.now - Duration::from_secs(1),
            not_after: self.now + Duration::from_secs(1),
            stapled: None,
            must_staple: false,
        }
    }

    /// What a visitor of `name` is shown.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let protocols = Protocols::new(black_box(&ALPN).iter().copied());
        // As a slice it would go through memory in two words and be read as one, for which the processor waits.
        let signature_schemes: &[SignatureScheme; 9] = black_box(&OFFERED);
        let hello = Hello { server_name: Some(name), signature_schemes, protocols };
        self.certificates.find(&hello, self.now).certified()
    }

    /// Shows this certificate for `name` from now on.
    ///
    /// # Panics
    /// If that is no DNS name.
    pub fn swap(&self, name: &str, certified: &Arc<CertifiedKey>) {
        let name: Name = name.parse().expect("a DNS name");
        self.certificates.insert(&name, Source::Managed, &self.shown(certified), self.now);
    }
}
