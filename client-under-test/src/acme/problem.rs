//! [`Problem`]: why a CA refused (RFC 7807, RFC 8555 §6.7).
//!
//! Any error answer becomes one, whatever its body: a page of HTML is a problem without a type.

use std::{collections::BTreeSet, fmt};

use hyper::StatusCode;

use super::{
    address::Address,
    http::Response,
    reading::{Document, words},
};

const URN: &str = "urn:ietf:params:acme:error:";
const EXCERPT_CHARACTERS_MAX: usize = 200;
/// An order has some hundred names at most.
const SUBPROBLEMS_MAX: usize = 100;

/// What a CA said instead of doing what was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The answer's status; `None` for a problem inside an order or a challenge that names none.
    pub status: Option<u16>,
    /// The type without its URN, for example `badNonce`; `None` if it is none of ACME's.
    pub kind: Option<String>,
    /// The CA's words.
    pub detail: String,
    /// The problems of single identifiers (RFC 8555 §6.7.1), one line each.
    pub subproblems: Vec<String>,
    /// Where the answer points to.
    pub location: Option<Address>,
    /// Where a person is told what to do (RFC 8555 §7.3.3).
    pub instance: Option<String>,
    /// The terms of service that have to be agreed to (RFC 8555 §7.3.3).
    pub terms_of_service: Option<String>,
}

impl Problem {
    /// The problem that an error answer carries.
    #[must_use]
    pub fn of_response(response: &Response) -> Self {
        let mut problem = match Document::parse(&response.body, &response.url) {
            Some(document) => Self::of_document(&document),
            None => Self { detail: excerpt(&response.body), ..Self::default() },
        };
        problem.status = Some(response.status.as_u16());
        problem.location = response.location();
        problem.terms_of_service = response.links("terms-of-service").first().map(|terms| words(terms.as_str()));
        problem
    }

    /// The problem in an `error` field.
    #[must_use]
    pub fn of_document(document: &Document) -> Self {
        Self {
            status: document.number("status").and_then(|status| u16::try_from(status).ok()),
            kind: document.text("type").and_then(|kind| kind.strip_prefix(URN)).map(words),
            detail: words(document.text("detail").or_else(|| document.text("title")).unwrap_or_default()),
            subproblems: told_once(document.objects("subproblems").iter().take(SUBPROBLEMS_MAX).map(|sub| {
                let identifier = sub.object("identifier");
                let name = identifier.as_ref().and_then(|identifier| identifier.text("value")).unwrap_or("?");
                // What is inside of these again is theirs.
                let problem = Self { subproblems: Vec::new(), ..Self::of_document(sub) };
                format!("{}: {problem}", words(name))
            })),
            location: None,
            instance: document.text("instance").map(words),
            terms_of_service: None,
        }
    }

    /// Whether the type is `kind`, one of RFC 8555 §6.7's words.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    /// Whether the same request may succeed later: the server is overloaded, broken or limits rates.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is("rateLimited")
            || self.is("serverInternal")
            || self.is("badNonce")
            || self.status.is_some_and(|status| {
                status >= 500
                    || status == StatusCode::TOO_MANY_REQUESTS.as_u16()
                    || status == StatusCode::REQUEST_TIMEOUT.as_u16()
            })
    }
}

/// Without those that say what an earlier one said.
fn told_once(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    lines.filter(|line| seen.insert(line.clone())).collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_deref().unwrap_or("an error without a type"))?;
        if let Some(status) = self.status {
            write!(f, " ({status})")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        for sub in &self.subproblems {
            write!(f, "; {sub}")?;
        }
        if let Some(terms) = &self.terms_of_service {
            write!(f, "; the terms of service are at {terms}")?;
        }
        if let Some(instance) = &self.instance {
            write!(f, "; a person finds what to do at {instance}")?;
        }
        Ok(())
    }
}

fn excerpt(body: &[u8]) -> String {
    words(&String::from_utf8_lossy(body)).chars().take(EXCERPT_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    fn problem(status: u16, body: &str) -> Problem {
        problem_with(HeaderMap::new(), status, body)
    }

    fn problem_with(headers: HeaderMap, status: u16, body: &str) -> Problem {
        Problem::of_response(&Response {
            url: "https://ca.test/".parse().unwrap(),
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            retry_after: None,
            body: body.to_owned().into(),
        })
    }

    #[test]
    fn a_problem_with_subproblems_is_read() {
        // RFC 8555 §6.7.1, shortened.
        let read = problem(
            403,
            r#"{"type": "urn:ietf:params:acme:error:malformed", "detail": "Some of the identifiers requested were rejected",
                "subproblems": [{"type": "urn:ietf:params:acme:error:rejectedIdentifier",
                    "detail": "This CA will not issue for \"example.net\"",
                    "identifier": {"type": "dns", "value": "example.net"}}]}"#,
        );
        assert!(read.is("malformed"));
        assert!(!read.is_transient());
        assert!(read.subproblems[0].starts_with("example.net: rejectedIdentifier"));
    }

    /// RFC 8555 §7.3.3, whose example this is.
    #[test]
    fn who_has_to_do_something_is_told_where_and_what_the_terms_are() {
        let link = r#"<https://example.com/acme/terms/2017-6-02>;rel="terms-of-service""#;
        let headers = HeaderMap::from_iter([(hyper::header::LINK, link.parse().unwrap())]);
        let told = problem_with(
            headers,
            403,
            r#"{"type": "urn:ietf:params:acme:error:userActionRequired", "detail": "Terms of service have changed",
                "instance": "https://example.com/acme/agreement/?token=W8Ih3PswD-8"}"#,
        )
        .to_string();
        for url in ["https://example.com/acme/terms/2017-6-02", "https://example.com/acme/agreement/?token=W8Ih3PswD-8"]
        {
            assert!(told.contains(url), "{told}");
        }
    }

    #[test]
    fn words_of_a_ca_are_told_in_one_line() {
        let told =
            problem(400, r#"{"detail": "a\nb\u001b[2J", "subproblems": [{"identifier": {"value": "\u0007c"}}]}"#);
        assert!(!told.to_string().chars().any(char::is_control), "{told:?}");
    }

    #[test]
    fn any_other_body_is_a_problem_without_a_type() {
        for body in ["<html>502 Bad Gateway</html>", "", "null", "{\"type\": 7", "{\"type\": null, \"detail\": []}"] {
            let read = problem(502, body);
            assert_eq!(read.kind, None);
            assert!(read.is_transient());
        }
        assert!(problem(502, &"<p>".repeat(10_000)).detail.len() <= EXCERPT_CHARACTERS_MAX);
    }

    #[test]
    fn long_words_and_many_subproblems_are_cut() {
        let sub = |number: usize| format!(r#"{{"detail": "no", "identifier": {{"value": "{number}.test"}}}}"#);
        let subproblems = (0..=SUBPROBLEMS_MAX).map(sub).collect::<Vec<_>>().join(", ");
        let body = format!(r#"{{"detail": "{}", "subproblems": [{subproblems}]}}"#, "ä".repeat(9_999));
        let document = Document::parse(body.as_bytes(), &"https://ca.test/".parse().unwrap()).unwrap();
        let problem = Problem::of_document(&document);
        assert_eq!(problem.detail, words(&"ä".repeat(9_999)));
        assert_eq!(problem.subproblems.len(), SUBPROBLEMS_MAX);
    }
}
