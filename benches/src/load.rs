//! The load generator: ACME clients side by side, each of which gets one certificate after another.
//!
//! A client keeps its connection and its account. It looks every few milliseconds whether it may go on, whatever
//! `Retry-After` says: what is measured is the CA.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use client_under_test::{
    acme::{
        Error,
        account::{Account, Applicant, Consent, Session},
        authorization::AuthorizationState,
        challenge::ChallengeKind,
        client::Client,
        http::HttpClient,
        order::OrderState,
    },
    name::Name,
};
use http_body_util::Full;
use hyper::{Request, Response, body::Bytes, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, DistinguishedName};
use sim::{Env, Monotonic, crypto::P256Key};
use url::Url;

/// How long a client may be stuck before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a client waits before it looks again, at first and at most.
const POLL: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(16));

/// What the clients do.
#[derive(Clone, Debug)]
pub struct Load {
    /// Whose certificates.
    pub directory: Url,
    /// How many clients at the same time.
    pub clients: usize,
    /// When no more orders are made: after so many certificates,
    pub certificates: usize,
    /// or after so long.
    pub time: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How long each certificate took, from its order to its download; ascending.
    pub took: Vec<Duration>,
    /// From the first order to the last certificate.
    pub whole: Duration,
    /// Clients that did not get on for 20 s.
    pub hung: usize,
    /// What failed, one text for each failure.
    pub failures: Vec<String>,
}

impl Outcome {
    /// Certificates per second; zero without certificates.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.took.is_empty() { 0.0 } else { self.took.len() as f64 / self.whole.as_secs_f64() }
    }

    /// How long all but so many percent of the certificates took at most; zero without certificates.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let index = (self.took.len() * percent).div_ceil(100).saturating_sub(1);
        self.took.get(index).copied().unwrap_or_default()
    }
}

/// Key authorizations that are served by http-01, by token.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<BTreeMap<String, String>>>);

impl Answers {
    fn with<T>(&self, step: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        step(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves http-01 for every name at `address`, for ever (RFC 8555 §8.3).
    ///
    /// # Panics
    /// If the address can't be listened on.
    pub async fn serve(self, env: Env, address: SocketAddr) {
        let listener = env.listen(address).await.expect("the port for http-01 is free");
        while let Ok(stream) = listener.accept().await {
            let answers = self.clone();
            let answer = service_fn(move |request: Request<_>| {
                let token = request.uri().path().rsplit('/').next().unwrap_or_default();
                let body = answers.with(|answers| answers.get(token).cloned()).unwrap_or_default();
                async { Ok::<_, hyper::Error>(Response::new(Full::<Bytes>::from(body))) }
            });
            env.spawn("http-01", async move {
                let mut http = hyper::server::conn::http1::Builder::new();
                // A validator that hangs up is no matter here.
                let _ = http.auto_date_header(false).serve_connection(TokioIo::new(stream), answer).await;
            })
            .detach();
        }
    }
}

/// Makes the load; returns when no client is left that gets on.
pub async fn run(env: &Env, http: &HttpClient, answers: &Answers, load: &Load) -> Outcome {
    let progress = Arc::new(Mutex::new(Progress { certificates_left: load.certificates, ..Progress::default() }));
    let began = env.monotonic_now();
    let clients: Vec<_> = (0..load.clients)
        .map(|number| {
            let worker = Worker {
                env: env.clone(),
                http: http.clone(),
                answers: answers.clone(),
                directory: load.directory.clone(),
                number,
                ends: began + load.time,
                progress: progress.clone(),
            };
            env.spawn(format!("client {number}"), worker.run())
        })
        .collect();
    for client in clients {
        client.await;
    }
    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    let mut outcome = std::mem::take(&mut progress.outcome);
    outcome.took.sort_unstable();
    outcome.whole = progress.last.unwrap_or(began).since(progress.first.unwrap_or(began));
    outcome
}

#[derive(Debug, Default)]
struct Progress {
    certificates_left: usize,
    first: Option<Monotonic>,
    last: Option<Monotonic>,
    outcome: Outcome,
}

struct Worker {
    env: Env,
    http: HttpClient,
    answers: Answers,
    directory: Url,
    number: usize,
    ends: Monotonic,
    progress: Arc<Mutex<Progress>>,
}

impl Worker {
    /// Until a failure: the next certificate would only fail as well, and faster than any succeeds.
    async fn run(self) {
        let issuing = self.issue_one_after_another();
        if let Err(failure) = issuing.await {
            self.with_progress(|progress| match failure {
                Failure::Hung => progress.outcome.hung += 1,
                Failure::Told(what) => progress.outcome.failures.push(what),
            });
        }
    }

    async fn issue_one_after_another(&self) -> Result<(), Failure> {
        let env = &self.env;
        let beginning = async {
            let mut client = Client::connect(env, &self.http, &self.directory).await?;
            let applicant = Applicant { consent: Some(Consent::ToAny), ..Applicant::default() };
            let account = Account::register(&mut client, P256Key::generate(env, "account"), &applicant).await?;
            Ok::<_, Error>((client, account))
        };
        let (mut client, account) = patiently(env, beginning).await?;
        let mut session = account.session(&mut client);
        let mut number = 0;
        while self.may_order() {
            let name = format!("n{number}.client{}.example.com", self.number);
            let began = env.monotonic_now();
            self.with_progress(|progress| progress.first = progress.first.or(Some(began)));
            patiently(env, self.issue(&mut session, &name)).await?;
            let now = env.monotonic_now();
            self.with_progress(|progress| {
                progress.outcome.took.push(now.since(began));
                progress.last = Some(now);
            });
            number += 1;
        }
        Ok(())
    }

    fn may_order(&self) -> bool {
        let is_time = self.env.monotonic_now() < self.ends;
        self.with_progress(|progress| {
            let may = is_time && progress.certificates_left > 0;
            progress.certificates_left -= usize::from(may);
            may
        })
    }

    async fn issue(&self, session: &mut Session<'_>, name: &str) -> Result<(), Error> {
        let env = &self.env;
        let names = [name.parse::<Name>().expect("a DNS name")];
        let order = session.new_order(&names, None, None).await?;
        for url in &order.authorizations {
            let authorization = session.authorization(url).await?;
            let http01 = authorization
                .challenges
                .iter()
                .find_map(|one| if let ChallengeKind::Http01(token) = &one.kind { Some((one, token)) } else { None });
            let Some((challenge, token)) = http01 else { continue };
            let answer = session.account().key_authorization(token);
            let token = token.as_str();
            self.answers.with(|answers| answers.insert(token.to_owned(), answer));
            session.respond(challenge).await?;
            let mut pause = POLL.0;
            while session.authorization(url).await?.state == AuthorizationState::Pending {
                env.sleep(pause).await;
                pause = POLL.1.min(pause * 2);
            }
            self.answers.with(|answers| answers.remove(token));
        }
        let key = P256Key::generate(env, "certificate");
        let mut order = session.order(&order.url).await?;
        let mut pause = POLL.0;
        loop {
            match &order.state {
                OrderState::Valid { certificate } => return session.download(certificate, None).await.map(drop),
                OrderState::Ready { finalize } => {
                    let request = request(name, &key);
                    order = session.finalize(&order, finalize, &request).await?;
                    continue;
                }
                OrderState::Invalid { reason } => {
                    let reason = reason.as_ref().map(ToString::to_string).unwrap_or_default();
                    return Err(Error::OrderInvalid { url: order.url, reason });
                }
                OrderState::Pending | OrderState::Processing | OrderState::Unknown => {}
            }
            env.sleep(pause).await;
            pause = POLL.1.min(pause * 2);
            order = session.order(&order.url).await?;
        }
    }

    fn with_progress<T>(&self, step: impl FnOnce(&mut Progress) -> T) -> T {
        step(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why a client stopped.
enum Failure {
    Hung,
    Told(String),
}

async fn patiently<T>(env: &Env, work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match env.timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(|e| Failure::Told(e.to_string())),
        Err(_) => Err(Failure::Hung),
    }
}

/// The certificate signing request, DER.
fn request(name: &str, key: &P256Key) -> Vec<u8> {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a DNS name");
    params.distinguished_name = DistinguishedName::new();
    params.serialize_request(key).expect("signable").der().to_vec()
}
