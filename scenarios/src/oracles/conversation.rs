//! A run's ACME conversation in a few words: what two runs of the same programs must have in common, though
//! one ran in the world and the other over real sockets.
//!
//! One line for each exchange that a client completed: method, resource, signed payload, status, body. What
//! chance and time decide is given a name in order of appearance (`order-1`, `token-2`) or dropped: URLs,
//! tokens, keys, dates, ports. A nonce is told by how many answers ago it was given. Polls that bring nothing
//! new are dropped, since how often one polls is a matter of time.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sim::trace::{Observer, Record};

use super::reader::{
    Reader,
    certificate::read_pem,
    csr::Csr,
    http::Moment,
    identifier::show,
    place::Place,
    step::{Resource, Step},
};

/// The conversation in a whole trace.
#[must_use]
pub fn conversation<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<String> {
    let mut conversation = Conversation::default();
    records.into_iter().for_each(|record| conversation.take(record));
    conversation.into_lines()
}

/// Listens to a trace and writes the conversation down. It grows with the conversation: for short runs.
#[derive(Debug, Default)]
pub struct Conversation {
    reader: Reader,
    lines: Vec<String>,
    names: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, u32>,
    answers: u64,
    nonces: BTreeMap<String, u64>,
    shown: BTreeMap<Place, String>,
}

impl Observer for Conversation {
    fn observe(&mut self, record: &Record, _line: &str) {
        self.take(record);
    }
}

impl Conversation {
    /// Takes in one event.
    pub fn take(&mut self, record: &Record) {
        for step in self.reader.read(record).steps {
            if matches!(step.resource, Resource::Http01 { .. }) {
                continue;
            }
            match step.moment {
                Moment::Sent => {}
                // Learned from the answer, so that both moments know the same names.
                Moment::Answered => {}
                Moment::Received => self.write(&step),
            }
        }
    }

    /// The lines so far.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The lines.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }

    fn write(&mut self, step: &Step) {
        if step.resource == Resource::Other {
            return;
        }
        let mut line = format!("{} {}", step.request.method, self.resource(step));
        if let Some(jws) = step.jws() {
            let given = jws.nonce().and_then(|nonce| self.nonces.get(nonce));
            let nonce =
                given.map_or("an unknown nonce".to_owned(), |at| format!("nonce {} ago", self.answers - at + 1));
            let key = if jws.kid().is_some() { "by account" } else { "by key" };
            let payload =
                if jws.is_post_as_get() { "read".to_owned() } else { self.plain(&jws.payload, "").to_string() };
            line.push_str(&format!(" {key}, {nonce}: {payload}"));
        }
        self.answers += 1;
        if let Some(nonce) = step.header("replay-nonce") {
            self.nonces.insert(nonce.to_owned(), self.answers);
        }
        let answer = self.answer(step);
        line.push_str(&format!(" -> {} {answer}", step.status()));
        let is_read = step.request.method == "GET" || step.jws().is_some_and(super::reader::jws::Jws::is_post_as_get);
        let status = step.body_text("status").unwrap_or_default();
        let was_shown = self.shown.insert(step.place.clone(), answer.clone());
        let is_waiting = ["pending", "processing"].contains(&status) && was_shown.is_some();
        if !(is_read && (is_waiting || was_shown == Some(answer))) {
            self.lines.push(line);
        }
    }

    fn resource(&mut self, step: &Step) -> String {
        let fixed = match &step.resource {
            Resource::Directory => "directory",
            Resource::NewNonce => "newNonce",
            Resource::NewAccount => "newAccount",
            Resource::NewAuthorization => "newAuthz",
            Resource::NewOrder => "newOrder",
            Resource::RevokeCertificate => "revokeCert",
            Resource::KeyChange => "keyChange",
            Resource::RenewalInfo { .. } => return self.named("renewal-info", &step.place.to_string()),
            Resource::Account => return self.named("account", &step.place.to_string()),
            Resource::Order => return self.named("order", &step.place.to_string()),
            Resource::Authorization => return self.named("authorization", &step.place.to_string()),
            Resource::Challenge { .. } => return self.named("challenge", &step.place.to_string()),
            Resource::Finalize { order } => return format!("{}/finalize", self.named("order", &order.to_string())),
            Resource::Certificate { order } => {
                return format!("{}/certificate", self.named("order", &order.to_string()));
            }
            Resource::Http01 { .. } => "http-01",
            Resource::Other => "other",
        };
        fixed.to_owned()
    }

    fn answer(&mut self, step: &Step) -> String {
        let directory = step.body().and_then(Value::as_object).filter(|body| body.contains_key("newOrder"));
        if let Some(directory) = directory {
            return directory.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
        }
        let chain = step.response.as_ref().and_then(|response| read_pem(&response.body)).map(|file| file.certificates);
        if let Some((leaf, rest)) = chain.as_deref().and_then(<[_]>::split_first) {
            return format!("certificate for {} and {} more", show(&leaf.names), rest.len());
        }
        step.body().map(|body| self.plain(&body.clone(), "").to_string()).unwrap_or_default()
    }

    /// The value with everything named or dropped that chance, time and the hosts' addresses decide.
    fn plain(&mut self, value: &Value, member: &str) -> Value {
        match value {
            Value::Object(members) => {
                if members.contains_key("kty") {
                    return Value::from(self.named("key", &value.to_string()));
                }
                let is_certificate_order = members.contains_key("finalize");
                let dropped = ["orders", "createdAt", "initialIp", "validationRecord"];
                let kept = members.iter().filter(|(name, _)| !dropped.contains(&name.as_str()));
                let plain: Map<String, Value> = kept
                    .map(|(name, value)| {
                        let name_of = if is_certificate_order && name == "finalize" { "finalize" } else { name };
                        (name.clone(), self.plain(value, name_of))
                    })
                    .collect();
                Value::Object(plain)
            }
            Value::Array(items) => items.iter().map(|item| self.plain(item, member)).collect(),
            Value::String(text) => Value::from(self.plain_text(text, member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn plain_text(&mut self, text: &str, member: &str) -> String {
        if time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).is_ok() {
            return "a time".to_owned();
        }
        match member {
            "token" => return self.named("token", text),
            "csr" => {
                let csr = Csr::of_payload(&serde_json::json!({ "csr": text }));
                return csr.map_or("no CSR".to_owned(), |csr| format!("CSR for {}", show(&csr.names)));
            }
            "replaces" => return self.named("renewal-info", text),
            _ => {}
        }
        let Some(place) = Place::of_url(text) else { return text.to_owned() };
        let kind = match member {
            "authorizations" => "authorization",
            "url" => "challenge",
            "finalize" => "finalize",
            "certificate" => "certificate",
            _ => "url",
        };
        self.named(kind, &place.to_string())
    }

    /// The name of something, given at its first appearance.
    fn named(&mut self, kind: &'static str, what: &str) -> String {
        let key = format!("{kind} {what}");
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let name = format!("{kind}-{count}");
        self.names.insert(key, name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::Story;

    fn told(story: &Story) -> Vec<String> {
        conversation(&story.records)
    }

    #[test]
    fn a_conversation_reads_without_times_and_chance() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        let told = told(&story);
        assert_eq!(told.len(), 10, "{told:#?}");
        assert!(told[0].starts_with("GET directory -> 200 keyChange meta newAccount"), "{}", told[0]);
        assert!(
            told[2].starts_with("POST newAccount by key, nonce 1 ago: {\"contact\":[\"mailto:a@a.test\"]"),
            "{}",
            told[2]
        );
        let order = "POST newOrder by account, nonce 1 ago: {\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]} -> 201 \
                     {\"authorizations\":[\"authorization-1\"],\"finalize\":\"finalize-1\",\"identifiers\":[{\"type\":\"dns\",\
                     \"value\":\"a.test\"}],\"status\":\"pending\"}";
        assert_eq!(told[3], order);
        assert!(
            told[7].starts_with("POST order-1/finalize by account, nonce 1 ago: {\"csr\":\"CSR for a.test\"}"),
            "{}",
            told[7]
        );
        assert!(told[9].ends_with("read -> 200 certificate for a.test and 0 more"), "{}", told[9]);
    }

    #[test]
    fn how_often_one_polls_and_when_makes_no_difference() {
        let issue = |polls: usize, wait: u64| {
            let mut story = Story::new();
            story.new_account("mailto:a@a.test", 201);
            let order = story.new_order(&["a.test"]);
            for _ in 0..polls {
                story.wait(wait);
                story.authorization("a.test", order, "pending");
            }
            story.authorization("a.test", order, "valid");
            told(&story)
        };
        assert_eq!(issue(1, 1), issue(7, 100));
        assert_ne!(issue(1, 1)[4], issue(1, 1)[5]);
    }

    /// What came last.
    fn last(story: &Story) -> String {
        told(story).pop().unwrap()
    }

    #[test]
    fn each_resource_and_member_has_a_name_of_its_own() {
        let mut story = Story::new();
        story.key = Some(crate::oracles::testing::key());
        let certificate = story.issuance(&["a.test"], 90);
        story.revoke(&certificate, 1);
        assert!(last(&story).starts_with("POST revokeCert by account, nonce 1 ago: {"), "{}", last(&story));
        story.change_key(crate::oracles::testing::key());
        assert!(last(&story).starts_with("POST keyChange by account, nonce 1 ago: {"), "{}", last(&story));
        story.renewal_info("aaaa.bbbb", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", None);
        let window = r#"{"suggestedWindow":{"end":"a time","start":"a time"}}"#;
        assert_eq!(last(&story), format!("GET renewal-info-1 -> 200 {window}"));
        let body = serde_json::json!({
            "token": "t", "replaces": "cccc.dddd", "finalize": "https://ca.test/x", "certificate": "https://ca.test/y",
            "url": "https://ca.test/z", "other": "https://ca.test/o", "createdAt": "now", "jwk": {"kty": "EC"}, "n": [1, true, null],
        });
        story.nonce = "unknown".into();
        story.post("/key-change", &body, None);
        story.post("/key-change", &body, Some(crate::oracles::testing::Answer::new(200, body.clone())));
        let plain = r#"{"certificate":"certificate-2","finalize":"finalize-2","jwk":"key-1","n":[1,true,null],"other":"url-1","replaces":"renewal-info-2","token":"token-2","url":"challenge-2"}"#;
        let line = last(&story);
        assert_eq!(line, format!("POST keyChange by account, an unknown nonce: {plain} -> 200 {plain}"));
    }

    #[test]
    fn what_an_observer_hears_are_the_lines_of_the_whole_trace() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        let mut conversation = Conversation::default();
        story.records.iter().for_each(|record| Observer::observe(&mut conversation, record, ""));
        assert_eq!(conversation.lines(), told(&story));
    }

    #[test]
    fn a_nonce_is_told_by_its_age() {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        let former = story.nonce.clone();
        story.new_order(&["a.test"]);
        story.nonce = former;
        story.new_order(&["a.test"]);
        assert!(last(&story).starts_with("POST newOrder by account, nonce 2 ago: "), "{}", last(&story));
    }

    #[test]
    fn what_is_read_again_is_told_if_it_brings_something_new_and_what_is_done_again_always() {
        let mut story = Story::new();
        let order = story.new_order(&["a.test"]);
        story.authorization("a.test", order, "valid");
        let window = ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"];
        story.renewal_info("aaaa.bbbb", window[0], window[1], None);
        let before = told(&story);
        story.authorization("a.test", order, "valid");
        story.renewal_info("aaaa.bbbb", window[0], window[1], None);
        assert_eq!(told(&story), before);
        for done in 1..3 {
            story.post_challenge("a.test", order);
            assert_eq!(told(&story).len(), before.len() + done);
        }
        story.authorization("a.test", order, "revoked");
        assert!(last(&story).contains("revoked"), "{}", last(&story));
    }
}
