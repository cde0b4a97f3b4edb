//! [`Task`]: what a client is asked to do.

use crate::oracles::reader::identifier::{Identifier, Identifiers};

/// The name that clients are to have a certificate for.
pub const NAME: &str = "www.example.test";

/// The other one, where there are two.
const OTHER_NAME: &str = "shop.example.test";

/// The wildcard that clients are to have a certificate for, where it is one.
pub const WILDCARD: &str = "*.example.test";

/// The name that the wildcard is below, and whose proof by dns-01 has the same place.
const APEX: &str = "example.test";

/// The external account that new accounts are bound to: its name, and its key in base64url, as long as HS256 needs it (RFC 7518
/// §3.2).
pub const EXTERNAL_ACCOUNT: (&str, &str) = ("customer-7", "Z2F1bnRsZXQgZXh0ZXJuYWwgYWNjb3VudCBrZXkgMDc");

/// What a client is asked to do. Other clients have another command for each, ours another configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// To get a certificate for [`NAME`] by http-01.
    Obtain,
    /// The same by tls-alpn-01.
    ObtainByTlsAlpn,
    /// The same by dns-01.
    ObtainByDns,
    /// To get a certificate for [`WILDCARD`] by dns-01.
    ObtainWildcard,
    /// To get one certificate for [`WILDCARD`] and the name that it is below by dns-01.
    ObtainWildcardAndApex,
    /// To get one certificate for [`NAME`] and another name by http-01.
    ObtainForBoth,
    /// To get a certificate for [`NAME`] by an account that is bound to [`EXTERNAL_ACCOUNT`].
    ObtainBound,
    /// To renew the certificate that it has just got.
    Renew,
    /// To be run by a timer so many hours after its first certificate, each time, and to renew that when it is due.
    RunByTimer(&'static [u16]),
    /// To have the certificate revoked that it has just got.
    Revoke,
    /// To get a certificate, and then another key for its account.
    ChangeKey,
}

impl Task {
    /// The name that a certificate is asked for, or the first of them.
    #[must_use]
    pub fn name(self) -> &'static str {
        if matches!(self, Self::ObtainWildcard | Self::ObtainWildcardAndApex) { WILDCARD } else { NAME }
    }

    /// The other name that a certificate is asked for, if it is for two.
    #[must_use]
    pub fn other_name(self) -> Option<&'static str> {
        match self {
            Self::ObtainForBoth => Some(OTHER_NAME),
            Self::ObtainWildcardAndApex => Some(APEX),
            Self::Obtain
            | Self::ObtainByTlsAlpn
            | Self::ObtainByDns
            | Self::ObtainWildcard
            | Self::ObtainBound
            | Self::Renew
            | Self::RunByTimer(_)
            | Self::Revoke
            | Self::ChangeKey => None,
        }
    }

    /// The names that the certificate is to have.
    #[must_use]
    pub fn names(self) -> Identifiers {
        [self.name()].into_iter().chain(self.other_name()).map(Identifier::dns).collect()
    }

    /// The case about whether a client can do this at all, with a CA that does nothing odd.
    #[must_use]
    pub(super) fn base_case(self) -> &'static str {
        match self {
            Self::Obtain | Self::ObtainForBoth | Self::Renew | Self::RunByTimer(_) | Self::Revoke | Self::ChangeKey => {
                "rfc8555/7/client-issuance"
            }
            Self::ObtainByTlsAlpn => "rfc8737/3/client-certificate",
            Self::ObtainByDns => "rfc8555/8.4/client-record",
            Self::ObtainWildcard => "rfc8555/8.4/client-wildcard",
            Self::ObtainWildcardAndApex => "rfc8555/8.4/client-two-records",
            Self::ObtainBound => "rfc8555/7.3.4/client-binding",
        }
    }

    /// How our own client is asked in the world, as a scenario says it. It renews by itself, in time for certificates that live
    /// for half an hour.
    pub(super) fn in_the_world(self) -> String {
        let names: Vec<&str> = [self.name()].into_iter().chain(self.other_name()).collect();
        let bound = format!("external-account = \"{}\"", EXTERNAL_ACCOUNT.0);
        let settings = match self {
            Self::Obtain | Self::Renew | Self::RunByTimer(_) | Self::Revoke => "",
            Self::ObtainByTlsAlpn => "challenge = \"tls-alpn-01\"",
            Self::ObtainByDns | Self::ObtainWildcard => "challenge = \"dns-01\"",
            Self::ObtainWildcardAndApex => "challenge = \"dns-01\"\none-certificate = true",
            Self::ObtainForBoth => "one-certificate = true",
            Self::ObtainBound => &bound,
            Self::ChangeKey => "account-key-lifetime = \"2m\"",
        };
        let revocation =
            || format!("[[timeline]]\nat = \"5m\"\ndo = \"manager.revoke\"\nhost = \"manager\"\nnames = {names:?}");
        let timeline = if self == Self::Revoke { revocation() } else { String::new() };
        let until_m = match self {
            Self::Renew => 45,
            // A manager has its own timer.
            Self::RunByTimer(hours) => hours.last().map_or(0, |last| u32::from(*last) * 60) + 10,
            Self::Obtain
            | Self::ObtainByTlsAlpn
            | Self::ObtainByDns
            | Self::ObtainWildcard
            | Self::ObtainWildcardAndApex
            | Self::ObtainForBoth
            | Self::ObtainBound
            | Self::Revoke
            | Self::ChangeKey => 10,
        };
        format!("[run]\nuntil = \"{until_m}m\"\n[hosts.manager]\nnames = {names:?}\n{settings}\n{timeline}\n")
    }
}
