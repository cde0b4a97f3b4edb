//! `ca.ari.set`: from the words of the language to the CA's own policy, and for what no policy is, to a fault rule.

use ca_mock::{
    Ca, Endpoint, Fault, FaultRule, FieldFault, HeaderFault, Instead, Matcher, RenewalInfoPolicy, RetryAfter,
    WindowPolicy,
};
use hyper::header::{HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};
use time::{UtcDateTime, macros::utc_datetime};

use crate::language::{AriFault, AriField, AriSettings, AriWindow, RetryAfterHeader, Verb};

/// The rule that has what is wrong with the answers. No step can name it.
const RULE: &str = "ca.ari.set";

/// Carries out `ca.ari.set`.
pub(super) fn set(verb: &Verb, ca: &Ca, now: UtcDateTime) {
    let Verb::CaAriSet { fields, are, window, retry_after, status, body } = verb else { return };
    let mut policy = ca.config().renewal_info_policy.clone();
    let mut fault = Fault { status: status.map(|status| status.0), ..Fault::default() };
    fault.instead = body.as_ref().map(Instead::html);
    if let Some(wanted) = window {
        policy.window = window_policy(wanted);
    }
    match retry_after {
        Some(RetryAfterHeader::Absent) => policy.retry_after = RetryAfter::Absent,
        Some(RetryAfterHeader::Seconds(wait)) => policy.retry_after = RetryAfter::Seconds(*wait),
        Some(RetryAfterHeader::Date(wait)) => policy.retry_after = RetryAfter::Date(*wait),
        Some(RetryAfterHeader::Raw(text)) => fault.headers.push(retry_after_text(text)),
        None => {}
    }
    for field in fields.iter().flatten() {
        spoil(&mut policy, &mut fault, *field, *are);
    }
    ca.set_renewal_info(policy);
    if fault == Fault::default() {
        ca.remove_faults(Some(RULE));
    } else {
        let matcher = Matcher { endpoints: vec![Endpoint::RenewalInfo], ..Matcher::default() };
        let rule = FaultRule { matcher, ..FaultRule::new(RULE, fault) };
        ca.add_fault(rule, now).expect("a timeline has fewer names of rules than there may be rules");
    }
}

/// The policy of `[ca]`.
pub(super) fn policy(settings: &AriSettings) -> RenewalInfoPolicy {
    RenewalInfoPolicy {
        retry_after: settings.retry_after.map_or(RetryAfter::Absent, RetryAfter::Seconds),
        window: match &settings.window {
            Some(window) => WindowPolicy::SinceNotBefore(window.0.clone()),
            None => WindowPolicy::ByLifetime,
        },
        ..RenewalInfoPolicy::default()
    }
}

fn retry_after_text(text: &str) -> HeaderFault {
    let value = HeaderValue::from_str(text).expect("the language lets visible ASCII pass");
    HeaderFault::Replaced(RETRY_AFTER, value)
}

fn window_policy(window: &AriWindow) -> WindowPolicy {
    match window {
        AriWindow::SinceNotBefore(range) => WindowPolicy::SinceNotBefore(range.0.clone()),
        AriWindow::Reversed => WindowPolicy::Reversed,
        AriWindow::FarPast => WindowPolicy::Fixed(utc_datetime!(1970-01-01 00:00)..=utc_datetime!(1970-01-02 00:00)),
        AriWindow::FarFuture => WindowPolicy::Fixed(utc_datetime!(9999-12-30 00:00)..=utc_datetime!(9999-12-31 00:00)),
    }
}

/// Spoils one field.
fn spoil(policy: &mut RenewalInfoPolicy, fault_of: &mut Fault, field: AriField, fault: AriFault) {
    let pointer = match field {
        AriField::Window => "/suggestedWindow",
        AriField::Start => "/suggestedWindow/start",
        AriField::End => "/suggestedWindow/end",
        AriField::ExplanationUrl => "/explanationURL",
        AriField::RetryAfter => {
            match fault {
                AriFault::Omitted => policy.retry_after = RetryAfter::Absent,
                AriFault::Null => fault_of.headers.push(retry_after_text("null")),
                AriFault::WrongType => fault_of.headers.push(retry_after_text("{\"seconds\": 21600}")),
                AriFault::Huge => fault_of.headers.push(retry_after_text(&"9".repeat(1_000))),
            }
            return;
        }
    };
    let value = match fault {
        AriFault::Omitted => None,
        AriFault::Null => Some(Value::Null),
        AriFault::WrongType => Some(json!([1, { "start": true }])),
        AriFault::Huge => Some(huge(field)),
    };
    fault_of.fields.push(FieldFault { pointer: pointer.to_owned(), value });
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
