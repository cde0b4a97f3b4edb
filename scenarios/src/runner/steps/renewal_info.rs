//! `ca.ari.set`: from the words of the language to the CA's own policy.

use ca_mock::{RenewalInfoPolicy, RetryAfter, WindowPolicy};
use serde_json::{Value, json};
use time::macros::utc_datetime;

use crate::language::{AriFault, AriField, AriSettings, AriWindow, RetryAfterHeader};

/// The policy of `[ca]`.
pub(in crate::runner) fn policy(settings: &AriSettings) -> RenewalInfoPolicy {
    RenewalInfoPolicy {
        retry_after: settings.retry_after.map_or(RetryAfter::Absent, RetryAfter::Seconds),
        window: match &settings.window {
            Some(window) => WindowPolicy::SinceNotBefore(window.0.clone()),
            None => WindowPolicy::ByLifetime,
        },
        ..RenewalInfoPolicy::default()
    }
}

pub(super) fn retry_after(header: &RetryAfterHeader) -> RetryAfter {
    match header {
        RetryAfterHeader::Absent => RetryAfter::Absent,
        RetryAfterHeader::Seconds(wait) => RetryAfter::Seconds(*wait),
        RetryAfterHeader::Date(wait) => RetryAfter::Date(*wait),
        RetryAfterHeader::Raw(text) => RetryAfter::Text(text.clone()),
    }
}

pub(super) fn window(window: &AriWindow) -> WindowPolicy {
    match window {
        AriWindow::SinceNotBefore(range) => WindowPolicy::SinceNotBefore(range.0.clone()),
        AriWindow::Reversed => WindowPolicy::Reversed,
        AriWindow::FarPast => WindowPolicy::Fixed(utc_datetime!(1970-01-01 00:00)..=utc_datetime!(1970-01-02 00:00)),
        AriWindow::FarFuture => WindowPolicy::Fixed(utc_datetime!(9999-12-30 00:00)..=utc_datetime!(9999-12-31 00:00)),
    }
}

/// Spoils one field.
pub(super) fn spoil(policy: &mut RenewalInfoPolicy, field: AriField, fault: AriFault) {
    let pointer = match field {
        AriField::Window => "/suggestedWindow",
        AriField::Start => "/suggestedWindow/start",
        AriField::End => "/suggestedWindow/end",
        AriField::ExplanationUrl => "/explanationURL",
        AriField::RetryAfter => {
            policy.retry_after = match fault {
                AriFault::Omitted => RetryAfter::Absent,
                AriFault::Null => RetryAfter::Text("null".to_owned()),
                AriFault::WrongType => RetryAfter::Text("{\"seconds\": 21600}".to_owned()),
                AriFault::Huge => RetryAfter::Text("9".repeat(1_000)),
            };
            return;
        }
    };
    let value = match fault {
        AriFault::Omitted => None,
        AriFault::Null => Some(Value::Null),
        AriFault::WrongType => Some(json!([1, { "start": true }])),
        AriFault::Huge => Some(huge(field)),
    };
    policy.replaced.push((pointer.to_owned(), value));
}

/// Times that RFC 3339 can write, and that lie outside its years once they are taken to UTC.
fn huge(field: AriField) -> Value {
    const BEFORE_ALL_TIME: &str = "0000-01-01T00:00:00+23:59";
    const AFTER_ALL_TIME: &str = "9999-12-31T23:59:59-23:59";
    match field {
        AriField::Window => json!({ "start": f64::MAX, "end": f64::MAX }),
        AriField::Start => BEFORE_ALL_TIME.into(),
        AriField::End => AFTER_ALL_TIME.into(),
        AriField::ExplanationUrl | AriField::RetryAfter => "x".repeat(100_000).into(),
    }
}
