//! `/clock`: the CA's wall clock. GET tells it; POST sets it, moves it, stops it or lets it go on, and tells it.
//!
//! What waits for a while, such as a validation, goes by another clock and neither hangs nor hurries.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming};
use serde::Deserialize;
use serde_json::json;
use sim::{UtcDateTime, trace::Event};
use time::format_description::well_known::Rfc3339;

use super::{Management, json};
use crate::timestamp::rfc3339;

/// Certificates are dated by it, and these years can be written into all of them.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9000;

/// What is given is done in this order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    set: Option<String>,
    advance_seconds: Option<i64>,
    frozen: Option<bool>,
}

impl Management {
    pub(super) async fn clock(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.tell_or_change(request, |change| self.change_clock(change), || self.shown_clock()).await
    }

    fn change_clock(&self, change: &Change) -> Result<(), String> {
        let before = self.env.utc_now();
        let mut to = None;
        if let Some(text) = &change.set {
            let set = UtcDateTime::parse(text, &Rfc3339);
            to = Some(set.map_err(|error| format!("set: {text:?} is no time of RFC 3339: {error}\n"))?);
        }
        if let Some(seconds) = change.advance_seconds {
            let from = to.unwrap_or_else(|| self.env.utc_now());
            let advanced = from.checked_add(time::Duration::seconds(seconds));
            to = Some(advanced.ok_or("advanceSeconds: that is beyond all time\n")?);
        }
        if let Some(to) = to {
            if !YEARS.contains(&to.year()) {
                return Err(format!("the clock goes from {} to {}\n", YEARS.start(), YEARS.end()));
            }
            self.ca.clock().set(&self.env, to);
        }
        if let Some(is_frozen) = change.frozen {
            self.ca.clock().freeze(&self.env, is_frozen);
        }
        let now = self.env.utc_now();
        self.env.probe_about("ca/clock-changed", || [("now", rfc3339(now))]);
        if now < before {
            self.env.record(Event::SetBack { what: format!("the CA's clock, to {}", rfc3339(now)) });
        }
        Ok(())
    }

    fn shown_clock(&self) -> Response<Full<Bytes>> {
        let shown = json!({ "now": rfc3339(self.env.utc_now()), "frozen": self.ca.clock().is_frozen() });
        json(StatusCode::OK, &shown)
    }
}
