//! [`Name`]: a DNS name that certificates are issued for, in the one form that compares equal; and [`Names`], those
//! of one certificate.
//!
//! Lower-case ASCII without a trailing dot (RFC 5890's A-labels are taken as they are; nothing is
//! translated here). No underscore, no slash, no empty label: a name is also a directory's name in
//! storage, and distinct names must stay distinct there.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// A DNS name, possibly a wildcard (`*.` and a name, RFC 8555 §7.1.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// Not a DNS name that a certificate can be issued for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a DNS name: {reason}")]
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

    /// The wildcard that covers this name: its first label replaced by `*` (RFC 6125 §6.4.3, one label only).
    #[must_use]
    pub fn wildcard(&self) -> Option<Self> {
        let (_, parent) = self.0.split_once('.')?;
        Some(Self(format!("*.{parent}").into()))
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let refuse = |reason| Err(NotAName { text: text.to_owned(), reason });
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
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
        for text in
            ["", ".", "a..b", "-a.b", "a-.b", "a_b.c", "a/../b", "*", "a.*.b", "127.0.0.1", "::1", "ü.de", &long]
        {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }
}
