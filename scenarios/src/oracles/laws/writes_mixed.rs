//! `storage.writes-mixed`: a milestone, two hosts' writes to one file in place, and something of both stays.
//!
//! Both have emptied the file, both write it from its beginning, and the shorter text comes last: behind its end
//! stays the end of the longer one. For JSON that is a `}` too many.

use std::{collections::BTreeMap, sync::Arc};

use sim::{
    disk::OpenMode,
    trace::{DiskOperation, Event},
};

use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::files::{FileName, Files},
};

/// The milestone.
#[derive(Debug, Default)]
pub(crate) struct WritesMixed {
    /// Only for which file it is: a mounted one is the same to all hosts.
    files: Files,
    /// Who wrote furthest since the file was emptied, and how far.
    furthest: BTreeMap<FileName, (Arc<str>, u64)>,
}

impl Law for WritesMixed {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let (Some(event), Some(host)) = (seen.event(), &seen.moment.host) else { return };
        if let Event::DiskMounted { .. } = event {
            self.files.observe(Some(host), event);
        }
        let Event::Disk { operation, path, to, mode, offset, bytes, error: None, .. } = event else { return };
        let name = self.files.name(host, path);
        match operation {
            DiskOperation::Open if *mode == Some(OpenMode::Overwrite) => {}
            DiskOperation::Open | DiskOperation::RemoveFile => drop(self.furthest.remove(&name)),
            DiskOperation::Write => {
                let end = offset.unwrap_or_default() + bytes.len() as u64;
                match self.furthest.get(&name) {
                    Some((other, reached)) if other != host && *reached > end => verdict.exercise(seen.moment),
                    Some((_, reached)) if *reached > end => {}
                    Some(_) | None => drop(self.furthest.insert(name, (host.clone(), end))),
                }
            }
            DiskOperation::Rename => {
                self.furthest.remove(&name);
                self.furthest.remove(&self.files.name(host, to.as_deref().unwrap_or_default()));
            }
            DiskOperation::Read
            | DiskOperation::Sync
            | DiskOperation::RemoveDirectory
            | DiskOperation::CreateDirectory
            | DiskOperation::List
            | DiskOperation::Restrict
            | DiskOperation::SyncDirectory
            | DiskOperation::Metadata => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::{
        disk::OpenMode,
        trace::{DiskOperation, Event},
    };

    use crate::oracles::testing::Story;

    /// How often it happened after these texts were written, by one host each, to a file that both emptied before.
    fn mixed(first: &str, second: &str) -> u64 {
        let event = |operation, mode, bytes: &str| {
            let (path, bytes) = ("/s/a.json".to_owned(), bytes.as_bytes().to_vec());
            let offset = (operation == DiskOperation::Write).then_some(0);
            Event::Disk { number: 0, operation, path, to: None, mode, access: None, offset, bytes, error: None }
        };
        let mut story = Story::new();
        for host in ["manager", "node2"] {
            story.event(Some(host), Event::DiskMounted { disk: "nfs".into() });
        }
        for host in ["manager", "node2"] {
            story.event(Some(host), event(DiskOperation::Open, Some(OpenMode::Truncate), ""));
        }
        story.event(Some("manager"), event(DiskOperation::Write, None, first));
        story.event(Some("node2"), event(DiskOperation::Write, None, second));
        story.verdict("storage.writes-mixed").exercised().total()
    }

    #[test]
    fn the_end_of_a_longer_text_stays_after_a_shorter_one_and_not_the_other_way_round() {
        assert_eq!(mixed("{\"a\":10}", "{\"a\":1}"), 1);
        assert_eq!(mixed("{\"a\":1}", "{\"a\":10}"), 0);
    }
}
