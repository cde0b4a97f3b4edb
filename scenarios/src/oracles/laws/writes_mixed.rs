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

    /// One host's call upon the one file that both have mounted; a rename gives it away, or puts another in its place.
    struct Call(&'static str, DiskOperation, Option<OpenMode>, u64, &'static str);

    const LONG: &str = "{\"a\":10}";
    const SHORT: &str = "{\"a\":1}";

    fn write(host: &'static str, bytes: &'static str) -> Call {
        Call(host, DiskOperation::Write, None, 0, bytes)
    }

    /// How often it happened by these calls to a file that both hosts have emptied.
    fn mixed(calls: &[Call]) -> u64 {
        let mut story = Story::new();
        for host in ["manager", "node2"] {
            story.event(Some(host), Event::DiskMounted { disk: "nfs".into() });
        }
        let emptied = ["manager", "node2"].map(|host| Call(host, DiskOperation::Open, Some(OpenMode::Truncate), 0, ""));
        for Call(host, operation, mode, offset, bytes) in emptied.iter().chain(calls) {
            let [mut path, mut to] = ["/s/a.json", "/s/b.json"].map(str::to_owned);
            let is_replaced = *bytes == "from b";
            if is_replaced {
                std::mem::swap(&mut path, &mut to);
            }
            let to = (*operation == DiskOperation::Rename).then_some(to);
            let (operation, mode, offset, bytes) = (*operation, *mode, Some(*offset), bytes.as_bytes().to_vec());
            let access = None;
            story.event(
                Some(host),
                Event::Disk { number: 0, operation, path, to, mode, access, offset, bytes, error: None },
            );
        }
        story.verdict("storage.writes-mixed").exercised().total()
    }

    #[test]
    fn the_end_of_a_longer_text_stays_after_a_shorter_one_and_not_the_other_way_round() {
        assert_eq!(mixed(&[write("manager", LONG), write("node2", SHORT)]), 1);
        for (first, second) in [(("manager", SHORT), ("node2", LONG)), (("manager", LONG), ("node2", LONG))] {
            assert_eq!(mixed(&[write(first.0, first.1), write(second.0, second.1)]), 0);
        }
        assert_eq!(mixed(&[write("manager", LONG), write("manager", SHORT)]), 0, "they are one host's");
        let appended = Call("node2", DiskOperation::Write, None, 8, "}");
        assert_eq!(mixed(&[write("manager", LONG), appended]), 0, "it reaches as far");
        for first in [SHORT, LONG] {
            let calls = [write("manager", first), write("node2", LONG), write("manager", SHORT)];
            assert_eq!(mixed(&calls), 1, "whoever wrote as far last is the one whose end stays");
        }
    }

    #[test]
    fn what_a_host_wrote_furthest_counts_until_the_file_is_another() {
        for (operation, mode, bytes, expected) in [
            (DiskOperation::Open, Some(OpenMode::Overwrite), "", 1),
            (DiskOperation::Sync, None, "", 1),
            (DiskOperation::Write, None, SHORT, 1),
            (DiskOperation::Open, Some(OpenMode::Truncate), "", 0),
            (DiskOperation::RemoveFile, None, "", 0),
            (DiskOperation::Rename, None, "to b", 0),
            (DiskOperation::Rename, None, "from b", 0),
        ] {
            let between = Call("manager", operation, mode, 0, bytes);
            let calls = [write("manager", LONG), between, write("node2", SHORT)];
            assert_eq!(mixed(&calls), expected, "{operation:?} {mode:?} {bytes}");
        }
    }
}
