//! Connections to a Redis server, over [`Env`]'s sockets.
//!
//! A connection has one request at a time on it, and is kept for the next once that is answered. One whose answer does not come in time,
//! breaks off or can't be read is closed, so that nothing that comes late is taken for the answer to another request. The request is not
//! repeated, for it may have been done: whoever asked is told. A connection that the server has closed meanwhile, or on which it has
//! said something unasked, is not used again.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
    time::Duration,
};

use redis::{Cmd, FromRedisValue, Value, cmd, from_redis_value, parse_redis_value};
use sim::{Env, Monotonic, net::TcpStream};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    sync::Semaphore,
};

use crate::storage::medium::FILE_BYTES_MAX;

/// For each of the server's addresses, until it has let us in.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// From a request to its answer's last byte.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The largest answer is a file; what is around it has a few bytes.
const ANSWER_BYTES_MAX: usize = FILE_BYTES_MAX as usize + 1024;
/// How much room there is at first for an answer.
const ANSWER_BYTES: usize = 16 * 1024;
/// So many requests are under way at once; others wait.
const CONNECTIONS_MAX: usize = 16;
/// A connection that has lain idle for longer is not used again: what is between may have forgotten it.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// So much of what the server says is wrong is passed on.
const WORDS_MAX: usize = 300;

/// How a server is reached, and the connections to it.
pub(super) struct Server {
    env: Env,
    host: String,
    port: u16,
    username: Option<String>,
    password: Option<String>,
    database: i64,
    places: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

/// A connection that waits for the next request.
struct Idle {
    stream: TcpStream,
    since: Monotonic,
}

/// For errors.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}, port {}, database {}", self.host, self.port, self.database)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

impl Server {
    /// The server that listens on a host's port.
    pub(super) fn new(env: &Env, host: &str, port: u16) -> Self {
        Self {
            env: env.clone(),
            host: host.to_owned(),
            port,
            username: None,
            password: None,
            database: 0,
            places: Semaphore::new(CONNECTIONS_MAX),
            idle: Mutex::default(),
        }
    }

    /// The same, which is told who we are.
    pub(super) fn known_as(self, username: Option<&str>, password: Option<&str>) -> Self {
        Self { username: username.map(str::to_owned), password: password.map(str::to_owned), ..self }
    }

    /// The same, with another of its databases.
    pub(super) fn with_database(self, database: i64) -> Self {
        Self { database, ..self }
    }

    /// What the server answers to a request about `path`.
    ///
    /// # Errors
    /// The operating system's; [`io::ErrorKind::PermissionDenied`] if the server does not let us in or do that;
    /// [`io::ErrorKind::FileTooLarge`] and [`io::ErrorKind::InvalidData`] for an answer that is too long or none that Redis gives. Each
    /// names the path and the server. Unless it is that of a refusal, the request may have been done.
    pub(super) async fn ask<T: FromRedisValue>(&self, path: &Path, request: &Cmd) -> io::Result<T> {
        let answer = self.exchange(request).await.and_then(|value| {
            // What the library says of it would quote the answer, and there may be a key in it.
            from_redis_value(value).map_err(|_| not_redis("its answer is of another kind than this request has"))
        });
        answer.map_err(|e| io::Error::new(e.kind(), format!("{}: {self}: {e}", path.display())))
    }

    async fn exchange(&self, request: &Cmd) -> io::Result<Value> {
        let _place = self.places.acquire().await.expect("it is never closed");
        let mut stream = match self.take_idle() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        let answer = within(&self.env, ANSWER_LIMIT, exchange(&mut stream, request)).await?;
        self.idle().push(Idle { stream, since: self.env.monotonic_now() });
        accepted(answer)
    }

    fn take_idle(&self) -> Option<TcpStream> {
        let mut idle = self.idle();
        let now = self.env.monotonic_now();
        idle.retain_mut(|idle| now.since(idle.since) < IDLE_TIME_MAX && is_quiet(&mut idle.stream));
        Some(idle.pop()?.stream)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let addresses = match self.host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => within(&self.env, CONNECT_LIMIT, self.env.lookup(&self.host)).await?,
        };
        let mut result = Err(io::Error::new(io::ErrorKind::NotFound, "the host's name has no address"));
        for ip in addresses {
            result = within(&self.env, CONNECT_LIMIT, self.enter(SocketAddr::new(ip, self.port))).await;
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Connects, says who we are, and chooses the database.
    async fn enter(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let mut stream = self.env.connect(address).await?;
        if let Some(password) = &self.password {
            accepted(exchange(&mut stream, cmd("AUTH").arg(&self.username).arg(password)).await?)?;
        }
        if self.database != 0 {
            accepted(exchange(&mut stream, cmd("SELECT").arg(self.database)).await?)?;
        }
        Ok(stream)
    }
}

/// Gives up after a while.
async fn within<T>(env: &Env, limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    env.timeout(limit, work).await.map_err(|elapsed| io::Error::new(io::ErrorKind::TimedOut, elapsed))?
}

/// Sends a request and reads its answer, whatever that says.
async fn exchange(stream: &mut TcpStream, request: &Cmd) -> io::Result<Value> {
    stream.write_all(&request.get_packed_command()).await?;
    let mut answer = Vec::with_capacity(ANSWER_BYTES);
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it has closed the connection, before the answer's end",
            ));
        }
        match parse_redis_value(&answer) {
            Ok(value) => return Ok(value),
            // The end of what has come so far.
            Err(e) if e.is_io_error() => {}
            Err(_) => return Err(not_redis("its answer is not in Redis' protocol")),
        }
        if answer.len() > ANSWER_BYTES_MAX {
            let words = format!("its answer has more than {ANSWER_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        }
    }
}

/// Whether a connection is open, and nothing has come on it that nobody asked for.
fn is_quiet(stream: &mut TcpStream) -> bool {
    let mut octet = [0];
    let mut buffer = ReadBuf::new(&mut octet);
    Pin::new(stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer).is_pending()
}

fn not_redis(words: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{words}; is it a Redis server?"))
}

/// The answer, unless the server says why it does not do what was asked.
fn accepted(answer: Value) -> io::Result<Value> {
    let Value::ServerError(error) = &answer else { return Ok(answer) };
    let kind = match error.code() {
        "NOAUTH" | "WRONGPASS" | "NOPERM" => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    let words: String = error.details().unwrap_or_default().chars().take(WORDS_MAX).collect();
    Err(io::Error::new(kind, format!("it refuses: {} {words}", error.code())))
}
