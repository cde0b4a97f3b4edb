//! Certificates over HTTP (RFC 8555 §7.4.2).

use hyper::StatusCode;

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    requests::post_as_get,
};
use crate::{certificates::Serial, ids::AccountId, jws::Jws, problem::Problem};

impl FrontEnd {
    /// In the one format that every CA must offer; `Accept` is not looked at.
    pub(super) fn certificate(&self, account: AccountId, serial: &Serial, jws: &Jws) -> Result<Answer, Refusal> {
        post_as_get(jws)?;
        let chain = self.ca.with_store(|store| {
            let certificate =
                store.certificates.with_serial(serial).filter(|certificate| certificate.account == account);
            certificate
                .map(|certificate| certificate.chain_pem.clone())
                .ok_or_else(|| Problem::not_found("certificate"))
        })?;
        self.env.probe("ca/certificate-downloaded");
        Ok(Answer::text(StatusCode::OK, "application/pem-certificate-chain", chain))
    }
}
