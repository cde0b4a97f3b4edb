//! `nodes.serve-newest` (L7): every host on a disk serves the newest certificate that the disk has held for long enough.
//!
//! A certificate is stored once a directory holds it together with its key. Of two, the newer is the one that begins later. One
//! that is not valid yet need not be served.

use std::{sync::Arc, time::Duration};

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        certificate::{Certificate, PemFile},
        files::{FileName, Files},
        identifier::{Identifiers, show},
        visit::Visit,
    },
    recent::Recent,
};

const WITHIN: Duration = Duration::from_secs(2 * 3_600);

/// The law.
#[derive(Debug)]
pub(crate) struct ServesNewest {
    within: Duration,
    files: Files,
    /// The newest that a disk has held, and the newest that it has held for long enough.
    stored: Recent<(Arc<str>, Identifiers), Stored>,
}

#[derive(Debug)]
struct Stored {
    newest: Certificate,
    since_ns: u64,
    former: Option<Certificate>,
}

impl ServesNewest {
    pub(crate) fn new(settings: Settings) -> Self {
        let within = settings.within.unwrap_or(WITHIN);
        Self { within, files: Files::default(), stored: Recent::new(KEPT_MAX) }
    }
}

impl Law for ServesNewest {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(event) = seen.event() {
            if let Some(directory) = self.files.observe(seen.moment.host.as_ref(), event) {
                self.store(&directory, seen.moment.at_ns);
            }
        } else if let Some(visit) = seen.visit().filter(|visit| !visit.is_validation) {
            self.judge(visit, seen.moment, verdict);
        }
    }
}

impl ServesNewest {
    fn store(&mut self, directory: &FileName, now_ns: u64) {
        let read: Vec<&PemFile> = self.files.in_directory(directory).filter_map(|(_, file)| file.pem()).collect();
        for leaf in read.iter().filter_map(|file| file.certificates.first()) {
            if !read.iter().any(|file| file.public_key.as_ref() == Some(&leaf.public_key)) {
                continue;
            }
            let key = (directory.0.clone(), leaf.names.clone());
            match self.stored.get_mut(&key) {
                Some(known) if known.newest.not_before_s >= leaf.not_before_s => {}
                Some(known) => {
                    let former = std::mem::replace(&mut known.newest, leaf.clone());
                    (known.former, known.since_ns) = (Some(former), now_ns);
                }
                None => {
                    self.stored.insert(key, Stored { newest: leaf.clone(), since_ns: now_ns, former: None });
                }
            }
        }
    }

    fn judge(&self, visit: &Visit, moment: &Moment, verdict: &mut Verdict) {
        let (Some(leaf), Some(server), Some(now_s)) = (&visit.leaf, &visit.server, moment.utc_s) else { return };
        let disk = self.files.name(server, "").0;
        let Some(stored) = self.stored.get(&(disk, leaf.names.clone())) else { return };
        let age = Duration::from_nanos(moment.at_ns.saturating_sub(stored.since_ns));
        let expected = if age > self.within { Some(&stored.newest) } else { stored.former.as_ref() };
        let Some(expected) = expected.filter(|expected| expected.not_before_s <= now_s) else { return };
        verdict.exercise(moment);
        if leaf.not_before_s < expected.not_before_s {
            let (names, age, (served, newest)) = (show(&leaf.names), in_words(age), (&leaf.serial, &expected.serial));
            verdict.find(
                moment,
                format!(
                    "{server} should serve {newest} for {names}, which its disk has held for {age}, but serves {served}"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "nodes.serve-newest";

    #[test]
    fn a_certificate_that_the_disk_has_long_had_a_newer_one_for_is_found() {
        let mut story = Story::new();
        let issued = |story: &Story| Issued::new(&["a.test"], story.now_s(), story.now_s() + 864_000);
        let first = issued(&story);
        story.write_file("/s/a.pem", &(first.key_pem.clone() + &first.pem));
        story.wait_days(5);
        let second = issued(&story);
        story.write_file("/s/a.pem", &(second.key_pem.clone() + &second.pem));
        story.wait(7_200);
        story.visit("a.test", &first);
        story.wait(100);
        story.visit("a.test", &second);
        story.keeps(LAW);
        story.visit("a.test", &first);
        story.breaks(LAW, "which its disk has held for 2h 1m");
    }
}
