//! [`Zone`]: the records of one domain, and what they answer (RFC 1034 §4.3.2).
//!
//! Wildcards (RFC 4592) and aliases work; delegations do not: NS records are data like any other, and the
//! zone answers for everything below its origin.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{A, AAAA, CAA, CNAME, NS, SOA, TXT},
};

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordData {
    /// An IPv4 address (RFC 1035 §3.4.1).
    A(Ipv4Addr),
    /// An IPv6 address (RFC 3596 §2.1).
    Aaaa(Ipv6Addr),
    /// The name is an alias of this one (RFC 1035 §3.3.1).
    Cname(Name),
    /// Texts of at most 255 bytes each (RFC 1035 §3.3.14).
    Txt(Vec<Vec<u8>>),
    /// Who may issue certificates (RFC 8659 §4.1).
    Caa {
        /// Bit 7 is "issuer critical".
        flags: u8,
        /// `issue`, `issuewild`, `iodef` and so on: ASCII letters and digits.
        tag: String,
        /// The property's value, uninterpreted.
        value: Vec<u8>,
    },
    /// A name server (RFC 1035 §3.3.11).
    Ns(Name),
    /// The zone's own parameters (RFC 1035 §3.3.13).
    Soa {
        /// The primary name server.
        mname: Name,
        /// The mailbox of who is responsible, as a name.
        rname: Name,
        /// The zone's version.
        serial: u32,
        /// Seconds until secondaries ask again.
        refresh: i32,
        /// Seconds until they retry.
        retry: i32,
        /// Seconds after which they give up.
        expire: i32,
        /// Seconds for which a negative answer may be cached (RFC 2308 §4).
        minimum: u32,
    },
}

impl RecordData {
    pub(crate) fn record_type(&self) -> RecordType {
        match self {
            Self::A(_) => RecordType::A,
            Self::Aaaa(_) => RecordType::AAAA,
            Self::Cname(_) => RecordType::CNAME,
            Self::Txt(_) => RecordType::TXT,
            Self::Caa { .. } => RecordType::CAA,
            Self::Ns(_) => RecordType::NS,
            Self::Soa { .. } => RecordType::SOA,
        }
    }

    pub(crate) fn to_wire(&self) -> RData {
        match self {
            Self::A(address) => RData::A(A(*address)),
            Self::Aaaa(address) => RData::AAAA(AAAA(*address)),
            Self::Cname(target) => RData::CNAME(CNAME(target.clone())),
            Self::Txt(texts) => RData::TXT(TXT::from_bytes(texts.iter().map(Vec::as_slice).collect())),
            Self::Caa { flags, tag, value } => {
                let mut caa = CAA::new_issue(flags & 0x80 != 0, None, Vec::new());
                caa.reserved_flags = flags & 0x7f;
                caa.tag.clone_from(tag);
                caa.value.clone_from(value);
                RData::CAA(caa)
            }
            Self::Ns(server) => RData::NS(NS(server.clone())),
            Self::Soa { mname, rname, serial, refresh, retry, expire, minimum } => {
                RData::SOA(SOA::new(mname.clone(), rname.clone(), *serial, *refresh, *retry, *expire, *minimum))
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), ZoneError> {
        let fits = match self {
            Self::Txt(texts) => !texts.is_empty() && texts.iter().all(|text| text.len() <= 255),
            Self::Caa { tag, .. } => (1..=255).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric()),
            Self::A(_) | Self::Aaaa(_) | Self::Cname(_) | Self::Ns(_) | Self::Soa { .. } => true,
        };
        if fits { Ok(()) } else { Err(ZoneError::BadData) }
    }
}

/// A record cannot be in a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// Not a domain name.
    #[error("{0:?} is not a domain name")]
    NotAName(String),
    /// The name is not below the zone's origin, or no zone is there for it.
    #[error("{0} is outside of the zone")]
    OutsideZone(Name),
    /// RFC 1034 §3.6.2: where a CNAME is, there is nothing else.
    #[error("{0} would have a CNAME beside other records, or two CNAMEs")]
    AliasNotAlone(Name),
    /// Only the origin has an SOA record.
    #[error("{0} is not the zone's origin and cannot have an SOA record")]
    SoaNotAtOrigin(Name),
    /// A text of TXT is longer than 255 bytes, there is none, or the tag of CAA is not letters and digits.
    #[error("the data does not fit its record type")]
    BadData,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct RecordSet {
    ttl_seconds: u32,
    data: Vec<RecordData>,
}

/// The records of a domain and everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    origin: Name,
    /// In canonical order, so that what is below a name follows it.
    names: BTreeMap<Name, BTreeMap<RecordType, RecordSet>>,
    /// What cannot be answered.
    failing: BTreeSet<Name>,
}

/// What a zone has to say about a name and a type.
#[derive(Debug)]
pub(super) enum Finding {
    Records(Vec<Record>),
    Alias(Box<Record>, Name),
    NoData,
    NoSuchName,
    Failure,
}

impl Zone {
    /// A zone with nothing but an SOA record, which lets negative answers be cached for 60 seconds.
    ///
    /// # Errors
    /// [`ZoneError::NotAName`] if `origin` is none.
    pub fn new(origin: &str) -> Result<Self, ZoneError> {
        let origin = parse_name(origin)?;
        let mut zone = Self { names: BTreeMap::new(), failing: BTreeSet::new(), origin: origin.clone() };
        let soa = RecordData::Soa {
            mname: prefixed("ns", &origin),
            rname: prefixed("hostmaster", &origin),
            serial: 1,
            refresh: 3600,
            retry: 600,
            expire: 604_800,
            minimum: 60,
        };
        zone.insert(origin, 60, vec![soa]);
        Ok(zone)
    }

    /// The name that the zone is about.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// All that the zone itself says of a name, by type; nothing if `name` is not in it.
    #[must_use]
    pub fn data_at(&self, name: &str) -> Vec<RecordData> {
        let sets = parse_name(name).ok().and_then(|name| self.names.get(&name));
        sets.into_iter().flat_map(BTreeMap::values).flat_map(|set| set.data.iter().cloned()).collect()
    }

    /// Adds a record beside those of the same name and type, all of which take its TTL (RFC 2181 §5.2). An SOA
    /// record replaces the present one.
    ///
    /// # Errors
    /// [`ZoneError`] if the record cannot be there.
    pub fn add(&mut self, name: &str, ttl_seconds: u32, data: RecordData) -> Result<(), ZoneError> {
        self.add_at(parse_name(name)?, ttl_seconds, data)
    }

    pub(super) fn add_at(&mut self, name: Name, ttl_seconds: u32, data: RecordData) -> Result<(), ZoneError> {
        let kind = data.record_type();
        let mut all = match self.names.get(&name).and_then(|sets| sets.get(&kind)) {
            Some(set) if kind != RecordType::SOA => set.data.clone(),
            Some(_) | None => Vec::new(),
        };
        if !all.contains(&data) {
            all.push(data);
        }
        self.check(&name, kind, &all)?;
        self.insert(name, ttl_seconds, all);
        Ok(())
    }

    /// Replaces all records of `name` that have the type of `data`.
    ///
    /// # Errors
    /// [`ZoneError`] if the records cannot be there, have different types, or there are none.
    pub fn set(&mut self, name: &str, ttl_seconds: u32, data: Vec<RecordData>) -> Result<(), ZoneError> {
        let name = parse_name(name)?;
        let kind = data.first().ok_or(ZoneError::BadData)?.record_type();
        self.check(&name, kind, &data)?;
        self.insert(name, ttl_seconds, data);
        Ok(())
    }

    /// Removes all records of `name`, except the zone's SOA; whether there were any.
    ///
    /// # Errors
    /// [`ZoneError::NotAName`].
    pub fn remove(&mut self, name: &str) -> Result<bool, ZoneError> {
        let name = parse_name(name)?;
        self.failing.remove(&name);
        let Some(sets) = self.names.get_mut(&name) else { return Ok(false) };
        let before = sets.len();
        sets.retain(|kind, _| *kind == RecordType::SOA);
        let removed = sets.len() < before;
        if sets.is_empty() {
            self.names.remove(&name);
        }
        Ok(removed)
    }

    /// Removes those records of `name` that are meant.
    pub(super) fn remove_at(&mut self, name: &Name, is_meant: impl Fn(&RecordData) -> bool) {
        let Some(sets) = self.names.get_mut(name) else { return };
        for set in sets.values_mut() {
            set.data.retain(|data| !is_meant(data));
        }
        sets.retain(|_, set| !set.data.is_empty());
        if sets.is_empty() {
            self.names.remove(name);
        }
    }

    /// Answers every question about this very name with SERVFAIL, until it gets records or loses them.
    ///
    /// # Errors
    /// [`ZoneError::NotAName`], [`ZoneError::OutsideZone`].
    pub fn fail(&mut self, name: &str) -> Result<(), ZoneError> {
        let name = parse_name(name)?;
        if !self.origin.zone_of(&name) {
            return Err(ZoneError::OutsideZone(name));
        }
        self.failing.insert(name);
        Ok(())
    }

    fn check(&self, name: &Name, kind: RecordType, data: &[RecordData]) -> Result<(), ZoneError> {
        if !self.origin.zone_of(name) {
            return Err(ZoneError::OutsideZone(name.clone()));
        }
        if kind == RecordType::SOA && *name != self.origin {
            return Err(ZoneError::SoaNotAtOrigin(name.clone()));
        }
        data.iter().try_for_each(RecordData::check)?;
        if data.iter().any(|one| one.record_type() != kind) {
            return Err(ZoneError::BadData);
        }
        let alias_clashes = self.names.get(name).is_some_and(|sets| {
            sets.keys().any(|other| *other != kind && (kind == RecordType::CNAME || *other == RecordType::CNAME))
        });
        if alias_clashes || (kind == RecordType::CNAME && data.len() > 1) {
            return Err(ZoneError::AliasNotAlone(name.clone()));
        }
        Ok(())
    }

    fn insert(&mut self, name: Name, ttl_seconds: u32, data: Vec<RecordData>) {
        if let Some(kind) = data.first().map(RecordData::record_type) {
            self.failing.remove(&name);
            self.names.entry(name).or_default().insert(kind, RecordSet { ttl_seconds, data });
        }
    }

    /// What the zone says about `name`, which must be in lower case and inside of it.
    pub(super) fn find(&self, name: &Name, kind: RecordType) -> Finding {
        if self.failing.contains(name) {
            return Finding::Failure;
        }
        let sets = match self.names.get(name) {
            Some(sets) => sets,
            None if self.exists(name) => return Finding::NoData,
            None => match self.wildcard(name) {
                Some(sets) => sets,
                None => return Finding::NoSuchName,
            },
        };
        if let Some(set) = sets.get(&kind) {
            return Finding::Records(set.records(name));
        }
        if let Some(set) = sets.get(&RecordType::CNAME)
            && let [RecordData::Cname(target)] = &set.data[..]
            && let Some(record) = set.records(name).pop()
        {
            return Finding::Alias(Box::new(record), target.clone());
        }
        Finding::NoData
    }

    /// Whether the name itself or anything below it has records (RFC 8020).
    fn exists(&self, name: &Name) -> bool {
        self.names.range(name.clone()..).next().is_some_and(|(next, _)| name.zone_of(next))
    }

    /// RFC 4592 §3.3.1: the asterisk below the closest name that exists.
    fn wildcard(&self, name: &Name) -> Option<&BTreeMap<RecordType, RecordSet>> {
        let mut encloser = name.base_name();
        while !self.exists(&encloser) {
            if encloser == self.origin || encloser.is_root() {
                return None;
            }
            encloser = encloser.base_name();
        }
        self.names.get(&encloser.prepend_label("*").ok()?)
    }

    /// The SOA record as it goes with a negative answer (RFC 2308 §3).
    pub(super) fn negative(&self) -> Vec<Record> {
        let set = self.names.get(&self.origin).and_then(|sets| sets.get(&RecordType::SOA));
        let mut records = set.map(|set| set.records(&self.origin)).unwrap_or_default();
        for record in &mut records {
            if let RData::SOA(soa) = &record.data {
                record.ttl = record.ttl.min(soa.minimum);
            }
        }
        records
    }
}

impl RecordSet {
    fn records(&self, name: &Name) -> Vec<Record> {
        self.data.iter().map(|data| Record::from_rdata(name.clone(), self.ttl_seconds, data.to_wire())).collect()
    }
}

/// Reads an absolute name, with or without its final dot, into lower case.
pub(crate) fn parse_name(text: &str) -> Result<Name, ZoneError> {
    let mut name = Name::from_ascii(text).map_err(|_| ZoneError::NotAName(text.to_owned()))?;
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}

fn prefixed(label: &str, origin: &Name) -> Name {
    // An origin of 250 bytes has no room for the label.
    origin.prepend_label(label).unwrap_or_else(|_| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Zone {
        let mut zone = Zone::new("Example").unwrap();
        let address = RecordData::A(Ipv4Addr::LOCALHOST);
        zone.add("a.b.example.", 60, address.clone()).unwrap();
        zone.add("*.wild.example", 60, address).unwrap();
        zone.add("alias.example", 60, RecordData::Cname(parse_name("a.b.example").unwrap())).unwrap();
        zone
    }

    fn ask(name: &str, kind: RecordType) -> Finding {
        zone().find(&parse_name(name).unwrap(), kind)
    }

    #[test]
    fn names_that_exist_are_told_from_those_that_do_not() {
        assert!(matches!(ask("a.b.example", RecordType::A), Finding::Records(records) if records.len() == 1));
        assert!(matches!(ask("a.b.example", RecordType::AAAA), Finding::NoData));
        assert!(matches!(ask("b.example", RecordType::A), Finding::NoData));
        assert!(matches!(ask("c.example", RecordType::A), Finding::NoSuchName));
        assert!(matches!(ask("x.a.b.example", RecordType::A), Finding::NoSuchName));
        assert!(matches!(ask("alias.example", RecordType::A), Finding::Alias(..)));
        assert!(matches!(ask("alias.example", RecordType::CNAME), Finding::Records(_)));
    }

    #[test]
    fn wildcards_stand_for_what_does_not_exist() {
        let Finding::Records(records) = ask("x.y.wild.example", RecordType::A) else { panic!("the wildcard answers") };
        assert_eq!(records[0].name, parse_name("x.y.wild.example").unwrap());
        assert!(matches!(ask("wild.example", RecordType::A), Finding::NoData));
    }

    #[test]
    fn records_that_cannot_be_there_are_refused() {
        let mut zone = zone();
        let address = RecordData::A(Ipv4Addr::LOCALHOST);
        let outside = zone.add("a.test", 60, address.clone()).unwrap_err();
        assert!(matches!(outside, ZoneError::OutsideZone(_)));
        assert!(matches!(zone.add("alias.example", 60, address), Err(ZoneError::AliasNotAlone(_))));
        let second = RecordData::Cname(parse_name("c.example").unwrap());
        assert!(matches!(zone.add("alias.example", 60, second), Err(ZoneError::AliasNotAlone(_))));
        assert_eq!(zone.add("t.example", 60, RecordData::Txt(vec![vec![0; 256]])), Err(ZoneError::BadData));
        assert_eq!(zone.data_at("alias.example.").len(), 1);
        assert_eq!(zone.remove("alias.example"), Ok(true));
        assert_eq!(zone.remove("alias.example"), Ok(false));
    }
}
