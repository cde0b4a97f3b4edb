//! Fault rules as JSON, read with a remark for each mistake, and shown again.
//!
//! `{"name": …, "endpoint": […], "account": …, "identifier": …, "replaces": true, "from": …, "until": …,
//! "forSeconds": 60, "nth": 3, "everyNth": 2, "count": 1, "percent": 50, "fault": {…}}`; everything but the fault may be
//! left out.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use jsonc_parser::{ast, common::Ranged};
use serde_json::{Map, Value, json};
use sim::UtcDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Endpoint, Fault, FaultRule, Faults, FieldFault, ForcedState, HeaderFault, Instead, Matcher};
use crate::{
    pebble::{Reader, Remark},
    timestamp::rfc3339,
};

const NAME_BYTES_MAX: usize = 64;
/// A delay is no longer than this.
const DELAY_SECONDS_MAX: f64 = 86_400.0;
/// A rule lasts no longer than this, a century.
const LASTS_SECONDS_MAX: f64 = 3_155_760_000.0;
const RULE_KEYS: &[&str] = &[
    "name",
    "endpoint",
    "account",
    "identifier",
    "replaces",
    "from",
    "until",
    "forSeconds",
    "nth",
    "everyNth",
    "count",
    "percent",
    "fault",
];
const FAULT_KEYS: &[&str] = &[
    "state",
    "carriedOut",
    "problem",
    "detail",
    "html",
    "body",
    "status",
    "contentType",
    "setFields",
    "removeFields",
    "setHeaders",
    "addHeaders",
    "removeHeaders",
    "delaySeconds",
    "cutOffAfterBytes",
    "drop",
];

impl FaultRule {
    /// Reads one rule, or a list of them.
    ///
    /// # Errors
    /// Every mistake, with line and column.
    pub fn read(text: &str) -> Result<Vec<Self>, Vec<Remark>> {
        let mut reader = Reader::new(text);
        let mut rules = Vec::new();
        match reader.parse() {
            Some(ast::Value::Array(list)) => {
                for value in &list.elements {
                    rules.extend(read_rule(&mut reader, value));
                }
            }
            Some(value) => rules.extend(read_rule(&mut reader, &value)),
            None => {}
        }
        if reader.mistakes.is_empty() { Ok(rules) } else { Err(reader.into_mistakes()) }
    }
}

/// An object whose members are known by name.
struct Members<'v, 't> {
    what: &'static str,
    object: &'v ast::Object<'t>,
}

impl<'v, 't> Members<'v, 't> {
    fn new(
        reader: &mut Reader<'t>,
        what: &'static str,
        value: &'v ast::Value<'t>,
        known: &'static [&'static str],
    ) -> Option<Self> {
        let object = reader.object(what, value)?;
        let mut seen: Vec<&str> = Vec::new();
        for property in &object.properties {
            let name = property.name.as_str();
            if !known.contains(&name) {
                let known = known.join(", ");
                reader.mistake(property.start(), format!("{what} has no {name:?}; it may have: {known}"));
            } else if seen.contains(&name) {
                reader.mistake(property.start(), format!("{name} is there twice"));
            }
            seen.push(name);
        }
        Some(Self { what, object })
    }

    fn get(&self, name: &str) -> Option<&'v ast::Value<'t>> {
        self.object.properties.iter().find(|property| property.name.as_str() == name).map(|property| &property.value)
    }

    fn text(&self, reader: &mut Reader<'t>, name: &str) -> Option<String> {
        Some(reader.text(name, self.get(name)?)?.value)
    }

    fn whole(&self, reader: &mut Reader<'t>, name: &str, least: u64) -> Option<u64> {
        let value = self.get(name)?;
        let number = reader.number(name, value, 1 << 40)?;
        if number < least {
            reader.mistake(value.start(), format!("{name} is {least} at least"));
        }
        Some(number)
    }

    fn decimal(&self, reader: &mut Reader<'t>, name: &str, max: f64) -> Option<f64> {
        let value = self.get(name)?;
        let number = value.as_number_lit().and_then(|literal| literal.value.parse().ok());
        let number = number.filter(|number| (0.0..=max).contains(number));
        if number.is_none() {
            reader.mistake(value.start(), format!("{name} is a number from 0 to {max}"));
        }
        number
    }

    fn time(&self, reader: &mut Reader<'t>, name: &str) -> Option<UtcDateTime> {
        let value = self.get(name)?;
        let text = reader.text(name, value)?.value;
        let time = UtcDateTime::parse(&text, &Rfc3339).ok();
        if time.is_none() {
            reader.mistake(value.start(), format!("{name} is a time such as \"2026-11-21T12:00:00Z\""));
        }
        time
    }
}

fn read_rule<'t>(reader: &mut Reader<'t>, value: &ast::Value<'t>) -> Option<FaultRule> {
    let members = Members::new(reader, "a rule", value, RULE_KEYS)?;
    let name = members.text(reader, "name").unwrap_or_else(|| "fault".to_owned());
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_plain) {
        let what = format!("name has 1 to {NAME_BYTES_MAX} of a-z, 0-9 and \"-\"");
        reader.mistake(members.get("name").map_or(value.start(), Ranged::start), what);
    }
    let matcher = Matcher {
        endpoints: read_endpoints(reader, &members),
        account: members.text(reader, "account"),
        identifier: members.text(reader, "identifier"),
        replaces: members.get("replaces").and_then(|value| reader.boolean("replaces", value)),
        from: members.time(reader, "from"),
        until: members.time(reader, "until"),
    };
    let nth = members.whole(reader, "nth", 1).unwrap_or(1);
    let every_nth = members.whole(reader, "everyNth", 1).unwrap_or(1);
    let count = members.whole(reader, "count", 1);
    let lasts = members.decimal(reader, "forSeconds", LASTS_SECONDS_MAX).map(Duration::from_secs_f64);
    let percent = members.decimal(reader, "percent", 100.0).unwrap_or(100.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 1,000,000")]
    let chance_ppm = (percent * 10_000.0).round() as u32;
    let Some(fault) = members.get("fault") else {
        reader.mistake(value.start(), "a rule needs a \"fault\", which says what happens");
        return None;
    };
    let fault = read_fault(reader, fault)?;
    Some(FaultRule { name, matcher, nth, every_nth, count, lasts, chance_ppm, fault })
}

fn read_endpoints<'t>(reader: &mut Reader<'t>, members: &Members<'_, 't>) -> Vec<Endpoint> {
    let Some(value) = members.get("endpoint") else { return Vec::new() };
    let values = value.as_array().map_or_else(|| vec![value], |list| list.elements.iter().collect());
    let mut endpoints = Vec::new();
    for value in values {
        let Some(text) = reader.text("endpoint", value) else { continue };
        match Endpoint::ALL.iter().find(|endpoint| endpoint.name() == text.value) {
            Some(endpoint) => endpoints.push(*endpoint),
            None => {
                let known: Vec<&str> = Endpoint::ALL.iter().map(|endpoint| endpoint.name()).collect();
                reader.mistake(value.start(), format!("{:?} is none of {}", text.value, known.join(", ")));
            }
        }
    }
    endpoints
}

fn read_fault<'t>(reader: &mut Reader<'t>, value: &ast::Value<'t>) -> Option<Fault> {
    let members = Members::new(reader, "a fault", value, FAULT_KEYS)?;
    if members.object.properties.is_empty() {
        let known = FAULT_KEYS.join(", ");
        reader.mistake(value.start(), format!("{} says what happens, with one at least of: {known}", members.what));
    }
    let instead = read_instead(reader, &members);
    let status = members.get("status").and_then(|value| {
        let status = reader.number("status", value, 599)?;
        if status < 200 {
            reader.mistake(value.start(), "status is 200 to 599");
        }
        u16::try_from(status).ok()
    });
    let drops = members.get("drop").and_then(|value| reader.boolean("drop", value)).unwrap_or(false);
    let cut_off_after_bytes = if drops { Some(0) } else { members.whole(reader, "cutOffAfterBytes", 0) };
    let carried_out = members.get("carriedOut").and_then(|value| reader.boolean("carriedOut", value));
    let delay = members.decimal(reader, "delaySeconds", DELAY_SECONDS_MAX).unwrap_or(0.0);
    Some(Fault {
        state: read_state(reader, &members),
        is_kept_from_ca: !carried_out.unwrap_or(instead.is_none() && status.is_none() && !drops),
        instead,
        status,
        fields: read_fields(reader, &members),
        headers: read_headers(reader, &members),
        delay: Duration::from_secs_f64(delay),
        cut_off_after_bytes,
    })
}

fn read_instead<'t>(reader: &mut Reader<'t>, members: &Members<'_, 't>) -> Option<Instead> {
    let given: Vec<&str> = ["problem", "html", "body"].into_iter().filter(|name| members.get(name).is_some()).collect();
    if let [first, second, ..] = given[..] {
        let place = members.get(second).map_or(0, Ranged::start);
        reader.mistake(place, format!("{first} and {second} can't both be answered"));
    }
    let content_type = members.text(reader, "contentType").and_then(|text| {
        let place = members.get("contentType").map_or(0, Ranged::start);
        value_of_header(reader, place, &text)
    });
    let detail = members.text(reader, "detail");
    match *given.first()? {
        "problem" => {
            let kind = members.text(reader, "problem")?;
            Some(Instead::Problem { detail: detail.unwrap_or_else(|| "a fault rule says so".to_owned()), kind })
        }
        name => {
            let default = if name == "html" { "text/html" } else { "text/plain" };
            let content_type = content_type.unwrap_or(HeaderValue::from_static(default));
            Some(Instead::Page { content_type, body: members.text(reader, name)? })
        }
    }
}

fn read_state<'t>(reader: &mut Reader<'t>, members: &Members<'_, 't>) -> Option<ForcedState> {
    let value = members.get("state")?;
    let text = reader.text("state", value)?.value;
    let state = ForcedState::ALL.iter().find(|state| state.name() == text);
    if state.is_none() {
        reader.mistake(value.start(), format!("{text:?} is none of {}", states()));
    }
    state.copied()
}

/// The names of all states.
pub(crate) fn states() -> String {
    ForcedState::ALL.iter().map(|state| state.name()).collect::<Vec<_>>().join(", ")
}

fn read_fields<'t>(reader: &mut Reader<'t>, members: &Members<'_, 't>) -> Vec<FieldFault> {
    let mut fields = Vec::new();
    let mut add = |reader: &mut Reader<'t>, place: usize, pointer: &str, value: Option<Value>| {
        if !pointer.starts_with('/') {
            let what = format!("{pointer:?} is no JSON pointer, which begins with \"/\" (RFC 6901)");
            reader.mistake(place, what);
        }
        fields.push(FieldFault { pointer: pointer.to_owned(), value });
    };
    if let Some(object) = members.get("setFields").and_then(|value| reader.object("setFields", value)) {
        for property in &object.properties {
            let range = property.value.range();
            let value = serde_json::from_str(reader.part(range.start, range.end)).unwrap_or_default();
            add(reader, property.start(), property.name.as_str(), Some(value));
        }
    }
    if let Some(value) = members.get("removeFields") {
        for pointer in reader.texts("removeFields", value).unwrap_or_default() {
            add(reader, value.start(), &pointer.value, None);
        }
    }
    fields
}

type MakeHeaderFault = fn(HeaderName, HeaderValue) -> HeaderFault;

fn read_headers<'t>(reader: &mut Reader<'t>, members: &Members<'_, 't>) -> Vec<HeaderFault> {
    let mut headers = Vec::new();
    if let Some(value) = members.get("removeHeaders") {
        for name in reader.texts("removeHeaders", value).unwrap_or_default() {
            headers.extend(name_of_header(reader, value.start(), &name.value).map(HeaderFault::Removed));
        }
    }
    if let (None, Some(value)) = (members.get("html").or(members.get("body")), members.get("contentType")) {
        let text = reader.text("contentType", value).map(|text| text.value).unwrap_or_default();
        let value = value_of_header(reader, value.start(), &text);
        headers.extend(value.map(|value| HeaderFault::Replaced(hyper::header::CONTENT_TYPE, value)));
    }
    let changes: [(&str, MakeHeaderFault); 2] =
        [("setHeaders", HeaderFault::Replaced), ("addHeaders", HeaderFault::Added)];
    for (key, make) in changes {
        let Some(object) = members.get(key).and_then(|value| reader.object(key, value)) else { continue };
        for property in &object.properties {
            let name = name_of_header(reader, property.start(), property.name.as_str());
            let text = reader.text(property.name.as_str(), &property.value);
            let value = text.and_then(|text| value_of_header(reader, property.value.start(), &text.value));
            headers.extend(name.zip(value).map(|(name, value)| make(name, value)));
        }
    }
    headers
}

fn name_of_header(reader: &mut Reader<'_>, place: usize, text: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text.as_bytes()).ok();
    if name.is_none() {
        reader.mistake(place, format!("{text:?} is no name of a header field"));
    }
    name
}

fn value_of_header(reader: &mut Reader<'_>, place: usize, text: &str) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(text).ok();
    if value.is_none() {
        reader.mistake(place, format!("{text:?} can't be the value of a header field"));
    }
    value
}

impl Faults {
    /// The rules as they were given, and how often each has matched and acted.
    pub(crate) fn to_json(&self) -> Value {
        let rules = self.0.iter().map(|tracked| {
            let mut rule = rule_to_json(&tracked.rule);
            rule["matched"] = tracked.matched.into();
            rule["acted"] = tracked.acted.into();
            rule
        });
        Value::Array(rules.collect())
    }
}

fn rule_to_json(rule: &FaultRule) -> Value {
    let mut object = json!({ "name": rule.name, "nth": rule.nth, "fault": fault_to_json(&rule.fault) });
    let Matcher { endpoints, account, identifier, replaces, from, until } = &rule.matcher;
    if !endpoints.is_empty() {
        object["endpoint"] = endpoints.iter().map(|endpoint| endpoint.name()).collect();
    }
    let optional = [
        ("account", account.clone().map(Value::from)),
        ("identifier", identifier.clone().map(Value::from)),
        ("replaces", replaces.map(Value::from)),
        ("from", from.map(|at| rfc3339(at).into())),
        ("until", until.map(|at| rfc3339(at).into())),
        ("forSeconds", rule.lasts.map(|lasts| lasts.as_secs_f64().into())),
        ("everyNth", (rule.every_nth > 1).then(|| rule.every_nth.into())),
        ("count", rule.count.map(Value::from)),
        ("percent", (rule.chance_ppm < 1_000_000).then(|| (f64::from(rule.chance_ppm) / 10_000.0).into())),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            object[name] = value;
        }
    }
    object
}

fn fault_to_json(fault: &Fault) -> Value {
    let mut object = json!({ "carriedOut": !fault.is_kept_from_ca });
    let shown = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    match &fault.instead {
        Some(Instead::Problem { kind, detail }) => {
            object["problem"] = kind.as_str().into();
            object["detail"] = detail.as_str().into();
        }
        Some(Instead::Page { content_type, body }) => {
            object["contentType"] = shown(content_type).into();
            object["body"] = body.as_str().into();
        }
        None => {}
    }
    let (mut set, mut added, mut removed) = (Map::new(), Map::new(), Vec::new());
    for header in &fault.headers {
        match header {
            HeaderFault::Removed(name) => removed.push(name.as_str()),
            HeaderFault::Replaced(name, value) => drop(set.insert(name.to_string(), shown(value).into())),
            HeaderFault::Added(name, value) => drop(added.insert(name.to_string(), shown(value).into())),
        }
    }
    let replaced = fault.fields.iter().filter_map(|field| Some((field.pointer.clone(), field.value.clone()?)));
    let left_out = fault.fields.iter().filter(|field| field.value.is_none()).map(|field| field.pointer.as_str());
    let optional: [(&str, Value); 9] = [
        ("state", fault.state.map_or(Value::Null, |state| state.name().into())),
        ("status", fault.status.map_or(Value::Null, Value::from)),
        ("setFields", replaced.collect::<Map<_, _>>().into()),
        ("removeFields", left_out.collect()),
        ("setHeaders", set.into()),
        ("addHeaders", added.into()),
        ("removeHeaders", removed.into()),
        ("delaySeconds", fault.delay.as_secs_f64().into()),
        ("cutOffAfterBytes", fault.cut_off_after_bytes.map_or(Value::Null, Value::from)),
    ];
    for (name, value) in optional {
        let says_nothing = value.is_null()
            || value.as_object().is_some_and(Map::is_empty)
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_f64() == Some(0.0) && name == "delaySeconds";
        if !says_nothing {
            object[name] = value;
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_and_shown_the_same_way() {
        let text = r#"{
            "name": "third", "endpoint": "finalize", "identifier": "a.test", "nth": 3, "everyNth": 5, "count": 1, "percent": 12.5,
            "from": "2026-11-21T12:00:00Z", "forSeconds": 8760, "replaces": true,
            "fault": {
                "status": 503, "html": "<p>", "setHeaders": {"Retry-After": "120"}, "removeHeaders": ["Link"],
                "setFields": {"/status": {"a": [1]}}, "removeFields": ["/x"], "delaySeconds": 1.5, "state": "invalid"
            }
        }"#;
        let [rule] = FaultRule::read(text).unwrap().try_into().unwrap();
        assert_eq!((rule.chance_ppm, rule.nth, rule.count), (125_000, 3, Some(1)));
        assert!(rule.fault.is_kept_from_ca);
        assert_eq!(rule.fault.fields[0].value, Some(json!({"a": [1]})));
        let shown = rule_to_json(&rule).to_string();
        assert_eq!(FaultRule::read(&shown).unwrap(), [rule], "{shown}");
    }

    #[test]
    fn only_what_takes_the_answers_place_keeps_a_request_from_the_ca() {
        for (fault, is_kept) in [
            (r#"{"problem": "badNonce"}"#, true),
            (r#"{"drop": true}"#, true),
            (r#"{"status": 500}"#, true),
            (r#"{"drop": true, "carriedOut": true}"#, false),
            (r#"{"delaySeconds": 1}"#, false),
            (r#"{"cutOffAfterBytes": 10}"#, false),
        ] {
            let [rule] = FaultRule::read(&format!(r#"{{"fault": {fault}}}"#)).unwrap().try_into().unwrap();
            assert_eq!(rule.fault.is_kept_from_ca, is_kept, "{fault}");
        }
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let mistakes = FaultRule::read(
            "[{\"endpoint\": \"finalise\", \"nth\": 0, \"often\": 1,\n  \"fault\": {\"html\": \"\", \"problem\": \"x\", \
             \"setHeaders\": {\"a b\": \"1\"}}},\n {\"percent\": 101}]",
        );
        let told: Vec<String> = mistakes.unwrap_err().iter().map(ToString::to_string).collect();
        let begin = |n: usize, text: &str| assert!(told[n].starts_with(text), "{told:#?}");
        begin(0, "1:15: \"finalise\" is none of directory, ");
        begin(1, "1:34: nth is 1 at least");
        begin(2, "1:37: a rule has no \"often\"");
        begin(3, "2:21: problem and html can't both be answered");
        begin(4, "2:56: \"a b\" is no name of a header field");
        begin(5, "3:2: a rule needs a \"fault\"");
        begin(6, "3:14: percent is a number from 0 to 100");
        assert_eq!(told.len(), 7);
    }
}
