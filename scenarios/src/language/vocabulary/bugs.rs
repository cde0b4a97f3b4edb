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
        /// Renames a certificate's files into place before what is in them is on the disk. go-ethereum's keystore, as of 2026:
        /// <https://github.com/ethereum/go-ethereum/pull/34757>, <https://github.com/acmesh-official/acme.sh/issues/275>
        "client.certificate-renamed-unsynced" => CertificateRenamedUnsynced,
        /// Renames a certificate's files into place and does not see to it that the renames are on the disk. certon, 2026:
        /// <https://docs.rs/certon/0.2.2>
        "client.certificate-directory-unsynced" => CertificateDirectoryUnsynced,
        /// Replaces a certificate's chain and its key one after the other, so that between the two there is neither set. certmagic,
        /// as of 2026: <https://github.com/caddyserver/certmagic/blob/master/storage.go>,
        /// <https://github.com/fabriziosalmi/zion/issues/423>
        "client.certificate-without-commit-point" => CertificateWithoutCommitPoint,
        /// Deletes the only key of a certificate if the next one's chain can't be written. certmagic, as of 2026:
        /// <https://github.com/caddyserver/certmagic/blob/master/storage.go>, <https://github.com/caddyserver/caddy/issues/4897>
        "client.certificate-key-rolled-back" => CertificateKeyRolledBack,
        /// Serves a certificate only if its metadata parses too, and so not at all once a `}` too many is in there.
        /// Caddy, to this day: <https://github.com/caddyserver/certmagic/issues/303>
        "client.certificate-needs-metadata" => CertificateNeedsMetadata,
        /// Compares a CA's answers by Retry-After, which not every CA sends, and panics without it. Caddy, 2024:
        /// <https://github.com/caddyserver/caddy/issues/6561>, <https://github.com/caddyserver/certmagic/issues/344>
        "client.ari-missing-retry-after" => AriMissingRetryAfter,
        /// Stores the account's new key only once the CA has taken it in. The mistake that a pending slot prevents:
        /// RFC 8555 §7.3.5, <https://github.com/letsencrypt/boulder/issues/8124>
        "client.account-key-in-memory" => AccountKeyInMemory,
        /// Goes on with an account that its CA has ended. BunkerWeb, 2026:
        /// <https://github.com/bunkerity/bunkerweb/issues/3783>, RFC 8555 §7.3.6
        "client.account-for-ever" => AccountForEver,
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
        /// Tells every CA which certificate an order replaces, also those that have never heard of it. certmagic, as of 2026:
        /// <https://github.com/caddyserver/certmagic/blob/master/config.go>
        "client.replaces-everywhere" => ReplacesEverywhere,
        /// Orders whatever name a visitor says, and asks nobody whether it may. Caddy, until 2023:
        /// <https://github.com/caddyserver/caddy/issues/4014>, <https://github.com/caddyserver/caddy/issues/5986>
        "client.nobody-asked" => NobodyAsked,
        /// Takes an expired wildcard for an answer, and obtains nothing on demand for the names that it covers. certmagic, until
        /// 2026: <https://github.com/caddyserver/certmagic/issues/384>, <https://github.com/caddyserver/certmagic/pull/388>
        "client.wildcard-shadow" => WildcardShadow,
        /// Shows a challenge's certificate to whoever offers acme-tls/1 among other protocols. certon, 2026:
        /// <https://docs.rs/certon/0.4.0>, RFC 8737 §3
        "client.acme-tls-among-others" => AcmeTlsAmongOthers,
        /// Has locks between hosts on one storage that keep nobody out. certmagic-s3, 2021:
        /// <https://github.com/ss098/certmagic-s3/issues/12>
        "client.storage-locks-do-nothing" => StorageLocksDoNothing,
        /// Empties a lock's file before it writes the time into it anew, so that who looks then takes it for stale.
        /// certmagic, until 2023: <https://github.com/caddyserver/certmagic/issues/232>
        "client.storage-lock-by-time" => StorageLockByTime,
        /// Leaves its lock on the disk when it ends, for two hours. Caddy, until 2019:
        /// <https://github.com/caddyserver/certmagic/issues/38>, <https://github.com/caddyserver/caddy/issues/2561>
        "client.storage-lock-never-released" => StorageLockNeverReleased,
        /// Keeps a copy of the storage that never learns what other hosts have renewed. certmagic, 2026:
        /// <https://github.com/caddyserver/certmagic/pull/408>
        "client.local-copy" => LocalCopy,
        /// Reads of the storage what was there a minute ago. cert-manager, 2021:
        /// <https://github.com/cert-manager/cert-manager/issues/3603>, <https://github.com/pteich/caddy-tlsconsul/pull/35>
        "client.reads-lag" => ReadsLag,
        /// Renews a certificate and goes on to show the old one until somebody starts it again. mod_md, 2021:
        /// <https://github.com/icing/mod_md/issues/323>, <https://github.com/icing/mod_md/issues/235>
        "client.finished-not-live" => FinishedNotLive,
        /// Leaves something in memory after each order. cert-manager, 2021:
        /// <https://github.com/cert-manager/cert-manager/pull/4279>
        "client.task-left-behind" => TaskLeftBehind,
        /// Tells nobody that an attempt has failed. certmagic, as of 2026:
        /// <https://github.com/caddyserver/caddy/issues/7170>
        "client.failure-untold" => FailureUntold,
        /// Answers a challenge anew at each look at it. async-acme and rustls-acme, 2026:
        /// <https://github.com/Start9Labs/start-technologies/pull/3892>, <https://github.com/letsencrypt/boulder/pull/8838>
        "client.challenge-posted-again" => ChallengePostedAgain,
        /// Asks for renewal information at each look where the CA gives no Retry-After. certmagic, as of 2026:
        /// <https://github.com/caddyserver/certmagic/issues/297>
        "client.polls-at-each-look" => PollsAtEachLook,
        /// Leaves the leading zero of serial numbers out of what it calls certificates by. Certwarden, 2025:
        /// <https://github.com/gregtwallace/certwarden/issues/122>, RFC 9773 §4.1
        "client.serial-without-its-zero" => SerialWithoutItsZero,
        /// Lets visitors wait for one attempt after another. certmagic, until 2026:
        /// <https://github.com/caddyserver/certmagic/pull/387>, <https://github.com/caddyserver/caddy/issues/6835>
        "client.waits-after-failure" => WaitsAfterFailure,
        /// Gives an order up when the visitor goes who set it off, though others wait for it. certmagic, as of 2026:
        /// <https://github.com/caddyserver/certmagic/issues/246>, <https://github.com/caddyserver/certmagic/issues/313>
        "client.first-visitors-order" => FirstVisitorsOrder,
        /// Shows a wildcard's certificate for names any number of labels below it. certon, 2026:
        /// <https://docs.rs/certon/0.4.0>
        "client.wildcard-any-depth" => WildcardAnyDepth,
        /// Tries again at once what failed. Traefik, 2019:
        /// <https://github.com/traefik/traefik/issues/5413>, <https://github.com/NixOS/nixpkgs/issues/174172>
        "client.retries-at-once" => RetriesAtOnce,
        /// Takes a renewal that failed for one that was made. win-acme, 2017:
        /// <https://github.com/win-acme/win-acme/issues/448>
        "client.failure-advances-date" => FailureAdvancesDate,
        /// Never tries a name again that something went wrong with. Caddy, 2025:
        /// <https://github.com/caddyserver/caddy/issues/7170>
        "client.stops-at-a-failure" => StopsAtAFailure,
        /// Counts failures for a lifetime, and stops at the tenth. certmagic, as of 2026:
        /// <https://github.com/caddyserver/certmagic/blob/master/maintain.go>
        "client.ten-failures" => TenFailures,
        /// Looks at a finalized order once a second, whatever Retry-After says. certbot, 2025:
        /// <https://github.com/certbot/certbot/issues/10273>
        "client.retry-after-ignored" => RetryAfterIgnored,
        /// Takes a Retry-After of 0 at its word. acme.sh, 2026: <https://github.com/acmesh-official/acme.sh/pull/6868>
        "client.retry-after-zero" => RetryAfterZero,
        /// Sends the nonce that was refused once more. Acme PHP, 2020: <https://github.com/acmephp/acmephp/issues/211>,
        /// <https://github.com/publishlab/node-acme-client/issues/103>
        "client.nonce-sent-again" => NonceSentAgain,
        /// Says for ever what a renewal replaces, and is refused for it. certmagic and simple-acme, 2025:
        /// <https://github.com/caddyserver/certmagic/issues/361>, <https://github.com/simple-acme/simple-acme/issues/90>
        "client.replaces-for-ever" => ReplacesForEver,
        /// Walks away from what an order that failed has left pending. lego, until 2017:
        /// <https://github.com/go-acme/lego/issues/383>, <https://github.com/win-acme/win-acme/issues/2131>
        "client.authorization-left-pending" => AuthorizationLeftPending,
        /// Writes a new key over the old one before there is a certificate for it. acme.sh, 2025:
        /// <https://github.com/acmesh-official/acme.sh/issues/6621>
        "client.key-before-certificate" => KeyBeforeCertificate,
        /// Takes what the CA said about a certificate for what it says about the next. cert-manager, 2026:
        /// <https://github.com/cert-manager/cert-manager/issues/8993>
        "client.former-certificates-window" => FormerCertificatesWindow,
        /// Writes what the CA said about a certificate over what it said about the next one. certmagic, as of 2026:
        /// <https://github.com/caddyserver/certmagic/blob/master/maintain.go>
        "client.metadata-over-the-next" => MetadataOverTheNext,
        /// Sleeps until a renewal by a clock that stands still while the machine is suspended. cert-manager, 2025:
        /// <https://github.com/cert-manager/cert-manager/pull/8464>, <https://github.com/istio/ztunnel/issues/1481>
        "client.timer-stands-still" => TimerStandsStill,
        /// Asks for renewal information and goes by its own date. acme.sh, 2026:
        /// <https://github.com/acmesh-official/acme.sh/issues/6965>
        "client.suggestion-ignored" => SuggestionIgnored,
        /// Takes what could not be stored for stored. Go's autocert, 2018: <https://github.com/golang/go/issues/23569>
        "client.store-error-ignored" => StoreErrorIgnored,
        /// Writes private keys to files that everybody may read. acme.sh, until 2020:
        /// <https://github.com/acmesh-official/acme.sh/issues/3127>
        "client.key-for-everybody" => KeyForEverybody,
        /// Puts a TXT record in the place of those at the same name, of which a domain and its wildcard need two. lego,
        /// 2024: <https://github.com/go-acme/lego/issues/2211>
        "client.txt-replaced" => TxtReplaced,
        /// Keeps a staple, also one that is over, while its successor can't be stored. Caddy, 2024:
        /// <https://github.com/caddyserver/caddy/issues/6524>
        "client.stale-staple-kept" => StaleStapleKept,
        /// Refuses a staple that holds for longer than its certificate. Caddy, 2025:
        /// <https://github.com/caddyserver/caddy/issues/7377>
        "client.staple-refused-beyond-expiry" => StapleRefusedBeyondExpiry,
        /// Orders a new certificate for the key of the one that was revoked because of it. acme.sh, 2020:
        /// <https://github.com/acmesh-official/acme.sh/issues/2887>
        "client.compromised-key-kept" => CompromisedKeyKept,
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
