//! Rate limits: token buckets, by which a CA protects itself from its clients.
//!
//! A bucket is one point in time (the generic cell rate algorithm, as Boulder has it): when it would be full again. The
//! numbers, what they are counted by and what is exempt are Let's Encrypt's
//! (<https://letsencrypt.org/docs/rate-limits>); what a limit refuses is `rateLimited` with `Retry-After` (RFC 8555 §6.6).
//! Without limits nothing is counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use sim::UtcDateTime;

use crate::{faults::Endpoint, identifier::Identifier, ids::AccountId, timestamp::after};

/// How many buckets are kept that are not full. Beyond that, some are full again early.
const BUCKETS_MAX: usize = 100_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// So many at once, and as many again in each period, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub count: u32,
    /// How long until that many may come again.
    pub period: Duration,
}

/// Which limits there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// New accounts from one address.
    pub new_accounts_per_address: Option<Limit>,
    /// New accounts from one IPv6 network of 48 bits.
    pub new_accounts_per_network: Option<Limit>,
    /// New orders of one account, renewals left out.
    pub new_orders_per_account: Option<Limit>,
    /// Certificates for one registered domain, IPv4 address or IPv6 network of 64 bits, renewals left out.
    pub certificates_per_domain: Option<Limit>,
    /// Certificates for exactly the same identifiers.
    pub certificates_per_exact_set: Option<Limit>,
    /// Failed validations of one account for one identifier.
    pub failed_validations_per_identifier: Option<Limit>,
    /// Requests from one address; what is refused has status 503, as from a balancer.
    pub requests_per_address: Option<Limit>,
    /// Requests from one address for resources that are counted by themselves instead, one kind at a time.
    pub requests_per_address_for: BTreeMap<Endpoint, Limit>,
    /// Whether `Retry-After` is a date instead of seconds.
    pub retry_after_is_date: bool,
}

impl Limit {
    /// So many each second, of which so many may come at once.
    fn per_second(rate: u32, burst: u32) -> Self {
        Self { count: burst, period: Duration::from_secs(1) * burst / rate }
    }
}

impl RateLimits {
    /// Let's Encrypt's, as of August 2026.
    #[must_use]
    pub fn lets_encrypt() -> Self {
        Self {
            new_accounts_per_address: Some(Limit { count: 10, period: 3 * HOUR }),
            new_accounts_per_network: Some(Limit { count: 500, period: 3 * HOUR }),
            new_orders_per_account: Some(Limit { count: 300, period: 3 * HOUR }),
            certificates_per_domain: Some(Limit { count: 50, period: 7 * 24 * HOUR }),
            certificates_per_exact_set: Some(Limit { count: 5, period: 7 * 24 * HOUR }),
            failed_validations_per_identifier: Some(Limit { count: 5, period: HOUR }),
            requests_per_address: Some(Limit::per_second(250, 125)),
            requests_per_address_for: BTreeMap::from([
                (Endpoint::Directory, Limit::per_second(40, 40)),
                (Endpoint::NewNonce, Limit::per_second(20, 10)),
                (Endpoint::NewAccount, Limit::per_second(5, 15)),
                (Endpoint::NewOrder, Limit::per_second(300, 200)),
                (Endpoint::RevokeCert, Limit::per_second(10, 100)),
                (Endpoint::RenewalInfo, Limit::per_second(1_000, 100)),
            ]),
            retry_after_is_date: false,
        }
    }

    /// What counts a request from `peer` to a kind of resource, if anything does.
    pub(crate) fn requests(&self, peer: IpAddr, endpoint: Option<Endpoint>) -> Option<(Bucket, Limit)> {
        let own = endpoint.and_then(|endpoint| Some((endpoint, *self.requests_per_address_for.get(&endpoint)?)));
        match own {
            Some((endpoint, limit)) => Some((Bucket::Requests(peer, Some(endpoint)), limit)),
            None => Some((Bucket::Requests(peer, None), self.requests_per_address?)),
        }
    }
}

/// A page about the limits, for people.
pub(crate) const HELP_URL: &str = "https://letsencrypt.org/docs/rate-limits";

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bucket {
    NewAccounts(IpAddr),
    NewAccountsOfNetwork([u16; 3]),
    NewOrders(AccountId),
    Certificates(String),
    ExactSet(BTreeSet<String>),
    FailedValidations(AccountId, String),
    Requests(IpAddr, Option<Endpoint>),
}

/// A bucket is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted {
    pub(crate) what: String,
    pub(crate) until: UtcDateTime,
}

/// All buckets that are not full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets(BTreeMap<Bucket, UtcDateTime>);

impl Buckets {
    /// When it may go on, if it may not at once.
    pub(crate) fn exhausted_until(&self, bucket: &Bucket, limit: Limit, now: UtcDateTime) -> Option<UtcDateTime> {
        let ready_at = self.next(bucket, limit, now) - limit.period;
        (ready_at > now).then_some(ready_at)
    }

    /// Takes one out, even out of an empty bucket.
    pub(crate) fn spend(&mut self, bucket: Bucket, limit: Limit, now: UtcDateTime) {
        let full_at = self.next(&bucket, limit, now);
        self.0.insert(bucket, full_at);
        if self.0.len() > BUCKETS_MAX {
            self.0.retain(|_, full_at| *full_at > now);
        }
        while self.0.len() > BUCKETS_MAX {
            self.0.pop_first();
        }
    }

    /// When it would be full again with one more taken out.
    fn next(&self, bucket: &Bucket, limit: Limit, now: UtcDateTime) -> UtcDateTime {
        let full_at = self.0.get(bucket).map_or(now, |full_at| (*full_at).max(now));
        after(full_at, limit.period / limit.count.max(1))
    }
}

/// What certificates for exactly these identifiers are counted in.
pub(crate) fn exact_set<'a>(identifiers: impl IntoIterator<Item = &'a Identifier>) -> Bucket {
    Bucket::ExactSet(identifiers.into_iter().map(ToString::to_string).collect())
}

/// What certificates for each domain are counted in.
pub(crate) fn domains<'a>(identifiers: impl IntoIterator<Item = &'a Identifier>) -> BTreeSet<Bucket> {
    let names = identifiers.into_iter().map(ToString::to_string);
    names.map(|name| Bucket::Certificates(registered(&name))).collect()
}

/// The registered domain, or the address or network that counts as one.
fn registered(name: &str) -> String {
    match name.parse() {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => format!("{:x?}", &address.segments()[..4]),
        Err(_) => {
            let name = name.strip_prefix("*.").unwrap_or(name);
            psl::domain_str(name).unwrap_or(name).to_owned()
        }
    }
}

/// The network of 48 bits that an address lies in, if there are such.
pub(crate) fn network(address: IpAddr) -> Option<[u16; 3]> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => {
            let [first, second, third, ..] = address.segments();
            Some([first, second, third])
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use time::macros::utc_datetime;

    use super::*;

    #[test]
    fn five_come_at_once_and_then_one_each_fifth_of_the_period() {
        let limit = Limit { count: 5, period: HOUR };
        let (bucket, now) = (Bucket::Certificates("a.test".to_owned()), utc_datetime!(2026-01-01 00:00));
        let mut buckets = Buckets::default();
        for _ in 0..5 {
            assert_eq!(buckets.exhausted_until(&bucket, limit, now), None);
            buckets.spend(bucket.clone(), limit, now);
        }
        let then = utc_datetime!(2026-01-01 00:12);
        assert_eq!(buckets.exhausted_until(&bucket, limit, now), Some(then));
        assert_eq!(buckets.exhausted_until(&bucket, limit, then), None);
        buckets.spend(bucket.clone(), limit, then);
        assert!(buckets.exhausted_until(&bucket, limit, then).is_some());
    }

    #[test]
    fn the_balancer_counts_some_resources_by_themselves() {
        let (limits, peer) = (RateLimits::lets_encrypt(), IpAddr::from([192, 0, 2, 1]));
        let (bucket, limit) = limits.requests(peer, Some(Endpoint::NewNonce)).unwrap();
        assert_eq!((bucket, limit.count), (Bucket::Requests(peer, Some(Endpoint::NewNonce)), 10));
        assert_eq!(limit.period, Duration::from_millis(500));
        for other in [None, Some(Endpoint::Order), Some(Endpoint::Finalize)] {
            assert_eq!(limits.requests(peer, other).unwrap().0, Bucket::Requests(peer, None));
        }
        assert_eq!(RateLimits::default().requests(peer, Some(Endpoint::NewNonce)), None);
    }

    #[test]
    fn names_are_counted_by_what_somebody_has_registered() {
        for (name, counted) in [
            ("a.b.example.co.uk", "example.co.uk"),
            ("*.example.com", "example.com"),
            ("com", "com"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3::4", "[2001, db8, 1, 2]"),
        ] {
            assert_eq!(registered(name), counted);
        }
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        /// The model is a bucket that holds pieces of time: full at first, it gains what passes and gives an interval for each
        /// that is taken out. Two such know nothing of each other.
        #[test]
        fn a_bucket_gives_as_much_as_it_holds_and_then_what_has_passed(
            count in 1..6_u32,
            interval_ms in 1..5_000_u64,
            steps in vec((0..2_usize, 0..4_u64, 0..3_000_u64, any::<bool>()), 0..60),
        ) {
            let interval = Duration::from_millis(interval_ms);
            let limit = Limit { count, period: interval * count };
            let names = ["a.test", "b.test"].map(|name| Bucket::Certificates(name.to_owned()));
            let full = i64::try_from(limit.period.as_millis()).unwrap();
            let interval = i64::try_from(interval.as_millis()).unwrap();
            let (mut buckets, mut held_ms, mut now) = (Buckets::default(), [full; 2], utc_datetime!(2026-01-01 00:00));
            for (which, intervals, more_ms, even_if_empty) in steps {
                let passed = i64::try_from(intervals).unwrap() * interval + i64::try_from(more_ms).unwrap();
                now += time::Duration::milliseconds(passed);
                held_ms = held_ms.map(|held| full.min(held + passed));
                let missing = interval - held_ms[which];
                let until = (missing > 0).then(|| now + time::Duration::milliseconds(missing));
                prop_assert_eq!(buckets.exhausted_until(&names[which], limit, now), until);
                if until.is_none() || even_if_empty {
                    buckets.spend(names[which].clone(), limit, now);
                    held_ms[which] -= interval;
                }
            }
        }
    }
}
