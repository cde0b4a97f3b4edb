//! Orders that were begun, `<name>.pending`: the order's address and the key of its certificate.
//!
//! Written as soon as the CA has named the order, so that after a crash the order is continued or
//! given up, not forgotten; removed once its certificate is stored or the order is over.

use std::io;

use serde::{Deserialize, Serialize};
use sim::crypto::P256Key;
use time::UtcDateTime;

use super::Storage;
use crate::{
    acme::{
        address::Address,
        reading::{format_time, parse_time},
    },
    name::Name,
};

/// An order that was begun.
#[derive(Clone, Debug)]
pub struct PendingOrder {
    /// Its address.
    pub url: Address,
    /// The key that its certificate will be for.
    pub key: P256Key,
    /// When it was begun, by this host's clock.
    pub begun: UtcDateTime,
}

#[derive(Serialize, Deserialize)]
struct Record {
    /// Whose order it is: to go on with another name's would harm that name.
    name: String,
    order: String,
    key: String,
    begun: String,
}

impl Storage {
    /// Remembers an order.
    ///
    /// # Errors
    /// The disk's.
    pub async fn store_pending(&self, name: &Name, pending: &PendingOrder) -> io::Result<()> {
        let record = Record {
            name: name.to_string(),
            order: pending.url.to_string(),
            key: pending.key.to_pem(),
            begun: format_time(pending.begun).unwrap_or_default(),
        };
        let bytes = serde_json::to_vec(&record).expect("a struct of texts has a JSON form");
        self.medium.write(&self.certificate_file(name, "pending"), &bytes).await
    }

    /// The order that was begun for `name`, if there is one. A record that can't be read, or is of another
    /// name's order, is put aside: it may hold the key of a certificate.
    ///
    /// # Errors
    /// The disk's, if it is not known whether there is one.
    pub async fn load_pending(&self, name: &Name) -> io::Result<Option<PendingOrder>> {
        let path = self.certificate_file(name, "pending");
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        let pending = parse(&bytes, name);
        if pending.is_none() {
            self.quarantine(&path).await;
        }
        Ok(pending)
    }

    /// Forgets the order that was begun for `name`.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove_pending(&self, name: &Name) -> io::Result<()> {
        self.medium.remove(&self.certificate_file(name, "pending")).await
    }
}

/// The order that `bytes` tell of, if it is one of `name`'s.
pub(super) fn parse(bytes: &[u8], name: &Name) -> Option<PendingOrder> {
    let record: Record = serde_json::from_slice(bytes).ok().filter(|record: &Record| record.name == name.as_str())?;
    Some(PendingOrder {
        url: record.order.parse().ok()?,
        key: P256Key::from_pem(&record.key).ok()?,
        begun: parse_time(&record.begun)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{acme::certificate::tests::env, storage::tests::storage};

    #[tokio::test]
    async fn a_begun_order_is_found_again_until_it_is_removed() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        let pending = PendingOrder {
            url: "https://ca.test/order/1".parse().unwrap(),
            key: P256Key::generate(&env(), "certificate"),
            begun: time::macros::utc_datetime!(2026-11-21 00:00:00),
        };
        storage.store_pending(&name, &pending).await.unwrap();
        let found = storage.load_pending(&name).await.unwrap().unwrap();
        assert_eq!((found.url, found.begun), (pending.url, pending.begun));
        storage.remove_pending(&name).await.unwrap();
        storage.remove_pending(&name).await.unwrap();
        assert!(storage.load_pending(&name).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn another_names_record_is_put_aside() {
        let (_directory, storage) = storage();
        let names: [Name; 2] = ["a.test".parse().unwrap(), "b.test".parse().unwrap()];
        let pending = PendingOrder {
            url: "https://ca.test/order/1".parse().unwrap(),
            key: P256Key::generate(&env(), "certificate"),
            begun: time::macros::utc_datetime!(2026-11-21 00:00:00),
        };
        storage.store_pending(&names[0], &pending).await.unwrap();
        let [path, others] = names.each_ref().map(|name| storage.certificate_file(name, "pending"));
        std::fs::create_dir_all(others.parent().unwrap()).unwrap();
        std::fs::copy(&path, &others).unwrap();
        assert!(storage.load_pending(&names[1]).await.unwrap().is_none());
        assert!(!others.exists() && storage.load_pending(&names[0]).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_broken_record_is_put_aside() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        let path = storage.certificate_file(&name, "pending");
        storage.medium.write(&path, b"{\"order\": \"https://ca.test/order/1\"}}").await.unwrap();
        assert!(storage.load_pending(&name).await.unwrap().is_none());
        assert!(!path.exists() && path.with_extension("pending.bad").exists());
    }
}
