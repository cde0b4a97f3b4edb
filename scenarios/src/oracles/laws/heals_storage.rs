//! `manager.heals-storage` (L6): what was damaged of a name's or an account's files is replaced by something good in time.
//!
//! Judged are certificates whose key lies in the same directory, keys, and the JSON beside them. A certificate's file is good again
//! if it holds one for the same names whose key is there; a certificate's key, if it is that of a certificate there, or has gone
//! out of use, or as long as no certificate there is known, the key that was damaged; another key, if it is one; JSON, if it parses.
//! The time runs while the host is up, and anew with each start.

use std::{collections::BTreeMap, sync::Arc};

use sim::trace::Event;

use super::files_parse::is_whole;
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        certificate::PemFile,
        files::{FileName, Files},
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
    held: Held,
    deadline_ns: u64,
}

/// What a file held before it was damaged.
#[derive(Debug, PartialEq, Eq)]
enum Held {
    /// A certificate for these names, whose key was in the directory.
    Certificate(Identifiers),
    /// The private key of a certificate in the directory, by its public half.
    KeyOf(Vec<u8>),
    /// Another key, or JSON.
    Other,
}

impl HealsStorage {
    pub(crate) fn new(settings: Settings) -> Self {
        let (files, within) = (Files::default(), settings.within.unwrap_or(std::time::Duration::from_secs(3_600)));
        Self { files, within, down: BTreeMap::new(), damaged: BTreeMap::new() }
    }

    fn deadline_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add(u64::try_from(self.within.as_nanos()).unwrap_or(u64::MAX))
    }

    /// What a file holds; `None` if that is nothing good.
    fn held(&self, file: &FileName) -> Option<Held> {
        let around = self.around(file);
        let content = self.files.content(file)?;
        if file.1.ends_with(".json") {
            let is_beside_a_key = around.iter().any(|pem| pem.has_private_key);
            return (is_beside_a_key && is_whole(&file.1, content) == Some(true)).then_some(Held::Other);
        }
        let pem = content.pem()?;
        if let Some(leaf) = pem.certificates.first() {
            let is_paired = around.iter().any(|other| other.public_key.as_ref() == Some(&leaf.public_key));
            return is_paired.then(|| Held::Certificate(leaf.names.clone()));
        }
        match &pem.public_key {
            Some(key) if certifies(&around, key) => Some(Held::KeyOf(key.clone())),
            Some(_) | None => pem.has_private_key.then_some(Held::Other),
        }
    }

    fn is_good(&self, file: &FileName, damaged: &Damaged) -> bool {
        let held = self.held(file);
        match (&damaged.held, &held) {
            (Held::KeyOf(_), Some(Held::KeyOf(_))) => true,
            (Held::KeyOf(key), _) => {
                let around = self.around(file);
                // After a power loss it is not known what the others hold.
                let knows_no_certificate = around.iter().all(|file| file.certificates.is_empty());
                let holds_it_again = || self.files.content(file)?.pem()?.public_key.as_ref().map(|held| held == key);
                if knows_no_certificate && holds_it_again() == Some(true) {
                    return true;
                }
                !certifies(&around, key)
                    && around.iter().any(|file| file.public_key.as_ref().is_some_and(|key| certifies(&around, key)))
            }
            (Held::Certificate(_) | Held::Other, _) => held.as_ref() == Some(&damaged.held),
        }
    }

    /// What PEM lies in a file's directory.
    fn around(&self, file: &FileName) -> Vec<&PemFile> {
        let directory = (file.0.clone(), file.1.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned());
        self.files.in_directory(&directory).filter_map(|(_, content)| content.pem()).collect()
    }

    fn damage(&mut self, host: &Arc<str>, path: &str, moment: &Moment) {
        let file = self.files.name(host, path);
        if self.damaged.contains_key(&file) {
            return;
        }
        let Some(held) = self.held(&file) else { return };
        let is_down = self.down.get(host) == Some(&true);
        let deadline_ns = if is_down { u64::MAX } else { self.deadline_ns(moment.at_ns) };
        self.damaged.insert(file, Damaged { host: host.clone(), held, deadline_ns });
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

/// Whether a leaf among `files` certifies the key.
fn certifies(files: &[&PemFile], public_key: &[u8]) -> bool {
    files.iter().filter_map(|file| file.certificates.first()).any(|leaf| leaf.public_key == public_key)
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
        let good = self.damaged.iter().filter(|(file, damaged)| self.is_good(file, damaged));
        let good: Vec<FileName> = good.map(|(file, _)| file.clone()).collect();
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
    use sim::trace::Ending;

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
    fn a_certificates_key_is_to_be_its_own_again_unless_it_is_out_of_use() {
        let [old, new, other] = [["a.test"]; 3].map(|names| Issued::new(&names, 0, 4_000_000_000));
        let story = |key_comes_back: bool, is_renewed: bool| {
            let mut story = Story::new();
            story.write_file("/s/a.crt", &old.pem);
            for path in ["/s/a.key", "/s/a.1.key"] {
                story.write_file(path, &old.key_pem);
            }
            let content = Some(other.key_pem.clone().into_bytes());
            story.event(Some("manager"), Event::DiskDamaged { path: "/s/a.1.key".into(), content });
            if key_comes_back {
                story.write_file("/s/a.1.key", &old.key_pem);
            }
            if is_renewed {
                story.write_file("/s/a.2.key", &new.key_pem);
                story.write_file("/s/a.crt", &new.pem);
            }
            story.wait(3_700);
            story.event(None, Event::probe("later"));
            story
        };
        story(true, false).keeps(LAW);
        story(false, true).keeps(LAW);
        story(false, false).breaks(LAW, "/s/a.1.key was damaged");
    }

    #[test]
    fn while_nothing_is_known_after_a_power_loss_the_same_key_is_good_and_another_is_not() {
        let [own, other] = [["a.test"]; 2].map(|names| Issued::new(&names, 0, 4_000_000_000));
        let story = |key: &str| {
            let mut story = Story::new();
            story.write_file("/s/a.crt", &own.pem);
            story.write_file("/s/a.key", &own.key_pem);
            let content = Some(b"x".to_vec());
            story.event(Some("manager"), Event::DiskDamaged { path: "/s/a.key".into(), content });
            story.event(Some("manager"), Event::HostEnded { ending: Ending::PowerLost });
            story.start("manager");
            story.write_file("/s/a.key", key);
            story.wait(3_700);
            story.event(None, Event::probe("later"));
            story
        };
        story(&own.key_pem).keeps(LAW);
        story(&other.key_pem).breaks(LAW, "/s/a.key was damaged");
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

    #[test]
    fn what_is_found_is_the_host_whose_file_it_is() {
        let mut story = damaged(None);
        story.wait(3_700);
        story.event(Some("visitor"), Event::probe("later"));
        assert_eq!(story.accused(LAW), [Some("manager".to_owned())]);
    }
}
