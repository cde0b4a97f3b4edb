//! The relevant record set of a domain: its own CAA records, or else those of the closest ancestor that has some
//! (RFC 8659 §3).
//!
//! Each query follows aliases by itself; the climb goes on from the domain asked about, never from an alias's
//! target. A name that does not exist has no records, and the climb goes on.

use std::time::Duration;

use hickory_proto::rr::{Name, RecordType};

use super::evaluation::Property;
use crate::dns::resolver::{LookupError, Resolver};

/// What decides about a domain.
#[derive(Debug)]
pub(crate) struct Relevant {
    /// Where the records were found; the domain itself if there are none.
    pub(crate) owner: Name,
    /// None if neither the domain nor an ancestor has any.
    pub(crate) properties: Vec<Property>,
    /// Zero if there are none.
    pub(crate) ttl: Duration,
}

/// Asks for `domain` and what is `above` it, the root excluded ([`CaaRules::above`](super::CaaRules)).
pub(super) async fn relevant_records(
    resolver: &Resolver,
    domain: &str,
    above: fn(&Name, &Name) -> Name,
) -> Result<Relevant, LookupError> {
    let mut domain = Name::from_ascii(domain).expect("identifiers are domain names");
    domain.set_fqdn(true);
    let mut owner = domain.clone();
    while !owner.is_root() {
        match resolver.lookup(&owner, RecordType::CAA).await {
            Ok(records) => {
                let ttl_seconds = records.iter().map(|record| record.ttl).min().unwrap_or_default();
                let properties = records.iter().filter_map(|record| Property::of_record(&record.data)).collect();
                return Ok(Relevant { owner, properties, ttl: Duration::from_secs(ttl_seconds.into()) });
            }
            Err(LookupError::NoSuchName(asked) | LookupError::NoData(asked)) => owner = above(&owner, &asked.name),
            Err(
                failure @ (LookupError::Failed { .. }
                | LookupError::TimedOut(_)
                | LookupError::TooManyAliases(_)
                | LookupError::Io { .. }),
            ) => return Err(failure),
        }
    }
    Ok(Relevant { owner: domain, properties: Vec::new(), ttl: Duration::ZERO })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{
        caa::CaaRules,
        dns::{DnsServer, Zone, ZoneHandle},
        testing,
    };

    const ZONE: &str = r#"
$TTL 60
example        CAA 0 issue "parent.test"
own.example    600 CAA 0 issue "own.test"
plain.example  A 192.0.2.1
alias.example  CNAME own.example.
bare.example   CNAME plain.other.
other          CAA 0 issue "other.test"
plain.other    A 192.0.2.2
loop.example   CNAME loop.example.
silent.test    A 192.0.2.3
"#;

    /// The owner, value and TTL of what decides about each domain.
    fn relevant(domains: &[&str]) -> Vec<Result<(String, String, u64), LookupError>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let env = testing::env();
            let zones = ZoneHandle::new(vec![Zone::parse(".", ZONE).unwrap()]);
            let server = DnsServer::bind(&env, (Ipv4Addr::LOCALHOST, 0).into(), zones).await.unwrap();
            let address = server.local_address().unwrap();
            let _running = env.spawn("dns", server.serve());
            let resolver = Resolver { env, server: address, timeout: Duration::from_secs(60), attempts: 1 };
            let mut results = Vec::new();
            for domain in domains {
                results.push(relevant_records(&resolver, domain, CaaRules::STANDARD.above).await.map(|found| {
                    let value = found.properties.first().map(|property| property.value.clone()).unwrap_or_default();
                    (found.owner.to_ascii(), String::from_utf8(value).unwrap(), found.ttl.as_secs())
                }));
            }
            results
        })
    }

    #[test]
    fn the_closest_ancestor_with_records_decides() {
        let found = relevant(&["own.example", "a.b.own.example", "plain.example", "no.such.example", "silent.test"]);
        let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
        let expected = [
            ("own.example.", "own.test", 600),
            ("own.example.", "own.test", 600),
            ("example.", "parent.test", 60),
            ("example.", "parent.test", 60),
            ("silent.test.", "", 0),
        ];
        assert_eq!(found, expected.map(|(owner, value, ttl)| (owner.to_owned(), value.to_owned(), ttl)));
    }

    /// RFC 8659 §3: an alias's target is asked, but not the target's ancestors.
    #[test]
    fn an_alias_is_followed_and_not_climbed_from() {
        let found: Vec<_> = relevant(&["alias.example", "bare.example"]).into_iter().map(Result::unwrap).collect();
        assert_eq!(found[0].1, "own.test");
        assert_eq!(found[1].1, "parent.test");
    }

    #[test]
    fn a_failure_on_the_way_up_ends_the_climb() {
        let found = relevant(&["a.loop.example"]);
        assert!(matches!(found[0], Err(LookupError::TooManyAliases(_))), "{found:?}");
    }
}
