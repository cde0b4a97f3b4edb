//! The directory (RFC 8555 §7.1.1).

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{FrontEnd, answer::Answer, routes::Route};

impl FrontEnd {
    pub(super) fn directory(&self) -> Answer {
        let mut directory = json!({
            "newNonce": self.urls.of(&Route::NewNonce),
            "newAccount": self.urls.of(&Route::NewAccount),
            "newOrder": self.urls.of(&Route::NewOrder),
            "revokeCert": self.urls.of(&Route::RevokeCertificate),
            "keyChange": self.urls.of(&Route::KeyChange),
            "meta": {"externalAccountRequired": self.ca.config().external_account_required},
        });
        if self.ca.config().pre_authorization {
            directory["newAuthz"] = self.urls.of(&Route::NewAuthorization).into();
        }
        if self.ca.config().subdomain_authorization {
            directory["meta"]["subdomainAuthAllowed"] = true.into();
        }
        if self.ca.config().renewal_info {
            directory["renewalInfo"] = self.urls.of_renewal_info().into();
        }
        if !self.ca.config().caa_identities.is_empty() {
            directory["meta"]["caaIdentities"] = json!(self.ca.config().caa_identities);
        }
        let profiles = &self.ca.config().profiles.offered;
        if !profiles.is_empty() {
            let described = profiles.iter().map(|(name, profile)| (name.clone(), profile.description.clone().into()));
            directory["meta"]["profiles"] = Value::Object(described.collect());
        }
        if let Some(terms) = self.ca.with_store(|store| store.terms_of_service.clone()) {
            directory["meta"]["termsOfService"] = terms.as_str().into();
        }
        Answer::json(StatusCode::OK, &directory)
    }
}
