//! Pebble's configuration file: one JSON object, `pebble`, whose keys are matched in any case and ignored if unknown.

use std::{collections::BTreeMap, time::Duration};

use jsonc_parser::{ast::Object, common::Ranged};
use url::Url;

use super::{
    host_port::HostPort,
    json::{At, Reader, Remark, member},
};
use crate::{
    Config, ExternalAccountKey, ExternalAccountKeys, Hierarchy, IdentifierPolicy, KeyAlgorithm, LeafUrls, Origin,
    Paths, Profile, Profiles, Redirects, Style, Transport, UnaskedProfile,
};

/// The certificate files of the API's HTTPS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The path of the certificate chain, PEM.
    pub certificate: At<String>,
    /// The path of the private key, PEM.
    pub private_key: At<String>,
}

/// What the file says, and for what it does not say, what `gauntlet serve` does without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the ACME API listens.
    pub listen: HostPort,
    /// Where the management API listens, if it does.
    pub management: Option<HostPort>,
    /// The API's certificate; one of the CA's own making if absent.
    pub identity: Option<Identity>,
    /// What is known but not honoured.
    pub warnings: Vec<Remark>,
    http_port: u16,
    tls_port: u16,
    challenge_retry_after: Option<Duration>,
    order_retry_after: Option<Duration>,
    key_algorithm: KeyAlgorithm,
    profiles: BTreeMap<String, Profile>,
    ocsp_responder: Option<String>,
    retry_after_date_percent: u8,
    caa_identities: Vec<String>,
    domain_blocklist: Vec<String>,
    external_account_required: bool,
    external_account_keys: ExternalAccountKeys,
}

impl Default for Settings {
    fn default() -> Self {
        let loopback = |port| HostPort { host: "127.0.0.1".to_owned(), port };
        Self {
            listen: loopback(14_000),
            management: Some(loopback(15_000)),
            identity: None,
            warnings: Vec::new(),
            http_port: 5_002,
            tls_port: 5_001,
            challenge_retry_after: None,
            order_retry_after: None,
            key_algorithm: KeyAlgorithm::EcdsaP256,
            profiles: BTreeMap::from([("default".to_owned(), default_profile())]),
            ocsp_responder: None,
            // Pebble tosses a coin.
            retry_after_date_percent: 50,
            caa_identities: vec!["pebble.letsencrypt.org".to_owned()],
            domain_blocklist: Vec::new(),
            external_account_required: false,
            external_account_keys: ExternalAccountKeys::default(),
        }
    }
}

impl Settings {
    /// Reads the file. `load` is given the certificate files that it names, and has what is wrong with them.
    ///
    /// # Errors
    /// Every mistake, in the order of the file.
    pub fn read(text: &str, load: impl FnOnce(&Identity) -> Vec<Remark>) -> Result<Self, Vec<Remark>> {
        let mut reader = Reader::new(text);
        // As in Pebble, a file that says nothing of keys means RSA.
        let key_algorithm = KeyAlgorithm::Rsa2048;
        let mut settings = Self { management: None, key_algorithm, ..Self::default() };
        if let Some(value) = reader.parse()
            && let Some(root) = reader.object("the file", &value)
        {
            match member(root, "pebble") {
                Some(value) => {
                    if let Some(object) = reader.object("\"pebble\"", value) {
                        settings.take(&mut reader, object);
                    }
                }
                None => reader.mistake(root.start(), "there is no object \"pebble\""),
            }
        }
        let Reader { mut mistakes, warnings, .. } = reader;
        mistakes.extend(settings.identity.as_ref().map(load).unwrap_or_default());
        if !mistakes.is_empty() {
            mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
            return Err(mistakes);
        }
        settings.warnings = warnings;
        Ok(settings)
    }

    fn take<'t>(&mut self, reader: &mut Reader<'t>, pebble: &Object<'t>) {
        let mut pebble = Members { reader, object: pebble };
        if let Some(address) = pebble.address("listenAddress") {
            self.listen = address;
        }
        if pebble.text("managementListenAddress").is_some_and(|address| !address.value.is_empty()) {
            self.management = pebble.address("managementListenAddress");
        }
        let [certificate, private_key] =
            ["certificate", "privateKey"].map(|name| pebble.text(name).filter(|path| !path.value.is_empty()));
        match (certificate, private_key) {
            (Some(certificate), Some(private_key)) => self.identity = Some(Identity { certificate, private_key }),
            (Some(alone), None) => pebble.alone(alone, "certificate is named, but privateKey is not"),
            (None, Some(alone)) => pebble.alone(alone, "privateKey is named, but certificate is not"),
            (None, None) => {}
        }
        for (name, port) in [("httpPort", &mut self.http_port), ("tlsPort", &mut self.tls_port)] {
            if let Some(number) = pebble.number(name, u16::MAX.into()) {
                *port = u16::try_from(number).expect("it is at most the greatest port");
            }
        }
        if let Some(mut waits) = pebble.members("retryAfter") {
            self.challenge_retry_after = waits.seconds("authz");
            self.order_retry_after = waits.seconds("order");
            // Ours, for clients that can't read dates. Pebble passes over it.
            if let Some(percent) = waits.number("datePercent", 100) {
                self.retry_after_date_percent = u8::try_from(percent).expect("it is at most 100");
            }
        }
        if let Some(algorithm) = pebble.text("keyAlgorithm") {
            match algorithm.value.as_str() {
                "ecdsa" => self.key_algorithm = KeyAlgorithm::EcdsaP256,
                "rsa" | "" => {}
                other => {
                    let what = format!("keyAlgorithm is \"rsa\" or \"ecdsa\", not {other:?}");
                    pebble.alone(algorithm.clone(), &what);
                }
            }
        }
        if let Some(mut profiles) = pebble.members("profiles") {
            let offered = profiles.profiles();
            if !offered.is_empty() {
                self.profiles = offered;
            }
        }
        if let Some(url) = pebble.text("ocspResponderURL").filter(|url| !url.value.is_empty()) {
            match Url::parse(&url.value) {
                Ok(_) if url.value.is_ascii() => self.ocsp_responder = Some(url.value),
                Ok(_) | Err(_) => {
                    let what = format!("ocspResponderURL is a URL in ASCII, not {:?}", url.value);
                    pebble.alone(url, &what);
                }
            }
        }
        for (name, texts) in
            [("caaIdentities", &mut self.caa_identities), ("domainBlocklist", &mut self.domain_blocklist)]
        {
            if let Some(said) = pebble.texts(name) {
                *texts = said;
            }
        }
        self.external_account_required = pebble.boolean("externalAccountBindingRequired").unwrap_or_default();
        if let Some(mut keys) = pebble.members("externalAccountMACKeys") {
            self.external_account_keys = keys.external_account_keys();
        }
        pebble.tell_what_is_not_honoured();
    }

    /// The CA that was described. Chances and delays are [`Environment`](super::Environment)'s.
    #[must_use]
    pub fn config(&self) -> Config {
        const HOUR: Duration = Duration::from_secs(3_600);
        Config {
            directory_host: "localhost".to_owned(),
            api_names: ["pebble", "127.0.0.1", "::1"].map(str::to_owned).into(),
            https_port: self.listen.port,
            transport: Transport::HttpsWithHttp2,
            paths: Paths::Pebble,
            style: Style::Pebble,
            origin: Origin::AsAddressed,
            terms_of_service: Some("data:text/plain,Do%20what%20thou%20wilt".to_owned()),
            hierarchy: Hierarchy { key_algorithm: self.key_algorithm, ..Hierarchy::default() },
            profiles: Profiles { offered: self.profiles.clone(), unasked: UnaskedProfile::Drawn },
            backdate: Duration::ZERO,
            honors_requested_validity: true,
            identifier_policy: IdentifierPolicy::ANY,
            leaf_urls: LeafUrls { ocsp: self.ocsp_responder.clone(), ..LeafUrls::default() },
            issuance_delay: Duration::ZERO,
            // An hour more than an order, so that the next order can take it over.
            valid_authorization_lifetime: 25 * HOUR,
            order_retry_after: self.order_retry_after,
            challenge_retry_after: self.challenge_retry_after,
            retry_after_date_percent: self.retry_after_date_percent,
            // Pebble validates thrice; whoever answers once alone has not proved control.
            remote_perspectives: 2,
            caa_identities: self.caa_identities.clone(),
            domain_blocklist: self.domain_blocklist.clone(),
            external_account_required: self.external_account_required,
            external_account_keys: self.external_account_keys.clone(),
            http01_port: self.http_port,
            http01_redirects: Redirects::Anywhere,
            tls_alpn01_port: self.tls_port,
            ..Config::default()
        }
    }
}

/// Pebble's, where the configuration has none.
fn default_profile() -> Profile {
    Profile { description: "The default profile".to_owned(), ..Profile::default() }
}

/// The members of one object.
struct Members<'r, 'v, 't> {
    reader: &'r mut Reader<'t>,
    object: &'v Object<'t>,
}

impl<'v, 't> Members<'_, 'v, 't> {
    fn text(&mut self, name: &str) -> Option<At<String>> {
        self.reader.text(name, member(self.object, name)?)
    }

    fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let texts = self.reader.texts(name, member(self.object, name)?)?;
        Some(texts.into_iter().map(|text| text.value).collect())
    }

    fn boolean(&mut self, name: &str) -> Option<bool> {
        self.reader.boolean(name, member(self.object, name)?)
    }

    fn number(&mut self, name: &str, max: u64) -> Option<u64> {
        self.reader.number(name, member(self.object, name)?, max)
    }

    /// As in Pebble, 0 is as if nothing stood there.
    fn seconds(&mut self, name: &str) -> Option<Duration> {
        const MAX: u64 = 100 * 365 * 86_400;
        self.number(name, MAX).filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }

    fn address(&mut self, name: &str) -> Option<HostPort> {
        let text = self.text(name)?;
        match text.value.parse() {
            Ok(address) => Some(address),
            Err(error) => {
                self.alone(text.clone(), &format!("{name}: {error}"));
                None
            }
        }
    }

    fn members(&mut self, name: &str) -> Option<Members<'_, 'v, 't>> {
        let object = self.reader.object(name, member(self.object, name)?)?;
        Some(Members { reader: &mut *self.reader, object })
    }

    /// A mistake that is about one value.
    fn alone(&mut self, at: At<String>, what: &str) {
        self.reader.mistakes.push(At { value: what.to_owned(), ..at });
    }

    fn warn(&mut self, name: &str, what: &str) {
        if let Some(value) = member(self.object, name) {
            self.reader.warning(value.start(), format!("{name}: {what}"));
        }
    }

    /// All members, each a profile.
    fn profiles(&mut self) -> BTreeMap<String, Profile> {
        let names: Vec<String> = self.object.properties.iter().map(|one| one.name.as_str().to_owned()).collect();
        let mut profiles = BTreeMap::new();
        for name in names {
            let Some(mut profile) = self.members(&name) else { continue };
            let description = profile.text("description").map(|description| description.value).unwrap_or_default();
            let promotes_common_name = profile.boolean("promoteCommonName").unwrap_or(false);
            let validity = profile.seconds("validityPeriod");
            profiles.insert(name, Profile { description, promotes_common_name, validity, ..Profile::default() });
        }
        profiles
    }

    /// Keys by their names, which are not matched in any case: they are data.
    fn external_account_keys(&mut self) -> ExternalAccountKeys {
        let mut keys = ExternalAccountKeys::default();
        for property in &self.object.properties {
            let Some(text) = self.reader.text("each of externalAccountMACKeys", &property.value) else { continue };
            match ExternalAccountKey::parse(&text.value) {
                Some(key) => keys.add(property.name.as_str(), key),
                None => self.alone(text, "each of externalAccountMACKeys is base64url without padding"),
            }
        }
        keys
    }

    fn tell_what_is_not_honoured(&mut self) {
        if self.number("certificateValidityPeriod", u64::MAX).is_some() {
            self.warn("certificateValidityPeriod", "Pebble ignores it as well; a profile's validityPeriod counts");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, Vec<Remark>> {
        Settings::read(text, |_| Vec::new())
    }

    #[test]
    fn pebbles_own_sample_is_read() {
        let settings = read(
            r#"{
  "pebble": {
    "listenAddress": "0.0.0.0:14000",
    "managementListenAddress": "0.0.0.0:15000",
    "certificate": "test/certs/localhost/cert.pem",
    "PrivateKey": "test/certs/localhost/key.pem",
    "httpport": 80,
    "tlsPort": 443,
    "ocspResponderURL": "http://127.0.0.1:4002",
    "externalAccountBindingRequired": false,
    "domainBlocklist": ["blocked-domain.example"],
    "retryAfter": { "authz": 3, "order": 5, "datePercent": 0 },
    "keyAlgorithm": "ecdsa",
    "somethingNew": [{}],
    "profiles": {
      "default": { "description": "The profile you know and love", "validityPeriod": 7776000 }
    }
  }
}"#,
        )
        .unwrap();
        assert_eq!(settings.warnings, []);
        assert_eq!(settings.listen.to_string(), "0.0.0.0:14000");
        assert_eq!(settings.identity.as_ref().unwrap().private_key.value, "test/certs/localhost/key.pem");
        let config = settings.config();
        assert_eq!((config.http01_port, config.tls_alpn01_port), (80, 443));
        assert_eq!(config.hierarchy.key_algorithm, KeyAlgorithm::EcdsaP256);
        assert_eq!(config.profiles.offered["default"].validity, Some(Duration::from_secs(7_776_000)));
        assert_eq!(config.leaf_urls.ocsp.as_deref(), Some("http://127.0.0.1:4002"));
        assert_eq!((config.order_retry_after, config.retry_after_date_percent), (Some(Duration::from_secs(5)), 0));
        assert_eq!(config.domain_blocklist, ["blocked-domain.example"]);
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let mistakes = read(
            "{\"pebble\": {\n  \"listenAddress\": \"14000\",\n  \"httpPort\": 65536, \"tlsPort\": \"443\",\n  \
             \"caaIdentities\": [\"a\", 1],\n  \"retryAfter\": {\"authz\": -1},\n  \"certificate\": \"c.pem\",\n  \
             \"externalAccountMACKeys\": {\"kid-1\": \"AAA=\"}\n}}",
        );
        let told: Vec<String> = mistakes.unwrap_err().iter().map(ToString::to_string).collect();
        let expected = [
            "2:20: listenAddress: \"14000\" is not HOST:PORT, such as \"127.0.0.1:14000\", \"[::1]:0\" or \":14000\"",
            "3:15: httpPort is a whole number from 0 to 65535, not 65536",
            "3:33: tlsPort is a whole number from 0 to 65535, not text",
            "4:26: each of caaIdentities is text, not 1",
            "5:27: authz is a whole number from 0 to 3153600000, not -1",
            "6:18: certificate is named, but privateKey is not",
            "7:39: each of externalAccountMACKeys is base64url without padding",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_no_json_is_told_at_its_place() {
        for (text, place) in
            [("", "1:1: the file is empty"), ("{\n  \"pebble\": {,}\n}", "2:14: not JSON"), ("{}", "1:1: there is no")]
        {
            let mistakes = read(text).unwrap_err();
            assert!(mistakes[0].to_string().starts_with(place), "{text}: {}", mistakes[0]);
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn what_is_known_but_not_honoured_is_told() {
        let settings = read("{\"pebble\": {\n\"certificateValidityPeriod\": 60}}").unwrap();
        let told: Vec<String> = settings.warnings.iter().map(ToString::to_string).collect();
        assert!(told[0].starts_with("2:") && told[0].contains("certificateValidityPeriod"), "{told:?}");
    }

    #[test]
    fn a_file_that_says_little_means_rsa_and_one_profile_and_every_profile_is_read() {
        let config = read(r#"{"pebble": {}}"#).unwrap().config();
        assert_eq!(config.hierarchy.key_algorithm, KeyAlgorithm::Rsa2048);
        assert!(config.profiles.offered.keys().eq(["default"]));
        let text = r#"{"pebble": {"profiles": {
            "short": {"description": "d", "validityPeriod": 60, "promoteCommonName": true}, "long": {}}}}"#;
        let profiles = read(text).unwrap().config().profiles.offered;
        let validity = Some(Duration::from_secs(60));
        let short = Profile { description: "d".to_owned(), promotes_common_name: true, validity, ..Profile::default() };
        assert_eq!(profiles, BTreeMap::from([("short".to_owned(), short), ("long".to_owned(), Profile::default())]));
        assert!(read(r#"{"pebble": {"profiles": {"short": {"promoteCommonName": 1}}}}"#).is_err());
    }
}
