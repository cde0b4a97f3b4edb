//! Visitors who wait for one attempt after another (Caddy's certmagic, until 2026).
//!
//! <https://github.com/caddyserver/certmagic/pull/387>,
//! <https://github.com/caddyserver/caddy/issues/6835>
//!
//! Who asked for a name while somebody else obtained it waited, and when that had come to nothing asked again, which made one of them
//! the next to try and let all others wait behind it. A name that could not be had, or that was decided about slowly,
//! gathered whoever came: at 36 handshakes a second 30,000 goroutines, and 1.6 GB a minute. A `default_sni` for which no
//! CA would issue did the same with all who said no name.
//!
//! Seam: [`Patience`]. To be caught with a CA that refuses and visitors who keep coming by **M20**, more tasks than the scenario
//! allows, and **V5**, visitors who are not refused soon. Here each of them goes after a minute.

use crate::manager::visitors::Patience;

/// Until there is a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitsAfterFailure;

impl Patience for WaitsAfterFailure {
    fn outlasts_failure(&self) -> bool {
        true
    }
}
