//! Renewal information over HTTP (RFC 9773 §4): unauthenticated, by GET.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;
use sim::UtcDateTime;

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
};
use crate::{
    ari::{self, SuggestedWindow},
    certificates::CertificateId,
    problem::Problem,
    renewal_info_policy::{RenewalInfoPolicy, RetryAfter},
    timestamp::rfc3339,
};

/// `Retry-After` beside an answer that the management API has set, as Pebble has it.
const OWN_ANSWER_RETRY_AFTER: RetryAfter = RetryAfter::Seconds(Duration::from_secs(21_600));

impl FrontEnd {
    pub(super) fn renewal_info(&self, id: &str) -> Result<Answer, Refusal> {
        if !self.ca.config().renewal_info {
            return Err(Problem::not_found("resource").into());
        }
        let id = CertificateId::parse(id)?;
        let (own, window, policy) = self.ca.with_store(|store| {
            let certificate = store.certificates.find(&id).ok_or_else(|| Problem::not_found("certificate"))?;
            let policy = store.renewal_info.clone();
            let own = certificate.renewal_info.clone();
            Ok::<_, Problem>((own, ari::suggested_window(certificate, &policy.window), policy))
        })?;
        self.env.probe("ca/ari-answered");
        if let Some(own) = own {
            let answer = Answer::text(StatusCode::OK, "application/json", own);
            return Ok(answer.with_retry_after(&OWN_ANSWER_RETRY_AFTER, self.env.utc_now()));
        }
        Ok(answer(window, policy, self.env.utc_now()))
    }
}

fn answer(window: SuggestedWindow, policy: RenewalInfoPolicy, now: UtcDateTime) -> Answer {
    let mut object = json!({ "suggestedWindow": { "start": rfc3339(window.start), "end": rfc3339(window.end) } });
    if let Some(url) = policy.explanation_url {
        object["explanationURL"] = url.into();
    }
    Answer::json(StatusCode::OK, &object).with_retry_after(&policy.retry_after, now)
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};
    use hyper::{Response, body::Bytes, header::RETRY_AFTER};
    use time::macros::utc_datetime;

    use super::*;

    const NOW: UtcDateTime = utc_datetime!(2026-01-01 00:00);

    async fn answered(change: impl FnOnce(&mut RenewalInfoPolicy)) -> (u16, Option<String>, String) {
        let mut policy = RenewalInfoPolicy::default();
        change(&mut policy);
        let window = SuggestedWindow { start: NOW, end: utc_datetime!(2026-01-02 00:00) };
        let response: Response<Full<Bytes>> = answer(window, policy, NOW).into();
        let retry_after = response.headers().get(RETRY_AFTER).map(|text| text.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, retry_after, String::from_utf8(body.to_vec()).unwrap())
    }

    const AS_IT_SHOULD_BE: &str =
        r#"{"suggestedWindow":{"end":"2026-01-02T00:00:00Z","start":"2026-01-01T00:00:00Z"}}"#;

    #[tokio::test]
    async fn an_answer_is_as_its_policy_says() {
        assert_eq!(answered(|_| {}).await, (200, Some("21600".to_owned()), AS_IT_SHOULD_BE.to_owned()));
        for (retry_after, shown) in [
            (RetryAfter::Absent, None),
            (RetryAfter::Seconds(Duration::from_millis(1_500)), Some("2")),
            (RetryAfter::Date(Duration::from_secs(60)), Some("Thu, 01 Jan 2026 00:01:00 GMT")),
            (RetryAfter::Date(Duration::from_millis(1)), Some("Thu, 01 Jan 2026 00:00:01 GMT")),
        ] {
            let (_, said, _) = answered(|policy| policy.retry_after = retry_after).await;
            assert_eq!(said.as_deref(), shown);
        }
    }
}
