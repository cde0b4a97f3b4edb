//! The certificate files that the configuration names for HTTPS.

use std::sync::Arc;

use ca_mock::pebble::{At, Identity, Remark};
use rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

/// Reads both files, or tells what is wrong with either, at the place where it is named.
pub(crate) fn load(identity: &Identity) -> Result<Arc<CertifiedKey>, Vec<Remark>> {
    let mistake = |at: &At<String>, why: String| At { value: format!("{}: {why}", at.value), ..at.clone() };
    let chain = CertificateDer::pem_file_iter(&identity.certificate.value)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|e| e.to_string())
        .and_then(|chain| if chain.is_empty() { Err("no certificate in PEM".to_owned()) } else { Ok(chain) })
        .map_err(|e| mistake(&identity.certificate, e));
    let key = PrivateKeyDer::from_pem_file(&identity.private_key.value)
        .map_err(|e| e.to_string())
        .and_then(|key| any_supported_type(&key).map_err(|e| e.to_string()))
        .map_err(|e| mistake(&identity.private_key, e));
    match (chain, key) {
        (Ok(chain), Ok(key)) => {
            let certified = CertifiedKey::new(chain, key);
            match certified.keys_match() {
                // Some kinds of keys can't be compared.
                Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                    Ok(Arc::new(certified))
                }
                Err(e) => Err(vec![mistake(&identity.private_key, format!("not the certificate's key: {e}"))]),
            }
        }
        (chain, key) => Err([chain.err(), key.err()].into_iter().flatten().collect()),
    }
}
