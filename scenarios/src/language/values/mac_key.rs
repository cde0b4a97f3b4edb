//! Keys for external account bindings (RFC 8555 §7.3.4).

use ca_mock::ExternalAccountKey;

use super::{Written, Wrong};

/// A key that a customer of a CA was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacKey {
    /// As it is written, which is how the customer has it.
    pub text: String,
    /// As the CA has it.
    pub key: ExternalAccountKey,
}

impl Written for MacKey {
    const WHAT: &'static str = "a key in base64url without padding";
    const EXAMPLES: &'static [&'static str] = &["zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"];
    const PATTERN: Option<&'static str> = Some("[0-9A-Za-z_-]+");

    fn parse(text: &str) -> Result<Self, Wrong> {
        ExternalAccountKey::parse(text)
            .map(|key| Self { text: text.to_owned(), key })
            .ok_or_else(|| Wrong::new("can't be read as base64url without padding"))
    }
}
