//! What a relevant record set says: records in, verdict out (RFC 8659 §4, RFC 8657 §3 and §4).
//!
//! Whatever is not understood forbids: a critical property that is unknown, a value that is malformed, a
//! parameter that is given twice. Parameters that neither RFC defines are ignored.

use hickory_proto::rr::RData;

use super::issue_value::IssueValue;

/// One CAA record (RFC 8659 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Bit 7 of the flags.
    pub is_critical: bool,
    /// What it is about, for example `issue`.
    pub tag: String,
    /// What it says, as it came.
    pub value: Vec<u8>,
}

/// Who wants to issue what.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The issuer domain names that mean this CA.
    pub issuers: &'a [String],
    /// Whether it is for all names directly below the domain.
    pub is_wildcard: bool,
    /// The URL of the account that asks (RFC 8657 §3).
    pub account_uri: &'a str,
    /// The challenge type by which control was proved (RFC 8657 §4).
    pub method: &'a str,
}

/// Why nothing may be issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A property that this CA has to understand, and does not.
    #[error("{0:?} is critical and not known here (RFC 8659 §4.5)")]
    UnknownCritical(String),
    /// There are properties, and none is for this.
    #[error("no {0} property permits this CA, account and validation method")]
    NotPermitted(&'static str),
}

/// Whether the relevant record set permits the request. No records at all permit everything (RFC 8659 §3).
///
/// # Errors
/// Why it does not.
pub fn permits(relevant: &[Property], request: &Request<'_>) -> Result<(), Refusal> {
    const KNOWN: [&str; 3] = [ISSUE, ISSUEWILD, "iodef"];
    let is_unknown = |property: &&Property| !KNOWN.iter().any(|tag| property.is(tag));
    if let Some(unknown) = relevant.iter().filter(|property| property.is_critical).find(is_unknown) {
        return Err(Refusal::UnknownCritical(unknown.tag.chars().take(64).collect()));
    }
    // RFC 8659 §4.3: for a wildcard, issuewild where there is one, and issue otherwise; for others, issue alone.
    let has_issuewild = relevant.iter().any(|property| property.is(ISSUEWILD));
    let tag = if request.is_wildcard && has_issuewild { ISSUEWILD } else { ISSUE };
    let mut deciding = relevant.iter().filter(|property| property.is(tag)).peekable();
    let is_unrestricted = deciding.peek().is_none();
    if is_unrestricted || deciding.any(|property| property.permits(request)) {
        Ok(())
    } else {
        Err(Refusal::NotPermitted(tag))
    }
}

const ISSUE: &str = "issue";
const ISSUEWILD: &str = "issuewild";

impl Property {
    /// What a record's data says; `None` if it is of another type.
    #[must_use]
    pub fn of_record(data: &RData) -> Option<Self> {
        let RData::CAA(caa) = data else { return None };
        Some(Self { is_critical: caa.issuer_critical, tag: caa.tag.clone(), value: caa.value.clone() })
    }

    /// RFC 8659 §4.1: tags match whatever their case.
    fn is(&self, tag: &str) -> bool {
        self.tag.eq_ignore_ascii_case(tag)
    }

    fn permits(&self, request: &Request<'_>) -> bool {
        let Some(value) = std::str::from_utf8(&self.value).ok().and_then(IssueValue::parse) else { return false };
        let is_ours = request.issuers.iter().any(|issuer| issuer.eq_ignore_ascii_case(value.issuer));
        is_ours
            && value.one("accounturi").is_satisfied_by(|uri| uri == request.account_uri)
            && value.one("validationmethods").is_satisfied_by(|methods| {
                methods.split(',').all(is_method) && methods.split(',').any(|method| method == request.method)
            })
    }
}

/// RFC 8657 §4: unlike those of names, such a label may begin and end with a hyphen.
fn is_method(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "https://ca1.example.net/account/1";

    /// Each record as flags, tag and value.
    fn verdict(records: &[(u8, &str, &str)], is_wildcard: bool) -> Result<(), Refusal> {
        let property = |(flags, tag, value): &(u8, &str, &str)| Property {
            is_critical: flags & 0x80 != 0,
            tag: (*tag).to_owned(),
            value: value.as_bytes().to_vec(),
        };
        let relevant: Vec<Property> = records.iter().map(property).collect();
        let issuers = ["ca1.example.net".to_owned(), "ca1.example.org".to_owned()];
        permits(&relevant, &Request { issuers: &issuers, is_wildcard, account_uri: ACCOUNT, method: "http-01" })
    }

    fn is_permitted(value: &str) -> bool {
        verdict(&[(0, "issue", value)], false).is_ok()
    }

    #[test]
    fn the_examples_of_rfc_8659_section_4_2() {
        assert!(is_permitted("ca1.example.net"));
        assert!(is_permitted("ca1.example.net; account=230123"));
        assert!(!is_permitted("ca2.example.org"));
        assert!(!is_permitted(";"));
        assert!(!is_permitted("%%%%%"));
        assert!(verdict(&[(0, "issue", "ca2.example.org"), (0, "issue", "ca1.example.net")], false).is_ok());
        assert!(verdict(&[(0, "issue", ";"), (0, "issue", "ca1.example.net")], false).is_ok());
        assert!(verdict(&[(0, "iodef", "mailto:security@example.com")], false).is_ok());
        assert!(verdict(&[], false).is_ok());
    }

    #[test]
    fn the_examples_of_rfc_8659_section_4_3() {
        let only_wild = [(0, "issue", ";"), (0, "issuewild", "ca1.example.net")];
        assert!(verdict(&only_wild, true).is_ok() && verdict(&only_wild, false).is_err());
        let no_wild = [(0, "issue", "ca1.example.net"), (0, "issuewild", ";")];
        assert!(verdict(&no_wild, true).is_err() && verdict(&no_wild, false).is_ok());
        let wild_alone = [(0, "issuewild", ";")];
        assert!(verdict(&wild_alone, true).is_err() && verdict(&wild_alone, false).is_ok());
        let no_issuewild = [(0, "issue", "ca2.example.org")];
        assert!(verdict(&no_issuewild, true).is_err());
    }

    /// RFC 8659 §4.5.
    #[test]
    fn an_unknown_property_forbids_only_if_it_is_critical() {
        assert_eq!(verdict(&[(128, "tbs", "Unknown")], false), Err(Refusal::UnknownCritical("tbs".into())));
        assert!(verdict(&[(128, "tbs", "Unknown"), (0, "issue", "ca1.example.net")], false).is_err());
        assert!(verdict(&[(0, "tbs", "Unknown")], false).is_ok());
        assert!(verdict(&[(127, "tbs", "Unknown")], false).is_ok());
        assert!(verdict(&[(128, "ISSUE", "ca1.example.net"), (128, "IODEF", "x")], false).is_ok());
    }

    #[test]
    fn case_and_blanks_do_not_matter() {
        for value in ["CA1.Example.NET", " \tca1.example.net ", "ca1.example.net ;", "ca1.example.org; a = b ; c=d "] {
            assert!(is_permitted(value), "{value}");
        }
        assert!(verdict(&[(0, "IsSuE", ";")], false).is_err());
    }

    #[test]
    fn what_is_malformed_permits_nobody() {
        for value in [
            "",
            "ca1.example.net.",
            "ca1..example.net",
            "-ca1.example.net",
            "ca1.example.net account=1",
            "ca1.example.net; account",
            "ca1.example.net; account=1;",
            "ca1.example.net; =1",
            "ca1.example.net; a_b=1",
            "ca1.example.net; account=1 2",
            "ca1.example.net; account=\u{e4}",
            "https://ca1.example.net",
        ] {
            assert!(!is_permitted(value), "{value}");
        }
        let bytes = Property { is_critical: false, tag: "issue".into(), value: b"ca1.example.net; a=\xff".to_vec() };
        let issuers = ["ca1.example.net".to_owned()];
        let request = Request { issuers: &issuers, is_wildcard: false, account_uri: ACCOUNT, method: "http-01" };
        assert!(permits(&[bytes], &request).is_err());
    }

    /// RFC 8657 §3.
    #[test]
    fn an_account_is_named_by_its_whole_uri_and_once() {
        for (parameters, permitted) in [
            ("accounturi=https://ca1.example.net/account/1", true),
            ("AccountURI=https://ca1.example.net/account/1", true),
            ("accounturi=https://ca1.example.net/account/12", false),
            ("accounturi=", false),
            ("accounturi=https://ca1.example.net/account/1; accounturi=https://ca1.example.net/account/1", false),
        ] {
            assert_eq!(is_permitted(&format!("ca1.example.net; {parameters}")), permitted, "{parameters}");
        }
        let other = (0, "issue", "ca1.example.net; accounturi=https://ca1.example.net/account/2");
        let ours = (0, "issue", "ca1.example.org; accounturi=https://ca1.example.net/account/1");
        assert!(verdict(&[other, ours], false).is_ok());
    }

    /// RFC 8657 §4.
    #[test]
    fn a_method_must_be_in_the_list() {
        for (parameters, permitted) in [
            ("validationmethods=http-01", true),
            ("validationmethods=dns-01,http-01", true),
            ("validationmethods=dns-01", false),
            ("validationmethods=", false),
            ("validationmethods=http-01,", false),
            ("validationmethods=http-01,-,x-", true),
            ("validationmethods=http-01,a_b", false),
            ("validationmethods=http-01; validationmethods=http-01", false),
            ("validationmethods=http-01; accounturi=https://ca2.example.org/1", false),
        ] {
            assert_eq!(is_permitted(&format!("ca1.example.net; {parameters}")), permitted, "{parameters}");
        }
    }
}
