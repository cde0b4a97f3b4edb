//! [`Address`]: where a resource is, octet for octet as the CA wrote it.
//!
//! A request's `url` and `kid` are compared with what the CA handed out as strings (RFC 8555 §6.2, §6.4), so nothing may be
//! written otherwise, however equal it is: not the host's letters, no escape, no port that goes without saying. Where to connect
//! to is another matter, and that is [`Address::url`].

use std::{fmt, str::FromStr, sync::Arc};

use url::{ParseError, Url};

/// An absolute address. Clones share it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Arc<Written>);

#[derive(PartialEq, Eq)]
struct Written {
    text: String,
    /// Where the path begins in `text`, or what follows in its place.
    path_at: usize,
    url: Url,
}

impl Address {
    /// The address that `reference` means in a document from here: itself if it is absolute.
    #[must_use]
    pub fn join(&self, reference: &str) -> Option<Self> {
        reference.parse().or_else(|_| self.0.url.join(reference).map(Self::from)).ok()
    }

    /// The address of what lies `below` this one; a query stays behind it.
    #[must_use]
    pub fn below(&self, below: &str) -> Option<Self> {
        let text = self.as_str();
        let path_end = self.0.path_at + end_of(&text[self.0.path_at..], &['?', '#']);
        let (path, rest) = text.split_at(path_end);
        format!("{}/{below}{rest}", path.trim_end_matches('/')).parse().ok()
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Where it leads.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0.url
    }

    /// What a request names to its server (RFC 9112 §3.2.1): path and query as they were written.
    #[must_use]
    pub fn target(&self) -> String {
        let rest = &self.0.text[self.0.path_at..];
        let rest = &rest[..end_of(rest, &['#'])];
        if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") }
    }

    /// The server's name and port as they were written, for `Host` (RFC 9110 §7.2).
    #[must_use]
    pub fn authority(&self) -> &str {
        let authority = authority(&self.0.text).map_or("", |(begin, end)| &self.0.text[begin..end]);
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    }
}

/// What is written as RFC 3986 has it stays as it is; of anything else, what browsers take it for.
impl FromStr for Address {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let url = Url::parse(text)?;
        match authority(text).filter(|_| text.bytes().all(is_of_an_address)) {
            Some((_, path_at)) => Ok(Self(Arc::new(Written { text: text.to_owned(), path_at, url }))),
            None => Ok(url.into()),
        }
    }
}

impl From<Url> for Address {
    fn from(url: Url) -> Self {
        let text = String::from(url.clone());
        let path_at = authority(&text).map_or(text.len(), |(_, end)| end);
        Self(Arc::new(Written { text, path_at, url }))
    }
}

/// From where to where the authority stands, if there is one.
fn authority(text: &str) -> Option<(usize, usize)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let begin = scheme.len() + "://".len();
    let end = begin + end_of(rest, &['/', '?', '#']);
    (is_scheme && begin < end).then_some((begin, end))
}

fn end_of(text: &str, ends: &[char]) -> usize {
    text.find(ends).unwrap_or(text.len())
}

/// RFC 3986 §2.
fn is_of_an_address(octet: u8) -> bool {
    octet.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&octet)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    /// RFC 8555 §6.4.
    #[test]
    fn what_the_ca_wrote_is_not_rewritten() {
        for (text, target, authority) in [
            ("https://CA.Test:443/Acme/%7euser;v=1+2?", "/Acme/%7euser;v=1+2?", "CA.Test:443"),
            ("HTTPS://ca.test/a/../b/./c//d", "/a/../b/./c//d", "ca.test"),
            ("https://ca.test?order=%2F&x=1#part", "/?order=%2F&x=1", "ca.test"),
            ("https://user:secret@ca.test", "/", "ca.test"),
            ("https://[2001:DB8::1]:14000/x", "/x", "[2001:DB8::1]:14000"),
        ] {
            let address = address(text);
            assert_eq!((address.as_str(), &*address.target(), address.authority()), (text, target, authority));
            assert_eq!(address.url(), &Url::parse(text).unwrap());
            assert_eq!(self::address("https://other.test/").join(text), Some(address));
        }
    }

    #[test]
    fn what_is_no_address_is_taken_as_browsers_take_it() {
        for (text, taken) in [
            (" https://ca.test/a b", "https://ca.test/a%20b"),
            ("https:ca.test/x", "https://ca.test/x"),
            ("https:///ca.test/x", "https://ca.test/x"),
            ("https://ca.test\\x", "https://ca.test/x"),
            ("https://ca.test/ü", "https://ca.test/%C3%BC"),
        ] {
            assert_eq!(address(text).as_str(), taken);
            assert_eq!(address(text).target(), address(taken).target());
        }
        assert!("/x".parse::<Address>().is_err() && "https://".parse::<Address>().is_err());
        assert!(address("mailto:a@ca.test").authority().is_empty());
    }

    #[test]
    fn a_relative_one_is_completed_and_others_lie_below() {
        let base = address("https://CA.test/acme/order/1");
        assert_eq!(base.join("../authz/2").unwrap().as_str(), "https://ca.test/acme/authz/2");
        for (base, below) in [
            ("https://ca.test/ari", "https://ca.test/ari/aQ.AIc"),
            ("https://CA.test/%7eari/", "https://CA.test/%7eari/aQ.AIc"),
            ("https://ca.test/ari?profile=x", "https://ca.test/ari/aQ.AIc?profile=x"),
            ("https://ca.test", "https://ca.test/aQ.AIc"),
        ] {
            assert_eq!(address(base).below("aQ.AIc").unwrap().as_str(), below);
        }
    }
}
