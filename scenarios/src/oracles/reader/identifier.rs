//! What a certificate can be for: a DNS name or an IP address, and whether it covers a server's name.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use serde_json::Value;

/// A DNS name in lower case, maybe with a leading `*.`, or an IP address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identifier {
    /// `type: dns` (RFC 8555 §7.1.4).
    Dns(String),
    /// `type: ip` (RFC 8738).
    Ip(IpAddr),
}

/// The names on an order, a CSR or a certificate.
pub type Identifiers = BTreeSet<Identifier>;

impl Identifier {
    /// A DNS name; a trailing dot is dropped.
    #[must_use]
    pub fn dns(name: &str) -> Self {
        Self::Dns(name.trim_end_matches('.').to_ascii_lowercase())
    }

    /// A server's name as a TLS client writes it: an address or a DNS name.
    #[must_use]
    pub fn of_server(name: &str) -> Self {
        name.trim_matches(['[', ']']).parse().map_or_else(|_| Self::dns(name), Self::Ip)
    }

    /// The name that a `tls-alpn-01` validation asks for: an address by its name in the reverse tree (RFC 8738 §6).
    #[must_use]
    pub fn of_validation(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let v4 = name.strip_suffix(".in-addr.arpa").map(|labels| labels.rsplit('.').collect::<Vec<_>>().join("."));
        let v6 = name.strip_suffix(".ip6.arpa").map(|labels| {
            let digits: Vec<&str> = labels.rsplit('.').collect();
            digits.chunks(4).map(<[&str]>::concat).collect::<Vec<_>>().join(":")
        });
        let address = v4.or(v6).and_then(|text| text.parse().ok());
        address.map_or_else(|| Self::of_server(&name), Self::Ip)
    }

    /// An ACME identifier object; `None` if it is none, or of a type that isn't known here.
    #[must_use]
    pub fn of_json(value: &Value) -> Option<Self> {
        let text = value.get("value")?.as_str()?;
        match value.get("type")?.as_str()? {
            "dns" => Some(Self::dns(text)),
            "ip" => text.parse().ok().map(Self::Ip),
            _ => None,
        }
    }

    /// The identifiers in an order's `identifiers` member; `None` if one can't be read.
    #[must_use]
    pub fn set_of_json(value: &Value) -> Option<Identifiers> {
        value.get("identifiers")?.as_array()?.iter().map(Self::of_json).collect()
    }

    /// Whether a certificate for this may answer for `server`. A wildcard stands for one whole label (RFC 6125 §6.4.3).
    #[must_use]
    pub fn covers(&self, server: &Identifier) -> bool {
        match (self, server) {
            (Self::Dns(pattern), Self::Dns(name)) => match pattern.strip_prefix("*.") {
                Some(parent) => name
                    .split_once('.')
                    .is_some_and(|(label, rest)| !label.is_empty() && label != "*" && rest == parent),
                None => pattern == name,
            },
            (Self::Ip(one), Self::Ip(other)) => one == other,
            (Self::Dns(_), Self::Ip(_)) | (Self::Ip(_), Self::Dns(_)) => false,
        }
    }

    /// What has to be proved for it: the name without the wildcard.
    #[must_use]
    pub fn without_wildcard(&self) -> Self {
        match self {
            Self::Dns(name) => Self::Dns(name.strip_prefix("*.").unwrap_or(name).to_owned()),
            Self::Ip(address) => Self::Ip(*address),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// A set of names as a message shows it: the first few and how many more.
#[must_use]
pub fn show(names: &Identifiers) -> String {
    let mut shown: Vec<String> = names.iter().take(5).map(Identifier::to_string).collect();
    if names.len() > 5 {
        shown.push(format!("{} more", names.len() - 5));
    }
    if shown.is_empty() { "no name".to_owned() } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_exactly_one_label() {
        for (pattern, name, covers) in [
            ("example.test", "example.test", true),
            ("Example.Test.", "example.test", true),
            ("*.example.test", "a.example.test", true),
            ("*.example.test", "a.b.example.test", false),
            ("*.example.test", "example.test", false),
            ("*.example.test", ".example.test", false),
            ("a.*.test", "a.b.test", false),
        ] {
            assert_eq!(Identifier::dns(pattern).covers(&Identifier::of_server(name)), covers, "{pattern} {name}");
        }
    }

    #[test]
    fn addresses_compare_as_addresses() {
        let written: Identifier = Identifier::of_server("2001:DB8:0::1");
        assert!(written.covers(&Identifier::of_server("[2001:db8::1]")));
        assert!(!written.covers(&Identifier::dns("2001:db8::1")));
        let reverse = format!("1.{}8.B.D.0.1.0.0.2.ip6.arpa", "0.".repeat(23));
        assert_eq!(Identifier::of_validation(&reverse), written);
        assert_eq!(Identifier::of_validation("1.2.0.192.in-addr.arpa"), Identifier::of_server("192.0.2.1"));
        assert_eq!(Identifier::of_validation("a.test"), Identifier::dns("a.test"));
    }
}
