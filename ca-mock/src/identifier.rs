//! Identifiers that a certificate may be ordered for: DNS names (RFC 8555 §7.1.4, §9.7.7).
//!
//! A name becomes an [`Identifier`] once, here, lower-cased and checked. IP addresses (RFC 8738) are an unsupported
//! type.

use std::fmt;

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
        if self.kind != "dns" {
            let detail = format!("identifiers of type {:?} are not supported", self.kind);
            return Err(Problem::new(ProblemType::UnsupportedIdentifier, detail));
        }
        Identifier::parse(&self.value)
    }
}

impl From<&Identifier> for SentIdentifier {
    fn from(identifier: &Identifier) -> Self {
        Self { kind: "dns".to_owned(), value: identifier.0.clone() }
    }
}

/// A DNS name in lower case, without a trailing dot, of two labels or more, maybe below a `*` (RFC 8555 §7.1.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identifier(String);

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
        if labels.len() < 2 {
            return refuse("has only one label");
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
            Ok(Host::Domain(same)) if same == domain => Ok(Self(name)),
            Ok(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => {
                refuse("is not a host name: an address, or a label that is no A-label")
            }
        }
    }

    /// Whether it is `domain` or a name below it. `domain` is compared without regard to case.
    pub(crate) fn is_within(&self, domain: &str) -> bool {
        let domain = domain.to_ascii_lowercase();
        let rest = self.0.strip_suffix(&domain);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What to look up or connect to.
    pub(crate) fn host(&self) -> Host<String> {
        Host::Domain(self.domain().to_owned())
    }

    /// Whether it stands for all names one label below its domain.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.0.starts_with(WILDCARD)
    }

    /// The name without the `*`: what control is proved of (RFC 8555 §7.1.4).
    pub(crate) fn domain(&self) -> &str {
        self.0.strip_prefix(WILDCARD).unwrap_or(&self.0)
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Identifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Identifier", 2)?;
        object.serialize_field("type", "dns")?;
        object.serialize_field("value", &self.0)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_cased() {
        for (sent, read) in [
            ("A.Example", "a.example"),
            ("*.A.example", "*.a.example"),
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
            "example",
            "example.",
            ".example",
            "a..example",
            "a_b.example",
            "-a.example",
            "a-.example",
            "*.example",
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
}
