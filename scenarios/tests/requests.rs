//! The requests of the ACME client that no manager makes by itself, against our CA over real sockets: revocation,
//! deactivation, and the bindings of accounts.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use ca_mock::{Ca, Config, ExternalAccountKey};
use client_under_test::{
    acme::{
        Error,
        account::{Account, Applicant, Consent, Session},
        certificate::Chain,
        client::Client,
        external_account::ExternalAccount,
        http::HttpClient,
        order::{Order, OrderState},
        preferred_chain::PreferredChain,
        revocation::RevocationReason,
    },
    name::Name,
};
use rcgen::{CertificateParams, DistinguishedName};
use rustls::RootCertStore;
use sim::{Env, Task, crypto::P256Key, real};
use url::Url;

struct Stage {
    env: Env,
    http: HttpClient,
    directory: Url,
    _ca: Task<()>,
}

impl Stage {
    /// A CA that believes everybody.
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let env = real::env("requests", real::Options { seed: Some(7), ..real::Options::default() });
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        let mut config = Config {
            listen: localhost,
            https_port: 0,
            directory_host: localhost.to_string(),
            always_valid: true,
            issuance_delay: Duration::ZERO,
            ..Config::default()
        };
        change(&mut config);
        let ca = Ca::new(&env, config);
        let mut roots = RootCertStore::empty();
        roots.add(pem::parse(ca.api_root_pem()).unwrap().into_contents().into()).unwrap();
        let bound = ca.bind(&env).await.unwrap();
        let address = bound.local_address().unwrap();
        let directory = format!("https://{address}{}", ca.config().paths.directory()).parse().unwrap();
        let http = HttpClient::new(&env, roots);
        let _ca = env.spawn("ca", bound.serve());
        Self { env, http, directory, _ca }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.env, &self.http, &self.directory).await.unwrap()
    }

    fn key(&self, purpose: &str) -> P256Key {
        P256Key::generate(&self.env, purpose)
    }

    async fn account(&self, client: &mut Client) -> Account {
        Account::register(client, self.key("account"), &applicant(None)).await.unwrap()
    }
}

/// A certificate for `key`.
async fn certificate(session: &mut Session<'_>, key: &P256Key, preferred: Option<&PreferredChain>) -> Chain {
    let name: Name = "a.test".parse().unwrap();
    let mut order = session.new_order(&[name], None, None).await.unwrap();
    for url in order.authorizations.clone() {
        let authorization = session.authorization(&url).await.unwrap();
        let challenge = authorization.challenges.iter().find(|challenge| challenge.is_pending).unwrap();
        session.respond(challenge).await.unwrap();
    }
    let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    let csr = params.serialize_request(key).unwrap();
    loop {
        order = match &order.state {
            OrderState::Valid { certificate } => return session.download(certificate, preferred).await.unwrap(),
            OrderState::Ready { finalize } => session.finalize(&order, finalize, csr.der()).await.unwrap(),
            OrderState::Pending | OrderState::Processing | OrderState::Unknown => later(session, &order).await,
            OrderState::Invalid { reason } => panic!("{reason:?}"),
        };
    }
}

async fn later(session: &mut Session<'_>, order: &Order) -> Order {
    session.env().sleep(Duration::from_millis(50)).await;
    session.order(&order.url).await.unwrap()
}

#[tokio::test]
async fn a_certificate_is_revoked_by_its_account_or_its_key_and_by_nobody_else() {
    let stage = Stage::new(|_| {}).await;
    let (mut client, mut strangers) = (stage.client().await, stage.client().await);
    let account = stage.account(&mut client).await;
    let key = stage.key("certificate");
    let mut session = account.session(&mut client);
    let [first, second] = [certificate(&mut session, &key, None).await, certificate(&mut session, &key, None).await];

    let superseded = Some(RevocationReason::Superseded);
    let refused = strangers.revoke_by_key(&stage.key("another"), &first, superseded).await.unwrap_err();
    assert!(refused.is("unauthorized"), "{refused}");
    for _ in 0..2 {
        session.revoke(&first, superseded).await.unwrap();
        strangers.revoke_by_key(&key, &second, Some(RevocationReason::KeyCompromise)).await.unwrap();
    }
}

#[tokio::test]
async fn a_deactivated_account_is_one_no_more_and_a_deactivated_authorization_leads_nowhere() {
    let stage = Stage::new(|_| {}).await;
    let mut client = stage.client().await;
    let account = stage.account(&mut client).await;
    let mut session = account.session(&mut client);
    let names: [Name; 1] = ["a.test".parse().unwrap()];
    let order = session.new_order(&names, None, None).await.unwrap();
    session.deactivate(&order.authorizations[0]).await.unwrap();
    assert!(matches!(session.order(&order.url).await.unwrap().state, OrderState::Invalid { .. }));
    session.deactivate_account().await.unwrap();
    let refused = session.new_order(&names, None, None).await.unwrap_err();
    assert!(refused.is("unauthorized"), "{refused}");
}

/// RFC 8555 §7.3.4.
#[tokio::test]
async fn an_account_is_bound_to_an_external_one_and_found_again_without_it() {
    const MAC_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let stage = Stage::new(|config| {
        config.external_account_required = true;
        let mut key = ExternalAccountKey::parse(MAC_KEY).unwrap();
        key.is_single_use = true;
        config.external_account_keys.add("kid-1", key);
    })
    .await;
    let mut client = stage.client().await;
    let [key, another] = [stage.key("account"), stage.key("account")];
    let unbound = Account::register(&mut client, key.clone(), &applicant(None)).await.unwrap_err();
    assert!(matches!(unbound, Error::ExternalAccountRequired));
    let external = ExternalAccount::new("kid-1", MAC_KEY).unwrap();
    let account = Account::register(&mut client, key.clone(), &applicant(Some(external.clone()))).await.unwrap();
    let used_up = Account::register(&mut client, another, &applicant(Some(external))).await.unwrap_err();
    assert!(used_up.is("unauthorized"), "{used_up}");
    let found = Account::find(&mut client, key).await.unwrap().unwrap();
    assert_eq!(found.url(), account.url());
}

/// RFC 8555 §7.4.2, draft-ietf-acme-profiles §4.
#[tokio::test]
async fn a_chain_is_chosen_by_its_root_and_a_profile_that_is_not_offered_is_not_asked_for() {
    let stage = Stage::new(|config| config.hierarchy.alternate_roots = 2).await;
    let mut client = stage.client().await;
    let account = stage.account(&mut client).await;
    let mut session = account.session(&mut client);
    let key = stage.key("certificate");
    for root in ["Gauntlet Root", "Gauntlet Root 3"] {
        let preferred = PreferredChain::Issuer(root.to_owned());
        let chain = certificate(&mut session, &key, Some(&preferred)).await;
        assert_eq!(chain.top_issuer().as_deref(), Some(root));
        chain.check_key(&key).unwrap();
    }
    let refused = session.new_order(&["a.test".parse().unwrap()], Some("nobody"), None).await.unwrap_err();
    assert!(matches!(refused, Error::NotOffered { .. }), "{refused}");
}

/// Somebody who agrees to the terms of service.
fn applicant(external: Option<ExternalAccount>) -> Applicant {
    Applicant { external, consent: Some(Consent::ToAny), ..Applicant::default() }
}
