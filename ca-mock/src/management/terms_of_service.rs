//! `/terms-of-service`: GET tells which there are; POST changes them, or lets accounts agree to them (RFC 8555 §7.3.3).
//!
//! `{"url": "https://…", "agreedBy": "ACCOUNT URL"}`; each may be left out, and `"agreedBy": "all"` is every account.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming};
use serde::Deserialize;
use serde_json::json;

use super::{Management, json};
use crate::terms_of_service::{self, TermsOfService};

/// What is given is done in this order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    url: Option<String>,
    agreed_by: Option<String>,
}

impl Management {
    pub(super) async fn terms_of_service(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.tell_or_change(request, |change| self.change_terms(change), || self.shown_terms()).await
    }

    fn change_terms(&self, change: &Change) -> Result<(), String> {
        let terms = change
            .url
            .as_deref()
            .map(|url| TermsOfService::parse(url).ok_or_else(|| format!("url: {url:?} is not a URL\n")));
        if let Some(terms) = terms.transpose()? {
            self.ca.set_terms_of_service(terms);
        }
        let Some(account) = change.agreed_by.as_deref() else { return Ok(()) };
        let account = Some(account).filter(|account| *account != "all");
        match self.ca.with_store(|store| terms_of_service::agree(store, account)) {
            true => Ok(()),
            false => Err(format!(
                "agreedBy: {:?} is neither the URL of an account nor \"all\"\n",
                account.unwrap_or_default()
            )),
        }
    }

    fn shown_terms(&self) -> Response<Full<Bytes>> {
        let terms = self.ca.with_store(|store| store.terms_of_service.clone());
        json(StatusCode::OK, &json!({ "url": terms.as_ref().map(TermsOfService::as_str) }))
    }
}
