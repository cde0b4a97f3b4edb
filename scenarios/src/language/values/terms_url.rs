//! URLs of terms of service.

use ca_mock::TermsOfService;

use super::{Written, Wrong};

/// Where terms of service stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsUrl(pub TermsOfService);

impl Written for TermsUrl {
    const WHAT: &'static str = "a URL";
    const EXAMPLES: &'static [&'static str] = &["https://ca.test/terms/2"];
    const PATTERN: Option<&'static str> = Some("[a-z]+:.+");

    fn parse(text: &str) -> Result<Self, Wrong> {
        TermsOfService::parse(text).map(Self).ok_or_else(|| Wrong::new("can't be read as a URL in ASCII"))
    }
}
