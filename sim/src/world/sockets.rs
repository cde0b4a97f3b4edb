//! The host's network stack (`turmoil-net`) behind the seam's socket traits.

use std::{io, net::SocketAddr, time::Duration};

use turmoil_net::shim::tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::net::{RawStream, tokio_shaped};

/// How long an operating system tries to open a connection that nobody answers (Linux: 6 retries).
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);

pub(super) async fn connect(peer: SocketAddr) -> io::Result<RawStream> {
    raw(TcpStream::connect(peer).await?)
}

tokio_shaped!(TcpStream, TcpListener, UdpSocket);
