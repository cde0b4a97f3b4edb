//! [`HostPort`]: an address as Go writes it, `host:port`.

use std::{fmt, str::FromStr};

/// A host, by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Without brackets; empty means all of this machine's addresses.
    pub host: String,
    /// 0 picks a free one.
    pub port: u16,
}

/// The text is no [`HostPort`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not HOST:PORT, such as \"127.0.0.1:14000\", \"[::1]:0\" or \":14000\"")]
pub struct NotHostPort(String);

impl FromStr for HostPort {
    type Err = NotHostPort;

    fn from_str(text: &str) -> Result<Self, NotHostPort> {
        let parse = || {
            let (host, port) = text.rsplit_once(':')?;
            let is_bracketed = host.starts_with('[') && host.ends_with(']');
            let host = if is_bracketed { &host[1..host.len() - 1] } else { host };
            let is_host = is_bracketed || !host.contains([':', '[', ']']);
            // `parse` would take a sign.
            let is_number = port.bytes().all(|b| b.is_ascii_digit());
            (is_host && is_number).then_some(Self { host: host.to_owned(), port: port.parse().ok()? })
        };
        parse().ok_or_else(|| NotHostPort(text.to_owned()))
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_go_writes_them() {
        for text in ["127.0.0.1:14000", "[::1]:0", ":14000", "localhost:8553"] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        for bad in ["", "14000", "::1:0", "a:", "a:+1", "a:65536", "[::1]", "[a:1", "a:b"] {
            bad.parse::<HostPort>().expect_err(bad);
        }
    }
}
