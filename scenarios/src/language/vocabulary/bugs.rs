//! Historical defects that a scenario can switch on, each with the implementation that has it.
//!
//! A name here is a promise that some scenario in `catalog/` catches it.

choices! {
    /// A historical defect.
    pub enum Bug("a known bug") {
        /// Looks once a day and renews with thirty days or less to live, whatever the lifetime. Traefik, 2021:
        /// <https://github.com/traefik/traefik/issues/8042>, <https://github.com/traefik/traefik/issues/11843>
        "client.renewal-thirty-day-constant" => RenewalThirtyDayConstant,
        /// Empties a certificate's files and writes them anew, without a sync. Caddy, until 2024:
        /// <https://github.com/caddyserver/caddy/issues/6481>, <https://github.com/caddyserver/certmagic/issues/303>
        "client.certificate-written-in-place" => CertificateWrittenInPlace,
        /// Serves a certificate only if its metadata parses too, and so not at all once a `}` too many is in there.
        /// Caddy, to this day: <https://github.com/caddyserver/certmagic/issues/303>
        "client.certificate-needs-metadata" => CertificateNeedsMetadata,
        /// Compares a CA's answers by Retry-After, which not every CA sends, and panics without it. Caddy, 2024:
        /// <https://github.com/caddyserver/caddy/issues/6561>, <https://github.com/caddyserver/certmagic/issues/344>
        "client.ari-missing-retry-after" => AriMissingRetryAfter,
        /// Stores the account's new key only once the CA has taken it in. The mistake that a pending slot prevents:
        /// RFC 8555 §7.3.5, <https://github.com/letsencrypt/boulder/issues/8124>
        "client.account-key-in-memory" => AccountKeyInMemory,
        /// Each front end remembers an account for five seconds, its key included, whatever happens to it.
        /// Boulder, 2021 to 2026: <https://github.com/letsencrypt/boulder/issues/8124>,
        /// <https://github.com/letsencrypt/boulder/pull/8953>
        "ca.stale-account-cache" => StaleAccountCache,
        /// Renews under the lock of the certificate cache, which a tls-alpn-01 challenge waits for. Caddy, until 2017:
        /// <https://github.com/caddyserver/caddy/issues/1157>, <https://github.com/caddyserver/caddy/pull/1366>
        "client.renewal-under-cache-lock" => RenewalUnderCacheLock,
        /// Reads storage under the lock of the certificate cache, which visitors wait for. certmagic, as of 2026:
        /// <https://github.com/caddyserver/certmagic/blob/master/maintain.go>
        "client.storage-read-under-cache-lock" => StorageReadUnderCacheLock,
        /// Has locks between hosts on one storage that keep nobody out. certmagic-s3, 2021:
        /// <https://github.com/ss098/certmagic-s3/issues/12>
        "client.storage-locks-do-nothing" => StorageLocksDoNothing,
        /// Empties a lock's file before it writes the time into it anew, so that who looks then takes it for stale.
        /// certmagic, until 2023: <https://github.com/caddyserver/certmagic/issues/232>
        "client.storage-lock-by-time" => StorageLockByTime,
        /// Puts a TXT record in the place of those at the same name, of which a domain and its wildcard need two. lego,
        /// 2024: <https://github.com/go-acme/lego/issues/2211>
        "client.txt-replaced" => TxtReplaced,
        /// Before issuing, looks up CAA N times for one of N names, instead of for each. Boulder, 2020:
        /// <https://github.com/letsencrypt/boulder/pull/4690>, <https://github.com/icing/mod_md/issues/195>
        "ca.caa-loop-variable" => CaaLoopVariable,
        /// Finds out what CAA says and does not listen. Boulder, 2015: <https://github.com/letsencrypt/boulder/issues/1231>
        "ca.caa-result-ignored" => CaaResultIgnored,
        /// Issues upon reused authorizations without another look at CAA. Boulder, until 2017:
        /// <https://github.com/letsencrypt/boulder/issues/2889>
        "ca.caa-no-recheck-reuse" => CaaNoRecheckReuse,
        /// Takes a CAA record whose tag has a capital letter for one of an unknown kind. Boulder, until 2018:
        /// <https://github.com/letsencrypt/boulder/issues/3722>
        "ca.caa-tag-case" => CaaTagCase,
        /// Takes a parameter of CAA whose tag has a capital letter for an unknown one. Boulder, as of 2026:
        /// <https://github.com/letsencrypt/boulder/issues/8614>, <https://github.com/letsencrypt/boulder/issues/8975>
        "ca.caa-param-case" => CaaParamCase,
        /// Splits the parameters of CAA at blanks instead of semicolons. Boulder, 2018:
        /// <https://github.com/letsencrypt/boulder/issues/3795>, <https://github.com/letsencrypt/boulder/pull/3805>
        "ca.caa-param-sep" => CaaParamSep,
        /// Looks for CAA above the target of an alias instead of above the name. Boulder, 2017:
        /// <https://github.com/letsencrypt/boulder/issues/3093>, <https://github.com/letsencrypt/boulder/issues/3097>
        "ca.caa-cname-climb" => CaaCnameClimb,
        /// Takes SERVFAIL, which a broken DNSSEC signature ends in, for a name without CAA records. CA/B BR §3.2.2.8.1
        "ca.caa-dnssec-servfail" => CaaDnssecServfail,
        /// Gives a serial number out again. Let's Encrypt, 2023: <https://community.letsencrypt.org/t/200155>
        "ca.serial-collision" => SerialCollision,
        /// Draws serial numbers of sixty-three bits. EJBCA, until 2019:
        /// <https://bugzilla.mozilla.org/show_bug.cgi?id=1531800>
        "ca.serial-short" => SerialShort,
        /// Lets certificates live a second longer than they should. Let's Encrypt, until 2021:
        /// <https://community.letsencrypt.org/t/153426>, <https://bugzilla.mozilla.org/show_bug.cgi?id=1715455>
        "ca.validity-plus-1s" => ValidityPlusOneSecond,
        /// Issues whatever the remote perspectives say, as CAs could until 2025. CA/B BR §3.2.2.9
        "ca.corroboration-ignored" => CorroborationIgnored,
        /// Gives an order its full time though the authorizations that it takes over end before. Boulder, 2018:
        /// <https://github.com/letsencrypt/boulder/issues/3498>, <https://github.com/letsencrypt/boulder/issues/3499>
        "ca.order-outlives-authz" => OrderOutlivesAuthorization,
        /// Answers a key rollover with success and forgets it. Pebble does so if the new key has an account.
        "ca.keychange-false-ok" => KeyChangeFalseOk,
        /// Has front ends whose clocks differ by minutes: <https://github.com/letsencrypt/boulder/issues/7684>
        "ca.clock-skew-nodes" => ClockSkewNodes,
    }
}
