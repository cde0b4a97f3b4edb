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
        /// Before issuing, looks up CAA N times for one of N names, instead of for each. Boulder, 2020:
        /// <https://github.com/letsencrypt/boulder/pull/4690>, <https://github.com/icing/mod_md/issues/195>
        "ca.caa-loop-variable" => CaaLoopVariable,
    }
}
