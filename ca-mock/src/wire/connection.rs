//! One connection: TLS, then requests, none of which may dawdle.
//!
//! hyper's own timers need the machine's clock and stay off, as does its `Date` header.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{
    Request,
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sim::{Env, net::TcpStream, tls};

use super::{AskedServerName, PeerAddress, Respond, content};

/// Requests of one client that are worked on at the same time.
const STREAMS_MAX: u32 = 100;
/// All header fields of one request over HTTP/2.
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// Returns when either side closes, or after a time limit in which no request began or was answered.
pub(super) async fn serve(
    env: Env,
    tls: Option<tls::Server>,
    limit: Duration,
    site: Arc<impl Respond>,
    stream: TcpStream,
) {
    let activity = Arc::new(Activity::default());
    let counted = activity.clone();
    let peer = PeerAddress(stream.peer_address());
    let service = |server_name: AskedServerName| {
        service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(server_name.clone());
            request.extensions_mut().insert(peer);
            let work = site.clone().respond(request);
            let activity = counted.clone();
            async move {
                activity.begun.fetch_add(1, Ordering::Relaxed);
                let response = work.await;
                activity.ended.fetch_add(1, Ordering::Relaxed);
                content::of(response)
            }
        })
    };
    let mut http1 = http1::Builder::new();
    http1.auto_date_header(false).header_read_timeout(None);
    let Some(tls) = tls else {
        let connection = http1.serve_connection(TokioIo::new(stream), service(AskedServerName(None)));
        return keep(&env, limit, &activity, connection, |connection| connection.graceful_shutdown()).await;
    };
    let Ok(Ok(stream)) = env.timeout(limit, tls.accept(stream)).await else {
        env.probe("ca/handshake-failed");
        return;
    };
    let service = service(AskedServerName(stream.server_name().map(str::to_owned)));
    if stream.alpn() == Some(b"h2") {
        let mut http2 = http2::Builder::new(OnHost(env.clone()));
        http2.auto_date_header(false).max_concurrent_streams(STREAMS_MAX).max_header_list_size(HEADER_BYTES_MAX);
        let connection = http2.serve_connection(TokioIo::new(stream), service);
        keep(&env, limit, &activity, connection, |connection| connection.graceful_shutdown()).await;
    } else {
        let connection = http1.serve_connection(TokioIo::new(stream), service);
        keep(&env, limit, &activity, connection, |connection| connection.graceful_shutdown()).await;
    }
    if activity.begun.load(Ordering::Relaxed) == 0 {
        // Some look at a certificate's names only now, and turn away; they may reset the connection.
        env.probe("ca/nothing-asked");
    }
}

/// Lets a connection live as long as there is something going on.
async fn keep<C: Future>(env: &Env, limit: Duration, activity: &Activity, connection: C, end: impl Fn(Pin<&mut C>)) {
    let mut connection = pin!(connection);
    let mut seen = activity.seen();
    while env.timeout(limit, connection.as_mut()).await.is_err() {
        let now = activity.seen();
        if now == seen && now.begun == now.ended {
            end(connection.as_mut());
            // A client that does not read is cut off.
            drop(env.timeout(limit, connection).await);
            return;
        }
        seen = now;
    }
}

/// Runs HTTP/2's streams as tasks of the host.
#[derive(Clone, Debug)]
struct OnHost(Env);

impl<F> Executor<F> for OnHost
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn("ca http/2 stream", stream).detach();
    }
}

/// Counts requests.
#[derive(Debug, Default)]
struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    begun: u64,
    ended: u64,
}

impl Activity {
    fn seen(&self) -> Seen {
        Seen { begun: self.begun.load(Ordering::Relaxed), ended: self.ended.load(Ordering::Relaxed) }
    }
}
