//! The suite on our own CA, in the world: a run takes seconds, and the same seed says the same again. So the cases prove
//! themselves: a CA that keeps to the RFCs passes, and each defect is seen by the cases that are about it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ca_mock::{Ca, Config, ExternalAccountKey, Limit, Profile, Profiles, UnaskedProfile};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use sim::{
    Env,
    world::{ClockOptions, Crash, HostOptions, Options, World},
};
use time::macros::utc_datetime;
use tokio::sync::Notify;

use super::{
    case::Case,
    client::{self, Ended, Ran, Session, Watch},
    driver::{Common, ExternalAccount, Target, base64url},
    responder::Responder,
    suite::{self, Outcome},
    verdict,
};
use crate::runner::{self, Verdict};

const CA_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const SUITE_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3));

const EXTERNAL_KID: &str = "customer-1";
const EXTERNAL_SECRET: &[u8] = b"a secret of thirty-two octets, !";

/// Nothing is issued for names below this one.
const BLOCKED: &str = "blocked.suite.test";

/// Long enough for all cases, each at its limit.
const END: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Runs `cases` on a CA like this one.
///
/// # Errors
/// [`Crash`] if the CA or the suite panicked or stands still.
///
/// # Panics
/// If `config` can't be a CA's.
pub fn rehearse(config: Config, seed: u64, cases: Vec<&'static Case>) -> Result<Vec<Outcome>, Crash> {
    Ok(rehearse_and_clean_up(config, seed, cases)?.0)
}

/// The same, and what came of the cleaning up at the end, in words.
///
/// # Errors
/// As [`rehearse`].
///
/// # Panics
/// As there.
pub fn rehearse_and_clean_up(
    mut config: Config,
    seed: u64,
    cases: Vec<&'static Case>,
) -> Result<(Vec<Outcome>, String), Crash> {
    let host = |name: &str, address| HostOptions {
        name: name.to_owned(),
        addresses: vec![address],
        clock: ClockOptions::default(),
        shared_disk: None,
    };
    let hosts = vec![host("ca", CA_ADDRESS), host("suite", SUITE_ADDRESS)];
    let mut world = World::new(Options { seed, epoch: utc_datetime!(2026-01-01 0:00), hosts }, Vec::new());
    let (Some(ca_host), Some(suite_host)) = (world.host("ca"), world.host("suite")) else {
        unreachable!("both were just made");
    };
    "ca.test".clone_into(&mut config.directory_host);
    config.dns_server = SocketAddr::new(SUITE_ADDRESS, 53);
    config.remote_perspectives = 0;
    world.add_name("ca.test", vec![CA_ADDRESS]);
    let ca = Ca::new(&world.env(ca_host), config);
    let target = target(&ca);
    world.set_program(ca_host, move |env| {
        let ca = ca.clone();
        async move { ca.serve(env).await.expect("the CA's port is free on its own host") }
    });
    let outcomes = Arc::new(Mutex::new((Vec::new(), String::new())));
    let (told, requests) = (outcomes.clone(), world.requests());
    world.set_program(suite_host, move |env| {
        let (target, cases, told, requests) = (target.clone(), cases.clone(), told.clone(), requests.clone());
        async move {
            let made = run(&env, target, &cases).await;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = made;
            requests.push(Duration::ZERO, World::stop);
        }
    });
    world.start(ca_host);
    world.start(suite_host);
    world.run_until(END)?;
    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *outcomes))
}

/// What the CA of `case` sees of our own client in the world; `besides` are further sections of a scenario, such as `[bugs]`.
///
/// # Panics
/// If the world can't be built: a test builds them all.
#[must_use]
pub fn examine(case: &client::Case, seed: u64, besides: &str) -> Session {
    let watch = Watch::default();
    let run = runner::observe(&case.scenario(besides), seed, Box::new(watch.clone()));
    let ended = match run.verdict {
        Verdict::Pass | Verdict::Broken(_) => Ended::GoesOn,
        Verdict::Crashed(_) => Ended::Signal,
        Verdict::Harness(why) => panic!("{}: {why}", case.id),
    };
    watch
        .session(case.run.task, Ran { ended, output: String::new(), left_behind: Vec::new(), records_left: Vec::new() })
}

/// What comes of `case` for our own client in the world.
///
/// # Panics
/// As [`examine`].
#[must_use]
pub fn examined(case: &client::Case, seed: u64, besides: &str) -> verdict::Verdict {
    let mut verdict = case.verdict(&examine(case, seed, besides));
    while let verdict::Verdict::Blocked { by, otherwise } = &verdict
        && !examined(client::find(by), seed, besides).blocks_others()
    {
        verdict = verdict::Verdict::clone(otherwise);
    }
    verdict
}

fn target(ca: &Ca) -> Target {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(ca.api_root_pem().as_bytes()).expect("the CA wrote it");
    roots.add(root).expect("the CA made it");
    let directory = format!("https://ca.test{}", ca.config().paths.directory());
    Target {
        directory: directory.parse().expect("a URL"),
        roots,
        contact: vec!["mailto:conformance@example.com".to_owned()],
        domain: "suite.test".to_owned(),
        address: SUITE_ADDRESS,
        http_port: 80,
        tls_port: Some(443),
        external_account: Some(external_account()),
        is_public: false,
        request_interval: Duration::ZERO,
    }
}

/// The customer that accounts are bound to.
fn external_account() -> ExternalAccount {
    ExternalAccount { kid: EXTERNAL_KID.to_owned(), secret: EXTERNAL_SECRET.to_vec() }
}

/// Lets the CA have all that it may have, so that no case is passed over for want of something to try it on.
pub fn add_features(config: &mut Config) {
    config.pre_authorization = true;
    config.subdomain_authorization = true;
    config.honors_requested_validity = true;
    config.hierarchy.alternate_roots = 1;
    config.orders_per_page = NonZeroUsize::new(20).expect("it is not 0");
    config.domain_blocklist = vec![BLOCKED.to_owned()];
    let often = Limit { count: 5, period: Duration::from_secs(3_600) };
    config.rate_limits.failed_validations_per_identifier = Some(often);
    let profile = |description: &str, refuses_addresses, days: u64| Profile {
        description: description.to_owned(),
        refuses_addresses,
        validity: Some(Duration::from_secs(days * 86_400)),
        ..Profile::default()
    };
    let offered = [
        ("classic".to_owned(), profile("As ever", false, 90)),
        ("names-only".to_owned(), profile("For names, and for six days", true, 6)),
    ];
    config.profiles = Profiles { offered: offered.into(), unasked: UnaskedProfile::Named("classic".to_owned()) };
    let key = ExternalAccountKey::parse(&base64url(EXTERNAL_SECRET)).expect("it is base64url");
    config.external_account_keys.add(EXTERNAL_KID, key);
}

async fn run(env: &Env, target: Target, cases: &[&'static Case]) -> (Vec<Outcome>, String) {
    let responder = Responder::default();
    let on = |port| SocketAddr::new(SUITE_ADDRESS, port);
    let _http = responder.serve_http01(env, on(80)).await.expect("the port is free on the suite's own host");
    let _tls = responder.serve_tls(env, on(443)).await.expect("the port is free");
    let _dns = responder.serve_dns(env, on(53), SUITE_ADDRESS).await.expect("the port is free");
    let common = Arc::new(Common::new(env, target, responder));
    let outcomes = suite::run(common.clone(), cases, &Notify::new(), |_| {}).await;
    (outcomes, suite::clean_up(&common).await)
}
