//! dns-persist-01: a TXT record that stays names the CA and the account (draft-ietf-acme-dns-persist-01 §4).
//!
//! Records for other CAs and accounts may stand beside it, and what can't be read is as good as not there.

use sim::UtcDateTime;

use crate::{
    caa::issue_value::{IssueValue, Parameter},
    identifier::Identifier,
    perspective::Perspective,
    problem::{Problem, ProblemType},
    texts,
    validation_record::ValidationRecord,
};

const LABEL: &str = "_validation-persist";

/// Looks for a record that lets `account_uri` have the identifier certified now.
pub(crate) async fn validate(
    from: &Perspective,
    identifier: &Identifier,
    account_uri: &str,
    records: &mut Vec<ValidationRecord>,
) -> Result<(), Problem> {
    records.push(ValidationRecord { hostname: identifier.domain().to_owned(), ..ValidationRecord::default() });
    let name = format!("{LABEL}.{}", identifier.domain());
    let texts = texts::find(from, &name).await?;
    let request = Request {
        issuers: &from.config().caa_identities,
        account_uri,
        is_wildcard: identifier.is_wildcard(),
        now: from.env.utc_now(),
    };
    if texts.iter().any(|text| request.is_granted_by(text)) {
        return Ok(());
    }
    let detail = format!("looking up {name}: none of {} TXT records grants this to {account_uri}", texts.len());
    Err(Problem::new(ProblemType::Unauthorized, detail))
}

/// What a record has to grant.
#[derive(Clone, Copy, Debug)]
struct Request<'a> {
    issuers: &'a [String],
    account_uri: &'a str,
    is_wildcard: bool,
    now: UtcDateTime,
}

impl Request<'_> {
    fn is_granted_by(&self, text: &[u8]) -> bool {
        let Some(value) = std::str::from_utf8(text).ok().and_then(IssueValue::parse) else { return false };
        self.issuers.iter().any(|issuer| issuer.eq_ignore_ascii_case(value.issuer))
            && matches!(value.one("accounturi"), Parameter::Once(uri) if uri == self.account_uri)
            && value.one("persistUntil").is_satisfied_by(|until| {
                let is_number = until.bytes().all(|byte| byte.is_ascii_digit());
                is_number && until.parse::<i64>().is_ok_and(|until| until > self.now.unix_timestamp())
            })
            && (!self.is_wildcard
                || matches!(value.one("policy"), Parameter::Once(policy) if policy.eq_ignore_ascii_case("wildcard")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(text: &str, is_wildcard: bool) -> bool {
        let issuers = ["authority.example".to_owned()];
        let now = UtcDateTime::from_unix_timestamp(1_000_000).unwrap();
        let account_uri = "https://ca.example/acct/123";
        Request { issuers: &issuers, account_uri, is_wildcard, now }.is_granted_by(text.as_bytes())
    }

    #[test]
    fn a_record_grants_to_its_account_until_it_ends_and_wildcards_only_if_it_says_so() {
        const OURS: &str = "authority.example; accounturi=https://ca.example/acct/123";
        for (more, plain, wildcard) in [
            ("", true, false),
            ("; policy=wildcard", true, true),
            ("; policy=WildCard; something=else", true, true),
            ("; policy=strict", true, false),
            ("; persistUntil=1000001", true, false),
            ("; persistUntil=1000000", false, false),
            ("; persistUntil=+2000000", false, false),
            ("; persistUntil=soon", false, false),
            ("; persistUntil=2000000; persistUntil=2000000", false, false),
            ("; accounturi=https://ca.example/acct/123", false, false),
        ] {
            let text = format!("{OURS}{more}");
            assert_eq!((grants(&text, false), grants(&text, true)), (plain, wildcard), "{text}");
        }
        for text in [
            "",
            "authority.example",
            "other.example; accounturi=https://ca.example/acct/123",
            "authority.example; accounturi=https://CA.example/acct/123",
            "authority.example accounturi=https://ca.example/acct/123",
        ] {
            assert!(!grants(text, false), "{text}");
        }
    }
}
