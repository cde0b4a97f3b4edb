//! Names and addresses as the command line has them, turned into socket addresses.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ca_mock::pebble::HostPort;
use sim::Env;

/// The socket address that is meant; a name with addresses of both families means the IPv4 one.
pub(crate) async fn resolve(env: &Env, wanted: &HostPort) -> io::Result<SocketAddr> {
    let ip = match wanted.host.parse() {
        Ok(ip) => ip,
        Err(_) if wanted.host.is_empty() => everywhere(env).await,
        Err(_) => {
            let known = env.lookup(&wanted.host).await?;
            let first = known.iter().find(|ip| ip.is_ipv4()).or(known.first());
            *first.ok_or(io::ErrorKind::NotFound)?
        }
    };
    Ok(SocketAddr::new(ip, wanted.port))
}

/// All of this machine's addresses: those of IPv6 take IPv4's connections along, but not every machine has them.
async fn everywhere(env: &Env) -> IpAddr {
    match env.listen((Ipv6Addr::UNSPECIFIED, 0).into()).await {
        Ok(_) => Ipv6Addr::UNSPECIFIED.into(),
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// The DNS server that this machine's resolver asks first (`resolv.conf(5)`).
pub(crate) fn system_server() -> SocketAddr {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let server = text.lines().find_map(|line| line.strip_prefix("nameserver")?.trim().parse().ok());
    SocketAddr::new(server.unwrap_or(Ipv4Addr::LOCALHOST.into()), 53)
}
