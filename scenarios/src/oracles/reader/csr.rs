//! Certificate signing requests: which names they ask for (RFC 2986, RFC 8555 §7.4).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use x509_parser::{certification_request::X509CertificationRequest, extensions::ParsedExtension, prelude::FromDer};

use super::{
    certificate,
    identifier::{Identifier, Identifiers},
};

/// What a CSR asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr {
    /// Subject alternative names, and the common name if it looks like one: a CA may issue for either.
    pub names: Identifiers,
    /// The subject public key's bits.
    pub public_key: Vec<u8>,
}

impl Csr {
    /// Reads DER; `None` if it is no CSR.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, request) = X509CertificationRequest::from_der(der).ok()?;
        let info = &request.certification_request_info;
        let mut names: Identifiers = info
            .subject
            .iter_common_name()
            .filter_map(|name| name.as_str().ok())
            .filter(|name| looks_like_a_name(name))
            .map(Identifier::of_server)
            .collect();
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(alternative) = extension {
                names.extend(certificate::identifiers(&alternative.general_names));
            }
        }
        Some(Self { names, public_key: info.subject_pki.subject_public_key.data.to_vec() })
    }

    /// Reads a finalize payload's `csr` member.
    #[must_use]
    pub fn of_payload(payload: &serde_json::Value) -> Option<Self> {
        Self::read(&URL_SAFE_NO_PAD.decode(payload.get("csr")?.as_str()?).ok()?)
    }
}

fn looks_like_a_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-*:_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{csr, key};

    #[test]
    fn a_common_name_is_a_name_if_it_can_be_one_of_a_host() {
        for (common_name, is_name) in
            [("a.test", true), ("localhost", true), ("2001:db8::1", true), ("Example, Inc.", false)]
        {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
            let csr = Csr::read(params.serialize_request(&key()).unwrap().der()).unwrap();
            assert_eq!(
                csr.names,
                is_name.then(|| Identifier::of_server(common_name)).into_iter().collect(),
                "{common_name}"
            );
        }
    }

    #[test]
    fn the_names_asked_for_are_read() {
        let payload = serde_json::json!({"csr": csr(&["b.test", "a.test"])});
        let names = Csr::of_payload(&payload).unwrap().names;
        assert_eq!(names, ["a.test", "b.test"].map(Identifier::dns).into());
        assert_eq!(Csr::of_payload(&serde_json::json!({"csr": "AAAA"})), None);
    }
}
