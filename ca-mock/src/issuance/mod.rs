//! Issuance: the CA's hierarchy and what it signs.
//!
//! Nothing here uses the machine's clock or a generator of rcgen's own: serial numbers, dates and key identifiers are
//! all set. Two hierarchies: one that certificates are issued from, one for the API's own HTTPS certificate.

mod api_identity;
mod authority;
mod authority_key;
mod hierarchy;
mod leaf;
mod subject_key;

use sim::{Env, UtcDateTime};

pub(crate) use api_identity::ApiIdentity;
pub use api_identity::ApiIdentityFlaw;
pub(crate) use authority::{Authority, to_pem};
use authority_key::AuthorityKey;
pub use authority_key::KeyAlgorithm;
use hierarchy::{Chain, Chains};
pub use hierarchy::{CrossSign, Hierarchy};
pub use leaf::LeafUrls;

use crate::{
    certificates::{Certificate, CertificateId, Serial},
    config::Config,
    csr::Csr,
    ids::AccountId,
    validity::RequestedValidity,
};

/// The authority that certificates are issued from.
pub(crate) struct Issuance(Chains);

impl Issuance {
    pub(crate) fn new(env: &Env, hierarchy: &Hierarchy) -> Self {
        Self(Chains::new(env, hierarchy))
    }

    /// How a certificate can be chained to a root, in the order of the chains' numbers.
    pub(crate) fn chains(&self) -> &[Chain] {
        self.0.all()
    }

    /// The number of the chain that is given to those who do not choose.
    pub(crate) fn default_chain(&self, now: UtcDateTime) -> usize {
        self.0.default_number(now)
    }

    /// What signs all leaves, under the first root.
    pub(crate) fn issuer(&self) -> &Authority {
        self.0.first().issuer()
    }

    pub(crate) fn root_pem(&self) -> String {
        self.0.first().root.pem()
    }

    /// `certificate` and its issuers, without the root (RFC 8555 §9.1); `None` if there is no chain of this number.
    pub(crate) fn chain_pem(&self, certificate: &Certificate, number: usize) -> Option<String> {
        let issuers = self.chains().get(number)?.intermediates.iter().map(|issuer| issuer.pem());
        Some(std::iter::once(to_pem(&certificate.der)).chain(issuers).collect())
    }

    /// Signs a certificate with this serial number for the names and the key of `csr`, which must have been checked
    /// against its order, as the order's profile has it.
    pub(crate) fn issue(
        &self,
        env: &Env,
        config: &Config,
        account: AccountId,
        (profile, requested): (Option<&str>, RequestedValidity),
        serial: Serial,
        csr: &Csr,
    ) -> Certificate {
        let profile = config.profiles.find(profile);
        let (leaf, not_before, not_after) =
            leaf::sign(env, config, (&profile, requested), (&serial, csr), self.issuer());
        Certificate {
            id: CertificateId { authority_key_identifier: self.issuer().key_identifier.clone(), serial },
            account,
            identifiers: csr.names.iter().cloned().collect(),
            key: csr.key.thumbprint(),
            der: leaf,
            not_before,
            not_after,
            revocation: None,
            replaced_by: None,
            window: None,
            renewal_info: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

    use x509_parser::prelude::*;

    use super::*;
    use crate::{
        identifier::Identifier,
        jwk::{KeyType, PublicKey},
        profiles::Profile,
        testing,
        timestamp::after,
    };

    const P256: PublicKey = PublicKey::P256([1; 32], [2; 32]);

    fn csr(key: PublicKey) -> Csr {
        let names: BTreeSet<_> = ["a.example", "b.example"].map(|name| Identifier::parse(name).unwrap()).into();
        Csr { key, names, common_name: None, must_staple: false }
    }

    fn issued(config: &Config, csr: &Csr) -> (Issuance, Certificate) {
        testing::with_env(|env| {
            let issuance = Issuance::new(&env, &config.hierarchy);
            let profile = config.profiles.choose(&env, None).unwrap();
            let certificate = {
                let wishes = (profile.as_deref(), RequestedValidity::default());
                issuance.issue(&env, config, AccountId::draw(&env), wishes, Serial::draw(&env), csr)
            };
            (issuance, certificate)
        })
    }

    /// The certificates in DER, leaf first and root last.
    fn path(issuance: &Issuance, certificate: &Certificate, number: usize) -> Vec<Vec<u8>> {
        let pem = issuance.chain_pem(certificate, number).unwrap();
        assert!(!pem.contains('\r'));
        let shown = ::pem::parse_many(&pem).unwrap().into_iter().map(::pem::Pem::into_contents);
        shown.chain([issuance.chains()[number].root.der().to_vec()]).collect()
    }

    #[track_caller]
    fn check_path(path: &[Vec<u8>]) {
        let parsed: Vec<_> = path.iter().map(|der| X509Certificate::from_der(der).unwrap().1).collect();
        for (below, above) in parsed.iter().zip(parsed.iter().skip(1).chain(parsed.last())) {
            assert_eq!(below.issuer(), above.subject());
            below.verify_signature(Some(above.public_key())).unwrap();
        }
    }

    #[test]
    fn a_leaf_says_what_the_profile_says() {
        let config = Config::default();
        let (issuance, certificate) = issued(&config, &csr(P256));
        let (rest, leaf) = X509Certificate::from_der(&certificate.der).unwrap();
        assert!(rest.is_empty());
        assert_eq!(leaf.raw_serial(), certificate.id.serial.octets());
        assert_eq!(leaf.subject().iter().count(), 0);
        let life = leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp() + 1;
        assert_eq!(u64::try_from(life).unwrap(), config.validity.as_secs());

        let names = leaf.subject_alternative_name().unwrap().unwrap();
        assert!(names.critical);
        assert_eq!(names.value.general_names, ["a.example", "b.example"].map(GeneralName::DNSName));
        assert!(!leaf.basic_constraints().unwrap().unwrap().value.ca);
        assert!(leaf.key_usage().unwrap().unwrap().value.digital_signature());
        assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
        // KU, EKU, BC, AKI and SAN, as Pebble has it, and nothing that was not configured.
        assert_eq!(leaf.extensions().len(), 5);
        assert_eq!(PublicKey::from_spki(leaf.public_key()).unwrap(), P256);
        let path = path(&issuance, &certificate, 0);
        assert_eq!(path.len(), 3);
        check_path(&path);
    }

    #[test]
    fn a_profile_can_promote_a_name_and_a_configuration_can_name_urls_and_a_csr_can_ask_for_stapling() {
        let url = |path: &str| Some(format!("http://ca.test/{path}"));
        let mut config = Config {
            leaf_urls: LeafUrls { ocsp: url("ocsp"), issuer: url("issuer"), crl: url("crl") },
            ..Config::default()
        };
        let validity = Some(Duration::from_secs(160 * 3600));
        let profile = Profile { promotes_common_name: true, validity, ..Profile::default() };
        config.profiles.offered.insert("shortlived".to_owned(), profile);
        let (_, certificate) = issued(&config, &Csr { must_staple: true, ..csr(P256) });
        let (_, leaf) = X509Certificate::from_der(&certificate.der).unwrap();
        assert_eq!(leaf.subject().to_string(), "CN=a.example");
        assert!(!leaf.subject_alternative_name().unwrap().unwrap().critical);
        assert_eq!(certificate.not_after, after(certificate.not_before, Duration::from_secs(160 * 3600 - 1)));
        let parsed = leaf.extensions().iter().map(X509Extension::parsed_extension);
        let said: Vec<String> = parsed.map(|extension| format!("{extension:?}")).collect();
        for part in ["http://ca.test/ocsp", "http://ca.test/issuer", "http://ca.test/crl"] {
            assert!(said.iter().any(|extension| extension.contains(part)), "{part} in {said:#?}");
        }
        assert!(leaf.extensions().iter().any(|extension| extension.value == [0x30, 0x03, 0x02, 0x01, 0x05]));
    }

    #[test]
    fn every_key_that_a_csr_may_have_is_written_as_it_was_read() {
        let mut modulus = vec![0xc5; 256];
        modulus[255] = 1;
        let rsa = PublicKey::Rsa { modulus, kind: KeyType::Rsa2048 };
        for key in [PublicKey::P384([3; 48], [4; 48]), rsa, PublicKey::Ed25519([5; 32])] {
            let (_, certificate) = issued(&Config::default(), &csr(key.clone()));
            let (_, leaf) = X509Certificate::from_der(&certificate.der).unwrap();
            assert_eq!(PublicKey::from_spki(leaf.public_key()).unwrap(), key);
        }
    }

    #[test]
    fn a_leaf_is_good_under_every_chain_and_an_old_root_hands_over_at_its_time() {
        const DAY: Duration = Duration::from_secs(86_400);
        let cross_sign = CrossSign { lifetime: 30 * DAY, default_for: 40 * DAY };
        let hierarchy = Hierarchy {
            intermediates: NonZeroU32::new(2).unwrap(),
            alternate_roots: 1,
            cross_sign: Some(cross_sign),
            ..Hierarchy::default()
        };
        let (issuance, certificate) = issued(&Config { hierarchy, ..Config::default() }, &csr(P256));
        assert_eq!(issuance.chains().len(), 3);
        for (number, length) in [(0, 4), (1, 4), (2, 5)] {
            let path = path(&issuance, &certificate, number);
            assert_eq!(path.len(), length);
            check_path(&path);
        }
        assert_eq!(issuance.chain_pem(&certificate, 3), None);

        let begun = after(certificate.not_before, Config::default().backdate);
        assert_eq!(issuance.default_chain(begun), 2);
        assert_eq!(issuance.default_chain(after(begun, 41 * DAY)), 0);
        let cross = &path(&issuance, &certificate, 2)[3];
        let (_, cross) = X509Certificate::from_der(cross).unwrap();
        assert_eq!(cross.validity().not_after.timestamp(), after(begun, 30 * DAY).unix_timestamp());
    }

    #[test]
    fn rsa_authorities_sign_leaves_of_any_kind() {
        let hierarchy = Hierarchy { key_algorithm: KeyAlgorithm::Rsa2048, ..Hierarchy::default() };
        let (issuance, certificate) = issued(&Config { hierarchy, ..Config::default() }, &csr(P256));
        check_path(&path(&issuance, &certificate, 0));
    }
}
