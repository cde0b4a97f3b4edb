//! [`Schemes`]: by which signature schemes a key can sign, the preferred ones first.

/// TLS signature schemes by their code points (RFC 8446 §4.2.3), best first: with ECDSA or EdDSA a server signs some forty
/// times as fast as with RSA. The last three are for TLS 1.2 only.
pub const KNOWN: [u16; 14] = [
    ECDSA_SECP256R1_SHA256,
    ECDSA_SECP384R1_SHA384,
    ECDSA_SECP521R1_SHA512,
    ED25519,
    ED448,
    RSA_PSS_RSAE_SHA256,
    RSA_PSS_RSAE_SHA384,
    RSA_PSS_RSAE_SHA512,
    RSA_PSS_PSS_SHA256,
    RSA_PSS_PSS_SHA384,
    RSA_PSS_PSS_SHA512,
    RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512,
];

const ECDSA_SECP256R1_SHA256: u16 = 0x0403;
const ECDSA_SECP384R1_SHA384: u16 = 0x0503;
const ECDSA_SECP521R1_SHA512: u16 = 0x0603;
const ED25519: u16 = 0x0807;
const ED448: u16 = 0x0808;
const RSA_PSS_RSAE_SHA256: u16 = 0x0804;
const RSA_PSS_RSAE_SHA384: u16 = 0x0805;
const RSA_PSS_RSAE_SHA512: u16 = 0x0806;
const RSA_PSS_PSS_SHA256: u16 = 0x0809;
const RSA_PSS_PSS_SHA384: u16 = 0x080a;
const RSA_PSS_PSS_SHA512: u16 = 0x080b;
const RSA_PKCS1_SHA256: u16 = 0x0401;
const RSA_PKCS1_SHA384: u16 = 0x0501;
const RSA_PKCS1_SHA512: u16 = 0x0601;

/// A set of the [`KNOWN`] schemes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schemes(u16);

impl Schemes {
    /// Those of `codes` that are known.
    #[must_use]
    pub fn new(codes: impl IntoIterator<Item = u16>) -> Self {
        Self(codes.into_iter().fold(0, |bits, code| bits | bit(code)))
    }

    /// Whether one of them is among those that a client offers.
    pub(super) fn suit<S: Copy + Into<u16>>(self, offered: &[S]) -> bool {
        offered.iter().any(|scheme| self.0 & bit((*scheme).into()) != 0)
    }

    /// The place of the best one among the [`KNOWN`]; what has none comes last.
    pub(super) fn rank(self) -> u32 {
        self.0.trailing_zeros()
    }
}

/// A bit for each of the [`KNOWN`] schemes in their order. It is written out so that it compiles to a jump: whoever
/// shakes hands waits for it.
#[inline]
fn bit(code: u16) -> u16 {
    match code {
        ECDSA_SECP256R1_SHA256 => 1,
        ECDSA_SECP384R1_SHA384 => 1 << 1,
        ECDSA_SECP521R1_SHA512 => 1 << 2,
        ED25519 => 1 << 3,
        ED448 => 1 << 4,
        RSA_PSS_RSAE_SHA256 => 1 << 5,
        RSA_PSS_RSAE_SHA384 => 1 << 6,
        RSA_PSS_RSAE_SHA512 => 1 << 7,
        RSA_PSS_PSS_SHA256 => 1 << 8,
        RSA_PSS_PSS_SHA384 => 1 << 9,
        RSA_PSS_PSS_SHA512 => 1 << 10,
        RSA_PKCS1_SHA256 => 1 << 11,
        RSA_PKCS1_SHA384 => 1 << 12,
        RSA_PKCS1_SHA512 => 1 << 13,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_rank_as_they_are_listed_and_suit_whoever_offers_one_of_them() {
        for (place, code) in KNOWN.into_iter().enumerate() {
            let alone = Schemes::new([code]);
            assert_eq!(alone.rank() as usize, place);
            assert!(alone.suit(&[0x0904, code]));
            assert!(!alone.suit::<u16>(&KNOWN.into_iter().filter(|other| *other != code).collect::<Vec<_>>()));
        }
        assert!(!Schemes::new([0x0904]).suit(&[0x0904_u16]));
        assert!(Schemes::new([]).rank() > Schemes::new(KNOWN).rank());
    }
}
