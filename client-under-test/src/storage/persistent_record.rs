//! TXT records that stay (dns-persist-01): what was granted for a domain, to which account, and until when. One file for
//! each domain.
//!
//! Written before a record is presented and after it was removed, so that it is known of each record that it may be in its
//! zone. All hosts on the storage share them: whoever renews uses the record that another has presented.

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Storage, file_name, lock::Lease};
use crate::{manager::dns01::TxtRecord, name::Name};

/// A record that may be in its zone, with what it grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersistentRecord {
    /// The record, where aliases led to.
    pub record: TxtRecord,
    /// The name of the CA that it is for.
    pub issuer: String,
    /// The address of the account that it is for.
    pub account: String,
    /// Whether it is for the names directly below the domain too.
    pub is_for_wildcard: bool,
    /// When it was begun, in seconds since 1970.
    pub begun: i64,
    /// When it ends, in seconds since 1970; `None` if it does not.
    pub until: Option<i64>,
    /// The host that has presented it.
    pub presented_by: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct OfDomain {
    domain: String,
    /// The last one is that which counts; those before it are to be removed.
    records: Vec<PersistentRecord>,
}

impl Storage {
    /// Keeps other hosts from changing the records of `domain` while the lease is held.
    ///
    /// # Errors
    /// The disk's; or that another host has held it for half an hour.
    pub async fn lock_persistent_records(&self, domain: &Name) -> io::Result<Lease> {
        self.lock(&format!("{}-persistent-records-{}", self.issuer, file_name(domain))).await
    }

    /// The records of `domain`, the one that counts at the end. A file that holds none is put aside.
    ///
    /// # Errors
    /// The disk's, if they are not known.
    pub async fn persistent_records(&self, domain: &Name) -> io::Result<Vec<PersistentRecord>> {
        Ok(self.read_records(&file_name(domain)).await?.map_or_else(Vec::new, |found| found.records))
    }

    /// Remembers the records of `domain`; with none left, nothing.
    ///
    /// # Errors
    /// The disk's.
    pub async fn store_persistent_records(&self, domain: &Name, records: &[PersistentRecord]) -> io::Result<()> {
        let path = self.persistent_records_file(&file_name(domain));
        if records.is_empty() {
            return self.medium.remove(&path).await;
        }
        let found = OfDomain { domain: domain.to_string(), records: records.to_vec() };
        let bytes = serde_json::to_vec(&found).expect("a struct of texts and numbers has a JSON form");
        self.medium.write(&path, &bytes).await
    }

    /// The records of all domains, each as [`Self::persistent_records`] has them.
    ///
    /// # Errors
    /// The disk's, if they are not known.
    pub async fn all_persistent_records(&self) -> io::Result<Vec<(Name, Vec<PersistentRecord>)>> {
        let mut all = Vec::new();
        for entry in self.medium.list(&self.persistent_records_directory()).await? {
            let Some(found) = self.read_records(&entry).await? else { continue };
            let domain = found.domain.parse::<Name>().ok().filter(|domain| file_name(domain) == entry);
            all.extend(domain.map(|domain| (domain, found.records)));
        }
        Ok(all)
    }

    async fn read_records(&self, entry: &str) -> io::Result<Option<OfDomain>> {
        let path = self.persistent_records_file(entry);
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        let found = serde_json::from_slice(&bytes).ok();
        if found.is_none() {
            self.quarantine(&path).await;
        }
        Ok(found)
    }

    fn persistent_records_file(&self, entry: &str) -> PathBuf {
        self.persistent_records_directory().join(entry).join(format!("{entry}.json"))
    }
}

/// Whether `bytes` are the records of a domain.
pub(super) fn are_records(bytes: &[u8]) -> bool {
    serde_json::from_slice::<OfDomain>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::storage;

    fn record(until: Option<i64>) -> PersistentRecord {
        PersistentRecord {
            record: TxtRecord { name: "_validation-persist.a.test".into(), value: "ca.test".into() },
            issuer: "ca.test".into(),
            account: "https://ca.test/account/1".into(),
            is_for_wildcard: false,
            begun: 1,
            until,
            presented_by: "client".into(),
        }
    }

    #[tokio::test]
    async fn records_are_remembered_by_domain_until_none_is_left() {
        let (_directory, storage) = storage();
        let domain: Name = "a.test".parse().unwrap();
        assert_eq!(storage.persistent_records(&domain).await.unwrap(), []);
        let both = [record(None), record(Some(7))];
        storage.store_persistent_records(&domain, &both).await.unwrap();
        assert_eq!(storage.persistent_records(&domain).await.unwrap(), both);
        assert_eq!(storage.all_persistent_records().await.unwrap(), [(domain.clone(), both.to_vec())]);
        storage.store_persistent_records(&domain, &[]).await.unwrap();
        assert_eq!(storage.all_persistent_records().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_file_that_holds_no_records_is_put_aside() {
        let (_directory, storage) = storage();
        let domain: Name = "a.test".parse().unwrap();
        storage.store_persistent_records(&domain, &[record(None)]).await.unwrap();
        let path = storage.persistent_records_file("a.test");
        std::fs::write(&path, r#"{"domain": "a.test", "records": [{}]}"#).unwrap();
        assert_eq!(storage.all_persistent_records().await.unwrap(), []);
        assert!(!path.exists() && path.with_file_name("a.test.json.bad").exists());
    }
}
