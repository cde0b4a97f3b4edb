//! TXT records that were presented and are to be removed, one file each, apart for each host.
//!
//! Written before a record is presented and removed after it, so that after a crash none is left in the zone. What a host
//! left behind that did not come back is removed by the others after a day.

use std::{io, path::PathBuf};

use sha2::{Digest, Sha256};

use super::{Storage, atomic, hex};
use crate::manager::dns01::TxtRecord;

impl Storage {
    /// Remembers that `record` may be in its zone.
    ///
    /// # Errors
    /// The disk's.
    pub async fn store_dns_record(&self, record: &TxtRecord) -> io::Result<()> {
        let bytes = serde_json::to_vec(record).expect("a struct of texts has a JSON form");
        self.medium.write(&self.own_dns_records().join(file(record)), &bytes).await
    }

    /// Forgets `record`, wherever it is remembered.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove_dns_record(&self, record: &TxtRecord) -> io::Result<()> {
        for host in self.medium.list(&self.dns_records_directory()).await? {
            let path = self.dns_records_directory().join(host).join(file(record));
            if matches!(self.medium.modified(&path).await, Ok(Some(_))) {
                self.medium.remove(&path).await?;
            }
        }
        Ok(())
    }

    /// What this host has presented, and what others have left behind. A file that holds no record is put aside.
    ///
    /// # Errors
    /// The disk's, if that is not known.
    pub async fn dns_records(&self) -> io::Result<Vec<TxtRecord>> {
        let mut records = Vec::new();
        for host in self.medium.list(&self.dns_records_directory()).await? {
            let directory = self.dns_records_directory().join(host);
            for entry in self.medium.list(&directory).await? {
                let path = directory.join(&entry);
                let is_left_to_us = path.starts_with(self.own_dns_records()) || self.is_abandoned(&path).await;
                if !entry.ends_with(".json") || entry.starts_with('.') || !is_left_to_us {
                    continue;
                }
                let Some(bytes) = self.read(&path).await? else { continue };
                match serde_json::from_slice(&bytes) {
                    Ok(record) => records.push(record),
                    Err(_) => self.quarantine(&path).await,
                }
            }
        }
        Ok(records)
    }

    fn own_dns_records(&self) -> PathBuf {
        self.dns_records_directory().join(atomic::host_label(self.env.host_name()))
    }
}

/// The file's name: short, and distinct for distinct records.
fn file(record: &TxtRecord) -> String {
    let digest = Sha256::digest(format!("{} {}", record.name, record.value));
    format!("{}.json", hex(&digest[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::storage;

    #[tokio::test]
    async fn a_record_is_remembered_until_it_is_removed_and_bad_files_are_put_aside() {
        let (_directory, storage) = storage();
        assert_eq!(storage.dns_records().await.unwrap(), []);
        let record = |value: &str| TxtRecord { name: "_acme-challenge.a.test".into(), value: value.into() };
        for value in ["one", "two", "two"] {
            storage.store_dns_record(&record(value)).await.unwrap();
        }
        std::fs::write(storage.own_dns_records().join("bad.json"), "{}}").unwrap();
        let mut found = storage.dns_records().await.unwrap();
        found.sort();
        assert_eq!(found, [record("one"), record("two")]);
        assert!(storage.own_dns_records().join("bad.json.bad").exists());
        storage.remove_dns_record(&record("one")).await.unwrap();
        assert_eq!(storage.dns_records().await.unwrap(), [record("two")]);
    }

    #[tokio::test]
    async fn what_another_host_has_presented_is_left_alone() {
        let (_directory, storage) = storage();
        let record = TxtRecord { name: "_acme-challenge.a.test".into(), value: "one".into() };
        storage.store_dns_record(&record).await.unwrap();
        std::fs::rename(storage.own_dns_records(), storage.dns_records_directory().join("neighbour")).unwrap();
        assert_eq!(storage.dns_records().await.unwrap(), []);
    }
}
