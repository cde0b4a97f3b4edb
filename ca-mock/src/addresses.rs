//! Where the validation authority connects to: the addresses of an identifier, from the DNS.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::{Name, RecordType};
use sim::Env;

use crate::{
    config::Config,
    dns::resolver::{LookupError, Resolver},
    identifier::Identifier,
    problem::{Problem, ProblemType},
};

/// Whom the validation authority asks for an identifier's addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressSource {
    /// [`Config::dns_server`].
    #[default]
    DnsServer,
    /// The operating system, hosts file included. It tells nothing but addresses, so that CAA is not looked up.
    OperatingSystem,
}

/// At most one address of each family, IPv6 first, with `port`; never none.
pub(crate) async fn find(
    env: &Env,
    config: &Config,
    identifier: &Identifier,
    port: u16,
) -> Result<Vec<SocketAddr>, Problem> {
    let dns_problem = |detail: String| Problem::new(ProblemType::Dns, detail);
    if config.addresses == AddressSource::OperatingSystem {
        let known = env.timeout(config.dns_timeout, env.lookup(identifier.as_str())).await;
        let known = known.map_err(|e| dns_problem(format!("looking up {identifier}: {e}")))?;
        let known = known.map_err(|e| dns_problem(format!("looking up {identifier}: {e}")))?;
        let families = [known.iter().find(|ip| ip.is_ipv6()), known.iter().find(|ip| ip.is_ipv4())];
        let found: Vec<_> = families.into_iter().flatten().map(|ip| SocketAddr::new(*ip, port)).collect();
        return if found.is_empty() { Err(dns_problem(format!("{identifier} has no address"))) } else { Ok(found) };
    }
    let resolver = Resolver::new(env, config);
    let mut name = Name::from_ascii(identifier.as_str()).map_err(|e| dns_problem(e.to_string()))?;
    name.set_fqdn(true);
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for kind in [RecordType::AAAA, RecordType::A] {
        match resolver.lookup(&name, kind).await {
            Ok(records) => {
                let address = records.iter().find_map(|record| record.data.ip_addr());
                found.extend(address.map(|ip: IpAddr| SocketAddr::new(ip, port)));
            }
            // The name has no records of any type (RFC 8020).
            Err(error @ LookupError::NoSuchName { .. }) => return Err(dns_problem(error.to_string())),
            Err(error) => failures.push(error.to_string()),
        }
    }
    if found.is_empty() { Err(dns_problem(failures.join("; "))) } else { Ok(found) }
}
