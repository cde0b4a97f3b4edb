//! [`ZoneHandle`]: the zones of a server, which may be changed while it runs.

use std::sync::{Arc, Mutex, PoisonError};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Name, Record, RecordType},
};

use super::{
    ALIASES_MAX,
    server::{AnswerSource, Carrier, respond},
    update::{self, Change},
    zone::{Finding, RecordData, Zone, ZoneError, parse_name},
};

/// The zones that a [`DnsServer`](super::DnsServer) answers from. All clones are the same zones; changes count
/// from the next question on.
#[derive(Clone, Debug, Default)]
pub struct ZoneHandle(Arc<Mutex<Vec<Zone>>>);

/// What goes into a response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: ResponseCode,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
}

impl ZoneHandle {
    /// Zones to serve.
    #[must_use]
    pub fn new(zones: Vec<Zone>) -> Self {
        Self(Arc::new(Mutex::new(zones)))
    }

    /// The response to a message that came over TCP, `None` if it deserves none: for whoever has no
    /// [`DnsServer`](super::DnsServer) between.
    #[must_use]
    pub fn respond(&self, message: &[u8]) -> Option<Vec<u8>> {
        respond(message, self, Carrier::Stream)
    }

    /// Changes the zones in one step.
    pub fn update<T>(&self, change: impl FnOnce(&mut Vec<Zone>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces all records of `name` that have the type of `data`, in the zone that the name is in.
    ///
    /// # Errors
    /// As [`Zone::set`]; [`ZoneError::OutsideZone`] if no zone has the name.
    pub fn set(&self, name: &str, ttl_seconds: u32, data: Vec<RecordData>) -> Result<(), ZoneError> {
        self.in_zone_of(name, |zone| zone.set(name, ttl_seconds, data))
    }

    /// Removes all records of `name`; whether there were any.
    ///
    /// # Errors
    /// As [`Zone::remove`]; [`ZoneError::OutsideZone`] if no zone has the name.
    pub fn remove(&self, name: &str) -> Result<bool, ZoneError> {
        self.in_zone_of(name, |zone| zone.remove(name))
    }

    /// Answers every question about this very name with SERVFAIL, until it gets records or loses them.
    ///
    /// # Errors
    /// As [`Zone::fail`]; [`ZoneError::OutsideZone`] if no zone has the name.
    pub fn fail(&self, name: &str) -> Result<(), ZoneError> {
        self.in_zone_of(name, |zone| zone.fail(name))
    }

    fn in_zone_of<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Zone) -> Result<T, ZoneError>,
    ) -> Result<T, ZoneError> {
        let parsed = parse_name(name)?;
        self.update(|zones| match closest(zones, &parsed) {
            Some(index) => change(&mut zones[index]),
            None => Err(ZoneError::OutsideZone(parsed)),
        })
    }
}

impl AnswerSource for ZoneHandle {
    /// Aliases are followed as far as these zones go (RFC 1034 §4.3.2).
    fn answer(&self, name: &Name, kind: RecordType) -> Answer {
        self.update(|zones| {
            let mut answer = Answer { code: ResponseCode::NoError, answers: Vec::new(), authorities: Vec::new() };
            let mut name = name.to_lowercase();
            for _ in 0..=ALIASES_MAX {
                let Some(zone) = closest(zones, &name).map(|index| &zones[index]) else {
                    if answer.answers.is_empty() {
                        answer.code = ResponseCode::Refused;
                    }
                    return answer;
                };
                match zone.find(&name, kind) {
                    Finding::Records(mut records) => {
                        answer.answers.append(&mut records);
                        return answer;
                    }
                    Finding::Alias(record, target) => {
                        answer.answers.push(*record);
                        name = target.to_lowercase();
                    }
                    Finding::NoData => {
                        answer.authorities = zone.negative();
                        return answer;
                    }
                    Finding::Failure => {
                        answer.code = ResponseCode::ServFail;
                        return answer;
                    }
                    Finding::NoSuchName => {
                        answer.code = ResponseCode::NXDomain;
                        answer.authorities = zone.negative();
                        return answer;
                    }
                }
            }
            answer
        })
    }

    fn change(&self, request: &Message) -> ResponseCode {
        let (origin, changes) = match update::read(request) {
            Ok(read) => read,
            Err(code) => return code,
        };
        self.update(|zones| {
            let Some(zone) = zones.iter_mut().find(|zone| *zone.origin() == origin) else {
                return ResponseCode::NotAuth;
            };
            let mut changed = zone.clone();
            for change in changes {
                let made = match change {
                    Change::Add(name, ttl_seconds, data) => changed.add_at(name, ttl_seconds, data),
                    Change::Remove(name, data) => {
                        changed.remove_at(&name, |known| *known == data);
                        Ok(())
                    }
                    Change::RemoveAll(name) => {
                        changed.remove_at(&name, |known| matches!(known, RecordData::Txt(_)));
                        Ok(())
                    }
                };
                if made.is_err() {
                    return ResponseCode::Refused;
                }
            }
            *zone = changed;
            ResponseCode::NoError
        })
    }
}

/// The zone with the longest origin that `name` is in.
fn closest(zones: &[Zone], name: &Name) -> Option<usize> {
    let holds =
        |(index, zone): (usize, &Zone)| zone.origin().zone_of(name).then(|| (zone.origin().num_labels(), index));
    zones.iter().enumerate().filter_map(holds).max().map(|(_, index)| index)
}
