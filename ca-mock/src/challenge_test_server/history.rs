//! [`History`]: what validators asked, by the name that they asked for, shaped as Go writes pebble-challtestsrv's.
//!
//! It is kept as the JSON text that is shown, up to a bound for all kinds together; the oldest are forgotten first.

use std::collections::VecDeque;

use hickory_proto::rr::{DNSClass, Name, RecordType};
use serde_json::{Value, json};

const BYTES_MAX: usize = 32 * 1024 * 1024;
/// About what an entry costs beside its texts.
const ENTRY_BYTES: usize = 80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Dns,
    TlsAlpn,
}

#[derive(Debug, Default)]
pub(super) struct History {
    asked: VecDeque<Asked>,
    bytes: usize,
}

#[derive(Debug)]
struct Asked {
    kind: Kind,
    host: String,
    shown: String,
}

impl Asked {
    fn bytes(&self) -> usize {
        self.host.len() + self.shown.len() + ENTRY_BYTES
    }
}

impl History {
    /// A request; `authority` is what it is addressed to, perhaps with a port.
    pub(super) fn http(&mut self, url: &str, authority: &str, is_https: bool, server_name: Option<&str>) {
        let host = authority.parse::<hyper::http::uri::Authority>();
        let host = host.as_ref().map_or(authority, |authority| authority.host());
        let server_name = server_name.unwrap_or_default();
        let shown = json!({ "URL": url, "Host": authority, "HTTPS": is_https, "ServerName": server_name });
        self.push(Kind::Http, host.trim_start_matches('[').trim_end_matches(']'), &shown);
    }

    pub(super) fn dns(&mut self, name: &Name, kind: RecordType) {
        let name = name.to_string();
        let (kind, class) = (u16::from(kind), u16::from(DNSClass::IN));
        let shown = json!({ "Question": { "Name": name, "Qtype": kind, "Qclass": class } });
        self.push(Kind::Dns, &name, &shown);
    }

    pub(super) fn tls_alpn(&mut self, server_name: &str, protocols: &[String]) {
        let shown = json!({ "ServerName": server_name, "SupportedProtos": protocols });
        self.push(Kind::TlsAlpn, server_name, &shown);
    }

    fn push(&mut self, kind: Kind, host: &str, shown: &Value) {
        let asked = Asked { kind, host: normal(host), shown: shown.to_string() };
        self.bytes += asked.bytes();
        self.asked.push_back(asked);
        while self.bytes > BYTES_MAX
            && let Some(oldest) = self.asked.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    /// An array, the oldest first.
    pub(super) fn shown(&self, kind: Kind, host: &str) -> String {
        let host = normal(host);
        let fits = self.asked.iter().filter(|asked| asked.kind == kind && asked.host == host);
        let shown: Vec<&str> = fits.map(|asked| asked.shown.as_str()).collect();
        format!("[{}]", shown.join(","))
    }

    pub(super) fn clear(&mut self, kind: Kind, host: &str) {
        let host = normal(host);
        self.asked.retain(|asked| asked.kind != kind || asked.host != host);
        self.bytes = self.asked.iter().map(Asked::bytes).sum();
    }
}

fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_host_and_cleared_alone() {
        let mut history = History::default();
        history.dns(&Name::from_ascii("a.example.").unwrap(), RecordType::CAA);
        history.http("/x?y", "A.example:5002", false, None);
        history.tls_alpn("a.example", &["acme-tls/1".to_owned()]);
        let shown =
            |history: &History, kind| -> Value { serde_json::from_str(&history.shown(kind, "a.example")).unwrap() };
        assert_eq!(
            shown(&history, Kind::Dns),
            json!([{ "Question": { "Name": "a.example.", "Qtype": 257, "Qclass": 1 } }])
        );
        assert_eq!(
            shown(&history, Kind::Http),
            json!([{ "URL": "/x?y", "Host": "A.example:5002", "HTTPS": false, "ServerName": "" }])
        );
        history.clear(Kind::Http, "a.example.");
        assert_eq!(shown(&history, Kind::Http), json!([]));
        assert_eq!(
            shown(&history, Kind::TlsAlpn),
            json!([{ "ServerName": "a.example", "SupportedProtos": ["acme-tls/1"] }])
        );
    }

    #[test]
    fn the_oldest_are_forgotten_when_there_are_too_many() {
        let mut history = History::default();
        let long = "x".repeat(BYTES_MAX / 4);
        for number in 0..10 {
            history.http(&format!("/{number}{long}"), "a.example", false, None);
        }
        assert!(history.bytes <= BYTES_MAX);
        assert!(history.shown(Kind::Http, "a.example").starts_with(r#"[{"HTTPS":false"#));
        assert_eq!(history.asked.len(), 3);
    }
}
