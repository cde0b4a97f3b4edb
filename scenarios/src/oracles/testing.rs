//! Tiny traces for the oracles' tests: a manager, a CA, a visitor, and what passes between them.
//!
//! A [`Story`] writes the records that a world would write for HTTP exchanges, handshakes and the like.
//! It simulates nothing: tests say themselves what the CA answers, right or wrong.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sim::trace::{Direction, DiskOperation, Ending, Event, HandshakeOutcome, Record, Side};

use super::{Bench, Settings, Verdict};

pub(super) const EPOCH_S: i64 = 1_767_225_600;
const CA_ADDRESS: &str = "10.0.0.2:443";
const DAY_S: i64 = 86_400;

/// A certificate made for a test.
pub(super) struct Issued {
    pub(super) der: Vec<u8>,
    pub(super) pem: String,
    pub(super) key_pem: String,
}

impl Issued {
    pub(super) fn new(names: &[&str], not_before_s: i64, not_after_s: i64) -> Self {
        Self::make(names, not_before_s, not_after_s, |_| {})
    }

    /// With an authority key identifier, so that renewal information has a name for it.
    pub(super) fn of_an_authority(names: &[&str], not_before_s: i64, not_after_s: i64) -> Self {
        Self::make(names, not_before_s, not_after_s, |parameters| {
            parameters.use_authority_key_identifier_extension = true;
        })
    }

    /// With this serial number, by its octets.
    pub(super) fn numbered(names: &[&str], not_before_s: i64, not_after_s: i64, serial: &[u8]) -> Self {
        Self::make(names, not_before_s, not_after_s, |parameters| {
            parameters.serial_number = Some(rcgen::SerialNumber::from_slice(serial));
        })
    }

    /// One that asks to be shown only with an OCSP response (RFC 7633).
    pub(super) fn to_be_stapled(names: &[&str], not_before_s: i64, not_after_s: i64) -> Self {
        Self::make(names, not_before_s, not_after_s, |parameters| {
            let feature = rcgen::CustomExtension::from_oid_content(
                &[1, 3, 6, 1, 5, 5, 7, 1, 24],
                vec![0x30, 0x03, 0x02, 0x01, 0x05],
            );
            parameters.custom_extensions = vec![feature];
        })
    }

    /// What answers a tls-alpn-01 challenge.
    pub(super) fn for_challenge(name: &str, not_after_s: i64) -> Self {
        Self::make(&[name], 0, not_after_s, |parameters| {
            parameters.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(&[7; 32])];
        })
    }

    fn make(
        names: &[&str],
        not_before_s: i64,
        not_after_s: i64,
        change: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters =
            rcgen::CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        change(&mut parameters);
        parameters.not_before = time::OffsetDateTime::from_unix_timestamp(not_before_s).unwrap();
        parameters.not_after = time::OffsetDateTime::from_unix_timestamp(not_after_s).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        Self { der: certificate.der().to_vec(), pem: certificate.pem(), key_pem: key.serialize_pem() }
    }
}

/// An OCSP response by which `authority` says of `leaf` what the DER of `status` says, from and until these Unix seconds.
pub(super) fn staple(leaf: &Issued, authority: &Issued, status: &[u8], from_s: i64, until_s: i64) -> Vec<u8> {
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
    };

    use super::reader::{certificate::Certificate, ocsp::key_hash};

    let value = |tag: u8, content: &[&[u8]]| {
        let content = content.concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let length = match content.len() {
            ..0x80 => vec![length[1]],
            0x80..0x100 => vec![0x81, length[1]],
            _ => vec![0x82, length[0], length[1]],
        };
        [&[tag][..], &length, &content].concat()
    };
    let time = |unix_s: i64| {
        let format = time::macros::format_description!("[year][month][day][hour][minute][second]Z");
        let time = time::OffsetDateTime::from_unix_timestamp(unix_s).unwrap().format(&format).unwrap();
        value(0x18, &[time.as_bytes()])
    };
    let [of_leaf, of_authority] = [leaf, authority].map(|one| Certificate::read(&one.der).unwrap());
    let key_hash = value(0x04, &[&key_hash(&of_authority.public_key)]);
    let digits = of_leaf.serial.as_bytes().chunks(2);
    let serial = digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect::<Vec<_>>();
    let sha1 = value(0x30, &[&value(0x06, &[&[0x2b, 0x0e, 0x03, 0x02, 0x1a]])]);
    let id = value(0x30, &[&sha1, &value(0x04, &[&[0; 20]]), &key_hash, &value(0x02, &[&serial])]);
    let single = value(0x30, &[&id, status, &time(from_s), &value(0xa0, &[&time(until_s)])]);
    let data = value(0x30, &[&value(0xa2, &[&key_hash]), &time(from_s), &value(0x30, &[&single])]);
    let random = SystemRandom::new();
    let der = pem::parse(&authority.key_pem).unwrap().into_contents();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der, &random).unwrap();
    let signature = value(0x03, &[&[0], key.sign(&random, &data).unwrap().as_ref()]);
    let algorithm = value(0x30, &[&value(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]])]);
    let basic = value(0x04, &[&value(0x30, &[&data, &algorithm, &signature])]);
    let kind = value(0x06, &[&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01]]);
    value(0x30, &[&value(0x0a, &[&[0]]), &value(0xa0, &[&value(0x30, &[&kind, &basic])])])
}

/// A CSR for `names`, in base64url.
pub(super) fn csr(names: &[&str]) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
    URL_SAFE_NO_PAD.encode(parameters.serialize_request(&key).unwrap().der())
}

/// A new P-256 key.
pub(super) fn key() -> rcgen::KeyPair {
    rcgen::KeyPair::generate().unwrap()
}

/// The public half of a P-256 key.
fn jwk(key: &rcgen::KeyPair) -> Value {
    let coordinates = &key.public_key_raw()[1..];
    let [x, y] = [&coordinates[..32], &coordinates[32..]].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
}

/// A flattened JWS; `Null` is an empty payload.
fn signed(key: Option<&rcgen::KeyPair>, protected: &Value, payload: &Value) -> Value {
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
    };

    let payload = if payload.is_null() { String::new() } else { payload.to_string() };
    let [protected, payload] = [protected.to_string(), payload].map(|text| URL_SAFE_NO_PAD.encode(text));
    let signature = key.map_or("AA".to_owned(), |key| {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &random).unwrap();
        URL_SAFE_NO_PAD.encode(key.sign(&random, format!("{protected}.{payload}").as_bytes()).unwrap())
    });
    json!({"protected": protected, "payload": payload, "signature": signature})
}

/// What the CA answers.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    pub(super) has_nonce: bool,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Self { status, headers: Vec::new(), body, has_nonce: true }
    }

    pub(super) fn problem(status: u16, kind: &str) -> Self {
        Self::new(status, json!({"type": format!("urn:ietf:params:acme:error:{kind}")}))
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A trace in the making.
pub(super) struct Story {
    pub(super) records: Vec<Record>,
    /// The nonce that the next POST carries; set it to carry another one.
    pub(super) nonce: String,
    /// What signs the requests that follow; without one, their signatures are nobody's.
    pub(super) key: Option<rcgen::KeyPair>,
    /// The client of the exchanges that follow.
    pub(super) client: Arc<str>,
    at_ns: u64,
    nonces: u64,
    orders: u64,
    port: u16,
    is_introduced: bool,
}

impl Story {
    /// The world begins on 2026-01-01.
    pub(super) fn new() -> Self {
        let mut story = Self {
            records: Vec::new(),
            nonce: "none-yet".into(),
            key: None,
            client: "manager".into(),
            at_ns: 0,
            nonces: 0,
            orders: 0,
            port: 49_152,
            is_introduced: false,
        };
        story.event(None, Event::World { seed: 1, epoch: "2026-01-01T00:00:00Z".into() });
        for (host, from) in [("manager", "10.0.0.1:1"), ("ca", CA_ADDRESS), ("visitor", "10.0.0.3:1")] {
            story.event(Some(host), Event::HostStarted { incarnation: 1 });
            let to = "10.0.0.9:1".parse().unwrap();
            story.event(
                Some(host),
                Event::Segment { from: from.parse().unwrap(), to, flags: "SA".into(), len: 0, digest: String::new() },
            );
        }
        story
    }

    /// Time passes.
    pub(super) fn wait(&mut self, seconds: u64) {
        self.at_ns += seconds * 1_000_000_000;
    }

    pub(super) fn wait_days(&mut self, days: u64) {
        self.wait(days * DAY_S.unsigned_abs());
    }

    /// The present, Unix seconds.
    pub(super) fn now_s(&self) -> i64 {
        EPOCH_S + i64::try_from(self.at_ns / 1_000_000_000).unwrap()
    }

    pub(super) fn event(&mut self, host: Option<&str>, event: Event) {
        let number = self.records.len() as u64 + 1;
        self.records.push(Record { number, at_ns: self.at_ns, host: host.map(Into::into), event });
    }

    pub(super) fn kill(&mut self, host: &str) {
        self.event(Some(host), Event::HostEnded { ending: Ending::Killed });
    }

    pub(super) fn start(&mut self, host: &str) {
        self.event(Some(host), Event::HostStarted { incarnation: 2 });
    }

    /// The bytes of an exchange between two hosts, on a connection of its own.
    pub(super) fn bytes(&mut self, client: &str, server: (&str, &str), request: &str, response: Option<&str>) {
        self.port += 1;
        let address = if client == "manager" {
            "10.0.0.1"
        } else if client == "ca" {
            "10.0.0.2"
        } else {
            "10.0.0.8"
        };
        let connection: Arc<str> = format!("{address}:{}-{}", self.port, server.1).into();
        let mut data = |host: &str, side, direction, bytes: &str| {
            let event =
                Event::Data { connection: connection.clone(), side, direction, bytes: bytes.as_bytes().to_vec() };
            self.event(Some(host), event);
        };
        data(client, Side::Client, Direction::Wrote, request);
        data(server.0, Side::Server, Direction::Read, request);
        if let Some(response) = response {
            data(server.0, Side::Server, Direction::Wrote, response);
            data(client, Side::Client, Direction::Read, response);
        }
    }

    fn ask(&mut self, request: &str, answer: Option<Answer>) {
        let response = answer.map(|mut answer| {
            if answer.has_nonce {
                self.nonces += 1;
                self.nonce = format!("nonce{}", self.nonces);
                answer.headers.push(("Replay-Nonce", self.nonce.clone()));
            }
            let fields: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            format!(
                "HTTP/1.1 {} X\r\nContent-Length: {}\r\n{fields}\r\n{}",
                answer.status,
                answer.body.len(),
                answer.body
            )
        });
        let client = self.client.clone();
        self.bytes(&client, ("ca", CA_ADDRESS), request, response.as_deref());
    }

    /// A GET to the CA.
    pub(super) fn get(&mut self, path: &str, mut answer: Answer) {
        self.introduce();
        answer.has_nonce = false;
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: ca.test\r\n\r\n"), Some(answer));
    }

    /// A signed POST to the CA; `Null` is POST-as-GET. Without an answer, that one is lost.
    pub(super) fn post(&mut self, path: &str, payload: &Value, answer: Option<Answer>) {
        self.introduce();
        let mut protected = json!({"alg": "ES256", "nonce": self.nonce, "url": format!("https://ca.test{path}")});
        if path == "/new-account" {
            protected["jwk"] =
                self.key.as_ref().map_or(json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}), jwk);
        } else {
            protected["kid"] = json!("https://ca.test/account/1");
        }
        let body = signed(self.key.as_ref(), &protected, payload).to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: ca.test\r\nContent-Type: application/jose+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.ask(&(head + &body), answer);
    }

    /// What came last, an answer, is lost on its way.
    pub(super) fn lose_answer(&mut self) {
        let lost = self.records.pop().expect("something was answered");
        assert!(matches!(lost.event, Event::Data { direction: Direction::Read, side: Side::Client, .. }), "{lost:?}");
    }

    /// What the law gave as the host of what it found.
    pub(super) fn accused(&self, id: &str) -> Vec<Option<String>> {
        let verdict = self.verdict(id);
        verdict.findings().iter().map(|finding| finding.host.as_deref().map(str::to_owned)).collect()
    }

    /// The directory, and a nonce, once.
    pub(super) fn introduce(&mut self) {
        if std::mem::replace(&mut self.is_introduced, true) {
            return;
        }
        let url = |path: &str| format!("https://ca.test/{path}");
        let directory = json!({
            "newNonce": url("new-nonce"), "newAccount": url("new-account"), "newOrder": url("new-order"),
            "meta": {"caaIdentities": ["ca.test"]}, "revokeCert": url("revoke"), "keyChange": url("key-change"), "renewalInfo": url("renewal-info"),
        });
        self.get("/directory", Answer::new(200, directory));
        self.ask("HEAD /new-nonce HTTP/1.1\r\nHost: ca.test\r\n\r\n", Some(Answer::new(200, Value::Null)));
    }

    pub(super) fn new_account(&mut self, contact: &str, status: u16) {
        let answer = Answer::new(status, json!({"status": "valid"})).header("Location", "https://ca.test/account/1");
        self.post("/new-account", &json!({"termsOfServiceAgreed": true, "contact": [contact]}), Some(answer));
    }

    /// The account's key is changed to `new`, which signs from now on. Gives the old one back.
    pub(super) fn change_key(&mut self, new: rcgen::KeyPair) -> rcgen::KeyPair {
        let old_key = self.key.as_ref().map(jwk);
        let payload = json!({"account": "https://ca.test/account/1", "oldKey": old_key});
        let protected = json!({"alg": "ES256", "jwk": jwk(&new), "url": "https://ca.test/key-change"});
        let inner = signed(Some(&new), &protected, &payload);
        self.post("/key-change", &inner, Some(Answer::new(200, json!({"status": "valid"}))));
        self.key.replace(new).expect("the story has set a key")
    }

    /// An order object's JSON.
    pub(super) fn order_object(&self, names: &[&str], order: u64, status: &str) -> Value {
        let identifiers: Vec<Value> = names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
        let mut object = json!({
            "status": status,
            "identifiers": identifiers,
            "authorizations": names.iter().map(|name| format!("https://ca.test/authz/{order}-{name}")).collect::<Vec<_>>(),
            "finalize": format!("https://ca.test/order/{order}/finalize"),
        });
        if status == "valid" {
            object["certificate"] = json!(format!("https://ca.test/certificate/{order}"));
        }
        object
    }

    /// A new order; its number is returned.
    pub(super) fn new_order(&mut self, names: &[&str]) -> u64 {
        self.orders += 1;
        let order = self.orders;
        let object = self.order_object(names, order, "pending");
        let payload = json!({"identifiers": object["identifiers"]});
        let answer = Answer::new(201, object).header("Location", format!("https://ca.test/order/{order}"));
        self.post("/new-order", &payload, Some(answer));
        order
    }

    /// The order's authorization is looked at and its challenge posted; it is `status` then.
    pub(super) fn authorize(&mut self, name: &str, order: u64, status: &str) {
        self.authorization(name, order, "pending");
        self.fetch_http01(name, &format!("token{order}"));
        self.post_challenge(name, order);
        self.authorization(name, order, status);
    }

    pub(super) fn post_challenge(&mut self, name: &str, order: u64) {
        let challenge = Self::challenge_object(name, order, "processing");
        self.post(&format!("/challenge/{order}-{name}"), &json!({}), Some(Answer::new(200, challenge)));
    }

    pub(super) fn authorization(&mut self, name: &str, order: u64, status: &str) {
        // RFC 8555 §7.1.4: of a wildcard, the name without it.
        let (domain, is_wildcard) = name.strip_prefix("*.").map_or((name, false), |domain| (domain, true));
        let mut object = json!({
            "status": status,
            "identifier": {"type": "dns", "value": domain},
            "challenges": [Self::challenge_object(name, order, status)],
        });
        if is_wildcard {
            object["wildcard"] = json!(true);
        }
        self.post(&format!("/authz/{order}-{name}"), &Value::Null, Some(Answer::new(200, object)));
    }

    pub(super) fn challenge_object(name: &str, order: u64, status: &str) -> Value {
        let (url, token) = (format!("https://ca.test/challenge/{order}-{name}"), format!("token{order}"));
        json!({"type": "http-01", "url": url, "token": token, "status": status})
    }

    /// The CA fetches a challenge's answer.
    pub(super) fn fetch_http01(&mut self, name: &str, token: &str) {
        self.fetch_http01_from("ca", name, token);
    }

    /// A host fetches a challenge's answer.
    pub(super) fn fetch_http01_from(&mut self, host: &str, name: &str, token: &str) {
        let request = format!("GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nHost: {name}\r\n\r\n");
        let body = format!("{token}.thumbprint");
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.bytes(host, ("manager", "10.0.0.1:80"), &request, Some(&response));
    }

    /// The order is finalized with a CSR for `csr_names`, and ready at once.
    pub(super) fn finalize(&mut self, names: &[&str], csr_names: &[&str], order: u64) {
        let processing = self.order_object(names, order, "processing");
        let payload = json!({"csr": csr(csr_names)});
        self.post(&format!("/order/{order}/finalize"), &payload, Some(Answer::new(200, processing)));
        let valid = self.order_object(names, order, "valid");
        self.post(&format!("/order/{order}"), &Value::Null, Some(Answer::new(200, valid)));
    }

    /// The order is finalized for the key that a certificate has already.
    pub(super) fn finalize_again(&mut self, names: &[&str], order: u64, certificate: &Issued) {
        let key = rcgen::KeyPair::from_pem(&certificate.key_pem).unwrap();
        let parameters = rcgen::CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        let payload =
            json!({"csr": URL_SAFE_NO_PAD.encode(parameters.unwrap().serialize_request(&key).unwrap().der())});
        let processing = self.order_object(names, order, "processing");
        self.post(&format!("/order/{order}/finalize"), &payload, Some(Answer::new(200, processing)));
    }

    /// The account has a certificate revoked, for the reason with this code.
    pub(super) fn revoke(&mut self, certificate: &Issued, reason: u8) {
        let payload = json!({"certificate": URL_SAFE_NO_PAD.encode(&certificate.der), "reason": reason});
        self.post("/revoke", &payload, Some(Answer::new(200, Value::Null)));
    }

    /// The order's certificate is downloaded.
    pub(super) fn download(&mut self, order: u64, certificate: &Issued) {
        let mut answer = Answer::new(200, Value::Null);
        answer.body.clone_from(&certificate.pem);
        self.post(&format!("/certificate/{order}"), &Value::Null, Some(answer));
    }

    /// A whole issuance, of a certificate that is valid from now on.
    pub(super) fn issuance(&mut self, names: &[&str], lifetime_days: i64) -> Issued {
        let certificate = Issued::new(names, self.now_s(), self.now_s() + lifetime_days * DAY_S);
        self.issue(names, &certificate);
        certificate
    }

    /// A whole issuance of a certificate that renewal information has a name for, which is returned.
    pub(super) fn issued_by_an_authority(&mut self, names: &[&str], lifetime_days: i64) -> String {
        let certificate = Issued::of_an_authority(names, self.now_s(), self.now_s() + lifetime_days * DAY_S);
        self.issue(names, &certificate);
        super::reader::certificate::Certificate::read(&certificate.der).unwrap().renewal_id.unwrap()
    }

    fn issue(&mut self, names: &[&str], certificate: &Issued) {
        if self.orders == 0 {
            self.new_account("mailto:a@a.test", 201);
        }
        let order = self.new_order(names);
        for name in names {
            self.authorize(name, order, "valid");
        }
        self.finalize(names, names, order);
        self.download(order, certificate);
    }

    pub(super) fn renewal_info(&mut self, id: &str, start: &str, end: &str, retry_after: Option<&str>) {
        let mut answer = Answer::new(200, json!({"suggestedWindow": {"start": start, "end": end}}));
        answer.headers.extend(retry_after.map(|value| ("Retry-After", value.to_owned())));
        self.get(&format!("/renewal-info/{id}"), answer);
    }

    /// The CA looks up CAA for `name`, and is answered with records as in a zone file; if there are none, it goes on to
    /// the name's ancestors, which have none either.
    pub(super) fn caa(&mut self, name: &str, records: &[&str]) {
        self.caa_for(name, records, 60);
    }

    pub(super) fn caa_for(&mut self, name: &str, records: &[&str], ttl_s: u32) {
        use hickory_proto::{
            op::{Message, MessageType, OpCode, Query},
            rr::{Name, RData, Record, RecordType, rdata::CAA},
        };
        self.port += 1;
        let ca = format!("10.0.0.2:{}", self.port).parse().unwrap();
        let server = "10.0.0.9:53".parse().unwrap();
        let owner = Name::from_ascii(format!("{name}.")).unwrap();
        let mut message = Message::new(self.port, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(owner.clone(), RecordType::CAA));
        self.event(Some("ca"), Event::Datagram { from: ca, to: server, payload: message.to_vec().unwrap() });
        message.metadata.message_type = MessageType::Response;
        for record in records {
            let mut words = record.splitn(3, ' ');
            let is_critical = words.next() == Some("128");
            let mut caa = CAA::new_issue(is_critical, None, Vec::new());
            caa.tag = words.next().unwrap().to_owned();
            caa.value = words.next().unwrap().trim_matches('"').as_bytes().to_vec();
            message.add_answer(Record::from_rdata(owner.clone(), ttl_s, RData::CAA(caa)));
        }
        self.event(Some("dns"), Event::Datagram { from: server, to: ca, payload: message.to_vec().unwrap() });
        if let (true, Some((_, parent))) = (records.is_empty(), name.split_once('.')) {
            self.caa_for(parent, records, ttl_s);
        }
    }

    /// The thumbprint of the key that signs.
    pub(super) fn thumbprint(&self) -> String {
        let key = self.key.as_ref().expect("the story has set a key");
        super::reader::jws::thumbprint(&jwk(key)).expect("it is a P-256 key")
    }

    /// The manager adds a TXT record, or removes it.
    pub(super) fn dns_update(&mut self, owner: &str, value: &str, is_addition: bool) {
        use hickory_proto::rr::{DNSClass, Name, RData, Record, rdata::TXT};
        let owner = Name::from_ascii(format!("{owner}.")).unwrap();
        let mut record = Record::from_rdata(owner, 0, RData::TXT(TXT::new(vec![value.to_owned()])));
        if !is_addition {
            record.dns_class = DNSClass::NONE;
        }
        self.update_dns(record);
    }

    /// The manager removes all TXT records of a name.
    pub(super) fn dns_remove_all(&mut self, owner: &str) {
        use hickory_proto::rr::{DNSClass, Name, RecordType};
        let owner = Name::from_ascii(format!("{owner}.")).unwrap();
        let mut record = hickory_proto::rr::Record::update0(owner, 0, RecordType::TXT);
        record.dns_class = DNSClass::ANY;
        self.update_dns(record);
    }

    fn update_dns(&mut self, record: hickory_proto::rr::Record) {
        use hickory_proto::{
            op::{Message, MessageType, OpCode, Query},
            rr::{Name, RecordType},
        };
        self.port += 1;
        let manager = format!("10.0.0.1:{}", self.port).parse().unwrap();
        let server = "10.0.0.9:53".parse().unwrap();
        let mut message = Message::new(self.port, MessageType::Query, OpCode::Update);
        message.add_query(Query::query(Name::from_ascii("test.").unwrap(), RecordType::SOA));
        message.authorities.push(record);
        self.event(Some("manager"), Event::Datagram { from: manager, to: server, payload: message.to_vec().unwrap() });
        message.metadata.message_type = MessageType::Response;
        message.authorities.clear();
        self.event(Some("dns"), Event::Datagram { from: server, to: manager, payload: message.to_vec().unwrap() });
    }

    fn handshake(&mut self, server_name: &str, outcome: HandshakeOutcome) {
        self.port += 1;
        let connection = format!("10.0.0.3:{}-10.0.0.1:443", self.port);
        self.handshake_over("visitor", &connection, server_name, None, outcome);
    }

    fn handshake_over(
        &mut self,
        client: &str,
        connection: &str,
        server_name: &str,
        alpn: Option<&str>,
        outcome: HandshakeOutcome,
    ) {
        let (connection, alpn) = (connection.into(), alpn.map(str::to_owned));
        self.event(Some(client), Event::Handshake { connection, server_name: server_name.into(), alpn, outcome });
    }

    /// A visitor is served.
    pub(super) fn visit(&mut self, server_name: &str, certificate: &Issued) {
        self.handshake(
            server_name,
            HandshakeOutcome::Completed { chain: vec![certificate.der.clone()], staple: Vec::new() },
        );
    }

    /// A visitor is served a chain.
    pub(super) fn visit_chain(&mut self, server_name: &str, chain: &[&Issued]) {
        let chain = chain.iter().map(|certificate| certificate.der.clone()).collect();
        self.handshake(server_name, HandshakeOutcome::Completed { chain, staple: Vec::new() });
    }

    /// A visitor is served a chain with an OCSP response.
    pub(super) fn visit_stapled(&mut self, server_name: &str, chain: &[&Issued], staple: &[u8]) {
        let chain = chain.iter().map(|certificate| certificate.der.clone()).collect();
        self.handshake(server_name, HandshakeOutcome::Completed { chain, staple: staple.to_vec() });
    }

    /// A visitor is served over this connection.
    pub(super) fn visit_over(&mut self, connection: &str, server_name: &str, certificate: &Issued) {
        let outcome = HandshakeOutcome::Completed { chain: vec![certificate.der.clone()], staple: Vec::new() };
        self.handshake_over("visitor", connection, server_name, None, outcome);
    }

    /// The CA is shown a certificate, under a protocol or none.
    pub(super) fn validate_tls_alpn01(&mut self, server_name: &str, alpn: Option<&str>, certificate: &Issued) {
        let outcome = HandshakeOutcome::Completed { chain: vec![certificate.der.clone()], staple: Vec::new() };
        self.handshake_over("ca", "10.0.0.2:50000-10.0.0.1:443", server_name, alpn, outcome);
    }

    /// A visitor fails, having seen a certificate or not.
    pub(super) fn visit_fails(&mut self, server_name: &str, error: &str, certificate: Option<&Issued>) {
        let chain = certificate.iter().map(|certificate| certificate.der.clone()).collect();
        self.handshake(server_name, HandshakeOutcome::Failed { error: error.into(), chain });
    }

    /// The manager's disk carries out a system call.
    pub(super) fn disk(&mut self, operation: DiskOperation, path: &str, to: Option<&str>, bytes: &str) {
        let event = Event::Disk {
            number: 0,
            operation,
            path: path.into(),
            to: to.map(Into::into),
            mode: None,
            access: None,
            offset: None,
            bytes: bytes.as_bytes().to_vec(),
            error: None,
        };
        self.event(Some("manager"), event);
    }

    /// The manager writes a whole file in place.
    pub(super) fn write_file(&mut self, path: &str, content: &str) {
        self.disk(DiskOperation::Open, path, None, "");
        self.disk(DiskOperation::Write, path, None, content);
    }

    /// What the law called `id` says of this story.
    pub(super) fn verdict(&self, id: &str) -> Verdict {
        self.verdict_with(id, Settings::default())
    }

    pub(super) fn verdict_at_least(&self, id: &str, seconds: u64) -> Verdict {
        self.verdict_with(id, Settings { at_least: Some(Duration::from_secs(seconds)), ..Settings::default() })
    }

    pub(super) fn verdict_with(&self, id: &str, settings: Settings) -> Verdict {
        let bench = Bench::default();
        let seat = bench.seat(id, settings).unwrap();
        self.records.iter().for_each(|record| bench.observe(record));
        bench.finish(self.at_ns).verdict(seat).clone()
    }

    /// The law has something to judge and finds nothing.
    #[track_caller]
    pub(super) fn keeps(&self, id: &str) {
        let verdict = self.verdict(id);
        assert_eq!(verdict.findings(), [], "{id}");
        assert!(verdict.exercised().total() > 0, "{id} had nothing to judge");
    }

    /// The law finds exactly one thing, in words that contain `words`.
    #[track_caller]
    pub(super) fn breaks(&self, id: &str, words: &str) {
        let verdict = self.verdict(id);
        let messages: Vec<&str> = verdict.findings().iter().map(|finding| finding.message.as_str()).collect();
        assert!(messages.len() == 1 && messages[0].contains(words), "{id}: {messages:?}");
        assert!(verdict.exercised().total() > 0, "{id} had nothing to judge");
    }
}
