//! `manager.active-pair-matches` (M2): a certificate and its private key, on disk and as served, belong together.
//!
//! On disk, a pair is one file with both, or `x.crt`, `x.pem` or `x.cer` next to `x.key`, or the only
//! certificate file next to the only key file of a directory; what was put aside as `.bad` is no file of a pair. Between two
//! writes a pair may differ for a moment; what differs for a minute, or at the end, is found. As served, a visitor's TLS
//! library finds out: the handshake's signature doesn't verify.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sim::trace::{Ending, Event};

use crate::oracles::{
    law::{Law, Moment, Seen, Verdict},
    reader::{
        certificate::PemFile,
        files::{FileName, Files},
    },
};

const GRACE: Duration = Duration::from_secs(60);

/// The law.
#[derive(Debug, Default)]
pub(crate) struct ActivePairMatches {
    files: Files,
    /// Pairs that differ, by host and certificate file.
    differing: BTreeMap<FileName, Differing>,
    /// Hosts that are down. Nobody there can mend anything: for what differs there time begins when they start.
    down: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
struct Differing {
    key_path: String,
    since: Moment,
    is_found: bool,
}

impl Law for ActivePairMatches {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.find_lasting(seen.moment, verdict);
        if let Some(event) = seen.event() {
            let host = seen.moment.host.as_ref();
            if let (Event::HostStarted { .. }, Some(host)) = (event, host) {
                self.down.remove(host);
                let own = self.differing.iter_mut().filter(|((owner, _), _)| owner == host);
                own.for_each(|(_, differing)| differing.since = seen.moment.clone());
            } else if let (Event::HostEnded { .. }, Some(host)) = (event, host) {
                self.down.insert(host.clone());
                if matches!(event, Event::HostEnded { ending: Ending::PowerLost }) {
                    // What is on its disk now is not known.
                    self.differing.retain(|(owner, _), _| owner != host);
                }
            }
            if let Some(directory) = self.files.observe(host, event) {
                self.compare(&directory, seen.moment, verdict);
            }
        } else if let Some(visit) = seen.visit().filter(|visit| !visit.is_validation) {
            verdict.exercise(seen.moment);
            if let Some(failure) = visit.failure.as_ref().filter(|failure| failure.reason.contains("BadSignature")) {
                let name = &visit.name;
                verdict.find(
                    seen.moment,
                    format!("{name} should be served with its certificate's own key, but: {}", failure.reason),
                );
            }
        }
    }

    fn finish(&mut self, end: &Moment, verdict: &mut Verdict) {
        for (name, differing) in self.differing.iter_mut().filter(|((owner, _), _)| !self.down.contains(owner)) {
            differing.find(name, end, verdict);
        }
    }
}

impl Differing {
    fn find(&mut self, (host, path): &FileName, moment: &Moment, verdict: &mut Verdict) {
        if !std::mem::replace(&mut self.is_found, true) {
            let at = Moment { host: Some(host.clone()), ..moment.clone() };
            verdict.find(&at, format!("{path} should hold the public key of {}, but holds another", self.key_path));
        }
    }
}

impl ActivePairMatches {
    fn find_lasting(&mut self, moment: &Moment, verdict: &mut Verdict) {
        for (name, differing) in self.differing.iter_mut().filter(|((owner, _), _)| !self.down.contains(owner)) {
            if u128::from(moment.at_ns.saturating_sub(differing.since.at_ns)) > GRACE.as_nanos() {
                differing.find(name, moment, verdict);
            }
        }
    }

    fn compare(&mut self, directory: &FileName, moment: &Moment, verdict: &mut Verdict) {
        let read: Vec<(&str, &PemFile)> =
            (self.files.in_directory(directory).filter(|(path, _)| !path.ends_with(".bad")))
                .filter_map(|(path, file)| Some((path, file.pem()?)))
                .collect();
        let keys: Vec<&(&str, &PemFile)> = read.iter().filter(|(_, file)| file.public_key.is_some()).collect();
        let certificates: Vec<&(&str, &PemFile)> =
            read.iter().filter(|(_, file)| !file.certificates.is_empty()).collect();
        for (path, file) in &certificates {
            let name = (directory.0.clone(), (*path).to_owned());
            let partner = keys.iter().find(|(key_path, _)| key_path == path).or_else(|| {
                let is_alone = certificates.len() == 1 && keys.len() == 1;
                keys.iter().find(|(key_path, _)| is_alone || is_key_of(key_path, path))
            });
            let Some((key_path, key)) = partner else {
                self.differing.remove(&name);
                continue;
            };
            verdict.exercise(moment);
            if key.public_key.as_ref() == file.certificates.first().map(|leaf| &leaf.public_key) {
                self.differing.remove(&name);
            } else {
                let differing = Differing { key_path: (*key_path).to_owned(), since: moment.clone(), is_found: false };
                self.differing.entry(name).or_insert(differing);
            }
        }
        let is_gone = |path: &str| !certificates.iter().any(|(known, _)| *known == path);
        self.differing.retain(|(host, path), _| {
            let is_here =
                *host == directory.0 && path.rsplit_once('/').is_some_and(|(parent, _)| parent == directory.1);
            !(is_here && is_gone(path))
        });
    }
}

fn is_key_of(key_path: &str, certificate_path: &str) -> bool {
    let stem = certificate_path.rsplit_once('.').filter(|(_, ending)| ["crt", "pem", "cer"].contains(ending));
    stem.is_some_and(|(stem, _)| key_path.strip_suffix(".key") == Some(stem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Issued, Story};
    use sim::trace::DiskOperation;

    const LAW: &str = "manager.active-pair-matches";

    fn issued() -> Issued {
        Issued::new(&["a.test"], 0, 4_000_000_000)
    }

    #[test]
    fn a_pair_may_differ_between_two_writes_but_not_for_long() {
        let (old, new) = (issued(), issued());
        let mut story = Story::new();
        story.write_file("/s/a.key", &old.key_pem);
        story.write_file("/s/a.crt", &old.pem);
        story.write_file("/s/b.key", &new.key_pem);
        story.wait(100);
        story.write_file("/s/a.key", &new.key_pem);
        story.wait(1);
        story.write_file("/s/a.crt", &new.pem);
        story.wait(100);
        story.keeps(LAW);
        story.write_file("/s/a.crt", &old.pem);
        story.breaks(LAW, "/s/a.crt should hold the public key of /s/a.key");
    }

    #[test]
    fn a_crash_between_the_writes_is_found_once_nobody_mends_it() {
        let (old, new) = (issued(), issued());
        let mut story = Story::new();
        story.write_file("/s/cert.pem", &old.pem);
        story.write_file("/s/privkey.pem", &old.key_pem);
        story.write_file("/s/privkey.pem", &new.key_pem);
        story.kill("manager");
        story.wait(3_600);
        story.keeps(LAW);
        story.start("manager");
        story.wait(90);
        story.event(Some("manager"), Event::probe("x"));
        story.breaks(LAW, "/s/cert.pem");
    }

    #[test]
    fn what_is_spoiled_while_the_host_is_down_is_to_be_mended_once_it_is_up() {
        let (own, other) = (issued(), issued());
        for is_mended in [true, false] {
            let mut story = Story::new();
            story.write_file("/s/a.crt", &own.pem);
            story.write_file("/s/a.key", &own.key_pem);
            story.kill("manager");
            let content = Some(other.key_pem.clone().into_bytes());
            story.event(Some("manager"), Event::DiskDamaged { path: "/s/a.key".into(), content });
            story.wait(300);
            story.start("manager");
            if is_mended {
                story.write_file("/s/a.key", &own.key_pem);
            }
            story.wait(90);
            story.event(Some("manager"), Event::probe("x"));
            if is_mended {
                story.keeps(LAW);
            } else {
                story.breaks(LAW, "/s/a.crt should hold the public key of /s/a.key");
            }
        }
    }

    #[test]
    fn what_a_power_cut_may_have_undone_is_not_held_against_anybody() {
        let (old, new) = (issued(), issued());
        let mut story = Story::new();
        story.write_file("/s/a.crt", &old.pem);
        story.write_file("/s/a.key", &old.key_pem);
        story.write_file("/s/a.crt", &new.pem);
        story.event(Some("manager"), Event::HostEnded { ending: Ending::PowerLost });
        story.start("manager");
        story.wait(90);
        story.event(Some("manager"), Event::probe("x"));
        story.keeps(LAW);
    }

    #[test]
    fn one_file_with_another_certificates_key_is_found() {
        let (one, other) = (issued(), issued());
        let mut story = Story::new();
        story.write_file("/s/x.tmp", &(one.key_pem.clone() + &other.pem));
        story.disk(DiskOperation::Rename, "/s/x.tmp", Some("/s/a.pem"), "");
        story.breaks(LAW, "/s/a.pem");
    }

    #[test]
    fn a_wrong_signature_in_a_handshake_is_found() {
        let certificate = issued();
        let mut story = Story::new();
        story.visit("a.test", &certificate);
        story.keeps(LAW);
        story.visit_fails("a.test", "invalid peer certificate: BadSignature", Some(&certificate));
        story.breaks(LAW, "own key");
    }

    #[test]
    fn what_is_found_is_the_host_whose_disk_it_is_on() {
        let mut story = Story::new();
        story.write_file("/s/a.pem", &(issued().key_pem + &issued().pem));
        assert_eq!(story.accused(LAW), [Some("manager".to_owned())], "at the end");
        story.wait(90);
        story.event(Some("visitor"), Event::probe("x"));
        assert_eq!(story.accused(LAW), [Some("manager".to_owned())], "when something happens elsewhere");
    }
}
