//! The host's network stack (`turmoil-net`) behind the seam's socket traits.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::future::BoxFuture;
use turmoil_net::shim::tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::net::{RawListener, RawStream, RawUdpSocket};

/// How long an operating system tries to open a connection that nobody answers (Linux: 6 retries).
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);

pub(super) async fn connect(peer: SocketAddr) -> io::Result<RawStream> {
    raw(TcpStream::connect(peer).await?)
}

fn raw(stream: TcpStream) -> io::Result<RawStream> {
    Ok(RawStream { local: stream.local_addr()?, peer: stream.peer_addr()?, socket: Box::new(stream) })
}

impl RawListener for TcpListener {
    fn accept(&self) -> BoxFuture<'_, io::Result<RawStream>> {
        Box::pin(async move {
            let (stream, _) = TcpListener::accept(self).await?;
            raw(stream)
        })
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl RawUdpSocket for UdpSocket {
    fn send_to<'a>(&'a self, datagram: &'a [u8], peer: SocketAddr) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move { UdpSocket::send_to(self, datagram, peer).await.map(drop) })
    }

    fn receive_from<'a>(&'a self, buffer: &'a mut [u8]) -> BoxFuture<'a, io::Result<(usize, SocketAddr)>> {
        Box::pin(self.recv_from(buffer))
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}
