//! [`Target`]: the URL to fetch, and where a redirect may lead.
//!
//! The ports that the CA is configured with stand for 80 and 443, so that a test needs no privileges.

use url::{Host, Url};

use super::exchange::FetchError;
use crate::{challenges::Token, config::Config, identifier::Identifier};

/// A redirect that is longer is not followed (as in Boulder).
const URL_BYTES_MAX: usize = 2_000;

/// Where http-01 may be redirected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Ports 80 and 443 of hosts that this CA would issue for, as Boulder has it.
    #[default]
    PublicWeb,
    /// Any port of any host, as Pebble has it.
    Anywhere,
}

/// A URL of scheme http or https, and the port to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    url: Url,
    pub(super) port: u16,
}

impl Target {
    /// RFC 8555 §8.3.
    pub(super) fn first(identifier: &Identifier, token: Token, config: &Config) -> Self {
        let (host, port) = (identifier.host(), config.http01_port);
        let url = Url::parse(&format!("http://{host}:{port}/.well-known/acme-challenge/{token}"))
            .expect("a host, a number and a token make a URL");
        Self { url, port }
    }

    /// Follows a redirect from here; the refusal names the rule that it breaks.
    pub(super) fn redirected(&self, location: Option<&str>, config: &Config) -> Result<Self, FetchError> {
        let bad = |why: String| FetchError::BadRedirect(why);
        let location = location.ok_or_else(|| bad("Redirect without a Location".to_owned()))?;
        let mut url = self.url.join(location).map_err(|e| bad(format!("Invalid URL in redirect target: {e}")))?;
        if url.as_str().len() > URL_BYTES_MAX {
            return Err(bad(format!("Redirect target longer than {URL_BYTES_MAX} bytes")));
        }
        url.set_fragment(None);
        let default_port = match url.scheme() {
            "http" => config.http01_port,
            "https" => config.tls_alpn01_port,
            other => {
                return Err(bad(format!(
                    "Invalid protocol scheme in redirect target. Only \"http\" and \"https\" protocol schemes are \
                     supported, not {other:?}"
                )));
            }
        };
        let host = url.host().ok_or_else(|| bad("Invalid empty hostname in redirect target".to_owned()))?;
        let port = match url.port() {
            None => default_port,
            Some(80) => config.http01_port,
            Some(443) => config.tls_alpn01_port,
            Some(same) if same == config.http01_port || same == config.tls_alpn01_port => same,
            Some(other) => match config.http01_redirects {
                Redirects::Anywhere => other,
                Redirects::PublicWeb => {
                    return Err(bad(format!(
                        "Invalid port in redirect target. Only ports 80 and 443 are supported, not {other}"
                    )));
                }
            },
        };
        if let (Redirects::PublicWeb, Host::Domain(name)) = (config.http01_redirects, &host) {
            if name.ends_with(".well-known") {
                return Err(bad(format!(
                    "Invalid host in redirect target {name:?}. Check webserver config for missing '/' in redirect \
                     target."
                )));
            }
            let identifier = Identifier::parse(name.trim_end_matches('.'));
            if !identifier.is_ok_and(|identifier| identifier.as_str().contains('.')) {
                return Err(bad("Invalid host in redirect target, must end in IANA registered TLD".to_owned()));
            }
        }
        Ok(Self { url, port })
    }

    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn host(&self) -> Host<String> {
        self.url.host().map(|host| host.to_owned()).expect("a target has a host")
    }

    /// The host as text; an IPv6 address in brackets.
    pub(super) fn hostname(&self) -> &str {
        self.url.host_str().expect("a target has a host")
    }

    /// RFC 9110 §7.2: the port only if it is not the scheme's.
    pub(super) fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.hostname()),
            None => self.hostname().to_owned(),
        }
    }

    /// RFC 9112 §3.2.1.
    pub(super) fn origin_form(&self) -> String {
        let path = self.url.path();
        self.url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(location: &str, redirects: Redirects) -> Result<(String, u16), String> {
        let url = Url::parse("http://a.example:5002/.well-known/acme-challenge/t").unwrap();
        let config =
            Config { http01_port: 5002, tls_alpn01_port: 5001, http01_redirects: redirects, ..Config::default() };
        let target = Target { url, port: 5002 }.redirected(Some(location), &config).map_err(|e| e.to_string())?;
        Ok((target.url().to_owned(), target.port))
    }

    #[test]
    fn a_redirect_may_lead_to_the_web_on_the_ports_that_stand_for_its_own() {
        for (location, url, port) in [
            ("/x?y=z#part", "http://a.example:5002/x?y=z", 5002),
            ("//b.example/x", "http://b.example/x", 5002),
            ("https://b.example", "https://b.example/", 5001),
            ("https://b.example:80/", "https://b.example:80/", 5002),
            ("http://b.example:5001/", "http://b.example:5001/", 5001),
            ("http://192.0.2.1/", "http://192.0.2.1/", 5002),
            ("http://[2001:db8::1]/", "http://[2001:db8::1]/", 5002),
        ] {
            assert_eq!(redirected(location, Redirects::PublicWeb), Ok((url.to_owned(), port)), "{location}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_rule_that_it_breaks() {
        let long = format!("/{}", "x".repeat(URL_BYTES_MAX));
        for (location, rule) in [
            ("ftp://b.example/", "Only \"http\" and \"https\""),
            ("http://b.example:8080/", "Only ports 80 and 443 are supported, not 8080"),
            ("http://localhost/", "must end in IANA registered TLD"),
            ("http://a.example.well-known/x", "missing '/'"),
            ("http://", "Invalid URL in redirect target"),
            ("http://a.example:99999/", "Invalid URL in redirect target"),
            (&long, "longer than 2000 bytes"),
        ] {
            let refusal = redirected(location, Redirects::PublicWeb).unwrap_err();
            assert!(refusal.contains(rule), "{refusal} instead of {rule}");
        }
        assert!(redirected("http://localhost:8080/", Redirects::Anywhere).is_ok());
    }
}
