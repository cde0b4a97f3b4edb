//! One connection: TLS, then HTTP/1.1 requests one after another, none of which may dawdle.
//!
//! hyper's own timers need the machine's clock and stay off, as does its `Date` header.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sim::net::TcpStream;

use super::FrontEnd;

/// Returns when either side closes, or after a time limit in which no request began or was answered.
pub(super) async fn serve(front_end: Arc<FrontEnd>, stream: TcpStream) {
    let env = &front_end.env;
    let limit = front_end.ca.config().client_timeout;
    let Ok(Ok(stream)) = env.timeout(limit, front_end.tls.accept(stream)).await else { return };

    let activity = Activity::default();
    let service = service_fn(|request| {
        let work = front_end.clone().respond(request);
        let activity = &activity;
        async move {
            activity.begun.fetch_add(1, Ordering::Relaxed);
            let response = work.await;
            activity.ended.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .auto_date_header(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut seen = activity.seen();
    while env.timeout(limit, connection.as_mut()).await.is_err() {
        let now = activity.seen();
        if now == seen && now.begun == now.ended {
            connection.as_mut().graceful_shutdown();
            // A client that does not read is cut off.
            drop(env.timeout(limit, connection).await);
            return;
        }
        seen = now;
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
