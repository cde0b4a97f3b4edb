//! `manager.heals-storage` (L6): what was damaged of a name's or an account's files is replaced by something good in time.
//!
//! Judged are certificate files, account keys and the JSON beside them. A certificate file is good again if it holds a
//! certificate for the same names and that certificate's key; a key file, if it holds a key; JSON, if it parses. The time runs while the host
//! is up, and anew with each start.

use std::{collections::BTreeMap, sync::Arc};

use sim::trace::Event;

use super::files_parse::is_whole;
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        files::{File, FileName, Files},
        identifier::Identifiers,
    },
};

/// The law.
#[derive(Debug)]
pub(crate) struct HealsStorage {
    files: Files,
    within: std::time::Duration,
    down: BTreeMap<Arc<str>, bool>,
    damaged: BTreeMap<FileName, Damaged>,
}

#[derive(Debug)]
struct Damaged {
    host: Arc<str>,
    /// The names of the certificate that it held; none if it held none.
    names: Option<Identifiers>,
    deadline_ns: u64,
}

impl HealsStorage {
    pub(crate) fn new(settings: Settings) -> Self {
        let (files, within) = (Files::default(), settings.within.unwrap_or(std::time::Duration::from_secs(3_600)));
        Self { files, within, down: BTreeMap::new(), damaged: BTreeMap::new() }
    }

    fn deadline_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add(u64::try_from(self.within.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The names of the certificate in a file with its key.
    fn names(&self, file: &FileName) -> Option<Identifiers> {
        let pem = self.files.content(file)?.pem()?;
        let leaf = pem.certificates.first()?;
        (pem.public_key.as_ref() == Some(&leaf.public_key)).then(|| leaf.names.clone())
    }

    fn is_judged(&self, file: &FileName) -> bool {
        let Some((directory, _)) = file.1.rsplit_once('/') else { return false };
        let directory = (file.0.clone(), directory.to_owned());
        let has_key = |file: &File| file.pem().is_some_and(|pem| pem.has_private_key);
        self.files.content(file).is_some_and(has_key)
            || (file.1.ends_with(".json") && self.files.in_directory(&directory).any(|(_, content)| has_key(content)))
    }

    fn damage(&mut self, host: &Arc<str>, path: &str, moment: &Moment) {
        let file = self.files.name(host, path);
        if self.damaged.contains_key(&file) || !self.is_judged(&file) {
            return;
        }
        let is_down = self.down.get(host) == Some(&true);
        let deadline_ns = if is_down { u64::MAX } else { self.deadline_ns(moment.at_ns) };
        let names = self.names(&file);
        self.damaged.insert(file, Damaged { host: host.clone(), names, deadline_ns });
    }

    fn judge(&mut self, moment: &Moment, verdict: &mut Verdict) {
        let within = in_words(self.within);
        for ((_, path), damaged) in self.damaged.extract_if(.., |_, damaged| damaged.deadline_ns < moment.at_ns) {
            let at = Moment { host: Some(damaged.host), ..moment.clone() };
            verdict.exercise(&at);
            verdict.find(&at, format!("{path} was damaged and should be good again within {within}, but is not"));
        }
    }
}

impl Law for HealsStorage {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        let (Some(event), Some(host)) = (seen.event(), &seen.moment.host) else { return };
        if let Event::HostStarted { .. } | Event::HostEnded { .. } = event {
            let is_down = matches!(event, Event::HostEnded { .. });
            self.down.insert(host.clone(), is_down);
            let deadline_ns = if is_down { u64::MAX } else { self.deadline_ns(seen.moment.at_ns) };
            let own = self.damaged.values_mut().filter(|damaged| damaged.host == *host);
            own.for_each(|damaged| damaged.deadline_ns = deadline_ns);
        }
        if let Event::DiskDamaged { path, .. } = event {
            self.damage(host, path, seen.moment);
        }
        if self.files.observe(Some(host), event).is_none() || matches!(event, Event::DiskDamaged { .. }) {
            return;
        }
        let is_good = |(file, damaged): (&FileName, &Damaged)| match &damaged.names {
            Some(names) => self.names(file).as_ref() == Some(names),
            None => self.files.content(file).is_some_and(|content| is_whole(&file.1, content) == Some(true)),
        };
        let good: Vec<FileName> =
            self.damaged.iter().filter(|entry| is_good(*entry)).map(|(file, _)| file.clone()).collect();
        for file in good {
            self.damaged.remove(&file);
            verdict.exercise(seen.moment);
        }
    }

    fn finish(&mut self, end: &Moment, verdict: &mut Verdict) {
        self.judge(end, verdict);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "manager.heals-storage";

    fn set(name: &str) -> String {
        let certificate = Issued::new(&[name], 0, 4_000_000_000);
        certificate.key_pem + &certificate.pem
    }

    /// A story in which a.test has a set, and its file holds `content` now.
    fn damaged(content: Option<&str>) -> Story {
        let mut story = Story::new();
        story.write_file("/s/a.pem", &set("a.test"));
        story.write_file("/s/a.json", "{}");
        let content = content.map(|content| content.as_bytes().to_vec());
        story.event(Some("manager"), Event::DiskDamaged { path: "/s/a.pem".into(), content });
        story
    }

    #[test]
    fn what_is_replaced_in_time_is_healed() {
        let mut story = damaged(None);
        story.wait(3_000);
        story.write_file("/s/a.pem", &set("a.test"));
        story.wait(3_000);
        story.event(None, Event::probe("later"));
        story.keeps(LAW);
    }

    #[test]
    fn what_stays_missing_or_becomes_anothers_is_found() {
        for later in [None, Some(set("b.test"))] {
            let mut story = damaged(Some("}"));
            later.iter().for_each(|content| story.write_file("/s/a.pem", content));
            story.wait(3_700);
            story.event(None, Event::probe("later"));
            story.breaks(LAW, "/s/a.pem was damaged");
        }
    }

    #[test]
    fn an_account_key_is_to_be_a_key_again() {
        let mut story = Story::new();
        story.write_file("/s/user.key", &Issued::new(&["a.test"], 0, 4_000_000_000).key_pem);
        story.event(Some("manager"), Event::DiskDamaged { path: "/s/user.key".into(), content: None });
        story.wait(3_700);
        story.event(None, Event::probe("later"));
        story.breaks(LAW, "/s/user.key was damaged");
    }

    #[test]
    fn while_the_host_is_down_time_stands_still() {
        let mut story = damaged(Some(""));
        story.kill("manager");
        story.wait(100_000);
        story.start("manager");
        story.wait(60);
        story.write_file("/s/a.pem", &set("a.test"));
        story.keeps(LAW);
    }
}
