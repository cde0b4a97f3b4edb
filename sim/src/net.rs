//! Sockets as programs see them, over whichever network the backend has.
//!
//! What an application writes and reads is recorded in the trace, opened: for a plain connection here,
//! for a TLS one inside the encryption ([`crate::tls`]).

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    Env,
    trace::{Direction, Event, Side},
};

/// A byte stream of a backend.
pub trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A connection as a backend hands it over.
pub struct RawStream {
    /// The bytes.
    pub socket: Box<dyn Socket>,
    /// This end's address.
    pub local: SocketAddr,
    /// The other end's address.
    pub peer: SocketAddr,
}

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawStream({} to {})", self.local, self.peer)
    }
}

/// A backend's listening socket.
pub trait RawListener: Send + Sync {
    /// Waits for the next connection.
    fn accept(&self) -> BoxFuture<'_, io::Result<RawStream>>;
    /// The address that is listened on, with the port that was picked.
    fn local_address(&self) -> io::Result<SocketAddr>;
}

/// A backend's UDP socket.
pub trait RawUdpSocket: Send + Sync {
    /// Sends one datagram.
    fn send_to<'a>(&'a self, datagram: &'a [u8], peer: SocketAddr) -> BoxFuture<'a, io::Result<()>>;
    /// Waits for the next datagram; what exceeds `buffer` is cut off.
    fn receive_from<'a>(&'a self, buffer: &'a mut [u8]) -> BoxFuture<'a, io::Result<(usize, SocketAddr)>>;
    /// The address that is bound, with the port that was picked.
    fn local_address(&self) -> io::Result<SocketAddr>;
}

/// Puts sockets that have tokio's shape behind the traits of backends. Three families do: tokio's own,
/// `turmoil-net`'s and stock turmoil's.
macro_rules! tokio_shaped {
    ($stream:ty, $listener:ty, $udp_socket:ty) => {
        impl $crate::net::RawListener for $listener {
            fn accept(&self) -> futures_util::future::BoxFuture<'_, std::io::Result<$crate::net::RawStream>> {
                Box::pin(async move { raw(<$listener>::accept(self).await?.0) })
            }

            fn local_address(&self) -> std::io::Result<std::net::SocketAddr> {
                self.local_addr()
            }
        }

        impl $crate::net::RawUdpSocket for $udp_socket {
            fn send_to<'a>(
                &'a self,
                datagram: &'a [u8],
                peer: std::net::SocketAddr,
            ) -> futures_util::future::BoxFuture<'a, std::io::Result<()>> {
                Box::pin(async move { <$udp_socket>::send_to(self, datagram, peer).await.map(drop) })
            }

            fn receive_from<'a>(
                &'a self,
                buffer: &'a mut [u8],
            ) -> futures_util::future::BoxFuture<'a, std::io::Result<(usize, std::net::SocketAddr)>> {
                Box::pin(self.recv_from(buffer))
            }

            fn local_address(&self) -> std::io::Result<std::net::SocketAddr> {
                self.local_addr()
            }
        }

        fn raw(stream: $stream) -> std::io::Result<$crate::net::RawStream> {
            stream.set_nodelay(true)?;
            let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
            Ok($crate::net::RawStream { local, peer, socket: Box::new(stream) })
        }
    };
}
pub(crate) use tokio_shaped;

/// One TCP connection.
pub struct TcpStream {
    raw: RawStream,
    tap: Tap,
    /// Off once TLS has taken the stream over and records inside the encryption.
    tapped: bool,
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpStream({} to {})", self.raw.local, self.raw.peer)
    }
}

impl TcpStream {
    pub(crate) fn client(env: Env, raw: RawStream) -> Self {
        let tap = Tap::new(env, Side::Client, raw.local, raw.peer);
        Self { raw, tap, tapped: true }
    }

    fn server(env: Env, raw: RawStream, is_recorded: bool) -> Self {
        let tap = Tap { is_on: is_recorded, ..Tap::new(env, Side::Server, raw.peer, raw.local) };
        Self { raw, tap, tapped: true }
    }

    /// This end's address.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.raw.local
    }

    /// The other end's address.
    #[must_use]
    pub fn peer_address(&self) -> SocketAddr {
        self.raw.peer
    }

    /// Stops recording here and hands the recorder to the layer above.
    pub(crate) fn untapped(mut self) -> (Self, Tap) {
        self.tapped = false;
        let tap = self.tap.clone();
        (self, tap)
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let read = Pin::new(&mut this.raw.socket);
        if this.tapped { this.tap.read(read, cx, buffer) } else { read.poll_read(cx, buffer) }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let write = Pin::new(&mut this.raw.socket);
        if this.tapped { this.tap.write(write, cx, bytes) } else { write.poll_write(cx, bytes) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.raw.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.raw.socket).poll_shutdown(cx)
    }
}

/// Records what one end of a connection writes and reads.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    env: Env,
    side: Side,
    pub(crate) connection: Arc<str>,
    is_on: bool,
}

impl Tap {
    fn new(env: Env, side: Side, client: SocketAddr, server: SocketAddr) -> Self {
        Self { env, side, connection: format!("{client}-{server}").into(), is_on: true }
    }

    pub(crate) fn read(
        &self,
        source: Pin<&mut (impl AsyncRead + ?Sized)>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = source.poll_read(cx, buffer);
        if matches!(outcome, Poll::Ready(Ok(()))) {
            self.record(Direction::Read, &buffer.filled()[before..]);
        }
        outcome
    }

    pub(crate) fn write(
        &self,
        sink: Pin<&mut (impl AsyncWrite + ?Sized)>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = sink.poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = &outcome {
            self.record(Direction::Wrote, &bytes[..*written]);
        }
        outcome
    }

    /// An empty read is the other side's end of stream, and is recorded as such.
    fn record(&self, direction: Direction, bytes: &[u8]) {
        if self.is_on && self.env.is_recorded() {
            self.env.record(Event::Data {
                connection: self.connection.clone(),
                side: self.side,
                direction,
                bytes: bytes.to_vec(),
            });
        }
    }
}

/// A listening TCP socket.
pub struct TcpListener {
    env: Env,
    raw: Box<dyn RawListener>,
    is_recorded: bool,
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpListener({:?})", self.raw.local_address())
    }
}

impl TcpListener {
    pub(crate) fn new(env: Env, raw: Box<dyn RawListener>) -> Self {
        Self { env, raw, is_recorded: true }
    }

    /// Keeps out of the trace what is read and written on connections that come here: secrets, or the trace itself.
    #[must_use]
    pub fn unrecorded(self) -> Self {
        Self { is_recorded: false, ..self }
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// As the operating system, for example when file descriptors run out.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        Ok(TcpStream::server(self.env.clone(), self.raw.accept().await?, self.is_recorded))
    }

    /// The address that is listened on, with the port that was picked.
    ///
    /// # Errors
    /// As the operating system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.raw.local_address()
    }
}

/// A UDP socket.
pub struct UdpSocket {
    raw: Box<dyn RawUdpSocket>,
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UdpSocket({:?})", self.raw.local_address())
    }
}

impl UdpSocket {
    pub(crate) fn new(raw: Box<dyn RawUdpSocket>) -> Self {
        Self { raw }
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// As the operating system; a lost datagram is no error.
    pub async fn send_to(&self, datagram: &[u8], peer: SocketAddr) -> io::Result<()> {
        self.raw.send_to(datagram, peer).await
    }

    /// Waits for the next datagram; what exceeds `buffer` is cut off.
    ///
    /// # Errors
    /// As the operating system.
    pub async fn receive_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.raw.receive_from(buffer).await
    }

    /// The address that is bound, with the port that was picked.
    ///
    /// # Errors
    /// As the operating system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.raw.local_address()
    }
}
