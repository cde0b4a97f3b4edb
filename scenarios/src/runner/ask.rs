//! The operator's server that says which names may have certificates on demand: `GET /…?domain=NAME`.

use std::{collections::BTreeSet, convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Empty;
use hyper::{Request, Response, StatusCode, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sim::Env;

/// What it answers.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    /// The names that it allows.
    pub(super) allowed: Arc<BTreeSet<String>>,
    /// How long it thinks about each.
    pub(super) delay: Duration,
}

/// Answers on port 80 for ever.
pub(super) async fn serve(env: Env, answers: Answers) {
    let local = SocketAddr::from(([0, 0, 0, 0], 80));
    let listener = env.listen(local).await.expect("port 80 is free on its own host");
    loop {
        let Ok(stream) = listener.accept().await else { continue };
        let (env_of_task, answers) = (env.clone(), answers.clone());
        let connection = async move {
            let service = service_fn(|request| answer(&env_of_task, &answers, request));
            let serving = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is none of its business.
            drop(serving.await);
        };
        env.spawn("ask", connection).detach();
    }
}

async fn answer(
    env: &Env,
    answers: &Answers,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    env.sleep(answers.delay).await;
    let query = request.uri().query().unwrap_or_default();
    let domain = query.split('&').find_map(|pair| pair.strip_prefix("domain=")).unwrap_or_default();
    let mut response = Response::new(Empty::new());
    if answers.allowed.contains(domain) {
        env.probe("ask/allowed");
    } else {
        env.probe("ask/denied");
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    Ok(response)
}
