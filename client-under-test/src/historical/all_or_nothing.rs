//! A good certificate that can't be served for its metadata (Caddy's certmagic, to this day).
//!
//! <https://github.com/caddyserver/caddy/issues/6481>,
//! <https://github.com/caddyserver/caddy/issues/7439>,
//! <https://github.com/caddyserver/certmagic/issues/303>
//!
//! certmagic loads a certificate, its key and its metadata as one resource. Metadata with an extra `}`, which is
//! what two writers at once left there, was an error of the whole: the certificate and key beside it, both good,
//! were not loaded, nothing was issued in their place, and visitors got TLS alert 80 until a person deleted the
//! directory. Upgrading to a release that writes atomically did not repair what was there.
//!
//! Seam: [`CertificateRequirement`]. To be caught by **V9** after a restart with metadata that does not parse:
//! visitors are no longer served; and by **L6**: the metadata stays as it is. Our manager counts a set that it has
//! failed to read three times as lost and orders another, so that here the outage ends after some minutes.

use std::{io, path::Path};

use crate::storage::{Storage, certificate::CertificateRequirement, medium::Answer};

/// Metadata, if it is there, has to parse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllOrNothing;

impl CertificateRequirement for AllOrNothing {
    fn check<'a>(&'a self, storage: &'a Storage, metadata: &'a Path) -> Answer<'a, ()> {
        Box::pin(async move {
            match storage.env().disk().read(metadata).await {
                Ok(bytes) => serde_json::from_slice::<serde_json::Value>(&bytes).map(drop).map_err(io::Error::from),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(e) => Err(e),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{certificate::SetAlone, tests::storage};

    #[tokio::test]
    async fn a_brace_too_many_is_held_against_the_certificate_and_not_with_the_good_requirement() {
        let (directory, storage) = storage();
        let path = directory.path().join("x.json");
        AllOrNothing.check(&storage, &path).await.unwrap();
        std::fs::write(&path, "{}").unwrap();
        AllOrNothing.check(&storage, &path).await.unwrap();
        std::fs::write(&path, "{}}").unwrap();
        assert!(AllOrNothing.check(&storage, &path).await.is_err());
        SetAlone.check(&storage, &path).await.unwrap();
    }
}
