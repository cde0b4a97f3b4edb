//! A serial number that lost its leading zero (Certwarden, reported in 2025).
//!
//! <https://github.com/gregtwallace/certwarden/issues/122>,
//! <https://github.com/grindsa/acme2certifier/issues/132>
//!
//! What renewal information calls a certificate has the serial number as DER writes it (RFC 9773 §4.1), with a leading zero octet
//! where the number's first bit is set. Whoever encodes the number itself leaves that out, for one certificate in two: the CA
//! knows nothing of such a name, gives no renewal information, and refuses orders that say they replace it. acme2certifier
//! made the same mistake on the CA's side.
//!
//! Seam: [`CertificateName`]. To be caught with some certificates by **M13**.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    acme::{certificate::Leaf, renewal_info::CertId},
    manager::ari::CertificateName,
};

/// As RFC 9773 says, without the octet that makes the number positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SerialWithoutItsZero;

impl CertificateName for SerialWithoutItsZero {
    fn of(&self, leaf: &Leaf) -> Option<CertId> {
        let id = leaf.id.as_ref()?;
        let (authority, serial) = id.as_str().split_once('.')?;
        let [authority, serial] = [authority, serial].map(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let serial = serial?;
        Some(CertId::new(&authority?, serial.strip_prefix(&[0]).unwrap_or(&serial)))
    }
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;

    use super::*;
    use crate::{
        acme::certificate::tests::{chain, env},
        manager::ari::ItsOwn,
    };

    #[tokio::test]
    async fn a_first_bit_that_is_set_makes_another_name_and_not_with_the_good_one() {
        let mut leaf = chain("a.test", &P256Key::generate(&env(), "leaf"), 90).leaf().clone();
        for (serial, is_same) in [(&[0, 0x87][..], false), (&[0x65], true)] {
            leaf.id = Some(CertId::new(b"authority", serial));
            assert_eq!(ItsOwn.of(&leaf), leaf.id);
            assert_eq!(SerialWithoutItsZero.of(&leaf) == leaf.id, is_same);
        }
    }
}
