//! Certificate files that a configuration or a flag names.

use std::sync::Arc;

use ca_mock::pebble::{At, Identity, Remark};
use rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    Certificate,
    Key,
}

/// Reads both files, or tells what is wrong with either, at the place where it is named.
pub(crate) fn load(identity: &Identity) -> Result<Arc<CertifiedKey>, Vec<Remark>> {
    read(&identity.certificate.value, &identity.private_key.value).map_err(|mistakes| {
        let remark = |(file, why): (File, String)| {
            let at = if file == File::Certificate { &identity.certificate } else { &identity.private_key };
            At { value: format!("{}: {why}", at.value), ..at.clone() }
        };
        mistakes.into_iter().map(remark).collect()
    })
}

/// Reads both files, or tells what is wrong with either.
pub(crate) fn read(certificate: &str, private_key: &str) -> Result<Arc<CertifiedKey>, Vec<(File, String)>> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|e| e.to_string())
        .and_then(|chain| if chain.is_empty() { Err("no certificate in PEM".to_owned()) } else { Ok(chain) })
        .map_err(|e| (File::Certificate, e));
    let key = PrivateKeyDer::from_pem_file(private_key)
        .map_err(|e| e.to_string())
        .and_then(|key| any_supported_type(&key).map_err(|e| e.to_string()))
        .map_err(|e| (File::Key, e));
    match (chain, key) {
        (Ok(chain), Ok(key)) => {
            let certified = CertifiedKey::new(chain, key);
            match certified.keys_match() {
                // Some kinds of keys can't be compared.
                Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                    Ok(Arc::new(certified))
                }
                Err(e) => Err(vec![(File::Key, format!("not the certificate's key: {e}"))]),
            }
        }
        (chain, key) => Err([chain.err(), key.err()].into_iter().flatten().collect()),
    }
}
