//! `storage.locks-exclusive` (M18): a lock on a shared storage has one holder at a time, and nobody removes another's.
//!
//! Who holds a lock tells so by a probe when it begins and when it ends. A holder's word holds for as long as it gives
//! signs of life, by writing to its lock's file: one that has not for a while may be followed by another. Which file is
//! whose is told by who wrote it last.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sim::trace::{DiskOperation, Event};

use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::files::{FileName, Files},
};

/// How long a holder is believed who gives no sign.
const BELIEVED: Duration = Duration::from_secs(30);
const SUFFIX: &str = ".lock";

/// The law.
#[derive(Debug)]
pub(crate) struct LocksExclusive {
    believed: Duration,
    /// Only for which file it is: a mounted one is the same to all hosts.
    files: Files,
    /// For each lock who holds it, and the number of the event since when.
    holders: BTreeMap<FileName, BTreeMap<Arc<str>, u64>>,
    /// For each lock's file who wrote it last, and when.
    signs: BTreeMap<FileName, (Arc<str>, u64)>,
}

impl LocksExclusive {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            believed: settings.within.unwrap_or(BELIEVED),
            files: Files::default(),
            holders: BTreeMap::new(),
            signs: BTreeMap::new(),
        }
    }

    /// Whether `host` has written to a file of the lock a short while ago.
    fn is_alive(&self, lock: &FileName, host: &str, now: &Moment) -> bool {
        let mut signs = self.signs.iter().filter(|(file, (writer, _))| is_of(file, lock) && &**writer == host);
        signs.any(|(_, (_, at_ns))| self.is_fresh(*at_ns, now))
    }

    fn is_fresh(&self, at_ns: u64, now: &Moment) -> bool {
        Duration::from_nanos(now.at_ns.saturating_sub(at_ns)) < self.believed
    }

    fn held(&mut self, lock: FileName, host: &Arc<str>, moment: &Moment, verdict: &mut Verdict) {
        verdict.exercise(moment);
        for (other, since) in self.holders.get(&lock).into_iter().flatten().filter(|(other, _)| *other != host) {
            if self.is_alive(&lock, other, moment) {
                let (path, believed) = (&lock.1, in_words(self.believed));
                verdict.find(
                    moment,
                    format!(
                        "{path} should have one holder, but {host} holds it while {other} does, which took it in event \
                         {since} and gave a sign of life less than {believed} ago"
                    ),
                );
            }
        }
        self.holders.entry(lock).or_default().insert(host.clone(), moment.number);
    }

    fn removed(&mut self, file: &FileName, host: &Arc<str>, moment: &Moment, verdict: &mut Verdict) {
        let Some((writer, at_ns)) = self.signs.remove(file) else { return };
        let is_held = self.holders.iter().any(|(lock, by)| is_of(file, lock) && by.contains_key(&writer));
        if writer != *host && is_held && self.is_fresh(at_ns, moment) {
            let path = &file.1;
            verdict.find(
                moment,
                format!("{path} should be for {writer} to remove, which holds it, but {host} removed it"),
            );
        }
    }

    fn forget(&mut self, host: &str, is_meant: impl Fn(&FileName) -> bool) {
        self.holders.retain(|lock, by| {
            if is_meant(lock) {
                by.remove(host);
            }
            !by.is_empty()
        });
    }
}

/// Whether a file belongs to a lock: its name is the lock's and more.
fn is_of(file: &FileName, lock: &FileName) -> bool {
    file.0 == lock.0 && file.1.strip_prefix(lock.1.as_str()).is_some_and(|rest| rest.starts_with('.'))
}

impl Law for LocksExclusive {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(ended) = seen.host_ended() {
            self.forget(ended, |_| true);
        }
        let (Some(event), Some(host)) = (seen.event(), &seen.moment.host) else { return };
        if let Event::DiskMounted { .. } = event {
            self.files.observe(Some(host), event);
        }
        if let Event::Probe { name, about } = event
            && let Some(lock) = about.get("lock")
        {
            let lock = self.files.name(host, lock);
            match name.as_str() {
                "manager/storage-lock-held" => self.held(lock, host, seen.moment, verdict),
                "manager/storage-lock-released" => self.forget(host, |known| *known == lock),
                _ => {}
            }
        }
        let Event::Disk { operation, path, error: None, .. } = event else { return };
        if !path.ends_with(SUFFIX) {
            return;
        }
        let file = self.files.name(host, path);
        if *operation == DiskOperation::Write {
            self.signs.insert(file, (host.clone(), seen.moment.at_ns));
        } else if *operation == DiskOperation::RemoveFile {
            self.removed(&file, host, seen.moment, verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sim::trace::{DiskOperation, Ending, Event};

    use crate::oracles::testing::Story;

    const LAW: &str = "storage.locks-exclusive";

    fn told(name: &str) -> Event {
        told_of("/s/a", name)
    }

    fn told_of(lock: &str, name: &str) -> Event {
        let about = BTreeMap::from([("lock".to_owned(), lock.to_owned())]);
        Event::Probe { name: format!("manager/storage-lock-{name}"), about }
    }

    fn disk(operation: DiskOperation, file: &str) -> Event {
        disk_at(operation, &format!("/s/a{file}.lock"))
    }

    fn disk_at(operation: DiskOperation, path: &str) -> Event {
        let path = path.to_owned();
        Event::Disk {
            number: 0,
            operation,
            path,
            to: None,
            mode: None,
            offset: None,
            access: None,
            bytes: vec![],
            error: None,
        }
    }

    /// The first node holds the lock and has just given a sign.
    fn held() -> Story {
        let mut story = Story::new();
        for host in ["one", "two"] {
            story.event(Some(host), Event::DiskMounted { disk: "nfs".into() });
        }
        story.event(Some("one"), disk(DiskOperation::Write, ".1"));
        story.event(Some("one"), told("held"));
        story
    }

    #[test]
    fn a_second_holder_is_found_while_the_first_gives_signs() {
        let mut story = held();
        story.event(Some("two"), told("held"));
        story.breaks(LAW, "two holds it while one does");
    }

    #[test]
    fn who_has_released_it_died_or_fallen_silent_may_be_followed() {
        let mut released = held();
        released.event(Some("one"), told("released"));
        let mut died = held();
        died.event(Some("one"), Event::HostEnded { ending: Ending::Killed });
        let mut silent = held();
        silent.wait(60);
        for mut story in [released, died, silent] {
            story.event(Some("two"), told("held"));
            story.keeps(LAW);
        }
    }

    #[test]
    fn a_file_is_for_its_living_writer_to_remove() {
        let mut story = held();
        story.event(Some("two"), disk(DiskOperation::RemoveFile, ".1"));
        story.breaks(LAW, "two removed it");
        let mut own = held();
        own.event(Some("one"), disk(DiskOperation::RemoveFile, ".1"));
        own.keeps(LAW);
    }

    #[test]
    fn a_sign_is_one_for_so_long_and_comes_from_the_holder_in_a_file_of_the_lock() {
        for (seconds, is_believed) in [(29, true), (30, false)] {
            let mut story = held();
            story.wait(seconds);
            story.event(Some("two"), told("held"));
            if is_believed { story.breaks(LAW, "two holds it while one does") } else { story.keeps(LAW) }
        }
        for (writer, path, is_sign) in [
            ("one", "/s/a.2.lock", true),
            ("two", "/s/a.2.lock", false),
            ("one", "/s/b.1.lock", false),
            ("one", "/s/ab.1.lock", false),
        ] {
            let mut story = held();
            story.wait(60);
            story.event(Some(writer), disk_at(DiskOperation::Write, path));
            story.event(Some("two"), told("held"));
            if is_sign { story.breaks(LAW, "two holds it while one does") } else { story.keeps(LAW) }
        }
    }

    #[test]
    fn the_file_of_one_who_only_waits_is_for_anybody_to_remove() {
        let mut story = held();
        story.event(Some("two"), disk(DiskOperation::Write, ".2"));
        story.event(Some("one"), disk(DiskOperation::RemoveFile, ".2"));
        story.keeps(LAW);
        story.event(Some("two"), told_of("/s/b", "held"));
        story.event(Some("two"), disk(DiskOperation::Write, ".2"));
        story.event(Some("one"), disk(DiskOperation::RemoveFile, ".2"));
        story.keeps(LAW);
    }

    #[test]
    fn who_releases_one_lock_still_holds_the_other() {
        let mut story = held();
        story.event(Some("one"), told_of("/s/b", "held"));
        story.event(Some("one"), told_of("/s/b", "released"));
        story.event(Some("two"), told_of("/s/b", "held"));
        story.keeps(LAW);
        story.event(Some("two"), told("held"));
        story.breaks(LAW, "/s/a should have one holder, but two holds it while one does");
    }
}
