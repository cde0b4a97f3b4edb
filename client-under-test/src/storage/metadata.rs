//! What is known of a certificate besides itself, `<name>.json`: the CA's suggestion when to renew.
//!
//! Advisory: if it is missing, unreadable or about another certificate, it is as if nothing were known,
//! and the CA is asked again.

use std::{fmt::Debug, io, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Storage;
use crate::{
    acme::{
        certificate::Leaf,
        reading::{format_time, parse_time},
        renewal_info::{CertId, Window},
    },
    manager::ari::{Ari, Suggestion},
    name::Name,
};

/// Decides whether what is stored is about the certificate at hand.
pub trait MetadataOwner: Debug + Send + Sync {
    /// Whether what says that it is about `stored` may be taken for what is known of `certificate`.
    fn is_about(&self, stored: Option<&str>, certificate: &CertId) -> bool;
}

/// Only what is about this very certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThisCertificate;

impl MetadataOwner for ThisCertificate {
    fn is_about(&self, stored: Option<&str>, certificate: &CertId) -> bool {
        stored == Some(certificate.as_str())
    }
}

/// Decides where what is known of a certificate is written.
pub trait MetadataPlace: Debug + Send + Sync {
    /// Whether it may be, given whether the storage holds that certificate, or another one by now.
    fn may_be_written(&self, is_beside_its_own: bool) -> bool;
}

/// Only where that certificate is: what is known of the next one stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BesideItsOwn;

impl MetadataPlace for BesideItsOwn {
    fn may_be_written(&self, is_beside_its_own: bool) -> bool {
        is_beside_its_own
    }
}

/// The file's content, as Caddy has it. Every field may be missing, and those that are not known here stay.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Metadata {
    sans: Vec<String>,
    issuer_data: IssuerData,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct IssuerData {
    /// The CA's directory.
    ca: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewal_info: Option<StoredInfo>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Renewal information (RFC 9773 §4.2) and what became of it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredInfo {
    #[serde(rename = "suggestedWindow", skip_serializing_if = "Option::is_none")]
    window: Option<StoredWindow>,
    #[serde(rename = "_uniqueIdentifier")]
    certificate: Option<String>,
    #[serde(rename = "_selectedTime", skip_serializing_if = "Option::is_none")]
    selected: Option<String>,
    /// Caddy has none, and is asked again.
    #[serde(rename = "_answered", skip_serializing_if = "Option::is_none")]
    answered: Option<String>,
    #[serde(rename = "_retryAfter", skip_serializing_if = "Option::is_none")]
    retry_after: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredWindow {
    start: String,
    end: String,
}

impl StoredInfo {
    fn of(ari: &Ari) -> Self {
        let suggestion = ari.suggestion.as_ref();
        let window = |suggestion: &Suggestion| {
            let (start, end) = (format_time(suggestion.window.start())?, format_time(suggestion.window.end())?);
            Some(StoredWindow { start, end })
        };
        let retry_after = ari.answered.zip(ari.retry_after).and_then(|(answered, wait)| {
            let wait = time::Duration::try_from(wait).ok()?;
            format_time(answered.checked_add(wait)?)
        });
        Self {
            window: suggestion.and_then(window),
            certificate: Some(ari.certificate.as_str().to_owned()),
            selected: suggestion.and_then(|suggestion| format_time(suggestion.selected)),
            answered: ari.answered.and_then(format_time),
            retry_after,
        }
    }

    fn ari(&self, certificate: &CertId, owner: &dyn MetadataOwner) -> Option<Ari> {
        if !owner.is_about(self.certificate.as_deref(), certificate) {
            return None;
        }
        let time = |text: &Option<String>| text.as_deref().and_then(parse_time);
        let suggestion = || {
            let window = self.window.as_ref()?;
            let window = Window::new(parse_time(&window.start)?, parse_time(&window.end)?)?;
            let selected = time(&self.selected)?;
            (window.start() <= selected && selected <= window.end()).then_some(Suggestion { window, selected })
        };
        let answered = time(&self.answered)?;
        let retry_after = time(&self.retry_after).and_then(|until| Duration::try_from(until - answered).ok());
        Some(Ari { certificate: certificate.clone(), suggestion: suggestion(), answered: Some(answered), retry_after })
    }
}

impl Storage {
    /// Remembers what the CA suggested for `name`'s certificate.
    ///
    /// # Errors
    /// The disk's; then the CA is merely asked once more after a restart.
    pub async fn store_ari(&self, name: &Name, ari: &Ari) -> io::Result<()> {
        let mut metadata = self.metadata(name).await;
        metadata.issuer_data.renewal_info = Some(StoredInfo::of(ari));
        self.store_metadata(name, metadata).await
    }

    /// What the CA suggested for `certificate`, if that is known.
    pub async fn load_ari(&self, name: &Name, certificate: &CertId) -> Option<Ari> {
        self.metadata(name).await.issuer_data.renewal_info?.ari(certificate, &*self.metadata_owner)
    }

    /// Writes down the names of the current certificate, if they are not there yet: Caddy shows no certificate without.
    pub(super) async fn store_names(&self, name: &Name, leaf: &Leaf) -> io::Result<()> {
        let mut metadata = self.metadata(name).await;
        let names: Vec<String> = leaf.names.iter().map(Name::to_string).collect();
        if metadata.sans == names {
            return Ok(());
        }
        metadata.sans = names;
        self.store_metadata(name, metadata).await
    }

    /// Nothing, if it can't be read.
    async fn metadata(&self, name: &Name) -> Metadata {
        let bytes = self.read(&self.certificate_file(name, "json")).await;
        bytes.ok().flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    async fn store_metadata(&self, name: &Name, mut metadata: Metadata) -> io::Result<()> {
        metadata.issuer_data.ca = self.directory_url.to_string();
        let bytes = serde_json::to_vec(&metadata).expect("a struct of texts has a JSON form");
        self.writer.write(self, &self.certificate_file(name, "json"), &bytes).await
    }
}

/// Whether `bytes` are what is known of a certificate.
pub(super) fn is_metadata(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Metadata>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};
    use time::{UtcDateTime, macros::utc_datetime};

    use super::*;
    use crate::storage::tests::storage;

    #[tokio::test]
    async fn a_suggestion_survives_and_anything_else_is_as_if_unknown() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        let id = CertId::new(b"authority", &[1]);
        let window = Window::new(utc_datetime!(2026-12-01 00:00:00), utc_datetime!(2026-12-03 00:00:00)).unwrap();
        let ari = Ari {
            certificate: id.clone(),
            suggestion: Some(Suggestion { window, selected: utc_datetime!(2026-12-02 01:02:03.4) }),
            answered: Some(utc_datetime!(2026-11-21 06:00:00)),
            retry_after: Some(Duration::from_millis(1_500)),
        };
        assert_eq!(storage.load_ari(&name, &id).await, None);
        storage.store_ari(&name, &ari).await.unwrap();
        assert_eq!(storage.load_ari(&name, &id).await, Some(ari));
        assert_eq!(storage.load_ari(&name, &CertId::new(b"authority", &[2])).await, None);

        let path = storage.certificate_file(&name, "json");
        let whole = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        for content in
            ["", "{", "null", "[]", "{}", "{\"issuer_data\": []}", &whole[..whole.len() - 1], &format!("{whole}}}")]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(storage.load_ari(&name, &id).await, None, "{content}");
        }
        let outside = whole.replace("2026-12-02T", "2027-12-02T");
        std::fs::write(&path, outside).unwrap();
        assert_eq!(storage.load_ari(&name, &id).await.unwrap().suggestion, None);
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(64))]

        #[test]
        fn any_suggestion_is_read_as_it_was_written(
            (authority, serial) in (vec(any::<u8>(), 1..21), vec(any::<u8>(), 1..21)),
            suggestion in option::of((0..4_000_000_000_000_u64, 1..10_000_000_000_u64, 0.0..1.0)),
            answered_ms in 0..4_000_000_000_000_u64,
            retry_after_ms in option::of(0..10_000_000_000_u64),
        ) {
            let at = |ms: u64| UtcDateTime::UNIX_EPOCH + Duration::from_millis(ms);
            let suggestion = suggestion.map(|(start_ms, length_ms, share): (_, _, f64)| {
                let window = Window::new(at(start_ms), at(start_ms + length_ms)).unwrap();
                Suggestion { window, selected: window.start() + Duration::from_millis(length_ms).mul_f64(share) }
            });
            let id = CertId::new(&authority, &serial);
            let ari = Ari {
                certificate: id.clone(),
                suggestion,
                answered: Some(at(answered_ms)),
                retry_after: retry_after_ms.map(Duration::from_millis),
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (_directory, storage) = storage();
                let name: Name = "a.test".parse().unwrap();
                storage.store_ari(&name, &ari).await.unwrap();
                assert_eq!(storage.load_ari(&name, &id).await, Some(ari));
            });
        }
    }
}
