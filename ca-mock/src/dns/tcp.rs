//! [`TcpDnsServer`]: the same answers over TCP, each message behind its length (RFC 1035 §4.2.2, RFC 7766).
//!
//! A connection may ask one question after the other; one that pauses for too long is closed.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use sim::{
    Env,
    net::{TcpListener, TcpStream},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{AnswerSource, Carrier, respond};
use crate::wire::serve_each;

/// RFC 7766 §6.2.3 asks for "a few seconds".
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A name server that listens on TCP.
#[derive(Debug)]
pub(super) struct TcpDnsServer {
    env: Env,
    listener: TcpListener,
    source: Arc<dyn AnswerSource>,
}

impl TcpDnsServer {
    pub(super) async fn bind(env: &Env, local: SocketAddr, source: Arc<dyn AnswerSource>) -> io::Result<Self> {
        Ok(Self { env: env.clone(), listener: env.listen(local).await?, source })
    }

    /// Answers questions for ever.
    pub(super) async fn serve(self) {
        let answer = |stream| {
            let (env, source) = (self.env.clone(), self.source.clone());
            // Whoever leaves in the middle is not missed.
            async move { drop(answer_all(&env, &*source, stream).await) }
        };
        serve_each(&self.env, &self.listener, "dns connection", answer).await;
    }
}

async fn answer_all(env: &Env, source: &dyn AnswerSource, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let message = env.timeout(PAUSE_MAX, read(&mut stream)).await.map_err(io::Error::other)??;
        let Some(response) = respond(&message, source, Carrier::Stream) else { return Ok(()) };
        env.timeout(PAUSE_MAX, write(&mut stream, &response)).await.map_err(io::Error::other)??;
    }
}

/// Sends one message behind its length.
pub(super) async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let len = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&len.to_be_bytes()[..], message].concat()).await
}

/// Receives one message.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
