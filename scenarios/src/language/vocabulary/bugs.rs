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
    }
}
