//! A file system of inodes in which content, names and renames each have their own durability.
//!
//! Programs see the live tree. Beside it stands what is durable, and between the two the list of changes
//! that are not: a sync moves changes over, a power loss keeps those that it is told to and forgets the
//! rest. POSIX promises no more than this, and real file systems have shown each outcome.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    io,
    path::{Component, Path, PathBuf},
};

use time::UtcDateTime;

use super::survival::{CrashStates, Kept, Survival};
use crate::{
    disk::{Access, Metadata, OpenMode},
    entropy::Stream,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inode(u64);

const ROOT: Inode = Inode(0);

/// Linux's file systems keep no longer name.
const NAME_BYTES_MAX: usize = 255;

#[derive(Clone, Debug)]
enum Node {
    File { content: Vec<u8>, modified: UtcDateTime, access: Access },
    Directory { entries: BTreeMap<String, Inode>, modified: UtcDateTime },
}

/// A change that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Truncate { inode: Inode, modified: UtcDateTime },
    Write { inode: Inode, offset: usize, bytes: Vec<u8>, modified: UtcDateTime },
    Link { directory: Inode, name: String, inode: Inode },
    Unlink { directory: Inode, name: String },
    Rename { from: (Inode, String), to: (Inode, String), inode: Inode },
}

impl Change {
    fn content_of(&self) -> Option<Inode> {
        match self {
            Self::Truncate { inode, .. } | Self::Write { inode, .. } => Some(*inode),
            Self::Link { .. } | Self::Unlink { .. } | Self::Rename { .. } => None,
        }
    }

    /// The inode that has a name, or another one, once the change is carried out.
    fn gives_name_to(&self) -> Option<Inode> {
        match self {
            Self::Link { inode, .. } | Self::Rename { inode, .. } => Some(*inode),
            Self::Truncate { .. } | Self::Write { .. } | Self::Unlink { .. } => None,
        }
    }

    /// How many bytes it writes, if it is a write.
    fn written(&self) -> Option<usize> {
        match self {
            Self::Write { bytes, .. } => Some(bytes.len()),
            Self::Truncate { .. } | Self::Link { .. } | Self::Unlink { .. } | Self::Rename { .. } => None,
        }
    }

    /// The same write, of its first `kept` bytes only.
    fn torn_at(&self, kept: usize) -> Self {
        let mut torn = self.clone();
        if let Self::Write { bytes, .. } = &mut torn {
            bytes.truncate(kept);
        }
        torn
    }

    fn names_in(&self, wanted: Inode) -> bool {
        match self {
            Self::Truncate { .. } | Self::Write { .. } => false,
            Self::Link { directory, .. } | Self::Unlink { directory, .. } => *directory == wanted,
            Self::Rename { from, to, .. } => from.0 == wanted || to.0 == wanted,
        }
    }
}

/// Inodes, and how many names each has in directories. Those without a name have no count.
#[derive(Clone, Debug, Default)]
struct Tree {
    nodes: BTreeMap<Inode, Node>,
    names: BTreeMap<Inode, usize>,
}

#[derive(Debug)]
pub(super) struct FileSystem {
    live: Tree,
    durable: Tree,
    pending: Vec<Change>,
    /// Inodes that have lost a name since the last [`Self::sweep`]: it may have been their last.
    suspects: BTreeSet<Inode>,
    next_inode: u64,
}

impl Default for FileSystem {
    fn default() -> Self {
        let root = Node::Directory { entries: BTreeMap::new(), modified: UtcDateTime::UNIX_EPOCH };
        let tree = Tree { nodes: BTreeMap::from([(ROOT, root)]), names: BTreeMap::new() };
        Self { live: tree.clone(), durable: tree, pending: Vec::new(), suspects: BTreeSet::new(), next_inode: 1 }
    }
}

impl FileSystem {
    pub(super) fn open(&mut self, path: &Path, mode: OpenMode, access: Access, now: UtcDateTime) -> io::Result<Inode> {
        let (directory, name) = self.parent(path)?;
        match (self.entry(directory, &name)?, mode) {
            (Some(_), OpenMode::CreateNew) => Err(io::ErrorKind::AlreadyExists.into()),
            (Some(inode), _) if matches!(self.live.nodes[&inode], Node::Directory { .. }) => {
                Err(io::ErrorKind::IsADirectory.into())
            }
            (Some(inode), OpenMode::Truncate) => {
                self.change(Change::Truncate { inode, modified: now });
                Ok(inode)
            }
            (Some(inode), OpenMode::Overwrite) => Ok(inode),
            (None, OpenMode::Overwrite) => Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::CreateNew | OpenMode::Truncate) => {
                let inode = self.new_inode(Node::File { content: Vec::new(), modified: now, access });
                self.change(Change::Link { directory, name, inode });
                Ok(inode)
            }
        }
    }

    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match &self.live.nodes[&self.find(path)?] {
            Node::File { content, .. } => Ok(content.clone()),
            Node::Directory { .. } => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn write(&mut self, inode: Inode, offset: usize, bytes: Vec<u8>, now: UtcDateTime) {
        // No bytes are no write: a file that ends before the offset grows no hole.
        if bytes.is_empty() {
            return;
        }
        self.change(Change::Write { inode, offset, bytes, modified: now });
    }

    pub(super) fn sync(&mut self, inode: Inode) {
        self.make_durable(|change| change.content_of() == Some(inode));
    }

    /// What is no directory is synced as a file: the system call is the same.
    pub(super) fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.find(path)?;
        self.make_durable_in(inode);
        self.sweep();
        Ok(())
    }

    pub(super) fn create_directory(&mut self, path: &Path, now: UtcDateTime) -> io::Result<()> {
        let (directory, name) = self.parent(path)?;
        if self.entry(directory, &name)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = self.new_inode(Node::Directory { entries: BTreeMap::new(), modified: now });
        self.change(Change::Link { directory, name, inode });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (goes_into_itself, replaces_what_it_is_in) = (to.starts_with(from), from.starts_with(to));
        let (from, to) = (self.parent(from)?, self.parent(to)?);
        let inode = self.entry(from.0, &from.1)?.ok_or(io::ErrorKind::NotFound)?;
        let replaced = self.entry(to.0, &to.1)?;
        if from == to {
            return Ok(());
        }
        if goes_into_itself {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if replaces_what_it_is_in {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        if let Some(replaced) = replaced {
            match (&self.live.nodes[&inode], &self.live.nodes[&replaced]) {
                (Node::File { .. }, Node::Directory { .. }) => return Err(io::ErrorKind::IsADirectory.into()),
                (Node::Directory { .. }, Node::File { .. }) => return Err(io::ErrorKind::NotADirectory.into()),
                (Node::Directory { .. }, Node::Directory { entries, .. }) if !entries.is_empty() => {
                    return Err(io::ErrorKind::DirectoryNotEmpty.into());
                }
                (Node::File { .. }, Node::File { .. }) | (Node::Directory { .. }, Node::Directory { .. }) => {}
            }
        }
        self.change(Change::Rename { from, to, inode });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path, is_directory: bool) -> io::Result<()> {
        let (directory, name) = self.parent(path)?;
        match (&self.live.nodes[&self.find(path)?], is_directory) {
            (Node::File { .. }, true) => return Err(io::ErrorKind::NotADirectory.into()),
            (Node::Directory { .. }, false) => return Err(io::ErrorKind::IsADirectory.into()),
            (Node::Directory { entries, .. }, true) if !entries.is_empty() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            (Node::File { .. }, false) | (Node::Directory { .. }, true) => {}
        }
        self.change(Change::Unlink { directory, name });
        Ok(())
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        Ok(self.entries(self.find(path)?)?.keys().cloned().collect())
    }

    pub(super) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        Ok(match &self.live.nodes[&self.find(path)?] {
            Node::File { content, modified, access } => {
                let len = content.len() as u64;
                Metadata { len, is_directory: false, modified: *modified, mode: access.mode() }
            }
            Node::Directory { modified, .. } => {
                Metadata { len: 0, is_directory: true, modified: *modified, mode: 0o755 }
            }
        })
    }

    /// Durable at once: whoever makes it so again after a power loss does no harm.
    pub(super) fn restrict(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.find(path)?;
        for tree in [&mut self.live, &mut self.durable] {
            if let Some(Node::File { access, .. }) = tree.nodes.get_mut(&inode) {
                *access = Access::Private;
            }
        }
        Ok(())
    }

    /// How many changes were not durable, and how many of them survived.
    pub(super) fn lose_power(&mut self, survival: Survival, stream: &mut Stream) -> (usize, usize) {
        let unsynced = self.pending.len();
        let kept: Vec<Kept> = match survival {
            Survival::Nothing => vec![Kept::Nothing; unsynced],
            Survival::Everything => vec![Kept::Whole; unsynced],
            Survival::Random => self.pending.iter().map(|change| toss(change, stream)).collect(),
            Survival::State { among, number } => {
                self.crash_states(among).into_iter().nth(number).unwrap_or_else(|| vec![Kept::Nothing; unsynced])
            }
        };
        self.durable = self.surviving(&kept);
        self.pending.clear();
        self.durable.keep_what_has_a_path();
        self.live = self.durable.clone();
        self.suspects.clear();
        (unsynced, kept.iter().filter(|kept| **kept != Kept::Nothing).count())
    }

    /// What survives in each legal state that a power loss could leave now. No two states are the same
    /// for a program: some name or content differs.
    pub(super) fn crash_states(&self, among: CrashStates) -> Vec<Vec<Kept>> {
        let lengths: Vec<Option<usize>> = self.pending.iter().map(Change::written).collect();
        let mut seen = BTreeSet::new();
        let mut states = among.of(&lengths);
        states.retain(|kept| seen.insert(paths(&self.surviving(kept))));
        states
    }

    /// The tree that is durable if this much of each pending change survives.
    fn surviving(&self, kept: &[Kept]) -> Tree {
        let mut tree = self.durable.clone();
        for (change, kept) in self.pending.iter().zip(kept) {
            match kept {
                Kept::Nothing => {}
                Kept::Whole => tree.apply(change, &mut BTreeSet::new()),
                Kept::Bytes(bytes) => tree.apply(&change.torn_at(*bytes), &mut BTreeSet::new()),
            }
        }
        tree
    }

    pub(super) fn plant(&mut self, path: &Path, content: &[u8]) {
        let mut directory = ROOT;
        let mut names = names(path).peekable();
        while let Some(name) = names.next() {
            let name = name.to_string_lossy().into_owned();
            let found = match &self.live.nodes[&directory] {
                Node::Directory { entries, .. } => entries.get(&name).copied(),
                Node::File { .. } => panic!("{} leads through a file", path.display()),
            };
            let modified = UtcDateTime::UNIX_EPOCH;
            let inode = found.unwrap_or_else(|| {
                let node = if names.peek().is_some() {
                    Node::Directory { entries: BTreeMap::new(), modified }
                } else {
                    Node::File { content: Vec::new(), modified, access: Access::Private }
                };
                let inode = self.new_inode(node);
                self.change(Change::Link { directory, name, inode });
                inode
            });
            directory = inode;
        }
        self.change(Change::Truncate { inode: directory, modified: UtcDateTime::UNIX_EPOCH });
        self.write(directory, 0, content.to_vec(), UtcDateTime::UNIX_EPOCH);
        self.make_durable(|_| true);
    }

    pub(super) fn erase(&mut self, path: &Path) {
        if self.remove(path, false).is_ok() {
            self.make_durable(|_| true);
            self.sweep();
        }
    }

    pub(super) fn all(&self) -> Vec<(PathBuf, Vec<u8>)> {
        paths(&self.live).into_iter().filter_map(|(path, content)| Some((path, content?))).collect()
    }

    fn new_inode(&mut self, node: Node) -> Inode {
        let inode = Inode(self.next_inode);
        self.next_inode += 1;
        self.live.nodes.insert(inode, node.clone());
        // Without a durable name nobody finds it, so an empty inode may as well be durable at once.
        self.durable.nodes.insert(inode, node);
        inode
    }

    fn change(&mut self, change: Change) {
        self.live.apply(&change, &mut self.suspects);
        // A file that is open and forgotten can still be written to.
        self.suspects.extend(change.content_of().filter(|inode| !self.live.nodes.contains_key(inode)));
        self.pending.push(change);
    }

    /// Makes durable which names are in a directory, or what is in a file.
    fn make_durable_in(&mut self, inode: Inode) {
        self.make_durable(|change| change.names_in(inode) || change.content_of() == Some(inode));
    }

    fn make_durable(&mut self, ready: impl Fn(&Change) -> bool) {
        let (durable, suspects) = (&mut self.durable, &mut self.suspects);
        self.pending.retain(|change| {
            let ready = ready(change);
            if ready {
                durable.apply(change, suspects);
                suspects.extend(change.gives_name_to());
            }
            !ready
        });
    }

    /// Forgets inodes that no name leads to, so that memory does not grow with the disk's age. A file
    /// that is still open loses its content too: its owner writes to a name that is gone.
    ///
    /// Only those are looked at that have lost a name, and what lies in those that are forgotten. A circle of directories that
    /// name each other would go unnoticed; there is none, because each rename that could close one on the durable side is
    /// pending until the name is durably gone which it took away, and so names its directory itself.
    fn sweep(&mut self) {
        let mut forgotten = BTreeSet::new();
        while let Some(inode) = self.suspects.pop_first() {
            let is_named = [&self.live, &self.durable].iter().any(|tree| tree.names.contains_key(&inode))
                || self.pending.iter().any(|change| change.gives_name_to() == Some(inode));
            if is_named {
                continue;
            }
            self.live.forget(inode, &mut self.suspects);
            self.durable.forget(inode, &mut self.suspects);
            forgotten.insert(inode);
        }
        if !forgotten.is_empty() {
            self.pending.retain(|change| change.content_of().is_none_or(|inode| !forgotten.contains(&inode)));
        }
    }

    fn entries(&self, directory: Inode) -> io::Result<&BTreeMap<String, Inode>> {
        match &self.live.nodes[&directory] {
            Node::Directory { entries, .. } => Ok(entries),
            Node::File { .. } => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// What a directory holds under a name.
    fn entry(&self, directory: Inode, name: &str) -> io::Result<Option<Inode>> {
        let entries = self.entries(directory)?;
        if name.len() > NAME_BYTES_MAX {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        Ok(entries.get(name).copied())
    }

    fn find(&self, path: &Path) -> io::Result<Inode> {
        let mut inode = ROOT;
        for name in names(path) {
            let name = name.to_str().ok_or(io::ErrorKind::NotFound)?;
            inode = self.entry(inode, name)?.ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(inode)
    }

    fn parent(&self, path: &Path) -> io::Result<(Inode, String)> {
        let name = path.file_name().and_then(OsStr::to_str).ok_or(io::ErrorKind::InvalidInput)?;
        let directory = self.find(path.parent().unwrap_or(Path::new("/")))?;
        self.entries(directory)?;
        Ok((directory, name.to_owned()))
    }
}

fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    })
}

/// Every path of a tree, sorted, with its content if it is a file.
fn paths(tree: &Tree) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![(PathBuf::from("/"), ROOT)];
    while let Some((path, inode)) = todo.pop() {
        let content = match &tree.nodes[&inode] {
            Node::File { content, .. } => Some(content.clone()),
            Node::Directory { entries, .. } => {
                todo.extend(entries.iter().map(|(name, inode)| (path.join(name), *inode)));
                None
            }
        };
        found.insert(path, content);
    }
    found
}

fn toss(change: &Change, stream: &mut Stream) -> Kept {
    if stream.below(2) == 0 {
        return Kept::Nothing;
    }
    match change.written() {
        None => Kept::Whole,
        Some(len) => {
            let bytes = stream.below(len as u64 + 1);
            Kept::Bytes(usize::try_from(bytes).expect("shorter than the write"))
        }
    }
}

impl Tree {
    /// Carries out a change. Inodes that lose a name by it are added to `suspects`.
    fn apply(&mut self, change: &Change, suspects: &mut BTreeSet<Inode>) {
        match change {
            Change::Truncate { inode, modified: now } => {
                if let Some(Node::File { content, modified, .. }) = self.nodes.get_mut(inode) {
                    content.clear();
                    *modified = *now;
                }
            }
            Change::Write { inode, offset, bytes, modified: now } => {
                if let Some(Node::File { content, modified, .. }) = self.nodes.get_mut(inode) {
                    let end = offset + bytes.len();
                    if content.len() < end {
                        content.resize(end, 0);
                    }
                    content[*offset..end].copy_from_slice(bytes);
                    *modified = *now;
                }
            }
            Change::Link { directory, name, inode } => self.link(*directory, name, *inode, suspects),
            Change::Unlink { directory, name } => self.unlink(*directory, name, suspects),
            Change::Rename { from, to, inode } => {
                self.unlink(from.0, &from.1, suspects);
                self.link(to.0, &to.1, *inode, suspects);
            }
        }
    }

    fn link(&mut self, directory: Inode, name: &str, inode: Inode, suspects: &mut BTreeSet<Inode>) {
        if let Some(Node::Directory { entries, .. }) = self.nodes.get_mut(&directory) {
            let replaced = entries.insert(name.to_owned(), inode);
            *self.names.entry(inode).or_default() += 1;
            self.lose_names(replaced, suspects);
        }
    }

    fn unlink(&mut self, directory: Inode, name: &str, suspects: &mut BTreeSet<Inode>) {
        if let Some(Node::Directory { entries, .. }) = self.nodes.get_mut(&directory) {
            let removed = entries.remove(name);
            self.lose_names(removed, suspects);
        }
    }

    /// Each of them has a name less.
    fn lose_names(&mut self, inodes: impl IntoIterator<Item = Inode>, suspects: &mut BTreeSet<Inode>) {
        for inode in inodes {
            let count = self.names.get_mut(&inode).expect("counted when the name was given");
            *count -= 1;
            if *count == 0 {
                self.names.remove(&inode);
            }
            suspects.insert(inode);
        }
    }

    /// Drops an inode. What lies in it, if it is a directory, loses its names.
    fn forget(&mut self, inode: Inode, suspects: &mut BTreeSet<Inode>) {
        if let Some(Node::Directory { entries, .. }) = self.nodes.remove(&inode) {
            self.lose_names(entries.into_values(), suspects);
        }
    }

    /// Drops all that no path leads to.
    fn keep_what_has_a_path(&mut self) {
        let mut reached = BTreeMap::new();
        let mut names: BTreeMap<Inode, usize> = BTreeMap::new();
        let mut todo = vec![ROOT];
        while let Some(inode) = todo.pop() {
            // What has several names is reached several times.
            let Some(node) = self.nodes.remove(&inode) else { continue };
            if let Node::Directory { entries, .. } = &node {
                for inode in entries.values() {
                    *names.entry(*inode).or_default() += 1;
                    todo.push(*inode);
                }
            }
            reached.insert(inode, node);
        }
        *self = Self { nodes: reached, names };
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};

    use super::*;

    const NOW: UtcDateTime = UtcDateTime::UNIX_EPOCH;

    fn write(files: &mut FileSystem, path: &str, mode: OpenMode, content: &str) -> Inode {
        let inode = files.open(Path::new(path), mode, Access::Private, NOW).unwrap();
        files.write(inode, 0, content.into(), NOW);
        inode
    }

    fn after_power_loss(mut files: FileSystem, survival: Survival) -> Vec<(PathBuf, Vec<u8>)> {
        files.lose_power(survival, &mut Stream::new(1, "h", "disk"));
        files.all()
    }

    fn file(path: &str, content: &str) -> (PathBuf, Vec<u8>) {
        (path.into(), content.into())
    }

    #[test]
    fn unsynced_content_and_unsynced_names_are_lost_each_by_itself() {
        let mut files = FileSystem::default();
        write(&mut files, "/a", OpenMode::CreateNew, "never synced");
        let b = write(&mut files, "/b", OpenMode::CreateNew, "content synced");
        files.sync(b);
        assert_eq!(after_power_loss(files, Survival::Nothing), []);

        let mut files = FileSystem::default();
        write(&mut files, "/a", OpenMode::CreateNew, "name synced only");
        files.sync_directory(Path::new("/")).unwrap();
        assert_eq!(after_power_loss(files, Survival::Nothing), [file("/a", "")]);
    }

    #[test]
    fn the_careful_write_leaves_the_old_or_the_new() {
        for survival in [Survival::Nothing, Survival::Everything] {
            let mut files = FileSystem::default();
            files.plant(Path::new("/d/x"), b"old");
            let inode = write(&mut files, "/d/x.tmp", OpenMode::CreateNew, "new");
            files.sync(inode);
            files.rename(Path::new("/d/x.tmp"), Path::new("/d/x")).unwrap();
            let content = if survival == Survival::Nothing { "old" } else { "new" };
            assert_eq!(after_power_loss(files, survival), [file("/d/x", content)]);
        }
    }

    #[test]
    fn a_rename_may_overtake_the_content_that_it_names() {
        let mut files = FileSystem::default();
        files.plant(Path::new("/x"), b"old");
        write(&mut files, "/x.tmp", OpenMode::CreateNew, "new");
        files.rename(Path::new("/x.tmp"), Path::new("/x")).unwrap();
        files.sync_directory(Path::new("/")).unwrap();
        assert_eq!(after_power_loss(files, Survival::Nothing), [file("/x", "")]);
    }

    const ALL: CrashStates = CrashStates { nothing: true, everything: true, subsets: true, torn_writes: true };

    /// Every file in each legal state, in the order of the states.
    fn states(files: &FileSystem) -> Vec<Vec<(PathBuf, Vec<u8>)>> {
        let all = |tree: &Tree| paths(tree).into_iter().filter_map(|(path, c)| Some((path, c?))).collect();
        files.crash_states(ALL).iter().map(|kept| all(&files.surviving(kept))).collect()
    }

    #[test]
    fn the_careful_write_has_two_states_and_the_careless_one_every_mixture() {
        let mut careful = FileSystem::default();
        careful.plant(Path::new("/x"), b"old");
        let inode = write(&mut careful, "/x.tmp", OpenMode::CreateNew, "new");
        careful.sync(inode);
        careful.sync_directory(Path::new("/")).unwrap();
        careful.rename(Path::new("/x.tmp"), Path::new("/x")).unwrap();
        assert_eq!(states(&careful), [vec![file("/x", "old"), file("/x.tmp", "new")], vec![file("/x", "new")]]);

        let mut careless = FileSystem::default();
        careless.plant(Path::new("/x"), b"older");
        write(&mut careless, "/x", OpenMode::Truncate, "new!");
        let contents = ["older", "new!", "", "new!r", "ne", "neder"];
        assert_eq!(states(&careless), contents.map(|content| vec![file("/x", content)]));
    }

    #[test]
    fn a_synced_disk_has_one_state() {
        let mut files = FileSystem::default();
        files.plant(Path::new("/x"), b"old");
        assert_eq!(states(&files), [[file("/x", "old")]]);
    }

    #[test]
    fn a_state_is_what_a_power_loss_of_its_number_leaves() {
        let build = || {
            let mut files = FileSystem::default();
            files.plant(Path::new("/x"), b"older");
            write(&mut files, "/x", OpenMode::Truncate, "new!");
            write(&mut files, "/y", OpenMode::CreateNew, "another");
            files
        };
        let expected = states(&build());
        assert!(expected.len() > 10, "{}", expected.len());
        for (number, expected) in expected.into_iter().enumerate() {
            assert_eq!(after_power_loss(build(), Survival::State { among: ALL, number }), expected);
        }
        let beyond = Survival::State { among: ALL, number: 1_000 };
        assert_eq!(after_power_loss(build(), beyond), after_power_loss(build(), Survival::Nothing));
    }

    #[test]
    fn errors_are_the_operating_systems() {
        let mut files = FileSystem::default();
        files.plant(Path::new("/d/x"), b"");
        let kind = |result: io::Result<Inode>| result.unwrap_err().kind();
        let mut open = |path: &str, mode| kind(files.open(Path::new(path), mode, Access::Private, NOW));
        assert_eq!(open("/d/x", OpenMode::CreateNew), io::ErrorKind::AlreadyExists);
        assert_eq!(open("/d", OpenMode::Truncate), io::ErrorKind::IsADirectory);
        assert_eq!(open("/d/y", OpenMode::Overwrite), io::ErrorKind::NotFound);
        assert_eq!(open("/e/y", OpenMode::Truncate), io::ErrorKind::NotFound);
        assert_eq!(open("/d/x/y", OpenMode::Truncate), io::ErrorKind::NotADirectory);
        assert_eq!(files.remove(Path::new("/d"), true).unwrap_err().kind(), io::ErrorKind::DirectoryNotEmpty);
    }

    #[test]
    fn replaced_files_are_forgotten() {
        let mut files = FileSystem::default();
        for n in 0..100 {
            let inode = write(&mut files, "/x.tmp", OpenMode::CreateNew, &n.to_string());
            files.sync(inode);
            files.rename(Path::new("/x.tmp"), Path::new("/x")).unwrap();
            files.sync_directory(Path::new("/")).unwrap();
        }
        assert_eq!(files.live.nodes.len(), 2);
        assert_eq!(files.durable.nodes.len(), 2);
        assert!(files.pending.is_empty());
    }

    /// Forgets as [`FileSystem::sweep`] does, with a look at everything.
    fn sweep_everything(files: &mut FileSystem) {
        let mut reachable = BTreeSet::new();
        let mut todo = vec![ROOT];
        todo.extend(files.pending.iter().filter_map(Change::gives_name_to));
        while let Some(inode) = todo.pop() {
            if !reachable.insert(inode) {
                continue;
            }
            for tree in [&files.live, &files.durable] {
                if let Some(Node::Directory { entries, .. }) = tree.nodes.get(&inode) {
                    todo.extend(entries.values().copied());
                }
            }
        }
        for tree in [&mut files.live, &mut files.durable] {
            tree.nodes.retain(|inode, _| reachable.contains(inode));
            tree.names.clear();
            for node in tree.nodes.values() {
                if let Node::Directory { entries, .. } = node {
                    entries.values().for_each(|inode| *tree.names.entry(*inode).or_default() += 1);
                }
            }
        }
        files.pending.retain(|change| change.content_of().is_none_or(|inode| reachable.contains(&inode)));
        files.suspects.clear();
    }

    /// All that a file system knows, to be compared.
    fn everything(files: &FileSystem) -> String {
        let FileSystem { live, durable, pending, suspects: _, next_inode } = files;
        format!("{live:#?}\n{durable:#?}\n{pending:#?}\n{next_inode}")
    }

    #[derive(Clone, Debug)]
    enum Step {
        Open { slot: usize, path: String, mode: OpenMode },
        Write { slot: usize, offset: usize, len: usize },
        Sync { slot: usize },
        SyncDirectory(String),
        CreateDirectory(String),
        Rename(String, String),
        Remove(String),
        Plant(String),
        Erase(String),
        LosePower(Survival),
    }

    const SLOTS: usize = 3;

    /// Carries out a step. `sweep` follows where the file system has swept.
    fn take(files: &mut FileSystem, slots: &mut [Option<Inode>; SLOTS], step: &Step, sweep: fn(&mut FileSystem)) {
        match step {
            Step::Open { slot, path, mode } => {
                slots[*slot] = files.open(Path::new(path), *mode, Access::Public, NOW).ok();
            }
            Step::Write { slot, offset, len } => {
                if let Some(inode) = slots[*slot] {
                    files.write(inode, *offset, vec![7; *len], NOW);
                }
            }
            Step::Sync { slot } => slots[*slot].into_iter().for_each(|inode| files.sync(inode)),
            Step::SyncDirectory(path) => {
                if let Ok(inode) = files.find(Path::new(path)) {
                    files.make_durable_in(inode);
                    sweep(files);
                }
            }
            Step::CreateDirectory(path) => drop(files.create_directory(Path::new(path), NOW)),
            Step::Rename(from, to) => drop(files.rename(Path::new(from), Path::new(to))),
            Step::Remove(path) => {
                let is_directory = files.list(Path::new(path)).is_ok();
                drop(files.remove(Path::new(path), is_directory));
            }
            // A file that is in the way of what is planted is a mistake of the caller's.
            Step::Plant(path) if files.list(Path::new("/a")).is_err() && files.read(Path::new("/a")).is_err() => {
                files.plant(Path::new(path), b"planted");
            }
            Step::Plant(_) => {}
            Step::Erase(path) => {
                if files.remove(Path::new(path), false).is_ok() {
                    files.make_durable(|_| true);
                    sweep(files);
                }
            }
            Step::LosePower(survival) => {
                files.lose_power(*survival, &mut Stream::new(1, "h", "disk"));
                sweep(files);
            }
        }
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let path = || vec(select(vec!["a", "b", "c"]), 1..4).prop_map(|names| format!("/{}", names.join("/")));
        let slot = 0..SLOTS;
        let mode = select(vec![OpenMode::Truncate, OpenMode::CreateNew, OpenMode::Overwrite]);
        let survival = select(vec![Survival::Nothing, Survival::Everything, Survival::Random]);
        let state = (0..40_usize).prop_map(|number| Survival::State { among: ALL, number });
        let step = prop_oneof![
            4 => (slot.clone(), path(), mode).prop_map(|(slot, path, mode)| Step::Open { slot, path, mode }),
            3 => (slot.clone(), 0..3_usize, 0..4_usize).prop_map(|(slot, offset, len)| Step::Write { slot, offset, len }),
            1 => slot.prop_map(|slot| Step::Sync { slot }),
            5 => path().prop_map(Step::SyncDirectory),
            1 => Just(Step::SyncDirectory("/".to_owned())),
            6 => path().prop_map(Step::CreateDirectory),
            8 => (path(), path()).prop_map(|(from, to)| Step::Rename(from, to)),
            5 => path().prop_map(Step::Remove),
            1 => Just(Step::Plant("/a/b".to_owned())),
            1 => path().prop_map(Step::Erase),
            1 => prop_oneof![survival, state].prop_map(Step::LosePower),
        ];
        vec(step, 0..80)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 512,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_forgotten_is_what_a_look_at_everything_finds(steps in steps()) {
            let (mut files, mut model) = (FileSystem::default(), FileSystem::default());
            let (mut slots, mut models_slots) = ([None; SLOTS], [None; SLOTS]);
            for step in &steps {
                take(&mut files, &mut slots, step, FileSystem::sweep);
                take(&mut model, &mut models_slots, step, sweep_everything);
                prop_assert_eq!(everything(&files), everything(&model), "after {:?}", step);
            }
        }
    }
}
