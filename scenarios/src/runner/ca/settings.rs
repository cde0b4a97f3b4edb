//! `[ca]`: from the words of the language to the CA's own settings. First comes the preset, then what the file says.

use std::{collections::BTreeMap, num::NonZeroUsize, time::Duration};

use ca_mock::{
    ApiIdentityFlaw, Config, CrossSign, ExternalAccountKeys, IdentifierPolicy, KeyAlgorithm, KeyType, Limit, Preset,
    Profile, RateLimits, SerialNumbers, UnaskedProfile,
};

use super::renewal_info;
use crate::language::{
    self, ApiCertificate, AuthorityKeyAlgorithm, CaSettings, CertificateKey, LimitSettings, NamePolicySettings,
    Percentage, ProfileSettings, PublicSuffixes, Rate,
};

pub(super) fn apply(ca: &CaSettings, config: &mut Config) {
    config.caa_identities = Config::default().caa_identities;
    preset(ca.preset.unwrap_or(language::Preset::StrictRfc)).apply(config);

    profiles(ca, config);
    set(&mut config.validity, ca.validity);
    set(&mut config.backdate, ca.backdate);
    set(&mut config.honors_requested_validity, ca.honors_requested_validity);
    if let Some(ari) = &ca.ari {
        config.renewal_info = ari.enabled;
        config.renewal_info_policy = renewal_info::policy(ari);
    }
    set(&mut config.ocsp_lifetime, ca.ocsp.as_ref().map(|ocsp| ocsp.lifetime));
    set(&mut config.crl_lifetime, ca.crl.as_ref().map(|crl| crl.lifetime));
    set(&mut config.order_lifetime, ca.order_lifetime);
    set(&mut config.pending_authorization_lifetime, ca.pending_authorization_lifetime);
    set(&mut config.valid_authorization_lifetime, ca.authorization_lifetime);
    set(&mut config.authorization_reuse_percent, ca.reuse_authorizations.map(|reuse| if reuse { 100 } else { 0 }));
    set(&mut config.reuses_orders, ca.reuse_orders);
    set(
        &mut config.serial_numbers,
        ca.serial_sign_octet.map(|has_one| match has_one {
            true => SerialNumbers::WITH_SIGN_OCTET,
            false => SerialNumbers::WITHOUT_SIGN_OCTET,
        }),
    );
    set(&mut config.pre_authorization, ca.pre_authorization);
    set(&mut config.subdomain_authorization, ca.subdomain_authorization);
    set(&mut config.identifiers_max, ca.names_max.map(size));
    if let Some(policy) = &ca.name_policy {
        set_name_policy(&mut config.identifier_policy, policy);
    }
    set(&mut config.domain_blocklist, ca.blocklist.as_ref().map(|names| names.0.clone()));
    set(&mut config.certificate_keys, ca.certificate_keys.as_ref().map(|keys| keys.iter().map(key_type).collect()));
    set(&mut config.hierarchy.key_algorithm, ca.key_algorithm.map(key_algorithm));
    set(&mut config.hierarchy.intermediates, ca.chain_length);
    set(&mut config.hierarchy.alternate_roots, ca.alternate_roots);
    config.hierarchy.cross_sign = ca
        .cross_sign
        .as_ref()
        .map(|cross_sign| CrossSign { lifetime: cross_sign.expires, default_for: cross_sign.default_for });
    set(&mut config.caa_identities, ca.caa_identities.as_ref().map(|names| names.0.clone()));
    set(&mut config.external_account_required, ca.external_account_required);
    if let Some(given) = &ca.external_account_keys {
        let mut keys = ExternalAccountKeys::default();
        for given in given {
            let mut key = given.mac_key.key.clone();
            key.is_single_use = given.single_use;
            keys.add(given.kid.clone(), key);
        }
        config.external_account_keys = keys;
    }
    if let Some(wait) = ca.retry_after {
        config.order_retry_after = Some(wait);
        config.challenge_retry_after = Some(wait);
    }
    set(&mut config.retry_after_date_percent, ca.retry_after_date.map(percent));
    set(&mut config.nonce_rejection_percent, ca.nonce_rejection.map(percent));
    set(&mut config.validation_delay, ca.validation_delay);
    set(&mut config.validation_delay_max, ca.validation_delay_max);
    if ca.terms_of_service == Some(false) {
        config.terms_of_service = None;
    }
    set(&mut config.validation_retries, ca.validation_retries);
    set(&mut config.validation_retry_pause, ca.validation_retry_pause);
    set(&mut config.lays_decoys, ca.decoys);
    config.api_identity_flaw = ca.api_certificate.and_then(flaw);
    set(&mut config.always_valid, ca.always_valid);
    set(&mut config.issuance_delay, ca.issuance_delay);
    set(&mut config.awaits_issuance, ca.awaits_issuance);
    set(&mut config.changes_keys, ca.key_change);
    let orders_per_page = ca.orders_per_page.map(|count| NonZeroUsize::try_from(count).unwrap_or(NonZeroUsize::MAX));
    set(&mut config.orders_per_page, orders_per_page);
    config.front_ends = ca.front_ends;
    set(&mut config.rate_limits, ca.limits.as_ref().map(limits));
}

fn set<T>(to: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *to = said;
    }
}

fn size(count: std::num::NonZeroU32) -> usize {
    usize::try_from(count.get()).unwrap_or(usize::MAX)
}

/// Rounded up, so that a share that is not nothing stays so.
fn percent(share: Percentage) -> u8 {
    u8::try_from(share.ppm.div_ceil(10_000)).unwrap_or(100)
}

fn preset(preset: language::Preset) -> Preset {
    let same = Preset::ALL.iter().find(|same| same.name() == preset.name());
    *same.expect("the language has the CA's own names")
}

/// The file's profiles, or the preset's, which give way where the file says something for all of them.
fn profiles(ca: &CaSettings, config: &mut Config) {
    if let Some(named) = &ca.profiles {
        let named = named.iter().map(|settings| (settings.name.as_str().to_owned(), profile(settings)));
        config.profiles.offered = named.collect::<BTreeMap<_, _>>();
        config.profiles.unasked = UnaskedProfile::Named(String::new());
    } else {
        for profile in config.profiles.offered.values_mut() {
            if ca.validity.is_some() {
                profile.validity = None;
            }
            if ca.names_max.is_some() {
                profile.identifiers_max = None;
            }
            if let Some(lifetimes) = &mut profile.lifetimes {
                set::<Duration>(&mut lifetimes.order, ca.order_lifetime);
                set(&mut lifetimes.pending_authorization, ca.pending_authorization_lifetime);
                set(&mut lifetimes.valid_authorization, ca.authorization_lifetime);
            }
        }
    }
    if let Some(name) = &ca.default_profile {
        config.profiles.unasked = UnaskedProfile::Named(name.as_str().to_owned());
    }
}

fn profile(settings: &ProfileSettings) -> Profile {
    Profile {
        description: settings.description.clone().unwrap_or_default(),
        promotes_common_name: settings.common_name,
        validity: settings.validity,
        identifiers_max: settings.names_max.map(size),
        refuses_addresses: !settings.addresses,
        lifetimes: None,
    }
}

fn set_name_policy(policy: &mut IdentifierPolicy, settings: &NamePolicySettings) {
    set(&mut policy.labels_min, settings.labels_min.map(size));
    set(&mut policy.labels_max, settings.labels_max.map(size));
    set(&mut policy.public_suffixes, settings.public_suffixes.map(public_suffixes));
    set(&mut policy.refuses_names_under_wildcards, settings.refuses_names_under_wildcards);
}

fn public_suffixes(used: PublicSuffixes) -> ca_mock::PublicSuffixes {
    match used {
        PublicSuffixes::Ignored => ca_mock::PublicSuffixes::Ignored,
        PublicSuffixes::Refused => ca_mock::PublicSuffixes::Refused,
        PublicSuffixes::Required => ca_mock::PublicSuffixes::Required,
    }
}

fn key_type(key: &CertificateKey) -> KeyType {
    match key {
        CertificateKey::P256 => KeyType::P256,
        CertificateKey::P384 => KeyType::P384,
        CertificateKey::Rsa2048 => KeyType::Rsa2048,
        CertificateKey::Rsa3072 => KeyType::Rsa3072,
        CertificateKey::Rsa4096 => KeyType::Rsa4096,
        CertificateKey::Ed25519 => KeyType::Ed25519,
    }
}

fn flaw(certificate: ApiCertificate) -> Option<ApiIdentityFlaw> {
    match certificate {
        ApiCertificate::Good => None,
        ApiCertificate::OtherRoot => Some(ApiIdentityFlaw::OtherRoot),
        ApiCertificate::OtherName => Some(ApiIdentityFlaw::OtherName),
        ApiCertificate::Expired => Some(ApiIdentityFlaw::Expired),
    }
}

fn key_algorithm(algorithm: AuthorityKeyAlgorithm) -> KeyAlgorithm {
    match algorithm {
        AuthorityKeyAlgorithm::EcdsaP256 => KeyAlgorithm::EcdsaP256,
        AuthorityKeyAlgorithm::Rsa2048 => KeyAlgorithm::Rsa2048,
    }
}

fn limits(settings: &LimitSettings) -> RateLimits {
    let limit = |rate: Option<Rate>| rate.map(|Rate { count, period }| Limit { count, period });
    RateLimits {
        new_accounts_per_address: limit(settings.new_accounts_per_address),
        new_accounts_per_network: None,
        new_orders_per_account: limit(settings.new_orders_per_account),
        certificates_per_domain: limit(settings.certificates_per_domain),
        certificates_per_exact_set: limit(settings.certificates_per_exact_set),
        failed_validations_per_identifier: limit(settings.failed_validations_per_identifier),
        requests_per_address: limit(settings.requests_per_address),
        requests_per_address_for: BTreeMap::new(),
        retry_after_is_date: settings.retry_after_is_date,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_and_the_ca_have_the_same_presets() {
        assert_eq!(language::Preset::ALL.iter().map(|one| preset(*one)).collect::<Vec<_>>(), Preset::ALL);
    }
}
