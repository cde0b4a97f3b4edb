//! A resource's place: authority and path, with what may differ between two spellings of one URL taken out.
//!
//! The scheme is dropped: an oracle learns a URL from a JSON body and meets it again as a request
//! line and a `Host` field, which name no scheme.

use std::{fmt, sync::Arc};

/// `authority/path?query` of a resource; the authority in lower case and without a default port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(Arc<str>);

impl Place {
    /// The place that an absolute URL names; `None` for anything else.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if scheme.is_empty() || rest.is_empty() {
            return None;
        }
        let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        Some(Self::of_request(authority, path.split('#').next().unwrap_or(path)))
    }

    /// The place that a request line and a `Host` field name.
    #[must_use]
    pub fn of_request(authority: &str, target: &str) -> Self {
        if !target.starts_with('/')
            && let Some(place) = Self::of_url(target)
        {
            return place;
        }
        let authority = authority.trim().to_ascii_lowercase();
        let authority = authority.strip_suffix(":443").or_else(|| authority.strip_suffix(":80")).unwrap_or(&authority);
        let slash = if target.starts_with('/') { "" } else { "/" };
        Self(format!("{authority}{slash}{target}").into())
    }

    /// Everything before the path.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// From the first slash on, with the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0[self.authority().len()..]
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_the_request_for_it_name_one_place() {
        for (url, host, target) in [
            ("https://ca.test/dir", "CA.test", "/dir"),
            ("https://ca.test:443/dir?a=b", "ca.test", "/dir?a=b"),
            ("http://ca.test:80", "ca.test:80", "/"),
            ("https://[2001:db8::1]:14000/x#y", "[2001:db8::1]:14000", "/x"),
            ("https://ca.test/dir", "other", "https://ca.test/dir"),
        ] {
            assert_eq!(Place::of_url(url), Some(Place::of_request(host, target)), "{url}");
        }
        assert_eq!(Place::of_url("/dir"), None);
        let place = Place::of_url("https://ca.test:14000/a/b").unwrap();
        assert_eq!((place.authority(), place.path()), ("ca.test:14000", "/a/b"));
    }
}
