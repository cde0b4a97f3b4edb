//! The value of `issue` and `issuewild` (RFC 8659 §4.2), which is also that of a dns-persist-01 record.

/// An issuer domain name and its parameters.
pub(crate) struct IssueValue<'a> {
    /// Empty if nobody is meant.
    pub(crate) issuer: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

/// What a value says about one parameter.
pub(crate) enum Parameter<'a> {
    Absent,
    Once(&'a str),
    Repeated,
}

impl Parameter<'_> {
    /// RFC 8657 §3: without the parameter anybody matches, and nobody with several.
    pub(crate) fn is_satisfied_by(&self, holds: impl FnOnce(&str) -> bool) -> bool {
        match self {
            Self::Absent => true,
            Self::Once(value) => holds(value),
            Self::Repeated => false,
        }
    }
}

impl<'a> IssueValue<'a> {
    /// `None` if the value is not as the grammar has it.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (issuer, parameters) = match text.split_once(';') {
            Some((issuer, parameters)) => (issuer, trim(parameters)),
            None => (text, ""),
        };
        let issuer = trim(issuer);
        if !issuer.is_empty() && !issuer.split('.').all(is_label) {
            return None;
        }
        let parameters = match parameters {
            "" => Vec::new(),
            some => some.split(';').map(parameter).collect::<Option<_>>()?,
        };
        Some(Self { issuer, parameters })
    }

    pub(crate) fn one(&self, tag: &str) -> Parameter<'a> {
        let mut given = self.parameters.iter().filter(|(known, _)| known.eq_ignore_ascii_case(tag));
        match (given.next(), given.next()) {
            (None, _) => Parameter::Absent,
            (Some((_, value)), None) => Parameter::Once(value),
            (Some(_), Some(_)) => Parameter::Repeated,
        }
    }
}

fn parameter(text: &str) -> Option<(&str, &str)> {
    let (tag, value) = text.split_once('=')?;
    let (tag, value) = (trim(tag), trim(value));
    (is_label(tag) && value.bytes().all(|byte| byte.is_ascii_graphic())).then_some((tag, value))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Letters, digits and inner hyphens.
fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_domain_name_or_nobody() {
        for nobody in ["", ";", " \t; a=b"] {
            assert_eq!(IssueValue::parse(nobody).unwrap().issuer, "", "{nobody:?}");
        }
        assert_eq!(IssueValue::parse(" ca-1.test ; a=b").unwrap().issuer, "ca-1.test");
        for none in ["ca..test", "ca.test.", "-ca.test", "ca-.test", "c_a.test", "ca test"] {
            assert!(IssueValue::parse(none).is_none(), "{none:?}");
        }
    }
}
