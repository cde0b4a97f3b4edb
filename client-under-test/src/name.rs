//! [`Name`]: what certificates are issued for, a DNS name or an IP address (RFC 8738), in the one form that compares
//! equal; and [`Names`], those of one certificate.
//!
//! Lower-case ASCII without a trailing dot; what people write in other letters becomes A-labels (RFC 5890). Addresses are
//! as RFC 5952 writes them. No underscore, no slash, no empty label: a name is also a directory's name in storage, and
//! distinct names must stay distinct there.

use std::{borrow::Borrow, fmt, net::IpAddr, str::FromStr, sync::Arc};

use url::Host;

/// A DNS name, possibly a wildcard (`*.` and a name, RFC 8555 §7.1.3), or an IP address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Not a name that a certificate can be issued for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is neither a DNS name nor an IP address: {reason}")]
pub struct NotAName {
    text: String,
    reason: &'static str,
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the first label is `*`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// The name itself, or that below which a wildcard stands.
    #[must_use]
    pub fn domain(&self) -> Self {
        self.0.strip_prefix("*.").map_or_else(|| self.clone(), |domain| Self(domain.into()))
    }

    /// The wildcard for the names directly below this one; `None` for what has no names below.
    #[must_use]
    pub fn wildcard_below(&self) -> Option<Self> {
        (!self.is_wildcard() && self.address().is_none()).then(|| Self(format!("*.{}", self.0).into()))
    }

    /// The address, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// What tls-alpn-01 asks for to validate this name: of an address, its name in the reverse tree (RFC 8738 §6).
    #[must_use]
    pub fn validation_name(&self) -> Self {
        let reverse = match self.address() {
            None => return self.clone(),
            Some(IpAddr::V4(address)) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            Some(IpAddr::V6(address)) => {
                let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 0xf, octet >> 4]);
                nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
            }
        };
        Self(reverse.into())
    }

    /// The wildcard that covers this name: its first label replaced by `*` (RFC 6125 §6.4.3, one label only).
    #[must_use]
    pub fn wildcard(&self) -> Option<Self> {
        if self.address().is_some() {
            return None;
        }
        let (_, parent) = self.0.split_once('.')?;
        Some(Self(format!("*.{parent}").into()))
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let refuse = |reason| Err(NotAName { text: text.to_owned(), reason });
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let Some(name) = to_ascii(text.strip_suffix('.').unwrap_or(text)) else {
            return refuse("it can't be written in A-labels");
        };
        let host = name.strip_prefix("*.").unwrap_or(&name);
        if name.len() > 253 {
            return refuse("it is longer than 253 bytes");
        }
        for label in host.split('.') {
            if label.is_empty() {
                return refuse("a label is empty");
            }
            if label.len() > 63 {
                return refuse("a label is longer than 63 bytes");
            }
            if label.starts_with('-') || label.ends_with('-') {
                return refuse("a label begins or ends with a hyphen");
            }
            if !label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
                return refuse("only ASCII letters, digits and hyphens may stand in a label");
            }
        }
        if host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
            return refuse("its last label is a number, as in an IP address");
        }
        Ok(Self(name.into()))
    }
}

impl From<IpAddr> for Name {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().to_string().into())
    }
}

/// In lower case, and what is not ASCII in A-labels.
fn to_ascii(text: &str) -> Option<String> {
    if text.is_ascii() {
        return Some(text.to_ascii_lowercase());
    }
    let (wildcard, host) = match text.strip_prefix("*.") {
        Some(host) => ("*.", host),
        None => ("", text),
    };
    match Host::parse(host).ok()? {
        // Escapes have no place in a name.
        Host::Domain(domain) if !host.contains('%') => Some(format!("{wildcard}{domain}")),
        Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The names of one certificate: one or more, each once. The first is what its files and logs are called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Arc<[Name]>);

impl Names {
    /// `None` if there are none; what is repeated is dropped.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = Name>) -> Option<Self> {
        let mut all: Vec<Name> = Vec::new();
        for name in names {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        (!all.is_empty()).then(|| Self(all.into()))
    }

    /// One name alone.
    #[must_use]
    pub fn of(name: Name) -> Self {
        Self(Arc::new([name]))
    }

    /// The first.
    #[must_use]
    pub fn first(&self) -> &Name {
        self.0.first().expect("there is one")
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Name] {
        &self.0
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => self.first().fmt(f),
            more => write!(f, "{} and {} more", self.first(), more - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    #[test]
    fn spellings_of_one_name_are_equal() {
        let one: Name = "www.Example.ORG.".parse().unwrap();
        assert_eq!(one, "www.example.org".parse().unwrap());
        assert_eq!(one.wildcard().unwrap(), "*.example.org".parse().unwrap());
    }

    #[test]
    fn what_is_no_dns_name_is_refused() {
        let long = "a".repeat(64);
        for text in [
            "",
            ".",
            "a..b",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a/../b",
            "*",
            "a.*.b",
            "127.0.0",
            "1.2.3.4.5",
            "*.127.0.0.1",
            "[::1]",
            "fe80::1%1",
            "ü%2e.de",
            "ü..de",
            &long,
        ] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    /// RFC 5890 §2.3.2.1.
    #[test]
    fn what_people_write_becomes_a_labels() {
        for (text, name) in [
            ("Bücher.example", "xn--bcher-kva.example"),
            ("*.bücher.example.", "*.xn--bcher-kva.example"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), name);
        }
    }

    /// RFC 8738 §3 and §6.
    #[test]
    fn addresses_have_one_form_each_and_a_name_for_validation() {
        for (text, name, validation) in [
            ("192.0.2.1", "192.0.2.1", "1.2.0.192.in-addr.arpa"),
            (
                "2001:0DB8:0::1",
                "2001:db8::1",
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
        ] {
            let parsed: Name = text.parse().unwrap();
            assert_eq!(parsed.as_str(), name);
            assert_eq!(parsed.validation_name().as_str(), validation);
            assert_eq!(parsed.wildcard(), None);
        }
        let name: Name = "a.test".parse().unwrap();
        assert_eq!((name.validation_name(), name.address()), (name.clone(), None));
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        #[test]
        fn a_name_has_one_form_whoever_writes_it(
            pieces in vec(
                select(vec![
                    "a", "b9", "-", ".", ".", ".", "*.", "TEST", "xn--bcher-kva", "bücher", "ß", "。", "1", "127.0.0.1", "::1", "2001:DB8::",
                    "_", "%2e", "/", " ", "\u{ad}", "\u{200d}", "ＡＢ",
                ]),
                0..7,
            ),
            other in any::<[u8; 4]>(),
        ) {
            let text = pieces.concat();
            let parsed = text.parse::<Name>();
            prop_assert_eq!(text.to_uppercase().parse::<Name>().ok().filter(|_| text.is_ascii()), parsed.clone().ok().filter(|_| text.is_ascii()));
            if let Ok(name) = parsed {
                prop_assert_eq!(name.as_str().parse::<Name>(), Ok(name.clone()));
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:*".contains(&b)));
                prop_assert_eq!(name.address().map(Name::from), name.address().map(|_| name.clone()));
                if let Some(below) = name.wildcard_below() {
                    prop_assert!(below.is_wildcard());
                    prop_assert_eq!(below.domain(), name.clone());
                    prop_assert_eq!(format!("x.{name}").parse::<Name>().ok().and_then(|name| name.wildcard()), Some(below));
                }
            }
            let address = IpAddr::from(other);
            prop_assert_eq!(Name::from(address).address(), Some(address));
        }
    }
}
