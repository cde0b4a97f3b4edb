//! Zones as text: the master file format of RFC 1035 §5, as much of it as tests need.
//!
//! `$ORIGIN`, `$TTL`, relative names, `@`, omitted owners, comments, quoted texts and parentheses; the types of
//! [`RecordData`]. No `$INCLUDE`, no classes but IN, no `\` escapes outside of quotes. One type more than there are:
//! `NAME SERVFAIL` has every question about this very name answered so.

use hickory_proto::rr::Name;

use super::zone::{RecordData, Zone, ZoneError, parse_name};

/// A zone's text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct ZoneTextError {
    /// Counts from 1.
    pub line: usize,
    /// What would be right there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Zone {
    /// Reads the zone of `origin` from a master file.
    ///
    /// # Errors
    /// [`ZoneTextError`] for the first line that is wrong.
    pub fn parse(origin: &str, text: &str) -> Result<Self, ZoneTextError> {
        let zone = Self::new(origin).map_err(|_| error(1, "a domain name as the zone's origin", origin))?;
        let mut reader = Reader {
            default_origin: zone.origin().clone(),
            owner: None,
            ttl_seconds: DEFAULT_TTL_SECONDS,
            has_ttl_directive: false,
            zone,
        };
        for entry in entries(text)? {
            reader.entry(&entry)?;
        }
        Ok(reader.zone)
    }
}

/// The TTL as long as the text gives none.
const DEFAULT_TTL_SECONDS: u32 = 300;

#[derive(Debug)]
struct Token {
    line: usize,
    text: Vec<u8>,
    quoted: bool,
}

impl Token {
    fn shown(&self) -> String {
        format!("{:?}", String::from_utf8_lossy(&self.text))
    }

    fn word(&self) -> Option<&str> {
        if self.quoted { None } else { std::str::from_utf8(&self.text).ok() }
    }
}

/// One record or directive; parentheses join several lines into one.
#[derive(Debug)]
struct Entry {
    line: usize,
    /// It begins with white space: the owner is the one before.
    repeats_owner: bool,
    tokens: Vec<Token>,
}

fn error(line: usize, expected: &str, found: &str) -> ZoneTextError {
    ZoneTextError { line, expected: expected.to_owned(), found: found.to_owned() }
}

fn entries(text: &str) -> Result<Vec<Entry>, ZoneTextError> {
    let mut entries = Vec::new();
    let mut open: Option<Entry> = None;
    let mut opened_at = None;
    for (index, content) in text.lines().enumerate() {
        let line = index + 1;
        let mut entry = open.take().unwrap_or_else(|| Entry {
            line,
            repeats_owner: content.starts_with([' ', '\t']),
            tokens: Vec::new(),
        });
        let mut bytes = content.bytes().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b' ' | b'\t' => {}
                b';' => break,
                b'(' if opened_at.is_none() => opened_at = Some(line),
                b'(' => return Err(error(line, "parentheses that are not nested", "a second \"(\"")),
                b')' if opened_at.is_some() => opened_at = None,
                b')' => return Err(error(line, "\"(\" before \")\"", "a lone \")\"")),
                b'"' => {
                    let text = quoted(line, &mut bytes)?;
                    entry.tokens.push(Token { line, text, quoted: true });
                }
                other => {
                    let mut text = vec![other];
                    while let Some(more) = bytes.next_if(|b| !b" \t;()\"".contains(b)) {
                        text.push(more);
                    }
                    entry.tokens.push(Token { line, text, quoted: false });
                }
            }
        }
        if opened_at.is_some() {
            open = Some(entry);
        } else if !entry.tokens.is_empty() {
            entries.push(entry);
        }
    }
    match opened_at {
        Some(line) => Err(error(line, "\")\" after \"(\"", "the end of the text")),
        None => Ok(entries),
    }
}

/// The rest of a quoted text; `\x` is x, `\123` the byte of that decimal number (RFC 1035 §5.1).
fn quoted(line: usize, bytes: &mut impl Iterator<Item = u8>) -> Result<Vec<u8>, ZoneTextError> {
    let unfinished = || error(line, "a closing quote", "the end of the line");
    let mut text = Vec::new();
    loop {
        match bytes.next().ok_or_else(unfinished)? {
            b'"' => return Ok(text),
            b'\\' => {
                let first = bytes.next().ok_or_else(unfinished)?;
                if first.is_ascii_digit() {
                    let digits = [first, bytes.next().ok_or_else(unfinished)?, bytes.next().ok_or_else(unfinished)?];
                    let number = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok());
                    let shown = String::from_utf8_lossy(&digits);
                    text.push(number.ok_or_else(|| error(line, "three digits of a byte after \"\\\"", &shown))?);
                } else {
                    text.push(first);
                }
            }
            other => text.push(other),
        }
    }
}

struct Reader {
    zone: Zone,
    default_origin: Name,
    owner: Option<Name>,
    /// What a record has that states none: that of `$TTL` (RFC 2308 §4), or else the last one stated (RFC 1035 §5.1).
    ttl_seconds: u32,
    has_ttl_directive: bool,
}

impl Reader {
    fn entry(&mut self, entry: &Entry) -> Result<(), ZoneTextError> {
        let mut fields =
            Fields { end: entry.tokens.last().map_or(entry.line, |last| last.line), tokens: entry.tokens.iter() };
        match entry.tokens.first().and_then(Token::word) {
            Some("$ORIGIN") => {
                fields.next("$ORIGIN")?;
                self.default_origin = self.name(fields.next("a domain name")?)?;
                return fields.finish();
            }
            Some("$TTL") => {
                fields.next("$TTL")?;
                self.ttl_seconds = fields.read("a TTL", ttl)?;
                self.has_ttl_directive = true;
                return fields.finish();
            }
            Some(directive) if directive.starts_with('$') => {
                return Err(error(entry.line, "$ORIGIN, $TTL or a record", &format!("{directive:?}")));
            }
            Some(_) | None => {}
        }
        if !entry.repeats_owner {
            self.owner = Some(self.name(fields.next("an owner name")?)?);
        }
        let owner = self
            .owner
            .clone()
            .ok_or_else(|| error(entry.line, "an owner name", "a record that begins with white space"))?;
        self.record(owner, &mut fields)
    }

    fn record(&mut self, owner: Name, fields: &mut Fields<'_>) -> Result<(), ZoneTextError> {
        const TYPES: &str = "a type: A, AAAA, CNAME, TXT, CAA, NS or SOA, or SERVFAIL";
        let mut ttl_seconds = self.ttl_seconds;
        // RFC 1035 §5.1: TTL and class in either order, both optional.
        let kind = loop {
            let token = fields.next(TYPES)?;
            let word = token.word().ok_or_else(|| error(token.line, TYPES, &token.shown()))?;
            match (ttl(word), word.eq_ignore_ascii_case("IN")) {
                (Some(given), _) => ttl_seconds = given,
                (None, true) => {}
                (None, false) => break token,
            }
        };
        if !self.has_ttl_directive {
            self.ttl_seconds = ttl_seconds;
        }
        let refused = |e: ZoneError| {
            let expected = match &e {
                ZoneError::NotAName(_) => "a domain name",
                ZoneError::OutsideZone(_) => "a name at or below the zone's origin",
                ZoneError::AliasNotAlone(_) => "a CNAME record to stand alone",
                ZoneError::SoaNotAtOrigin(_) => "SOA at the zone's origin only",
                ZoneError::BadData => "texts of at most 255 bytes and a tag of letters and digits",
            };
            error(kind.line, expected, &e.to_string())
        };
        let data = match kind.word().unwrap_or_default().to_ascii_uppercase().as_str() {
            "A" => RecordData::A(fields.read("an IPv4 address", |word| word.parse().ok())?),
            "AAAA" => RecordData::Aaaa(fields.read("an IPv6 address", |word| word.parse().ok())?),
            "CNAME" => RecordData::Cname(self.name(fields.next("a domain name")?)?),
            "NS" => RecordData::Ns(self.name(fields.next("a domain name")?)?),
            "TXT" => {
                let mut texts = vec![fields.next("a text")?.text.clone()];
                texts.extend(fields.tokens.by_ref().map(|token| token.text.clone()));
                RecordData::Txt(texts)
            }
            "CAA" => RecordData::Caa {
                flags: fields.read("flags from 0 to 255", |word| word.parse().ok())?,
                tag: fields.read("a property tag such as issue", |word| Some(word.to_owned()))?,
                value: fields.next("a property value")?.text.clone(),
            },
            "SOA" => RecordData::Soa {
                mname: self.name(fields.next("the primary name server")?)?,
                rname: self.name(fields.next("the mailbox of who is responsible")?)?,
                serial: fields.read("a serial number", |word| word.parse().ok())?,
                refresh: fields.read("the refresh interval", interval)?,
                retry: fields.read("the retry interval", interval)?,
                expire: fields.read("the expiry", interval)?,
                minimum: fields.read("the negative TTL", ttl)?,
            },
            "SERVFAIL" => {
                fields.finish()?;
                return self.zone.fail(&owner.to_string()).map_err(refused);
            }
            _ => return Err(error(kind.line, TYPES, &kind.shown())),
        };
        fields.finish()?;
        self.zone.add_at(owner, ttl_seconds, data).map_err(refused)
    }

    /// A name is relative to the origin unless it ends with a dot.
    fn name(&self, token: &Token) -> Result<Name, ZoneTextError> {
        let bad = || error(token.line, "a domain name", &token.shown());
        let word = token.word().ok_or_else(bad)?;
        if word == "@" {
            return Ok(self.default_origin.clone());
        }
        let name = parse_name(word).map_err(|_| bad())?;
        if word.ends_with('.') {
            return Ok(name);
        }
        name.append_name(&self.default_origin).map_err(|_| bad())
    }
}

struct Fields<'a> {
    tokens: std::slice::Iter<'a, Token>,
    /// The entry's last line, where a missing field is missed.
    end: usize,
}

impl<'a> Fields<'a> {
    fn next(&mut self, expected: &str) -> Result<&'a Token, ZoneTextError> {
        self.tokens.next().ok_or_else(|| error(self.end, expected, "the end of the record"))
    }

    fn read<T>(&mut self, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ZoneTextError> {
        let token = self.next(expected)?;
        token.word().and_then(read).ok_or_else(|| error(token.line, expected, &token.shown()))
    }

    fn finish(&mut self) -> Result<(), ZoneTextError> {
        match self.tokens.next() {
            Some(token) => Err(error(token.line, "the end of the record", &token.shown())),
            None => Ok(()),
        }
    }
}

/// Seconds, or a number with a unit as BIND writes it: 90, 30s, 5m, 1h, 2d, 1w.
fn ttl(word: &str) -> Option<u32> {
    let (digits, unit) = match word.char_indices().last()? {
        (at, 's' | 'S') => (&word[..at], 1),
        (at, 'm' | 'M') => (&word[..at], 60),
        (at, 'h' | 'H') => (&word[..at], 3600),
        (at, 'd' | 'D') => (&word[..at], 86_400),
        (at, 'w' | 'W') => (&word[..at], 604_800),
        _ => (word, 1),
    };
    let seconds = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u32>().ok())??;
    // RFC 2181 §8: 31 bits.
    seconds.checked_mul(unit).filter(|seconds| *seconds <= i32::MAX as u32)
}

fn interval(word: &str) -> Option<i32> {
    ttl(word).and_then(|seconds| i32::try_from(seconds).ok())
}

#[cfg(test)]
mod forms;
#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::{super::zone::Finding, *};

    const TEXT: &str = r#"
$TTL 1h
@   IN SOA ns hostmaster (
        7      ; serial
        1d 2h 4w
        5m )
    IN NS ns
ns  A 192.0.2.53
www 60 IN A 192.0.2.1
    IN 60 A 192.0.2.2
    AAAA 2001:db8::1
$ORIGIN sub.example.
@   TXT "a;b \"quoted\" \065" plain
x   CNAME www.example.
y   CAA 128 ISSUE "ca.test; accounturi=x"
z   IN SERVFAIL
"#;

    fn records(name: &str, kind: RecordType) -> Vec<String> {
        let zone = Zone::parse("example", TEXT).unwrap();
        match zone.find(&parse_name(name).unwrap(), kind) {
            Finding::Records(records) => records.iter().map(ToString::to_string).collect(),
            Finding::Alias(..) | Finding::NoData | Finding::NoSuchName | Finding::Failure => Vec::new(),
        }
    }

    #[test]
    fn the_forms_of_the_format_are_read() {
        assert_eq!(
            records("www.example", RecordType::A),
            ["www.example. 60 IN A 192.0.2.1", "www.example. 60 IN A 192.0.2.2"]
        );
        assert_eq!(records("www.example", RecordType::AAAA), ["www.example. 3600 IN AAAA 2001:db8::1"]);
        assert_eq!(records("example", RecordType::NS), ["example. 3600 IN NS ns.example."]);
        assert_eq!(
            records("example", RecordType::SOA),
            ["example. 3600 IN SOA ns.example. hostmaster.example. 7 86400 7200 2419200 300"]
        );
        assert_eq!(records("x.sub.example", RecordType::CNAME), ["x.sub.example. 3600 IN CNAME www.example."]);
        assert_eq!(records("sub.example", RecordType::TXT).len(), 1);
        assert_eq!(records("y.sub.example", RecordType::CAA).len(), 1);
        let zone = Zone::parse("example", TEXT).unwrap();
        assert!(matches!(zone.find(&parse_name("z.sub.example").unwrap(), RecordType::A), Finding::Failure));
    }

    /// RFC 1035 §5.1, RFC 2308 §4.
    #[test]
    fn a_ttl_that_is_left_out_is_the_last_one_stated_until_a_directive_says_otherwise() {
        let zone = Zone::parse(
            "example",
            "a A 192.0.2.1\nb 60 A 192.0.2.1\nc A 192.0.2.1\n$TTL 90\nd 60 A 192.0.2.1\ne A 192.0.2.1",
        );
        let zone = zone.unwrap();
        for (name, ttl_seconds) in [("a", 300), ("b", 60), ("c", 60), ("d", 60), ("e", 90)] {
            let found = zone.find(&parse_name(&format!("{name}.example")).unwrap(), RecordType::A);
            assert!(matches!(found, Finding::Records(records) if records[0].ttl == ttl_seconds), "{name}");
        }
    }

    #[test]
    fn errors_name_the_line_and_what_would_be_right() {
        for (text, line, expected) in [
            ("a A 192.0.2.1\nb A 192.0.2", 2, "IPv4"),
            ("a AAAA 192.0.2.1", 1, "IPv6"),
            ("a MX 10 b", 1, "CAA"),
            ("a", 1, "type"),
            ("a IN", 1, "type"),
            ("a \"A\" 192.0.2.1", 1, "type"),
            ("  A 192.0.2.1", 1, "owner"),
            ("a A 192.0.2.1 192.0.2.2", 1, "end"),
            ("\n\na TXT \"x", 3, "quote"),
            ("a TXT \"\\256\"", 1, "digits"),
            ("a TXT", 1, "text"),
            ("a TXT (\n\"x\"", 1, "\")\""),
            ("a TXT x )", 1, "\"(\""),
            ("a TXT ((", 1, "nested"),
            ("$INCLUDE other", 1, "$TTL"),
            ("$TTL soon", 1, "TTL"),
            ("a.test. A 192.0.2.1", 1, "origin"),
            ("a..b A 192.0.2.1", 1, "domain name"),
            ("a CNAME b\na A 192.0.2.1", 2, "alone"),
            ("a SERVFAIL now", 1, "end"),
            ("a.test. SERVFAIL", 1, "origin"),
            ("a CAA 256 issue x", 1, "flags"),
            ("@ SOA ns h (\n1\n2\nx", 1, "\")\""),
            ("@ SOA ns h (\n1\n2\nx )", 4, "retry"),
            ("@ SOA ns h 1 2", 1, "retry"),
        ] {
            let error = Zone::parse("example", text).expect_err(text);
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(error.expected.contains(expected), "{text}: {error}");
        }
    }
}
