//! [`Attempt`]: one order, from its creation to the certificate, or to its orderly end.
//!
//! The order's state says what to do next, so an order that was interrupted is continued by the same
//! code. An order that can't be continued is given up politely: its pending authorizations are
//! deactivated (RFC 8555 §7.5.2) while their answers are still in place.

use std::{io, time::Duration};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName};
use sim::crypto::P256Key;

use super::{
    challenges::InPlace,
    issue::{IssueError, Issuer},
};
use crate::{
    acme::{
        Error,
        account::Session,
        address::Address,
        authorization::{Authorization, AuthorizationState},
        certificate::Chain,
        challenge::Challenge,
        order::{Order, OrderState},
        pace::Pace,
        renewal_info::CertId,
    },
    name::{Name, Names},
    status::sources::{TLS_FEATURE, status_request},
    storage::{certificate::CertificateSet, pending::PendingOrder},
};

const AUTHORIZATION_LIMIT: Duration = Duration::from_secs(10 * 60);
const ORDER_LIMIT: Duration = Duration::from_secs(10 * 60);
const FINALIZE_MAX: usize = 3;
/// So many authorizations are looked at to tell why an order is invalid.
const LOOKED_AT_MAX: usize = 10;
/// An order that was begun longer ago is not continued: its authorizations grow old.
const CONTINUED_AGE_MAX: time::Duration = time::Duration::hours(24);

/// One attempt for one certificate.
pub(super) struct Attempt<'a> {
    issuer: &'a Issuer,
    session: Session<'a>,
    names: &'a Names,
    /// Answers in place; they go when the attempt does.
    answers: Vec<InPlace>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(issuer: &'a Issuer, session: Session<'a>, names: &'a Names) -> Self {
        Self { issuer, session, names, answers: Vec::new() }
    }

    /// Makes the attempt.
    pub(super) async fn run(mut self, replaces: &mut Option<CertId>) -> Result<CertificateSet, IssueError> {
        let (mut order, key) = match self.left_over().await? {
            Some(continued) => continued,
            None => self.begin(replaces).await?,
        };
        let result = self.drive(&mut order, &key).await;
        if let Err(e) = &result {
            let may_go_on = match e {
                IssueError::Acme(e) => e.is_transient(),
                IssueError::Storage(_) | IssueError::Dns(_) | IssueError::Request(_) => false,
            };
            // Asked to wait, not even an end is brought about now; the record leads there later.
            if e.retry_after().is_none() {
                self.settle(&order.url, may_go_on).await;
            }
        }
        result
    }

    /// The order that an earlier attempt left behind, if it is worth continuing. If not, it is given up.
    async fn left_over(&mut self) -> Result<Option<(Order, P256Key)>, IssueError> {
        let Some(pending) = self.issuer.storage.load_pending(self.names.first()).await? else { return Ok(None) };
        if let Ok(Some(set)) = self.issuer.storage.load_certificate(self.names.first()).await
            && set.is_for(&pending.key)
        {
            // It led to the certificate that is stored already; only its record was left to remove.
            drop(self.issuer.storage.remove_pending(self.names.first()).await);
            return Ok(None);
        }
        self.issuer.env.probe("manager/order-found-again");
        let order = match self.session.order(&pending.url).await {
            Ok(order) => order,
            Err(e) => {
                if e.is("accountDoesNotExist") || !self.is_unknown(&e).await? {
                    return Err(e.into());
                }
                self.issuer.storage.remove_pending(self.names.first()).await?;
                return Ok(None);
            }
        };
        let keys = &self.issuer.conduct.certificate_keys;
        let is_fresh = self.issuer.env.utc_now() - pending.begun < CONTINUED_AGE_MAX
            && keys.may_go_on(&self.issuer.storage, &pending.key).await?;
        match order.state {
            OrderState::Ready { .. } | OrderState::Processing | OrderState::Valid { .. } if is_fresh => {
                self.issuer.env.probe("manager/order-continued");
                Ok(Some((order, pending.key)))
            }
            // Whether its challenge was answered before the interruption can't be known, and it must not
            // be answered twice.
            OrderState::Pending
            | OrderState::Ready { .. }
            | OrderState::Processing
            | OrderState::Valid { .. }
            | OrderState::Invalid { .. }
            | OrderState::Unknown => {
                self.give_up(&order).await?;
                self.issuer.storage.remove_pending(self.names.first()).await?;
                Ok(None)
            }
        }
    }

    /// Gives up the order that an earlier attempt left behind, wherever it stands.
    pub(super) async fn abandon(mut self) -> Result<(), IssueError> {
        let Some(pending) = self.issuer.storage.load_pending(self.names.first()).await? else { return Ok(()) };
        match self.session.order(&pending.url).await {
            Ok(order) => self.give_up(&order).await?,
            Err(e) => {
                if !self.is_unknown(&e).await? {
                    return Err(e.into());
                }
            }
        }
        self.issuer.env.probe("manager/order-abandoned");
        Ok(self.issuer.storage.remove_pending(self.names.first()).await?)
    }

    async fn begin(&mut self, replaces: &mut Option<CertId>) -> Result<(Order, P256Key), IssueError> {
        let (names, profile) = (self.names.all(), self.issuer.profile.as_deref());
        let is_told = replaces.is_some() && self.session.tells_replacements();
        let order = match self.session.new_order(names, profile, replaces.as_ref()).await {
            Err(e) if is_told && self.issuer.conduct.replacement.is_refused_by(&e) => {
                self.issuer.env.probe("manager/replaces-refused");
                *replaces = None;
                self.session.new_order(names, profile, None).await?
            }
            other => other?,
        };
        let key = self.issuer.conduct.certificate_keys.key_for(&self.issuer.storage, self.names).await;
        let pending = PendingOrder { url: order.url.clone(), key: key.clone(), begun: self.issuer.env.utc_now() };
        let conduct = &self.issuer.conduct;
        if let Err(e) = conduct.order_note.note(&self.issuer.storage, self.names.first(), &pending).await {
            drop(self.give_up(&order).await);
            return Err(e.into());
        }
        self.issuer.env.probe("manager/order-noted");
        Ok((order, key))
    }

    /// Takes the order from where it stands to its certificate.
    async fn drive(&mut self, order: &mut Order, key: &P256Key) -> Result<CertificateSet, IssueError> {
        let mut pace = self.pace(format!("the order {}", order.url), ORDER_LIMIT);
        let mut is_authorized = false;
        let mut finalized = 0;
        loop {
            match order.state.clone() {
                OrderState::Pending if !is_authorized => {
                    self.authorize(order).await?;
                    is_authorized = true;
                    self.refresh(order, &mut pace).await?;
                }
                OrderState::Pending | OrderState::Processing | OrderState::Unknown => {
                    pace.poll(order.retry_after).await?;
                    self.refresh(order, &mut pace).await?;
                }
                OrderState::Ready { finalize } => {
                    if finalized == FINALIZE_MAX {
                        let what = format!("the certificate of {}", order.url);
                        return Err(Error::NotYet { what, retry_after: order.retry_after }.into());
                    }
                    finalized += 1;
                    let csr = request(self.names, key, self.issuer.must_staple)?;
                    match self.session.finalize(order, &finalize, &csr).await {
                        Ok(shown) => take(order, shown)?,
                        // Whether the request arrived, the order tells.
                        Err(e) if e.is_transient() || e.is("orderNotReady") => {
                            pace.wait(e.retry_after()).await?;
                            self.refresh(order, &mut pace).await?;
                        }
                        Err(e) => return Err(e.into()),
                    }
                }
                OrderState::Valid { certificate } => match self.download(&certificate).await {
                    Ok(chain) => {
                        chain
                            .check_names_and_dates(self.names.all(), self.issuer.env.utc_now())
                            .map_err(Error::from)?;
                        return Ok(CertificateSet::new(chain, key.clone()).map_err(Error::from)?);
                    }
                    Err(e) if e.is_transient() => pace.wait(e.retry_after()).await?,
                    Err(e) => return Err(e.into()),
                },
                OrderState::Invalid { reason } => {
                    let mut reasons =
                        vec![reason.map_or_else(|| "no reason given".to_owned(), |problem| problem.to_string())];
                    reasons.extend(self.failures(order).await);
                    let reason = reasons.join("; ");
                    return Err(Error::OrderInvalid { url: order.url.clone(), reason }.into());
                }
            }
        }
    }

    /// Answers a challenge of each pending authorization and waits until all are valid. The CA is not told to look
    /// before all answers are where it will.
    async fn authorize(&mut self, order: &Order) -> Result<(), IssueError> {
        let mut awaited = Vec::new();
        for url in &order.authorizations {
            let authorization = self.session.authorization(url).await?;
            match &authorization.state {
                AuthorizationState::Valid => {}
                AuthorizationState::Pending => {
                    let challenge = self.answer(&authorization).await?;
                    awaited.push((url, Some(challenge)));
                }
                AuthorizationState::Over(_) | AuthorizationState::Unknown => awaited.push((url, None)),
            }
        }
        self.issuer.answers.await_in_place(&self.answers).await?;
        let answered = awaited.iter().filter_map(|(_, challenge)| challenge.as_ref());
        for challenge in answered.filter(|challenge| challenge.is_pending) {
            self.respond(challenge).await?;
        }
        self.issuer.answers.await_seen(&self.answers).await;
        for (url, challenge) in &awaited {
            self.await_authorization(url, challenge.as_ref()).await?;
        }
        Ok(())
    }

    /// Puts an answer in place, and says to which challenge.
    async fn answer(&mut self, authorization: &Authorization) -> Result<Challenge, IssueError> {
        let answers = &self.issuer.answers;
        let wanted = authorization.wanted();
        let is_meant = |name: &&Name| wanted.as_ref() == Some(name);
        // The CA may write the name otherwise; with one name there is no doubt.
        let name = self.names.all().iter().find(is_meant).unwrap_or(self.names.first());
        let account = self.session.account();
        let Some(challenge) = answers.choose(name, account, &authorization.challenges) else {
            let (name, offered) = (authorization.identifier.clone(), authorization.offered.clone());
            return Err(Error::NoChallenge { name, offered }.into());
        };
        self.answers.push(answers.put_in_place(self.issuer, name, challenge, account).await?);
        Ok(challenge.clone())
    }

    async fn respond(&mut self, challenge: &Challenge) -> Result<(), IssueError> {
        match self.session.respond(challenge).await {
            Ok(()) => Ok(()),
            // It may have arrived; the authorization will show. To say it again would be once too often.
            Err(Error::Http(e)) if !e.was_not_sent() => Ok(()),
            // The CA is at it already.
            Err(e) if e.problem().is_some_and(|problem| problem.status == Some(409)) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    async fn await_authorization(&mut self, url: &Address, challenge: Option<&Challenge>) -> Result<(), Error> {
        let mut pace = self.pace(format!("the authorization {url}"), AUTHORIZATION_LIMIT);
        loop {
            match self.issuer.conduct.authorization_look.look(&mut self.session, url, challenge).await {
                Ok(authorization) => match authorization.state {
                    AuthorizationState::Valid => return Ok(()),
                    AuthorizationState::Over(status) => {
                        let (name, reason) = (authorization.identifier, authorization.reason);
                        return Err(Error::NotAuthorized { name, status, reason });
                    }
                    AuthorizationState::Pending | AuthorizationState::Unknown => {
                        pace.poll(authorization.retry_after).await?;
                    }
                },
                Err(e) if e.is_transient() => pace.wait(e.retry_after()).await?,
                Err(e) => return Err(e),
            }
        }
    }

    /// What has failed of the authorizations of an order that is invalid.
    async fn failures(&mut self, order: &Order) -> Vec<String> {
        let mut failures = Vec::new();
        for url in order.authorizations.iter().take(LOOKED_AT_MAX) {
            if let Ok(Authorization { identifier, state: AuthorizationState::Over(status), reason, .. }) =
                self.session.authorization(url).await
            {
                failures.push(format!("the authorization of {identifier} is {status}: {reason}"));
            }
        }
        failures
    }

    async fn download(&mut self, certificate: &Address) -> Result<Chain, Error> {
        self.session.download(certificate, self.issuer.preferred_chain.as_ref()).await
    }

    /// Looks at the order again.
    async fn refresh(&mut self, order: &mut Order, pace: &mut Pace) -> Result<(), Error> {
        loop {
            match self.session.order(&order.url).await {
                Ok(shown) => {
                    return take(order, shown);
                }
                Err(e) if e.is_transient() => pace.wait(e.retry_after()).await?,
                Err(e) => return Err(e),
            }
        }
    }

    /// Brings the order of a failed attempt to its end, or leaves its record where it can go on or its
    /// end can't be brought about now.
    async fn settle(&mut self, url: &Address, may_go_on: bool) {
        let is_over = match self.session.order(url).await {
            Ok(order) => match order.state {
                OrderState::Ready { .. } | OrderState::Processing | OrderState::Valid { .. } => !may_go_on,
                OrderState::Invalid { .. } | OrderState::Pending | OrderState::Unknown => {
                    self.give_up(&order).await.is_ok()
                }
            },
            Err(e) => self.is_unknown(&e).await.unwrap_or(false),
        };
        if is_over {
            // A record that stays is looked at by the next attempt.
            drop(self.issuer.storage.remove_pending(self.names.first()).await);
        }
    }

    /// Whether the CA does not know an order any more, going by what it said when it was asked for it.
    async fn is_unknown(&mut self, error: &Error) -> io::Result<bool> {
        Ok(!error.is_transient() && !self.issuer.is_key_replaced(self.session.account()).await?)
    }

    /// Lets go of an order that leads nowhere.
    async fn give_up(&mut self, order: &Order) -> Result<(), Error> {
        self.issuer.conduct.order_end.give_up(&mut self.session, order).await
    }

    fn pace(&self, what: String, limit: Duration) -> Pace {
        Pace::new(&self.issuer.env, self.issuer.conduct.polling.clone(), what, limit)
    }
}

/// Takes an order as it is shown now.
///
/// # Errors
/// [`Error::OrderInvalid`] if it has become another one (RFC 8555 §7.1.3).
fn take(order: &mut Order, shown: Order) -> Result<(), Error> {
    if !shown.is_same_as(order) {
        let reason = "its identifiers or authorizations have changed, which they never may".to_owned();
        return Err(Error::OrderInvalid { url: order.url.clone(), reason });
    }
    *order = shown;
    Ok(())
}

/// The certificate signing request, DER: the names as its only subject alternative names, and no common name.
fn request(names: &Names, key: &P256Key, must_staple: bool) -> Result<Vec<u8>, rcgen::Error> {
    let mut params = CertificateParams::new(names.all().iter().map(Name::to_string).collect::<Vec<_>>())?;
    params.distinguished_name = DistinguishedName::new();
    if must_staple {
        params.custom_extensions.push(CustomExtension::from_oid_content(TLS_FEATURE, status_request()));
    }
    Ok(params.serialize_request(key)?.der().to_vec())
}
