//! `storage.nothing-left-behind` (L10, S8): when a program has ended of its own accord, none of the files is left that it
//! made only to work with.
//!
//! Those are temporary files and locks, by their names' ends `.tmp` and `.lock`. Whoever shares the disk may have removed them.
//! What a crash leaves is for the next start to remove, and is judged when that ends.

use std::sync::Arc;

use sim::{
    disk::OpenMode,
    trace::{DiskOperation, Ending, Event},
};

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::files::{FileName, Files},
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct NothingLeftBehind {
    files: Files,
    /// What is there for a while only, with the host that made it.
    made: Recent<FileName, Arc<str>>,
}

impl Default for NothingLeftBehind {
    fn default() -> Self {
        Self { files: Files::default(), made: Recent::new(KEPT_MAX) }
    }
}

impl Law for NothingLeftBehind {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let (Some(event), Some(host)) = (seen.event(), &seen.moment.host) else { return };
        self.files.observe(Some(host), event);
        if let Event::Disk { operation, path, mode, error: None, .. } = event {
            let file = self.files.name(host, path);
            let is_passing = [".tmp", ".lock"].iter().any(|end| path.ends_with(end));
            match operation {
                DiskOperation::Open if *mode == Some(OpenMode::CreateNew) && is_passing => {
                    self.made.insert(file, host.clone());
                }
                DiskOperation::Rename | DiskOperation::RemoveFile => {
                    self.made.remove(&file);
                }
                DiskOperation::Open
                | DiskOperation::Read
                | DiskOperation::Write
                | DiskOperation::Sync
                | DiskOperation::CreateDirectory
                | DiskOperation::RemoveDirectory
                | DiskOperation::List
                | DiskOperation::Restrict
                | DiskOperation::SyncDirectory
                | DiskOperation::Metadata => {}
            }
        }
        if let Event::HostEnded { ending: Ending::Finished } = event {
            verdict.exercise(seen.moment);
            for ((_, path), _) in self.made.iter().filter(|(_, owner)| *owner == host) {
                verdict.find(seen.moment, format!("{host} should leave nothing behind when it ends, but left {path}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::{
        disk::OpenMode,
        trace::{DiskOperation, Ending, Event},
    };

    use crate::oracles::testing::Story;

    const LAW: &str = "storage.nothing-left-behind";

    fn ended_after(operations: &[(DiskOperation, &str)]) -> Story {
        let mut story = Story::new();
        for (operation, path) in operations {
            let mode = (*operation == DiskOperation::Open).then_some(OpenMode::CreateNew);
            let event = Event::Disk {
                number: 0,
                operation: *operation,
                path: (*path).into(),
                to: None,
                mode,
                offset: None,
                access: None,
                bytes: Vec::new(),
                error: None,
            };
            story.event(Some("manager"), event);
        }
        story.event(Some("manager"), Event::HostEnded { ending: Ending::Finished });
        story
    }

    #[test]
    fn renamed_and_removed_files_are_not_left_and_others_are_not_temporary() {
        use DiskOperation::{Open, RemoveFile, Rename};
        let operations = [(Open, "/a.tmp"), (Rename, "/a.tmp"), (Open, "/b.tmp"), (RemoveFile, "/b.tmp"), (Open, "/c")];
        ended_after(&operations).keeps(LAW);
    }

    #[test]
    fn a_temporary_file_or_a_lock_that_is_left_is_found() {
        for path in ["/a.tmp", "/a.1.lock"] {
            ended_after(&[(DiskOperation::Open, path)]).breaks(LAW, &format!("but left {path}"));
        }
    }
}
