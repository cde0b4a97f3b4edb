//! http-01: pages by path, over plain HTTP and over TLS, and who has fetched them (RFC 8555 §8.3).

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
};

use sim::{Env, Task, net::TcpListener};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{REQUEST_BYTES_MAX, REQUEST_LIMIT, Responder, Service};

/// What a path is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// `Location`, if there is one.
    pub location: Option<String>,
    /// Further headers.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Page {
    /// 200 with this body.
    #[must_use]
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, location: None, headers: Vec::new(), body: body.into() }
    }

    /// A redirect to there.
    #[must_use]
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self { status, location: Some(location.into()), headers: vec![("Set-Cookie", "a=b; Path=/")], body: Vec::new() }
    }

    /// The same with this header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with this status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// What was asked for.
    pub path: String,
    /// `GET`, if it is right.
    pub method: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Whether it came over TLS.
    pub is_https: bool,
}

impl Fetched {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// In words, without the headers.
impl fmt::Display for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, method, is_https, .. } = self;
        write!(f, "{method} {path} over {}", if *is_https { "HTTPS" } else { "HTTP" })
    }
}

impl Responder {
    /// Answers http-01 on this address until it is dropped.
    ///
    /// # Errors
    /// If it is taken or not this machine's.
    pub async fn serve_http01(&self, env: &Env, local: SocketAddr) -> io::Result<Task<()>> {
        let listener = env.listen(local).await?;
        self.begins(Service::Http);
        Ok(self.serve_pages(env, listener))
    }

    /// Answers with the same pages on another port until the task is dropped: on which, the system chooses.
    ///
    /// # Errors
    /// If the address is not this machine's.
    pub async fn serve_elsewhere(&self, env: &Env, address: IpAddr) -> io::Result<(u16, Task<()>)> {
        let listener = env.listen(SocketAddr::new(address, 0)).await?;
        Ok((listener.local_address()?.port(), self.serve_pages(env, listener)))
    }

    fn serve_pages(&self, env: &Env, listener: TcpListener) -> Task<()> {
        let (responder, env_of_task) = (self.clone(), env.clone());
        env.spawn("conformance http-01", async move {
            while let Ok(stream) = listener.accept().await {
                let (responder, env) = (responder.clone(), env_of_task.clone());
                let answer =
                    async move { drop(env.timeout(REQUEST_LIMIT, responder.answer_http(stream, false)).await) };
                env_of_task.spawn("conformance http-01 answer", answer).detach();
            }
        })
    }

    pub(super) async fn answer_http(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        is_https: bool,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
            if bytes.len() > REQUEST_BYTES_MAX || stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        let Page { status, location, headers, body } = self.page_for(&String::from_utf8_lossy(&bytes), is_https);
        let mut head = format!("HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
        let location = location.as_deref().map(|location| ("Location", location));
        for (name, value) in headers.iter().copied().chain(location) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(&[head.as_bytes(), &body].concat()).await?;
        stream.shutdown().await
    }

    fn page_for(&self, request: &str, is_https: bool) -> Page {
        let mut lines = request.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ').map(ToOwned::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        let headers = headers.collect();
        let mut board = self.board();
        let page = board.pages.get(&path).cloned();
        board.fetched.push(Fetched { path, method, headers, is_https });
        page.unwrap_or_else(|| Page::new("nothing is here").with_status(404))
    }
}
