//! `storage.nothing-left-behind` (L10, S8): when a program has ended of its own accord, none of the files is left that it
//! made only to work with.
//!
//! Those are temporary files, by their names' end `.tmp`. What a crash leaves is for the next start to remove, and is
//! judged when that ends.

use std::{collections::BTreeSet, sync::Arc};

use sim::trace::{DiskOperation, Ending, Event};

use super::KEPT_MAX;
use crate::oracles::law::{Law, Seen, Verdict};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct NothingLeftBehind {
    /// Host and path.
    temporary: BTreeSet<(Arc<str>, String)>,
}

impl Law for NothingLeftBehind {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let (Some(event), Some(host)) = (seen.event(), &seen.moment.host) else { return };
        if let Event::Disk { operation, path, error: None, .. } = event {
            let file = (host.clone(), path.clone());
            match operation {
                DiskOperation::Open if path.ends_with(".tmp") && self.temporary.len() < KEPT_MAX => {
                    self.temporary.insert(file);
                }
                DiskOperation::Rename | DiskOperation::RemoveFile => {
                    self.temporary.remove(&file);
                }
                DiskOperation::Open
                | DiskOperation::Read
                | DiskOperation::Write
                | DiskOperation::Sync
                | DiskOperation::CreateDirectory
                | DiskOperation::RemoveDirectory
                | DiskOperation::List
                | DiskOperation::SyncDirectory
                | DiskOperation::Metadata => {}
            }
        }
        if let Event::HostEnded { ending: Ending::Finished } = event {
            verdict.exercise(seen.moment);
            for (_, path) in self.temporary.iter().filter(|(owner, _)| owner == host) {
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
    fn a_temporary_file_that_is_left_is_found() {
        ended_after(&[(DiskOperation::Open, "/a.tmp")]).breaks(LAW, "but left /a.tmp");
    }
}
