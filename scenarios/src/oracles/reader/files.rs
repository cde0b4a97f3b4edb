//! The files on hosts' disks, as far as the changes in the trace tell.
//!
//! A model, not the disk: an operation that failed changed nothing. After a power loss nothing is known of a
//! host's own disk until it is written again; a disk that several hosts mount keeps what it has.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use sim::{
    disk::OpenMode,
    trace::{DiskOperation, Ending, Event},
};

use super::certificate::{PemFile, read_pem};
use crate::oracles::recent::Recent;

const FILES_MAX: usize = 20_000;
const LEN_MAX: usize = 256 * 1024;

/// A disk, by its host's name or by its own if several hosts mount it, and an absolute path on it.
pub type FileName = (Arc<str>, String);

/// What a file holds.
#[derive(Debug, Default)]
pub struct File {
    bytes: Vec<u8>,
    /// What they are as PEM, once somebody has asked: files are looked at more often than they change.
    pem: OnceLock<Option<PemFile>>,
}

impl File {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, pem: OnceLock::new() }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The PEM in it; `None` if it is none.
    #[must_use]
    pub fn pem(&self) -> Option<&PemFile> {
        self.pem.get_or_init(|| read_pem(&self.bytes)).as_ref()
    }
}

/// What is known of files.
#[derive(Debug)]
pub struct Files {
    contents: Recent<FileName, File>,
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
    pub fn content(&self, name: &FileName) -> Option<&File> {
        self.contents.get(name)
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
                Some(content) => drop(self.contents.insert(name.clone(), File::new(content.clone()))),
                None => drop(self.contents.remove(&name)),
            }
            return Some(directory(&name));
        }
        let Event::Disk { operation, path, to, mode, offset, bytes, error: None, .. } = event else { return None };
        let name = self.name(host, path);
        match operation {
            DiskOperation::Open if *mode == Some(OpenMode::Overwrite) => None,
            DiskOperation::Open => {
                self.contents.insert(name.clone(), File::default());
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
            | DiskOperation::Restrict
            | DiskOperation::Metadata => None,
        }
    }

    /// The files directly in a directory, by path.
    pub fn in_directory<'a>(&'a self, directory: &FileName) -> impl Iterator<Item = (&'a str, &'a File)> + use<'a> {
        let (disk, path) = directory.clone();
        let (below, depth) = (format!("{path}/"), path.len());
        self.contents
            .range_from((disk.clone(), below.clone()))
            .take_while(move |((owner, file), _)| *owner == disk && file.starts_with(&below))
            .filter(move |((_, file), _)| file.rfind('/') == Some(depth))
            .map(|((_, file), content)| (file.as_str(), content))
    }

    /// Writes to a file whose content is known.
    fn write(&mut self, name: &FileName, offset: Option<u64>, bytes: &[u8]) -> Option<FileName> {
        let file = self.contents.get_mut(name)?;
        file.pem.take();
        let content = &mut file.bytes;
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
    fn a_file_that_is_written_on_is_read_anew() {
        let mut files = Files::default();
        let host: Arc<str> = "m".into();
        let name = (host.clone(), "/s/a.pem".to_owned());
        let block = "-----BEGIN X-----\nAAAA\n-----END X-----\n";
        files.observe(Some(&host), &disk(DiskOperation::Open, "/s/a.pem", None, ""));
        assert!(files.content(&name).unwrap().pem().is_none());
        files.observe(Some(&host), &disk(DiskOperation::Write, "/s/a.pem", None, block));
        assert!(files.content(&name).unwrap().pem().is_some());
    }

    #[test]
    fn of_a_file_the_first_256_kib_are_known() {
        let mut files = Files::default();
        let host: Arc<str> = "m".into();
        files.observe(Some(&host), &disk(DiskOperation::Open, "/s/a", None, ""));
        for written_kib in (100..500).step_by(100) {
            files.observe(Some(&host), &disk(DiskOperation::Write, "/s/a", None, &"x".repeat(100 * 1_024)));
            let known = files.content(&(host.clone(), "/s/a".to_owned())).unwrap().bytes().len();
            assert_eq!(known, 1_024 * written_kib.min(256));
        }
    }

    #[test]
    fn neighbours_are_in_directories_of_their_own() {
        let mut files = Files::default();
        let host: Arc<str> = "m".into();
        for path in ["/s/a.b/x", "/s/a/x", "/s/a/y", "/s/a/z/x", "/s/a0/x", "/s/b"] {
            files.observe(Some(&host), &disk(DiskOperation::Open, path, None, ""));
        }
        let directory = (host, "/s/a".to_owned());
        let found: Vec<_> = files.in_directory(&directory).map(|(path, _)| path).collect();
        assert_eq!(found, ["/s/a/x", "/s/a/y"]);
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
        let changed = |files: &mut Files, from, to| {
            files.observe(Some(&host), &disk(DiskOperation::Rename, from, Some(to), "")).map(|(_, directory)| directory)
        };
        assert_eq!(changed(&mut files, "/s/nobody-knows", "/s/2"), None);
        assert_eq!(changed(&mut files, "/s/1", "/s/2").as_deref(), Some("/s/2"));
        assert_eq!(changed(&mut files, "/s/2", "/s/1").as_deref(), Some("/s/1"));
        let directory = (host.clone(), "/s/1".to_owned());
        let found: Vec<_> = files.in_directory(&directory).map(|(path, file)| (path, file.bytes())).collect();
        assert_eq!(found, [("/s/1/a.key", b"-----BEGIN X-----".as_slice())]);
        files.observe(Some(&host), &Event::HostEnded { ending: Ending::PowerLost });
        assert_eq!(files.in_directory(&directory).count(), 0);
    }
}
