//! The PEM files on hosts' disks, as far as the writes in the trace tell.
//!
//! A model, not the disk: an event names no offset, so a file's first write after it was opened
//! replaces its content and later ones add to it. After a power loss nothing is known until it is
//! written again. Files of other kinds are not kept.

use std::sync::Arc;

use sim::trace::{DiskOperation, Ending, Event};

use crate::oracles::recent::Recent;

const FILES_MAX: usize = 20_000;
const LEN_MAX: usize = 256 * 1024;

/// A host and an absolute path on its disk.
pub type FileName = (Arc<str>, String);

#[derive(Debug, Default)]
struct File {
    content: Vec<u8>,
    is_just_opened: bool,
}

/// Files that look like PEM.
#[derive(Debug)]
pub struct Files(Recent<FileName, File>);

impl Default for Files {
    fn default() -> Self {
        Self(Recent::new(FILES_MAX))
    }
}

impl Files {
    /// Takes in an event of `host` and names the directory whose files it may have changed.
    pub fn observe(&mut self, host: Option<&Arc<str>>, event: &Event) -> Option<FileName> {
        let host = host?;
        if let Event::HostEnded { ending: Ending::PowerLost } = event {
            self.0.retain(|(owner, _), _| owner != host);
            return None;
        }
        let Event::Disk { operation, path, to, bytes, error, .. } = event else { return None };
        let name = (host.clone(), path.clone());
        if error.is_some() {
            // How much of a failed write arrived is not told.
            return (*operation == DiskOperation::Write && self.0.remove(&name).is_some()).then(|| directory(&name));
        }
        match operation {
            DiskOperation::Open => {
                if let Some(file) = self.0.get_mut(&name) {
                    file.is_just_opened = true;
                }
                None
            }
            DiskOperation::Write => self.write(name, bytes),
            DiskOperation::Rename => self.rename(&name, to.as_deref()?),
            DiskOperation::RemoveFile => self.0.remove(&name).map(|_| directory(&name)),
            DiskOperation::Read
            | DiskOperation::Sync
            | DiskOperation::RemoveDirectory
            | DiskOperation::CreateDirectory
            | DiskOperation::List
            | DiskOperation::SyncDirectory
            | DiskOperation::Metadata => None,
        }
    }

    /// The files directly in a directory, by path.
    pub fn in_directory<'a>(&'a self, directory: &'a FileName) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let (host, path) = directory;
        self.0
            .iter()
            .filter(move |((owner, file), _)| {
                owner == host && file.rsplit_once('/').is_some_and(|(parent, _)| parent == path)
            })
            .map(|((_, file), content)| (file.as_str(), content.content.as_slice()))
    }

    fn write(&mut self, name: FileName, bytes: &[u8]) -> Option<FileName> {
        let known = self.0.get_mut(&name);
        let changed = directory(&name);
        match known {
            Some(file) if !file.is_just_opened => {
                let room = LEN_MAX.saturating_sub(file.content.len());
                file.content.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Some(_) | None if bytes.windows(11).any(|window| window == b"-----BEGIN ") => {
                let content = bytes[..bytes.len().min(LEN_MAX)].to_vec();
                self.0.insert(name, File { content, is_just_opened: false });
            }
            Some(_) => {
                self.0.remove(&name);
            }
            None => return None,
        }
        Some(changed)
    }

    /// Renames a file, or a directory with all that is below.
    fn rename(&mut self, from: &FileName, to: &str) -> Option<FileName> {
        let (host, path) = from;
        let to_name = (host.clone(), to.to_owned());
        if let Some(file) = self.0.remove(from) {
            self.0.insert(to_name.clone(), file);
            return Some(directory(&to_name));
        }
        if self.0.remove(&to_name).is_some() {
            return Some(directory(&to_name));
        }
        let below = format!("{path}/");
        let moved: Vec<FileName> = self
            .0
            .iter()
            .filter(|((owner, file), _)| owner == host && file.starts_with(&below))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &moved {
            if let Some(file) = self.0.remove(name) {
                self.0.insert((host.clone(), format!("{to}/{}", &name.1[below.len()..])), file);
            }
        }
        (!moved.is_empty()).then_some(to_name)
    }
}

fn directory((host, path): &FileName) -> FileName {
    (host.clone(), path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(operation: DiskOperation, path: &str, to: Option<&str>, bytes: &str) -> Event {
        Event::Disk {
            number: 1,
            operation,
            path: path.into(),
            to: to.map(Into::into),
            mode: None,
            offset: None,
            bytes: bytes.as_bytes().to_vec(),
            error: None,
        }
    }

    #[test]
    fn a_file_follows_its_renames_and_its_directorys() {
        let mut files = Files::default();
        let host: Arc<str> = "m".into();
        for event in [
            disk(DiskOperation::Open, "/s/new/a.tmp", None, ""),
            disk(DiskOperation::Write, "/s/new/a.tmp", None, "-----BEGIN X"),
            disk(DiskOperation::Write, "/s/new/a.tmp", None, "-----"),
            disk(DiskOperation::Rename, "/s/new/a.tmp", Some("/s/new/a.key"), ""),
            disk(DiskOperation::Rename, "/s/new", Some("/s/1"), ""),
        ] {
            files.observe(Some(&host), &event);
        }
        let directory = (host.clone(), "/s/1".to_owned());
        let found: Vec<_> = files.in_directory(&directory).collect();
        assert_eq!(found, [("/s/1/a.key", b"-----BEGIN X-----".as_slice())]);
        files.observe(Some(&host), &Event::HostEnded { ending: Ending::PowerLost });
        assert_eq!(files.in_directory(&directory).count(), 0);
    }
}
