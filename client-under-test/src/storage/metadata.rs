//! What is known of a certificate besides itself, `<name>.json`: the CA's suggestion when to renew.
//!
//! Advisory: if it is missing, unreadable or about another certificate, it is as if nothing were known,
//! and the CA is asked again.

use std::{fmt::Debug, io, time::Duration};

use serde::{Deserialize, Serialize};
use time::UtcDateTime;

use super::Storage;
use crate::{
    acme::{
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

/// The file's content. Every field may be missing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    certificate: Option<String>,
    window_start: Option<String>,
    window_end: Option<String>,
    selected: Option<String>,
    answered: Option<String>,
    retry_after: Option<Duration>,
}

impl Metadata {
    fn of(ari: &Ari) -> Self {
        let suggestion = ari.suggestion.as_ref();
        let time = |pick: fn(&Suggestion) -> UtcDateTime| suggestion.map(pick).and_then(format_time);
        Self {
            certificate: Some(ari.certificate.as_str().to_owned()),
            window_start: time(|suggestion| suggestion.window.start()),
            window_end: time(|suggestion| suggestion.window.end()),
            selected: time(|suggestion| suggestion.selected),
            answered: ari.answered.and_then(format_time),
            retry_after: ari.retry_after,
        }
    }

    fn ari(&self, certificate: &CertId, owner: &dyn MetadataOwner) -> Option<Ari> {
        if !owner.is_about(self.certificate.as_deref(), certificate) {
            return None;
        }
        let time = |text: &Option<String>| text.as_deref().and_then(parse_time);
        let suggestion = || {
            let window = Window::new(time(&self.window_start)?, time(&self.window_end)?)?;
            let selected = time(&self.selected)?;
            (window.start() <= selected && selected <= window.end()).then_some(Suggestion { window, selected })
        };
        Some(Ari {
            certificate: certificate.clone(),
            suggestion: suggestion(),
            answered: Some(time(&self.answered)?),
            retry_after: self.retry_after,
        })
    }
}

impl Storage {
    /// Remembers what the CA suggested for `name`'s certificate.
    ///
    /// # Errors
    /// The disk's; then the CA is merely asked once more after a restart.
    pub async fn store_ari(&self, name: &Name, ari: &Ari) -> io::Result<()> {
        let bytes = serde_json::to_vec(&Metadata::of(ari)).expect("a struct of texts has a JSON form");
        self.writer.write(&self.env, &self.certificate_file(name, "json"), &bytes).await
    }

    /// What the CA suggested for `certificate`, if that is known.
    pub async fn load_ari(&self, name: &Name, certificate: &CertId) -> Option<Ari> {
        let bytes = self.read(&self.certificate_file(name, "json")).await.ok()??;
        serde_json::from_slice::<Metadata>(&bytes).ok()?.ari(certificate, &*self.metadata_owner)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

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
        for content in ["", "{", "null", "[]", "{}", &whole[..whole.len() - 1], &format!("{whole}}}")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(storage.load_ari(&name, &id).await, None, "{content}");
        }
        let outside = whole.replace("2026-12-02T", "2027-12-02T");
        std::fs::write(&path, outside).unwrap();
        assert_eq!(storage.load_ari(&name, &id).await.unwrap().suggestion, None);
    }
}
