//! Servers of others that the tests start, and stop again.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sim::Env;

/// A server that is stopped when it is not needed any more.
pub(crate) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Server {
    /// Starts a program that shall listen on `address`; nothing, with a word about it, if it is not installed.
    pub(crate) async fn start(env: &Env, program: &str, arguments: &[&str], address: SocketAddr) -> Option<Self> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            println!("not run: there is no {program} here; the head of its tests says where it comes from");
            return None;
        };
        let server = Self(child);
        for _ in 0..600 {
            if env.connect(address).await.is_ok() {
                return Some(server);
            }
            env.sleep(Duration::from_millis(100)).await;
        }
        panic!("{program} should listen on {address} within a minute, and does not");
    }
}

/// Where nobody listens yet.
pub(crate) async fn free_address(env: &Env) -> SocketAddr {
    env.listen("127.0.0.1:0".parse().unwrap()).await.unwrap().local_address().unwrap()
}
