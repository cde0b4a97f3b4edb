//! One zone in any of the forms that RFC 1035 §5.1 has for it: each is read as that very zone.
//!
//! Records are drawn as data, and with each a [`Form`] that says how it is written: what shrinks is plain.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::Name;
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestRunner};

use crate::dns::zone::{RecordData, Zone};

const ORIGIN: &str = "example";

/// A name's labels, the topmost last.
type Labels = Vec<&'static str>;

/// What is written.
#[derive(Clone, Debug)]
enum Data {
    Address(IpAddr),
    Cname(Labels),
    Ns(Labels),
    Txt(Vec<Vec<u8>>),
    Caa(u8, &'static str, Vec<u8>),
    /// The serial number and the intervals.
    Soa(Labels, Labels, u32, [u32; 4]),
    Servfail,
}

/// How it is written.
#[derive(Clone, Debug)]
struct Form {
    /// After an `$ORIGIN`, which is so many labels above the owner.
    origin_above: Option<usize>,
    /// Names are written out to the final dot.
    is_absolute: bool,
    /// The owner is written even where it is the one before.
    repeats_owner: bool,
    states_ttl: bool,
    /// In the largest unit that it can be written in.
    has_units: bool,
    /// The class stands before the TTL, behind it, or not at all.
    class: Option<bool>,
    /// A parenthesis opens behind so many words.
    parenthesis: Option<usize>,
    has_comments: bool,
    /// Texts are quoted even where they need not be.
    is_quoted: bool,
    /// Of eight octets of a text, these are written in digits.
    digits: u8,
    /// Of 32 letters of a name or a keyword, these are capitals.
    capitals: u32,
}

struct Writer {
    text: String,
    origin: Labels,
    owner: Option<Labels>,
    /// By `$TTL`, or else as last stated (RFC 2308 §4, RFC 1035 §5.1).
    default_ttl: Option<u32>,
    has_directive: bool,
}

impl Writer {
    fn record(&mut self, owner: &Labels, ttl: u32, data: &Data, form: &Form) {
        let line =
            |words: &[String]| format!("{}{}", words.join(" "), if form.has_comments { " ; a ( \" b" } else { "" });
        if let Some(above) = form.origin_above {
            let origin = owner[above.min(owner.len() - 1)..].to_vec();
            let directive = ["$ORIGIN".to_owned(), self.name(&origin, form)];
            self.text += &format!("{}\n", line(&directive));
            self.origin = origin;
        }
        if !form.states_ttl && self.default_ttl != Some(ttl) {
            self.text += &format!("{}\n", line(&["$TTL".to_owned(), written_ttl(ttl, form)]));
            (self.default_ttl, self.has_directive) = (Some(ttl), true);
        } else if form.states_ttl && !self.has_directive {
            self.default_ttl = Some(ttl);
        }
        let is_owner_known = self.owner.as_ref() == Some(owner) && !form.repeats_owner;
        let mut words = vec![if is_owner_known { String::new() } else { self.name(owner, form) }];
        self.owner = Some(owner.clone());
        words.extend((form.class == Some(false)).then(|| cased("in", form)));
        words.extend(form.states_ttl.then(|| written_ttl(ttl, form)));
        words.extend((form.class == Some(true)).then(|| cased("in", form)));
        words.extend(self.data(data, form));
        if let Some(at) = form.parenthesis {
            let inside = words.split_off(at.clamp(1, words.len()));
            let lines: Vec<String> = inside.into_iter().map(|word| line(&[word])).collect();
            words.push(format!("(\n{}\n)", lines.join("\n\n")));
        }
        self.text += &format!("{}\n", line(&words));
    }

    fn data(&self, data: &Data, form: &Form) -> Vec<String> {
        let (kind, data) = match data {
            Data::Address(address @ IpAddr::V4(_)) => ("a", vec![address.to_string()]),
            Data::Address(address @ IpAddr::V6(_)) => ("aaaa", vec![address.to_string()]),
            Data::Cname(target) => ("cname", vec![self.name(target, form)]),
            Data::Ns(server) => ("ns", vec![self.name(server, form)]),
            Data::Txt(texts) => ("txt", texts.iter().map(|text| written_text(text, form)).collect()),
            Data::Caa(flags, tag, value) => {
                ("caa", vec![flags.to_string(), (*tag).to_owned(), written_text(value, form)])
            }
            Data::Soa(server, mailbox, serial, intervals) => {
                let names = [server, mailbox].map(|name| self.name(name, form));
                let intervals = intervals.map(|seconds| written_ttl(seconds, form));
                ("soa", [&names[..], &[serial.to_string()], &intervals].concat())
            }
            Data::Servfail => ("servfail", Vec::new()),
        };
        [vec![cased(kind, form)], data].concat()
    }

    /// Relative to the origin, if it can be.
    fn name(&self, labels: &Labels, form: &Form) -> String {
        let relative = labels.strip_suffix(&self.origin[..]).filter(|_| !form.is_absolute);
        match relative {
            Some([]) => "@".to_owned(),
            Some(relative) => cased(&relative.join("."), form),
            None => cased(&format!("{}.", labels.join(".")), form),
        }
    }
}

fn cased(text: &str, form: &Form) -> String {
    let is_capital = |at: usize| form.capitals >> (at % 32) & 1 == 1;
    text.chars().enumerate().map(|(at, c)| if is_capital(at) { c.to_ascii_uppercase() } else { c }).collect()
}

fn written_ttl(seconds: u32, form: &Form) -> String {
    let units = [(604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    match units.iter().find(|(unit, _)| form.has_units && seconds.is_multiple_of(*unit)) {
        Some((unit, name)) => cased(&format!("{}{name}", seconds / unit), form),
        None => seconds.to_string(),
    }
}

/// A `<character-string>` of RFC 1035 §5.1.
fn written_text(text: &[u8], form: &Form) -> String {
    let is_plain = |octet: &u8| octet.is_ascii_graphic() && !b"\"\\();".contains(octet);
    if !form.is_quoted && !text.is_empty() && text.iter().all(is_plain) {
        return text.iter().copied().map(char::from).collect();
    }
    let octet = |(at, octet): (usize, &u8)| match octet {
        _ if form.digits >> (at % 8) & 1 == 1 => format!("\\{octet:03}"),
        b'"' | b'\\' => format!("\\{}", char::from(*octet)),
        b' '..=b'~' => char::from(*octet).to_string(),
        _ => format!("\\{octet:03}"),
    };
    format!("\"{}\"", text.iter().enumerate().map(octet).collect::<String>())
}

impl Data {
    /// `None` if it is none, but a failure.
    fn of_record(&self) -> Option<RecordData> {
        Some(match self {
            Self::Address(IpAddr::V4(address)) => RecordData::A(*address),
            Self::Address(IpAddr::V6(address)) => RecordData::Aaaa(*address),
            Self::Cname(target) => RecordData::Cname(name(target)),
            Self::Ns(server) => RecordData::Ns(name(server)),
            Self::Txt(texts) => RecordData::Txt(texts.clone()),
            Self::Caa(flags, tag, value) => {
                RecordData::Caa { flags: *flags, tag: (*tag).to_owned(), value: value.clone() }
            }
            Self::Soa(server, mailbox, serial, intervals) => {
                let [refresh, retry, expire, _] = intervals.map(|seconds| i32::try_from(seconds).unwrap());
                let (mname, rname, serial, minimum) = (name(server), name(mailbox), *serial, intervals[3]);
                RecordData::Soa { mname, rname, serial, refresh, retry, expire, minimum }
            }
            Self::Servfail => return None,
        })
    }
}

fn name(labels: &Labels) -> Name {
    Name::from_ascii(format!("{}.", labels.join("."))).unwrap()
}

// What is written, and how.

fn owner() -> impl Strategy<Value = Labels> {
    let labels = vec(select(vec!["a", "b-9", "_acme-challenge", "*", "in", "60"]), 0..3);
    labels.prop_map(|labels| [labels, vec![ORIGIN]].concat())
}

fn seconds() -> impl Strategy<Value = u32> {
    select(vec![300, 0, 60, 3600, 5400, 604_800, i32::MAX.unsigned_abs()])
}

fn data() -> impl Strategy<Value = Data> {
    let target = || prop_oneof![owner(), Just(vec!["www", "other", "test"])];
    let plain = "[a-z0-9=;() -]{0,12}".prop_map(String::into_bytes);
    let text = || prop_oneof![plain.clone(), vec(any::<u8>(), 0..20), Just(vec![b'x'; 255])];
    prop_oneof![
        2 => any::<[u8; 4]>().prop_map(|octets| Data::Address(Ipv4Addr::from(octets).into())),
        2 => any::<[u16; 8]>().prop_map(|groups| Data::Address(Ipv6Addr::from(groups).into())),
        2 => target().prop_map(Data::Cname),
        2 => target().prop_map(Data::Ns),
        4 => vec(text(), 1..4).prop_map(Data::Txt),
        4 => (any::<u8>(), select(vec!["issue", "IssueWild", "x9"]), text())
            .prop_map(|(flags, tag, value)| Data::Caa(flags, tag, value)),
        1 => (target(), target(), any::<u32>(), [seconds(), seconds(), seconds(), seconds()])
            .prop_map(|(server, mailbox, serial, intervals)| Data::Soa(server, mailbox, serial, intervals)),
        1 => Just(Data::Servfail),
    ]
}

fn form() -> impl Strategy<Value = Form> {
    let switches = any::<(bool, bool, bool, bool, bool, bool)>();
    let marks = (option::weighted(0.2, 0..3_usize), option::weighted(0.3, 0..5_usize), any::<Option<bool>>());
    let bits = (prop_oneof![Just(0), any::<u8>()], prop_oneof![Just(0), any::<u32>()]);
    (switches, marks, bits).prop_map(|(switches, (origin_above, parenthesis, class), (digits, capitals))| {
        let (is_absolute, repeats_owner, states_ttl, has_units, has_comments, is_quoted) = switches;
        Form {
            origin_above,
            is_absolute,
            repeats_owner,
            states_ttl,
            has_units,
            class,
            parenthesis,
            has_comments,
            is_quoted,
            digits,
            capitals,
        }
    })
}

#[test]
fn a_zone_is_read_as_it_was_written_in_whatever_form() {
    let records = vec((owner(), seconds(), data(), form()), 0..8);
    let lines = select(vec!["\n", "\r\n"]);
    let run = TestRunner::new(crate::testing::same_each_time(512)).run(&(records, lines), |(records, line_end)| {
        let mut zone = Zone::new(ORIGIN).unwrap();
        let mut writer =
            Writer { text: String::new(), origin: vec![ORIGIN], owner: None, default_ttl: None, has_directive: false };
        for (owner, ttl, data, form) in &records {
            let at = owner.join(".");
            let added = match data.of_record() {
                Some(data) => zone.add(&at, *ttl, data),
                None => zone.fail(&at),
            };
            // What can't be there, such as an alias beside something else, is not written.
            if added.is_ok() {
                writer.record(owner, *ttl, data, form);
            }
        }
        let text = writer.text.replace('\n', line_end);
        prop_assert_eq!(Zone::parse(ORIGIN, &text).map_err(|e| e.to_string()), Ok(zone), "{}", text);
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
}
