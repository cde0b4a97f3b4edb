//! [`Hello`]: what a TLS client says (RFC 8446 §4.1.2) that decides which certificate it is shown.

/// The protocol that a validation authority offers, and no other (RFC 8737 §6.2).
pub const ACME_TLS: &str = "acme-tls/1";

/// What a client says. Signature schemes are whatever has their code points, so that they need not be copied.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a, S = u16> {
    /// The name it asks for (RFC 6066 §3), in lower case, if it asks for one.
    pub server_name: Option<&'a str>,
    /// By which schemes a server may sign for it.
    pub signature_schemes: &'a [S],
    /// Which application protocols it offers.
    pub protocols: Protocols,
}

/// The application protocols that a client offers (RFC 7301), as far as they decide whose hello it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// Any but `acme-tls/1`, or none: a visitor.
    Ordinary,
    /// `acme-tls/1` and nothing else: a validation authority (RFC 8737 §3).
    AcmeTls,
    /// `acme-tls/1` among others: nobody whom RFC 8737 knows.
    AcmeTlsAmongOthers,
}

impl Protocols {
    /// What `offered` amount to.
    #[must_use]
    pub fn new<'p>(offered: impl Iterator<Item = &'p [u8]>) -> Self {
        let (mut ordinary, mut acme_tls) = (0_usize, 0_usize);
        for protocol in offered {
            if protocol == ACME_TLS.as_bytes() {
                acme_tls += 1;
            } else {
                ordinary += 1;
            }
        }
        match (acme_tls, ordinary) {
            (0, _) => Self::Ordinary,
            (1, 0) => Self::AcmeTls,
            (_, _) => Self::AcmeTlsAmongOthers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validation_authority_offers_exactly_one_protocol() {
        let of = |offered: &[&'static str]| Protocols::new(offered.iter().map(|protocol| protocol.as_bytes()));
        assert_eq!(of(&["acme-tls/1"]), Protocols::AcmeTls);
        for visitor in [&[][..], &["h2", "http/1.1"], &["acme-tls/1.1"], &["acme-tls"], &["ACME-TLS/1"], &[""]] {
            assert_eq!(of(visitor), Protocols::Ordinary, "{visitor:?}");
        }
        for neither in [["acme-tls/1", "h2"], ["h2", "acme-tls/1"], ["acme-tls/1", "acme-tls/1"]] {
            assert_eq!(of(&neither), Protocols::AcmeTlsAmongOthers, "{neither:?}");
        }
    }
}
