//! [`StatusSources`]: where a certificate says that its status can be asked for, and whether it is to be shown with it.

use url::Url;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{DistributionPointName, GeneralName, ParsedExtension},
};

/// RFC 5280 §4.2.2.1: `id-ad-ocsp`.
const ACCESS_OCSP: &str = "1.3.6.1.5.5.7.48.1";
/// RFC 7633 §4: `id-pe-tlsfeature`.
pub(crate) const TLS_FEATURE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 24];
/// RFC 7633 §4.2.1: `status_request`, as TLS numbers it (RFC 6066 §8).
const STATUS_REQUEST: u16 = 5;

/// Where the status can be asked for. An address that is none, or not plain HTTP, is as if it were not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusSources {
    /// The OCSP responder (RFC 5280 §4.2.2.1).
    pub responder: Option<Url>,
    /// The revocation list (RFC 5280 §4.2.1.13).
    pub list: Option<Url>,
    /// Whether the certificate asks to be shown only with an OCSP response (RFC 7633, "must-staple").
    pub must_staple: bool,
}

impl StatusSources {
    pub(crate) fn read(certificate: &X509Certificate<'_>) -> Self {
        let mut sources = Self::default();
        for extension in certificate.extensions() {
            if let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() {
                let responders =
                    access.accessdescs.iter().filter(|access| access.access_method.to_id_string() == ACCESS_OCSP);
                sources.responder = responders.filter_map(|access| plain_http(&access.access_location)).next();
            } else if let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() {
                let names = points.iter().filter_map(|point| point.distribution_point.as_ref());
                let names = names.filter_map(|name| match name {
                    DistributionPointName::FullName(names) => Some(names),
                    DistributionPointName::NameRelativeToCRLIssuer(_) => None,
                });
                sources.list = names.flatten().filter_map(plain_http).next();
            } else if extension.oid.iter().is_some_and(|arcs| arcs.eq(TLS_FEATURE.iter().copied())) {
                let features = yasna::parse_der(extension.value, |features| {
                    features.collect_sequence_of(|feature| feature.read_u16())
                });
                sources.must_staple = features.is_ok_and(|features| features.contains(&STATUS_REQUEST));
            }
        }
        sources
    }
}

/// What [`TLS_FEATURE`] says of a certificate that is to be stapled, DER.
pub(crate) fn status_request() -> Vec<u8> {
    yasna::construct_der(|features| features.write_sequence(|features| features.next().write_u16(STATUS_REQUEST)))
}

fn plain_http(name: &GeneralName<'_>) -> Option<Url> {
    let GeneralName::URI(text) = name else { return None };
    Url::parse(text).ok().filter(|url| url.scheme() == "http" && url.has_host())
}
