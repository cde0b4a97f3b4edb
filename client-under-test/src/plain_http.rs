//! One request over plain HTTP, to a server of the operator's own or for what is signed in itself. A CA is spoken to by
//! [`crate::acme::http`].

use std::{io, net::SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, client::conn::http1, header::HOST, http::request::Builder};
use hyper_util::rt::TokioIo;
use sim::Env;
use tokio::io::{AsyncRead, AsyncWrite};
use url::{Host, Position, Url};

/// Sends `request`, which has its `Host`, over a connection of its own. No time limit is set here.
///
/// # Errors
/// The operating system's, and those of an answer that is no HTTP or whose body has more than `body_bytes_max`.
pub(crate) async fn exchange(
    env: &Env,
    server: SocketAddr,
    request: Request<Full<Bytes>>,
    body_bytes_max: usize,
) -> io::Result<Response<Bytes>> {
    exchange_over(env, env.connect(server).await?, server, request, body_bytes_max).await
}

/// Sends `request` over a connection to `server` that is there already, secured for example. It is closed then.
///
/// # Errors
/// Those of [`exchange`].
pub(crate) async fn exchange_over(
    env: &Env,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    server: SocketAddr,
    request: Request<Full<Bytes>>,
    body_bytes_max: usize,
) -> io::Result<Response<Bytes>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // How the connection ends is seen by the request that needed it.
    let _driver = env.spawn(format!("connection to {server}"), async { drop(connection.await) });
    let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
    let body = Limited::new(body, body_bytes_max).collect().await.map_err(io::Error::other)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// Where `url` leads, and the beginning of a request for it.
///
/// # Errors
/// The operating system's, if its host has no address.
pub(crate) async fn request_for(env: &Env, url: &Url) -> io::Result<(SocketAddr, Builder)> {
    let port = url.port_or_known_default().unwrap_or(80);
    let (addresses, authority) = match url.host() {
        Some(Host::Domain(host)) => (env.lookup(host).await?, format!("{host}:{port}")),
        Some(Host::Ipv4(ip)) => (vec![ip.into()], format!("{ip}:{port}")),
        Some(Host::Ipv6(ip)) => (vec![ip.into()], format!("[{ip}]:{port}")),
        None => (Vec::new(), String::new()),
    };
    let address = addresses.first().ok_or(io::ErrorKind::NotFound)?;
    let target = &url[Position::BeforePath..Position::AfterQuery];
    Ok((SocketAddr::new(*address, port), Request::builder().uri(target).header(HOST, authority)))
}
