//! CAA records, and whether a set of them forbids an issuance (RFC 8659 §4, RFC 8657).
//!
//! Read from zone-file text, in which both DNS answers and changes of a zone come. The CA's own evaluation is
//! not asked: it is what is judged. What the trace does not tell, an account or a method, forbids nothing.

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaaRecord {
    is_critical: bool,
    tag: String,
    value: String,
}

/// Who issues what.
#[derive(Clone, Copy, Debug)]
pub struct Issuance<'a> {
    /// The issuer domain names that the CA goes by.
    pub issuers: &'a [String],
    /// Whether it is for a wildcard.
    pub is_wildcard: bool,
    /// The account's URL, if known.
    pub account: Option<&'a str>,
    /// The type of the challenge that was met, if known.
    pub method: Option<&'a str>,
}

impl CaaRecord {
    /// Reads flags, tag and value; `None` if there aren't these three.
    #[must_use]
    pub fn read(data: &str) -> Option<Self> {
        let (flags, rest) = data.trim().split_once(char::is_whitespace)?;
        let (tag, value) = rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest, ""));
        let value = value.trim_start();
        let value = match value.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            // Behind a semicolon is a comment.
            None => value.split([' ', '\t', ';']).next().unwrap_or_default().to_owned(),
        };
        let is_critical = flags.parse::<u8>().ok()? >= 128;
        Some(Self { is_critical, tag: tag.to_ascii_lowercase(), value })
    }

    /// Whether its value, as `issue` and `issuewild` have it, names the CA and the circumstances.
    fn grants(&self, issuance: &Issuance<'_>) -> bool {
        let mut parts: Vec<&str> = self.value.split(';').map(|part| part.trim_matches([' ', '\t'])).collect();
        // One semicolon may stand after the issuer with nothing behind it.
        if parts.len() == 2 && parts[1].is_empty() {
            parts.pop();
        }
        let mut parameters = Vec::new();
        for part in &parts[1..] {
            let Some((tag, value)) = part.split_once('=') else { return false };
            let (tag, value) = (tag.trim_end_matches([' ', '\t']), value.trim_start_matches([' ', '\t']));
            if !is_word(tag) || value.contains(|c: char| !c.is_ascii_graphic()) {
                return false;
            }
            parameters.push((tag.to_ascii_lowercase(), value));
        }
        let grants = |tag: &str, is_met: &dyn Fn(&str) -> bool| {
            let mut given = parameters.iter().filter(|(known, _)| known == tag).map(|(_, value)| *value);
            match (given.next(), given.next()) {
                (None, _) => true,
                (Some(value), None) => is_met(value),
                (Some(_), Some(_)) => false,
            }
        };
        issuance.issuers.iter().any(|issuer| issuer.eq_ignore_ascii_case(parts[0]))
            && grants("accounturi", &|uri| issuance.account.is_none_or(|account| account == uri))
            && grants("validationmethods", &|list| {
                list.split(',').all(is_method)
                    && issuance.method.is_none_or(|method| list.split(',').any(|allowed| allowed == method))
            })
    }
}

/// Whether a relevant record set forbids an issuance; an empty one forbids none.
#[must_use]
pub fn forbids(relevant: &[CaaRecord], issuance: &Issuance<'_>) -> bool {
    let is_known = |record: &CaaRecord| matches!(record.tag.as_str(), "issue" | "issuewild" | "iodef");
    if relevant.iter().any(|record| record.is_critical && !is_known(record)) {
        return true;
    }
    let with_tag = |tag: &str| -> Vec<&CaaRecord> { relevant.iter().filter(|record| record.tag == tag).collect() };
    let wild = if issuance.is_wildcard { with_tag("issuewild") } else { Vec::new() };
    let deciding = if wild.is_empty() { with_tag("issue") } else { wild };
    !deciding.is_empty() && !deciding.iter().any(|record| record.grants(issuance))
}

/// What stands before the closing quote; `\x` is x, `\123` the octet of that decimal number (RFC 1035 §5.1).
fn unquoted(text: &str) -> Option<String> {
    let mut octets = text.bytes();
    let mut value = Vec::new();
    loop {
        value.push(match octets.next()? {
            b'"' => return Some(String::from_utf8_lossy(&value).into_owned()),
            b'\\' => match octets.next()? {
                first @ b'0'..=b'9' => {
                    let digits = [first, octets.next()?, octets.next()?];
                    str::from_utf8(&digits).ok()?.parse().ok()?
                }
                octet => octet,
            },
            octet => octet,
        });
    }
}

/// RFC 8657 §4: unlike a label of a name, it may begin and end with a hyphen.
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn is_word(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_forbidden(records: &[&str], is_wildcard: bool) -> bool {
        let records: Vec<CaaRecord> = records.iter().filter_map(|data| CaaRecord::read(data)).collect();
        let (issuers, account) = (["ca.test".to_owned()], Some("https://ca.test/account/1"));
        forbids(&records, &Issuance { issuers: &issuers, is_wildcard, account, method: Some("http-01") })
    }

    #[test]
    fn what_names_the_ca_permits_and_what_does_not_forbids() {
        for (data, forbidden) in [
            ("0 issue \"ca.test\"", false),
            ("0 issue ca.test", false),
            ("0 ISSUE \" CA.test ; a=b\"", false),
            ("0 issue \"ca.test\" ; nobody else", false),
            ("0 issue ca.test;nobody else", false),
            (r#"0 issue "ca.test\; accounturi=https://ca.test/account/\049""#, false),
            ("0 issue \";\"", true),
            ("0 issue \"\"", true),
            ("0 issue \"other.test\"", true),
            ("0 issue \"ca.test; a\"", true),
            ("0 issue \"ca.test; a=b;\"", true),
            ("0 issue \"ca.test;\"", false),
            ("0 issue \"ca.test; a-b=c\"", false),
            ("0 issue \"ca.test; a_b=c\"", true),
            ("0 issue \"ca.test; -a=b\"", true),
            ("0 issue \"ca.test; a-=b\"", true),
            ("0 issue \"ca.test; a=b c\"", true),
            ("0 issue \"ca.test; accounturi=https://ca.test/account/1\"", false),
            ("0 issue \"ca.test; accounturi=https://ca.test/account/2\"", true),
            ("0 issue \"ca.test; validationmethods=dns-01,http-01\"", false),
            ("0 issue \"ca.test; validationmethods=dns-01\"", true),
            ("0 issue \"ca.test; validationmethods=http-01,-,x-\"", false),
            ("0 issue \"ca.test; validationmethods=http-01,a_b\"", true),
            ("0 issue \"ca.test; validationmethods=http-01,\"", true),
            ("0 issuewild \";\"", false),
            ("0 tbs \"x\"", false),
            ("127 tbs \"x\"", false),
            ("128 tbs \"x\"", true),
            ("128 iodef \"mailto:a@a.test\"", false),
        ] {
            assert_eq!(is_forbidden(&[data], false), forbidden, "{data}");
        }
        assert!(!is_forbidden(&[], false));
        assert!(!is_forbidden(&["0 issue \";\"", "0 issue \"ca.test\""], false));
        assert!(is_forbidden(&["0 issue \"ca.test\"", "0 issuewild \";\""], true));
        assert!(is_forbidden(&["0 issue \";\""], true));
    }
}
