//! The kinds of hosts and their keys.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use crate::language::{
    terms::{HostName, KindWord},
    values::{Names, Rate, SignedDuration, Slug},
};

section! {
    /// What every host has.
    pub(crate) struct HostHead {
        /// What runs on it.
        "kind" => kind: KindWord = required,
        /// Its address; left out: the runner picks one.
        "address" => address: IpAddr = optional,
        /// How its clock differs from true time.
        "clock" => clock: ClockSettings = table,
        /// The disk that it mounts over the network, by any name; hosts that say the same name share it. Each
        /// operation takes a round trip of 1 to 30 ms, and a host's power loss takes nothing from it that was done.
        "shared-disk" => shared_disk: Slug = optional,
    }

    /// How a host's clock differs from true time.
    pub struct ClockSettings {
        /// How far it is off at the beginning.
        "skew" => skew: SignedDuration = ["0s"],
        /// How much it gains (positive) or loses, in parts per million.
        "drift-ppm" => drift_ppm: i32 = ["0"],
    }
}

words! {
    /// What runs on a host.
    pub enum HostKind {
        /// A certificate authority with the policy of `[ca]`.
        "ca" => Ca {
            /// The DNS name of its directory.
            "name" => directory_name: Names = ["ca.test"],
            /// The DNS host that it asks; left out: the first.
            "resolver" => resolver: HostName = optional,
        },
        /// A remote network perspective of every CA: repeats what the CA has validated.
        "perspective" => Perspective {
            /// The DNS host that it asks; left out: the first.
            "resolver" => resolver: HostName = optional,
        },
        /// An authoritative DNS server with the zone of `[dns]`.
        "dns" => Dns {
            /// How much later it shows what it is told by DNS UPDATE (RFC 2136), as managers do for dns-01.
            "update-lag" => update_lag: Duration = ["0s"],
        },
        /// A certificate manager: obtains certificates, renews them, and serves them to visitors.
        "manager" => Manager {
            /// The names that it keeps certificates for.
            "names" => names: Names = required,
            /// The hosts of kind `ca` that it asks, in this order; left out: the first.
            "cas" => cas: Vec<HostName> = optional,
            /// Names that get a certificate when a visitor asks for them.
            "on-demand" => on_demand: Names = optional,
            /// The host of kind `ask` that decides about all other names that visitors ask for; left out: they get none.
            "ask" => ask: HostName = optional,
            /// How many visitors may wait for certificates at a time.
            "visitors-waiting-max" => visitors_waiting_max: NonZeroU32 = ["1000"],
            /// How many of the names on demand are looked after at a time.
            "on-demand-capacity" => on_demand_capacity: NonZeroU32 = ["100"],
            /// How many connections each of its ports has open at a time; who comes beyond that waits.
            "connections-max" => connections_max: NonZeroU32 = ["4096"],
            /// A file with a certificate and its key that it shows besides, and has nothing else to do with; a path, as
            /// that of `disk.give-certificate`.
            "external-certificate" => external_certificate: String = optional,
            /// The bucket of an object store in which it keeps everything, by any name; managers that say the same name share it.
            /// It outlives all of them. Each request takes 20 to 100 ms. Left out: its disk.
            "bucket" => bucket: Slug = optional,
            /// What the bucket does with conditional writes.
            "bucket-conditions" => bucket_conditions: BucketConditions = ["kept"],
            /// How it proves control of them, if the CA offers that way.
            "challenge" => challenge: ChallengeType = ["http-01"],
            /// With `dns-persist-01`: how long its records are good; left out: for ever.
            "persist-for" => persist_for: Duration = optional,
            /// Keeps one certificate for all of its names, instead of one for each.
            "one-certificate" => one_certificate: bool = ["false"],
            /// The key of `external-account-keys` by whose `kid` its account is bound to an external one.
            "external-account" => external_account: String = optional,
            /// How that binding is signed.
            "external-account-algorithm" => external_account_algorithm: MacAlgorithm = ["HS256"],
            /// The kind of certificates that it orders, by its name; left out: the CA's choice.
            "profile" => profile: Slug = optional,
            /// The common name of the root whose chain it wants where the CA offers several; left out: the first that lasts.
            "preferred-issuer" => preferred_issuer: String = optional,
            /// Whether its certificates ask to be shown only with an OCSP response (RFC 7633).
            "must-staple" => must_staple: bool = ["false"],
            /// How many certificates it orders at most for names that it has none for yet; left out: as many as it likes, and
            /// like all orders no more than ten in ten seconds.
            "first-order-rate" => first_order_rate: Rate = optional,
            /// How old its account's key may grow before another takes its place; left out: it stays.
            "account-key-lifetime" => account_key_lifetime: Duration = optional,
        },
        /// The operator's server that says which names may have certificates on demand: `GET /allowed?domain=NAME`,
        /// answered with 200 or 403.
        "ask" => Ask {
            /// Its DNS name.
            "name" => host_name: Names = ["ask.test"],
            /// The names that it allows.
            "allows" => allows: Names = required,
            /// How long it takes to answer.
            "answer-delay" => answer_delay: Duration = ["0s"],
        },
        /// A visitor: completes a TLS handshake with each name again and again, with each host that serves it, and
        /// judges the certificate.
        "visitor" => Visitor {
            /// The names that it visits.
            "visits" => visits: Names = required,
            /// The application protocols that it offers, such as `http/1.1`; left out: none.
            "offers" => offers: Vec<String> = optional,
            /// How often it visits each of them.
            "every" => every: Duration = ["1h"],
            /// When its visits begin.
            "from" => from: Duration = ["1h"],
            /// How many handshakes it begins at a time with each of them; more than one do not wait for each other, nor
            /// for those of the last time.
            "at-once" => at_once: NonZeroU32 = ["1"],
        },
        /// For tests of the harness only: behaves for a minute and then breaks a rule of the harness itself.
        "faulty" => Faulty {
            /// Which rule.
            "misconduct" => misconduct: Misconduct = required,
        },
    }
}

choices! {
    /// What an object store does with conditional writes (RFC 9110 §13.1).
    pub enum BucketConditions("what becomes of conditions") {
        /// Refuses what does not meet its condition.
        "kept" => Kept,
        /// Takes it all the same, as stores do that know no conditions.
        "ignored" => Ignored,
    }

    /// A way to prove control of a name.
    pub enum ChallengeType("a challenge type") {
        /// A file on port 80 (RFC 8555 §8.3).
        "http-01" => Http01,
        /// A certificate on port 443 (RFC 8737).
        "tls-alpn-01" => TlsAlpn01,
        /// A TXT record (RFC 8555 §8.4), by DNS UPDATE at the first DNS host; good for wildcards.
        "dns-01" => Dns01,
        /// A TXT record that stays (draft-ietf-acme-dns-persist), by DNS UPDATE likewise; good for wildcards.
        "dns-persist-01" => DnsPersist01,
    }

    /// How the binding to an external account is signed (RFC 7518 §3.1).
    pub enum MacAlgorithm("a MAC algorithm") {
        /// HMAC with SHA-256.
        "HS256" => Hs256,
        /// HMAC with SHA-384.
        "HS384" => Hs384,
        /// HMAC with SHA-512.
        "HS512" => Hs512,
    }

    /// What a faulty host does.
    pub enum Misconduct("a misconduct") {
        /// Reads the real clock, which makes every run different.
        "reads-the-real-clock" => ReadsTheRealClock,
        /// Panics.
        "panics" => Panics,
        /// Computes for ever and never lets others run.
        "never-yields" => NeverYields,
        /// Takes a lock that it already holds.
        "waits-for-itself" => WaitsForItself,
    }
}
