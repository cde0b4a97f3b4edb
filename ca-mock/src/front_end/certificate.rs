//! Certificates over HTTP (RFC 8555 §7.4.2).

use hyper::StatusCode;

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    requests::post_as_get,
    routes::Route,
};
use crate::{certificates::Serial, ids::AccountId, jws::Jws, problem::Problem};

impl FrontEnd {
    /// In the one format that every CA must offer; `Accept` is not looked at. Under the chain of this number, or the
    /// default one, with links to all others.
    pub(super) fn certificate(
        &self,
        account: AccountId,
        (serial, chain): (&Serial, Option<usize>),
        jws: &Jws,
    ) -> Result<Answer, Refusal> {
        post_as_get(jws)?;
        let issuance = self.ca.issuance();
        let now = self.env.utc_now();
        let number = chain.unwrap_or_else(|| issuance.default_chain(now));
        let chain = self.ca.with_store(|store| {
            let certificate =
                store.certificates.with_serial(serial).filter(|certificate| certificate.account == account);
            certificate
                .and_then(|certificate| issuance.chain_pem(certificate, number))
                .ok_or_else(|| Problem::not_found("certificate"))
        })?;
        self.env.probe_about("ca/certificate-downloaded", || [("serial", serial.to_string())]);
        if issuance.chains().get(number).is_some_and(|chain| chain.expires <= now) {
            self.env.probe("ca/expired-chain-downloaded");
        }
        let mut answer = Answer::text(StatusCode::OK, "application/pem-certificate-chain", chain);
        for other in (0..issuance.chains().len()).filter(|other| *other != number) {
            answer = answer.with_link(&self.urls.of(&Route::AlternateCertificate(serial.clone(), other)), "alternate");
        }
        Ok(answer)
    }
}
