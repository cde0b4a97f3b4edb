//! Renewal information over HTTP (RFC 9773 §4): unauthenticated, by GET.

use hyper::StatusCode;
use serde_json::json;

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
};
use crate::{ari, certificates::CertificateId, problem::Problem, timestamp::rfc3339};

impl FrontEnd {
    pub(super) fn renewal_info(&self, id: &str) -> Result<Answer, Refusal> {
        let config = self.ca.config();
        if !config.renewal_info {
            return Err(Problem::not_found("resource").into());
        }
        let id = CertificateId::parse(id)?;
        let window = self.ca.with_store(|store| {
            let certificate = store.certificates.find(&id).ok_or_else(|| Problem::not_found("certificate"))?;
            Ok::<_, Problem>(ari::suggested_window(certificate, config.ari_window.as_ref()))
        })?;
        self.env.probe("ca/ari-answered");
        let mut object = json!({ "suggestedWindow": { "start": rfc3339(window.start), "end": rfc3339(window.end) } });
        if let Some(url) = &config.ari_explanation_url {
            object["explanationURL"] = url.as_str().into();
        }
        Ok(Answer::json(StatusCode::OK, &object).with_retry_after(config.ari_retry_after))
    }
}
