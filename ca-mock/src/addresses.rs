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

/// At most one address of each family, IPv6 first, with `port`; never none.
pub(crate) async fn find(
    env: &Env,
    config: &Config,
    identifier: &Identifier,
    port: u16,
) -> Result<Vec<SocketAddr>, Problem> {
    let resolver = Resolver::new(env, config);
    let dns_problem = |detail: String| Problem::new(ProblemType::Dns, detail);
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
