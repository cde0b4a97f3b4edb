//! Identifiers that a certificate may be ordered for: DNS names (RFC 8555 §7.1.4, §9.7.7) and IP addresses (RFC 8738).
//!
//! A text becomes an [`Identifier`] once, here, checked, and a name lower-cased. Whether the CA issues for it is policy.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use url::Host;

use crate::problem::{Problem, ProblemType};

const WILDCARD: &str = "*.";

/// An identifier as a client sent it, not yet judged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct SentIdentifier {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) value: String,
}

impl SentIdentifier {
    /// The identifier, if this CA certifies such; the refusal names the rule.
    pub(crate) fn read(&self) -> Result<Identifier, Problem> {
        match self.kind.as_str() {
            "dns" => Identifier::parse(&self.value),
            "ip" => Identifier::parse_ip(&self.value),
            other => {
                let detail = format!("identifiers of type {other:?} are not supported");
                Err(Problem::new(ProblemType::UnsupportedIdentifier, detail))
            }
        }
    }
}

impl From<&Identifier> for SentIdentifier {
    fn from(identifier: &Identifier) -> Self {
        Self { kind: identifier.kind().to_owned(), value: identifier.text.clone() }
    }
}

/// A DNS name in lower case, without a trailing dot, maybe below a `*` (RFC 8555 §7.1.3); or an IP address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identifier {
    text: String,
    /// Absent if it is a name.
    ip: Option<IpAddr>,
}

impl Identifier {
    /// Reads an identifier of type `dns`; the refusal names the rule.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let name = text.to_ascii_lowercase();
        let refuse = |why: &str| {
            let shown: String = text.chars().take(300).collect();
            Err(Problem::new(ProblemType::RejectedIdentifier, format!("{shown:?} {why}")))
        };
        if !name.is_ascii() {
            return refuse("is not ASCII; internationalized names are ordered as A-labels (RFC 8555 §7.1.4)");
        }
        if name.len() > 253 {
            return refuse("is longer than 253 octets");
        }
        let domain = name.strip_prefix(WILDCARD).unwrap_or(&name);
        let labels: Vec<&str> = domain.split('.').collect();
        if labels.iter().any(|label| label.is_empty() || label.len() > 63) {
            return refuse("has a label that is empty or longer than 63 octets");
        }
        let is_ldh = |label: &&str| {
            label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !labels.iter().all(is_ldh) {
            return refuse("has a label that is not letters, digits and inner hyphens");
        }
        if labels.iter().any(|label| label.get(2..4) == Some("--") && !label.starts_with("xn--")) {
            return refuse("has a reserved label (RFC 5891 §4.2.3.1)");
        }
        // The URL parser knows IDNA: it refuses malformed A-labels and reads IPv4 addresses as such.
        match Host::parse(domain) {
            Ok(Host::Domain(same)) if same == domain => Ok(Self { text: name, ip: None }),
            Ok(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => {
                refuse("is not a host name: an address, or a label that is no A-label")
            }
        }
    }

    /// Reads an identifier of type `ip`, in the one form that RFC 8738 §3 allows.
    pub(crate) fn parse_ip(text: &str) -> Result<Self, Problem> {
        let refuse = |why: &str| {
            let shown: String = text.chars().take(300).collect();
            Err(Problem::new(ProblemType::RejectedIdentifier, format!("{shown:?} {why}")))
        };
        match text.parse::<IpAddr>().map(Self::from) {
            Ok(identifier) if identifier.text == text => Ok(identifier),
            Ok(identifier) => refuse(&format!("is not written as RFC 5952 has it: {identifier}")),
            Err(_) => refuse("is not an IP address"),
        }
    }

    /// Its type (RFC 8555 §9.7.7, RFC 8738 §3).
    pub(crate) fn kind(&self) -> &'static str {
        if self.ip.is_some() { "ip" } else { "dns" }
    }

    /// The address, if it is none of a name.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Whether it is `domain` or a name below it. `domain` is compared without regard to case.
    pub(crate) fn is_within(&self, domain: &str) -> bool {
        let domain = domain.to_ascii_lowercase();
        let rest = self.text.strip_suffix(&domain).filter(|_| self.ip.is_none());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// The domains that it is below, the closest one first; that of a wildcard is one of them.
    pub(crate) fn above(&self) -> impl Iterator<Item = Self> {
        let mut rest = self.text.as_str();
        let is_name = self.ip.is_none();
        std::iter::from_fn(move || {
            (_, rest) = rest.split_once('.').filter(|_| is_name)?;
            Some(Self { text: rest.to_owned(), ip: None })
        })
    }

    /// The name or address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What to look up or connect to.
    pub(crate) fn host(&self) -> Host<String> {
        match self.ip {
            Some(IpAddr::V4(address)) => Host::Ipv4(address),
            Some(IpAddr::V6(address)) => Host::Ipv6(address),
            None => Host::Domain(self.domain().to_owned()),
        }
    }

    /// Whether it stands for all names one label below its domain.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.text.starts_with(WILDCARD)
    }

    /// The name without the `*`: what control is proved of (RFC 8555 §7.1.4).
    pub(crate) fn domain(&self) -> &str {
        self.text.strip_prefix(WILDCARD).unwrap_or(&self.text)
    }
}

impl From<IpAddr> for Identifier {
    fn from(address: IpAddr) -> Self {
        Self { text: address.to_string(), ip: Some(address) }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Identifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Identifier", 2)?;
        object.serialize_field("type", self.kind())?;
        object.serialize_field("value", &self.text)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    #[test]
    fn names_are_lower_cased() {
        for (sent, read) in [
            ("A.Example", "a.example"),
            ("*.A.example", "*.a.example"),
            ("LocalHost", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(Identifier::parse(sent).unwrap().as_str(), read);
        }
    }

    #[test]
    fn what_is_no_host_name_is_rejected() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = format!("{}example", "abcdefgh.".repeat(30));
        for bad in [
            "",
            ".",
            "*",
            "example.",
            ".example",
            "a..example",
            "a_b.example",
            "-a.example",
            "a-.example",
            "*.*.a.example",
            "a.*.example",
            "bücher.example",
            "192.0.2.1",
            "a.example:443",
            "https://a.example",
            "a b.example",
            "ab--c.example",
            "xn--999999999.example",
            "1.2.3.0x4",
            &long_label,
            &long_name,
        ] {
            let problem = Identifier::parse(bad).expect_err(bad);
            assert_eq!(problem.kind(), ProblemType::RejectedIdentifier, "{bad}");
        }
    }

    #[test]
    fn an_address_has_one_form() {
        for good in ["192.0.2.1", "2001:db8::1", "::1", "::ffff:192.0.2.1"] {
            let identifier = Identifier::parse_ip(good).unwrap();
            assert_eq!((identifier.as_str(), identifier.kind()), (good, "ip"));
            assert!(!identifier.is_within("1"));
        }
        for bad in ["", "192.0.2.01", "192.0.2", "2001:DB8::1", "2001:db8:0:0::1", "[::1]", "fe80::1%eth0", "a.example"]
        {
            assert_eq!(Identifier::parse_ip(bad).expect_err(bad).kind(), ProblemType::RejectedIdentifier, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        #[test]
        fn an_identifier_has_one_form_and_is_read_as_it_is_shown(
            pieces in vec(
                select(vec!["a", "b9", "-", ".", ".", ".", "*.", "TEST", "xn--bcher-kva", "xn--", "ü", "1", "0x4", "127.0.0.1", "::1", "_", "%2e"]),
                0..7,
            ),
            address in prop_oneof![
                any::<[u8; 4]>().prop_map(IpAddr::from),
                vec(prop_oneof![Just(0_u16), any::<u16>()], 8)
                    .prop_map(|groups| IpAddr::from(<[u16; 8]>::try_from(groups).unwrap())),
            ],
        ) {
            let text = pieces.concat();
            let mut all = vec![Identifier::from(address)];
            prop_assert_eq!(Identifier::parse(&text.to_uppercase()).ok(), Identifier::parse(&text).ok().filter(|_| text.is_ascii()));
            if let Ok(name) = Identifier::parse(&text) {
                prop_assert_eq!(name.as_str(), text.to_ascii_lowercase());
                prop_assert_eq!(Identifier::parse(name.domain()).map(|domain| domain.is_wildcard()), Ok(false));
                prop_assert!(name.is_within(name.domain()) && name.ip().is_none());
                all.push(name);
            }
            for one in all {
                let shown: SentIdentifier = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
                prop_assert_eq!(&shown, &SentIdentifier::from(&one));
                prop_assert_eq!(shown.read(), Ok(one));
            }
        }
    }
}
