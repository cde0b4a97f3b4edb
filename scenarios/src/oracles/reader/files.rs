//! The files on hosts' disks, as far as the changes in the trace tell.
//!
//! A model, not the disk: an operation that failed changed nothing. After a power loss nothing is known of a
//! host's own disk until it is written again; a disk that several hosts mount keeps what it has.

use std::{collections::BTreeMap, sync::Arc};

use sim::{
    disk::OpenMode,
    trace::{DiskOperation, Ending, Event},
};

use crate::oracles::recent::Recent;

const FILES_MAX: usize = 20_000;
const LEN_MAX: usize = 256 * 1024;

/// A disk, by its host's name or by its own if several hosts mount it, and an absolute path on it.
pub type FileName = (Arc<str>, String);

/// What is known of files.
#[derive(Debug)]
pub struct Files {
    contents: Recent<FileName, Vec<u8>>,
    /// Disks that several hosts mount, by host.
    mounted: BTreeMap<Arc<str>, Arc<str>>,
}

impl Default for Files {
    fn default() -> Self {
        Self { contents: Recent::new(FILES_MAX), mounted: BTreeMap::new() }
    }
}

impl Files {
    /// The file at `path` as `host` sees it.
    #[must_use]
    pub fn name(&self, host: &Arc<str>, path: &str) -> FileName {
        (self.mounted.get(host).unwrap_or(host).clone(), path.to_owned())
    }

    /// What a file holds, if that is known.
    pub fn content(&self, name: &FileName) -> Option<&[u8]> {
        self.contents.get(name).map(Vec::as_slice)
    }

    /// Takes in an event of `host` and names the directory whose files it may have changed.
    pub fn observe(&mut self, host: Option<&Arc<str>>, event: &Event) -> Option<FileName> {
        let host = host?;
        if let Event::DiskMounted { disk } = event {
            self.mounted.insert(host.clone(), disk.as_str().into());
            return None;
        }
        if let Event::HostEnded { ending: Ending::PowerLost } = event {
            self.contents.retain(|(owner, _), _| owner != host);
            return None;
        }
        if let Event::DiskDamaged { path, content } = event {
            let name = self.name(host, path);
            match content {
                Some(content) => drop(self.contents.insert(name.clone(), content.clone())),
                None => drop(self.contents.remove(&name)),
            }
            return Some(directory(&name));
        }
        let Event::Disk { operation, path, to, mode, offset, bytes, error: None, .. } = event else { return None };
        let name = self.name(host, path);
        match operation {
            DiskOperation::Open if *mode == Some(OpenMode::Overwrite) => None,
            DiskOperation::Open => {
                self.contents.insert(name.clone(), Vec::new());
                Some(directory(&name))
            }
            DiskOperation::Write => self.write(&name, *offset, bytes),
            DiskOperation::Rename => self.rename(&name, to.as_deref()?),
            DiskOperation::RemoveFile => self.contents.remove(&name).map(|_| directory(&name)),
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
        let (disk, path) = directory;
        self.contents
            .iter()
            .filter(move |((owner, file), _)| {
                owner == disk && file.rsplit_once('/').is_some_and(|(parent, _)| parent == path)
            })
            .map(|((_, file), content)| (file.as_str(), content.as_slice()))
    }

    /// Writes to a file whose content is known.
    fn write(&mut self, name: &FileName, offset: Option<u64>, bytes: &[u8]) -> Option<FileName> {
        let content = self.contents.get_mut(name)?;
        let start = offset.map_or(content.len(), |offset| usize::try_from(offset).unwrap_or(LEN_MAX));
        let bytes = &bytes[..bytes.len().min(LEN_MAX.saturating_sub(start))];
        if !bytes.is_empty() {
            content.resize(content.len().max(start + bytes.len()), 0);
            content[start..start + bytes.len()].copy_from_slice(bytes);
        }
        Some(directory(name))
    }

    /// Renames a file, or a directory with all that is below.
    fn rename(&mut self, from: &FileName, to: &str) -> Option<FileName> {
        let (disk, path) = from;
        let to_name = (disk.clone(), to.to_owned());
        if let Some(file) = self.contents.remove(from) {
            self.contents.insert(to_name.clone(), file);
            return Some(directory(&to_name));
        }
        if self.contents.remove(&to_name).is_some() {
            return Some(directory(&to_name));
        }
        let below = format!("{path}/");
        let moved: Vec<FileName> = self
            .contents
            .iter()
            .filter(|((owner, file), _)| owner == disk && file.starts_with(&below))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &moved {
            if let Some(file) = self.contents.remove(name) {
                self.contents.insert((disk.clone(), format!("{to}/{}", &name.1[below.len()..])), file);
            }
        }
        (!moved.is_empty()).then_some(to_name)
    }
}

fn directory((disk, path): &FileName) -> FileName {
    (disk.clone(), path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned())
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
            access: None,
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
