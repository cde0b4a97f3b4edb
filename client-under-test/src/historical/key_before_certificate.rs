//! A new key that takes the old one's place before there is a certificate for it (acme.sh, reported in 2025).
//!
//! <https://github.com/acmesh-official/acme.sh/issues/6621>,
//! <https://github.com/fabriziosalmi/certmate/pull/617>
//!
//! Told to use a new key for each certificate, acme.sh wrote it over the old one and then asked the CA. When the CA refused,
//! key and certificate on disk did not match, and the web server did not come up again after its next restart.
//!
//! Seam: [`OrderNote`]. To be caught with a renewal that fails by **M2**, key and certificate do not belong together, and with a
//! restart by **V9**.

use crate::{
    manager::order_note::{Noted, OrderNote},
    name::Name,
    storage::{Storage, pending::PendingOrder},
};

/// Writes the new key where the certificate's is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyBeforeCertificate;

impl OrderNote for KeyBeforeCertificate {
    fn note<'a>(&'a self, storage: &'a Storage, name: &'a Name, pending: &'a PendingOrder) -> Noted<'a> {
        Box::pin(async move {
            storage.store_pending(name, pending).await?;
            if let Some(former) = storage.load_certificate(name).await? {
                for path in [storage.certificate_file(name, "key"), storage.own_key_file(name, former.leaf())] {
                    storage.medium().write(&path, pending.key.to_pem().as_bytes()).await?;
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;

    use super::*;
    use crate::{
        acme::certificate::tests::{BEGIN, chain, env},
        manager::order_note::SlotOfItsOwn,
        storage::{certificate::CertificateSet, lock::Lease, tests::storage},
    };

    #[tokio::test]
    async fn what_was_stored_is_a_pair_no_more_and_stays_one_with_the_good_note() {
        let notes: [(&dyn OrderNote, bool); 2] = [(&KeyBeforeCertificate, false), (&SlotOfItsOwn, true)];
        for (note, is_good) in notes {
            let (_directory, storage) = storage();
            let name: Name = "a.test".parse().unwrap();
            let [old, new] = ["old", "new"].map(|purpose| P256Key::generate(&env(), purpose));
            let set = CertificateSet::new(chain("a.test", &old, 90), old).unwrap();
            storage.store_certificate(&name, &set, &Lease::unlocked()).await.unwrap();
            let pending = PendingOrder { url: "https://ca.test/order/1".parse().unwrap(), key: new, begun: BEGIN };
            note.note(&storage, &name, &pending).await.unwrap();
            assert_eq!(storage.load_certificate(&name).await.unwrap().is_some(), is_good);
        }
    }
}
