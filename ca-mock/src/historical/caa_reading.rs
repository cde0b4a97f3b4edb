//! CAA records that are read wrongly (Boulder, 2015 to 2026). Each is a mistake of one line.
//!
//! <https://github.com/letsencrypt/boulder/issues/1231>, <https://github.com/letsencrypt/boulder/issues/3722>,
//! <https://github.com/letsencrypt/boulder/issues/8614>, <https://github.com/letsencrypt/boulder/issues/3795>
//!
//! The verdict was computed upon a copy and then dropped (six certificates were issued against it). A tag counted in
//! lower case only, so that `Issue` was taken for a property that nobody knows. So did a parameter's tag, and a
//! restriction to another `AccountURI` went unheard. And parameters were split at blanks instead of semicolons, so that one
//! behind another became part of its value.
//!
//! Seam: [`CaaRules`]. To be caught by **C1**, `ca.never-issues-against-caa`, as soon as a record forbids in the way that
//! is not heard. The last one refuses what it should issue as well: that is for `ca.refuses-only-for-caa`.

use crate::caa::{CaaRules, Property, Refusal, Request, permits};

/// What the records say is found out, and nobody listens.
pub const CAA_RESULT_IGNORED: CaaRules = CaaRules {
    permits: |relevant, request| {
        drop(permits(relevant, request));
        Ok(())
    },
    ..CaaRules::STANDARD
};

/// Tags with a capital letter are those of unknown properties.
pub const CAA_TAG_CASE: CaaRules = CaaRules { permits: tags_in_lower_case, ..CaaRules::STANDARD };

/// Parameters whose tags have a capital letter are unknown ones.
pub const CAA_PARAMETER_CASE: CaaRules =
    CaaRules { permits: |relevant, request| reread(relevant, request, parameters_in_lower_case), ..CaaRules::STANDARD };

/// Parameters end at blanks, and semicolons are part of their values.
pub const CAA_PARAMETER_SEPARATOR: CaaRules =
    CaaRules { permits: |relevant, request| reread(relevant, request, parameters_at_blanks), ..CaaRules::STANDARD };

fn tags_in_lower_case(relevant: &[Property], request: &Request<'_>) -> Result<(), Refusal> {
    let known = relevant.iter().filter(|property| !has_capital(&property.tag));
    permits(&known.cloned().collect::<Vec<_>>(), request)
}

/// The verdict on values that are not what they were.
fn reread(relevant: &[Property], request: &Request<'_>, read: fn(&str) -> String) -> Result<(), Refusal> {
    let reread = |property: &Property| {
        let value = String::from_utf8_lossy(&property.value);
        Property { value: read(&value).into_bytes(), ..property.clone() }
    };
    permits(&relevant.iter().map(reread).collect::<Vec<_>>(), request)
}

fn parameters_in_lower_case(value: &str) -> String {
    let mut parts = value.split(';');
    let issuer = parts.next().unwrap_or_default();
    let heard = parts.filter(|part| !has_capital(part.split('=').next().unwrap_or_default()));
    heard.fold(issuer.to_owned(), |value, part| format!("{value};{part}"))
}

/// What remains of a semicolon is a character that ends no parameter.
fn parameters_at_blanks(value: &str) -> String {
    let Some((issuer, parameters)) = value.split_once(';') else { return value.to_owned() };
    let parameters = parameters.split_ascii_whitespace().map(|part| part.replace(';', ","));
    parameters.fold(issuer.to_owned(), |value, part| format!("{value};{part}"))
}

fn has_capital(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_permitted(rules: CaaRules, tag: &str, value: &str) -> bool {
        let relevant = [Property { is_critical: false, tag: tag.to_owned(), value: value.as_bytes().to_vec() }];
        let issuers = ["ca.test".to_owned()];
        let account_uri = "https://ca.test/account/1";
        let request = Request { issuers: &issuers, is_wildcard: false, account_uri, method: "http-01" };
        (rules.permits)(&relevant, &request).is_ok()
    }

    #[test]
    fn each_is_wrong_about_one_thing_and_right_about_the_rest() {
        let other = "accounturi=https://ca.test/account/2";
        for (rules, tag, value) in [
            (CAA_RESULT_IGNORED, "issue", ";"),
            (CAA_TAG_CASE, "Issue", ";"),
            (CAA_PARAMETER_CASE, "issue", "ca.test; AccountURI=https://ca.test/account/2"),
            (CAA_PARAMETER_SEPARATOR, "issue", &format!("ca.test; a=1;{other}")),
        ] {
            assert!(!is_permitted(CaaRules::STANDARD, tag, value), "{tag} {value}");
            assert!(is_permitted(rules, tag, value), "{tag} {value}");
            assert!(is_permitted(rules, "issue", "ca.test; validationmethods=http-01"), "{tag} {value}");
        }
        assert!(!is_permitted(CAA_PARAMETER_SEPARATOR, "issue", &format!("ca.test; a=1; {other}")));
        assert!(!is_permitted(CAA_PARAMETER_CASE, "issue", &format!("ca.test; {other}")));
    }
}
