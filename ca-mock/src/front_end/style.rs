//! [`Style`]: how an answer looks, whatever it says. It is put on last, when everything is decided.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, USER_AGENT},
    http::response::Parts,
};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{answer::Answer, routes::Route};
use crate::problem::Problem;

/// How answers look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// As the RFCs show it: short, with media types alone.
    #[default]
    Plain,
    /// As Pebble's: JSON indented by three blanks, media types with a charset, answers that say how they may be cached,
    /// no URL where a resource is only read, nothing in a 404, and no answer for clients that don't say who they are
    /// (which RFC 8555 §6.1 asks of them as well).
    Pebble,
    /// As Boulder's: JSON indented by two blanks, and answers that say how they may be cached.
    Boulder,
    /// As step-ca's: problems without `status`, whose HTTP status is 401 if they are `unauthorized`, and 400 where RFC
    /// 8555 and RFC 6585 have 403, 409 or 429. Clients have to go by the type.
    StepCa,
    /// As Buypass' was: no order's URL in the answer to its finalization, so that clients have to remember it.
    Buypass,
}

impl Style {
    /// Why a request is not even looked at.
    pub(super) fn refuses<T>(self, request: &Request<T>) -> Option<Response<Full<Bytes>>> {
        match self {
            Self::Pebble if !request.headers().contains_key(USER_AGENT) => {
                Some(Answer::from(&Problem::malformed("All requests MUST include a User-Agent header")).into())
            }
            Self::Plain | Self::Pebble | Self::Boulder | Self::StepCa | Self::Buypass => None,
        }
    }

    /// Whether accounts are shown with their keys, which RFC 8555 §7.1.2 does not know.
    pub(super) fn shows_account_keys(self) -> bool {
        match self {
            Self::Pebble | Self::Boulder => true,
            Self::Plain | Self::StepCa | Self::Buypass => false,
        }
    }

    /// `response` in this style.
    pub(super) async fn dress(self, response: Response<Full<Bytes>>, route: Option<&Route>) -> Response<Full<Bytes>> {
        let (mut head, body) = response.into_parts();
        let body = body.collect().await.unwrap_or_else(|never| match never {}).to_bytes();
        let body = match self {
            Self::Plain => body,
            Self::Pebble => as_pebble(&mut head, body, route),
            Self::Boulder => as_boulder(&mut head, body),
            Self::StepCa => as_step_ca(&mut head, body),
            Self::Buypass => {
                if matches!(route, Some(Route::Finalize(_))) {
                    head.headers.remove(LOCATION);
                }
                body
            }
        };
        Response::from_parts(head, Full::from(body))
    }
}

fn as_pebble(head: &mut Parts, mut body: Bytes, route: Option<&Route>) -> Bytes {
    let is_known_by_id = matches!(
        route,
        Some(Route::Order(_) | Route::Finalize(_) | Route::Authorization(_) | Route::Challenge(..))
            | Some(Route::Certificate(_) | Route::AlternateCertificate(..))
    );
    if head.status == StatusCode::NOT_FOUND && is_known_by_id {
        head.headers.remove(CONTENT_TYPE);
        body = Bytes::new();
    }
    let charset = match head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) {
        Some(b"application/json") => Some("application/json; charset=utf-8"),
        Some(b"application/problem+json") => Some("application/problem+json; charset=utf-8"),
        Some(b"application/pem-certificate-chain") => Some("application/pem-certificate-chain; charset=utf-8"),
        Some(_) | None => None,
    };
    if let Some(charset) = charset {
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(charset));
    }
    let is_told =
        matches!(head.status, StatusCode::CREATED | StatusCode::CONFLICT) || route == Some(&Route::NewAccount);
    if !is_told {
        head.headers.remove(LOCATION);
    }
    say_how_to_cache(head);
    indented_if_json(body, 3)
}

fn as_boulder(head: &mut Parts, body: Bytes) -> Bytes {
    say_how_to_cache(head);
    indented_if_json(body, 2)
}

fn as_step_ca(head: &mut Parts, body: Bytes) -> Bytes {
    if head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) != Some(b"application/problem+json") {
        return body;
    }
    let Ok(Value::Object(mut problem)) = serde_json::from_slice(&body) else { return body };
    problem.remove("status");
    let is_unauthorized = problem.get("type") == Some(&"urn:ietf:params:acme:error:unauthorized".into());
    head.status = match head.status {
        _ if is_unauthorized => StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => StatusCode::BAD_REQUEST,
        other => other,
    };
    Value::Object(problem).to_string().into()
}

/// The `no-store` that RFC 8555 §7.2 wants of new nonces stays.
fn say_how_to_cache(head: &mut Parts) {
    head.headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("public, max-age=0, no-cache"));
}

/// What a test has set for renewal information may be no JSON; it goes out as it is.
fn indented_if_json(body: Bytes, blanks: usize) -> Bytes {
    match serde_json::from_slice::<IgnoredAny>(&body) {
        Ok(IgnoredAny) => indented(&body, blanks).into(),
        Err(_) => body,
    }
}

/// JSON as Go's `json.MarshalIndent` writes it, with its members in the order that they have.
pub(crate) fn indented(json: &[u8], blanks: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut is_in_text, mut is_escaped) = (0_usize, false, false);
    let new_line = |text: &mut Vec<u8>, depth: usize| {
        text.push(b'\n');
        text.extend(std::iter::repeat_n(b' ', blanks * depth));
    };
    for (place, byte) in json.iter().copied().enumerate() {
        if is_in_text {
            (is_in_text, is_escaped) = (is_escaped || byte != b'"', !is_escaped && byte == b'\\');
            text.push(byte);
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'{' | b'[' => {
                text.push(byte);
                depth += 1;
                if !matches!(json.get(place + 1), Some(b'}' | b']')) {
                    new_line(&mut text, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(text.last(), Some(b'{' | b'[')) {
                    new_line(&mut text, depth);
                }
                text.push(byte);
            }
            b',' => {
                text.push(byte);
                new_line(&mut text, depth);
            }
            b':' => text.extend(b": "),
            other => {
                is_in_text = other == b'"';
                text.push(other);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ProblemType;

    #[test]
    fn json_is_indented_as_go_does_it() {
        for (compact, expected) in [
            (
                r#"{"a":[],"b":{},"c":[1,{"d":"x:{,\\"}]}"#,
                "{\n   \"a\": [],\n   \"b\": {},\n   \"c\": [\n      1,\n      {\n         \"d\": \"x:{,\\\\\"\n      }\n   ]\n}",
            ),
            (r#"{"q":"\"[","n":null}"#, "{\n   \"q\": \"\\\"[\",\n   \"n\": null\n}"),
            ("\"text\"", "\"text\""),
        ] {
            assert_eq!(String::from_utf8(indented(compact.as_bytes(), 3)).unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_problem_reads_as_in_pebbles_golden_trace() {
        let request = Request::get("/dir").body(()).unwrap();
        let refused = Style::Pebble.refuses(&request).unwrap();
        assert!(Style::Plain.refuses(&request).is_none());
        let dressed = Style::Pebble.dress(refused, Some(&Route::Directory)).await;
        assert_eq!(dressed.headers()[CONTENT_TYPE], "application/problem+json; charset=utf-8");
        let body = dressed.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 133);
        let missing = Answer::from(&Problem::not_found("certificate")).into();
        let dressed = Style::Pebble
            .dress(
                missing,
                Some(&Route::AlternateCertificate(crate::certificates::Serial::parse_hex("01").unwrap(), 1)),
            )
            .await;
        assert_eq!((dressed.headers().get(CONTENT_TYPE), dressed.status()), (None, StatusCode::NOT_FOUND));
        assert!(dressed.into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    #[tokio::test]
    async fn step_cas_problems_are_known_by_their_type_alone() {
        for (kind, status) in [
            (ProblemType::Unauthorized, 401),
            (ProblemType::RateLimited, 400),
            (ProblemType::OrderNotReady, 400),
            (ProblemType::BadNonce, 400),
        ] {
            let dressed = Style::StepCa.dress(Answer::from(&Problem::new(kind, "no")).into(), None).await;
            assert_eq!(dressed.status(), status);
            let body = dressed.into_body().collect().await.unwrap().to_bytes();
            let problem: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((&problem["detail"], problem.get("status")), (&"no".into(), None));
        }
        let missing = Answer::from(&Problem::not_found("certificate")).into();
        assert_eq!(Style::StepCa.dress(missing, None).await.status(), StatusCode::NOT_FOUND);
    }
}
