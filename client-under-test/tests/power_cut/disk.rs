//! A tree of files of which one part is durable and the rest is not, until the power is cut.
//!
//! The directory below is read once, as what is durable; everything else stays in memory, and what survives a power cut
//! is written out as a directory of its own. Content is durable once the file was synced, a name or a rename once the
//! directory that it is in was. Nothing is more durable than a program asked for.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    path::Path,
};

use fuser::{Errno, INodeNo};

#[derive(Clone, Debug)]
pub(crate) enum Node {
    File(Vec<u8>),
    Directory(BTreeMap<OsString, INodeNo>),
}

type Tree = BTreeMap<INodeNo, Node>;

/// A name in a directory.
type Place = (INodeNo, OsString);

/// What is not durable when it is done.
#[derive(Clone, Debug)]
enum Change {
    Resize(INodeNo, usize),
    Write(INodeNo, usize, Vec<u8>),
    Link(Place, INodeNo),
    Unlink(Place),
    Rename(Place, Place, INodeNo),
}

impl Change {
    fn content_of(&self) -> Option<INodeNo> {
        match self {
            Self::Resize(inode, _) | Self::Write(inode, ..) => Some(*inode),
            Self::Link(..) | Self::Unlink(_) | Self::Rename(..) => None,
        }
    }

    fn name_in(&self) -> Option<INodeNo> {
        match self {
            Self::Resize(..) | Self::Write(..) => None,
            Self::Link((directory, _), _) | Self::Unlink((directory, _)) | Self::Rename(_, (directory, _), _) => {
                Some(*directory)
            }
        }
    }

    fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Resize(inode, len) => {
                if let Some(Node::File(content)) = tree.get_mut(inode) {
                    content.resize(*len, 0);
                }
            }
            Self::Write(inode, offset, bytes) => {
                if let Some(Node::File(content)) = tree.get_mut(inode) {
                    let end = offset + bytes.len();
                    content.resize(content.len().max(end), 0);
                    content[*offset..end].copy_from_slice(bytes);
                }
            }
            Self::Link(place, inode) => link(tree, place, *inode),
            Self::Unlink(place) => unlink(tree, place),
            Self::Rename(from, to, inode) => {
                unlink(tree, from);
                link(tree, to, *inode);
            }
        }
    }
}

fn link(tree: &mut Tree, (directory, name): &Place, inode: INodeNo) {
    if let Some(Node::Directory(entries)) = tree.get_mut(directory) {
        entries.insert(name.clone(), inode);
    }
}

fn unlink(tree: &mut Tree, (directory, name): &Place) {
    if let Some(Node::Directory(entries)) = tree.get_mut(directory) {
        entries.remove(name);
    }
}

/// What a power cut leaves of that which is not durable. File systems have done each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survival {
    Nothing,
    Everything,
    /// Names and renames, but no content.
    Names,
    /// Content, but neither names nor renames.
    Contents,
}

impl Survival {
    pub(crate) const ALL: [Self; 4] = [Self::Nothing, Self::Everything, Self::Names, Self::Contents];

    fn keeps(self, change: &Change) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Names => change.content_of().is_none(),
            Self::Contents => change.content_of().is_some(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Disk {
    live: Tree,
    durable: Tree,
    pending: Vec<Change>,
    next: INodeNo,
    /// How many operations that change something get through before the power is cut.
    operations_left: u64,
}

impl Disk {
    /// A disk that holds what is in `directory`, and has power for so many operations that change something.
    pub(crate) fn of(directory: &Path, operations: u64) -> io::Result<Self> {
        let mut disk = Self {
            live: Tree::new(),
            durable: Tree::new(),
            pending: Vec::new(),
            next: INodeNo::ROOT,
            operations_left: operations,
        };
        disk.read_in(directory)?;
        disk.durable = disk.live.clone();
        Ok(disk)
    }

    fn read_in(&mut self, path: &Path) -> io::Result<INodeNo> {
        let inode = self.new_inode(Node::File(Vec::new()));
        let node = if path.is_dir() {
            let mut entries = BTreeMap::new();
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                entries.insert(entry.file_name(), self.read_in(&entry.path())?);
            }
            Node::Directory(entries)
        } else {
            Node::File(fs::read(path)?)
        };
        self.live.insert(inode, node);
        Ok(inode)
    }

    /// Writes what a power cut leaves into `directory`, which is empty.
    pub(crate) fn write_out(&self, survival: Survival, directory: &Path) -> io::Result<()> {
        let mut tree = self.durable.clone();
        for change in self.pending.iter().filter(|change| survival.keeps(change)) {
            change.apply(&mut tree);
        }
        let mut todo = vec![(INodeNo::ROOT, directory.to_owned())];
        while let Some((inode, path)) = todo.pop() {
            match &tree[&inode] {
                Node::File(content) => fs::write(path, content)?,
                Node::Directory(entries) => {
                    fs::create_dir_all(&path)?;
                    todo.extend(entries.iter().map(|(name, inode)| (*inode, path.join(name))));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn node(&self, inode: INodeNo) -> Result<&Node, Errno> {
        if !self.has_power() {
            return Err(Errno::EIO);
        }
        self.live.get(&inode).ok_or(Errno::ENOENT)
    }

    pub(crate) fn lookup(&self, directory: INodeNo, name: &OsStr) -> Result<INodeNo, Errno> {
        match self.node(directory)? {
            Node::Directory(entries) => entries.get(name).copied().ok_or(Errno::ENOENT),
            Node::File(_) => Err(Errno::ENOTDIR),
        }
    }

    pub(crate) fn create(&mut self, directory: INodeNo, name: &OsStr, node: Node) -> Result<INodeNo, Errno> {
        let inode = self.new_inode(node);
        self.change(Change::Link((directory, name.to_owned()), inode))?;
        Ok(inode)
    }

    pub(crate) fn resize(&mut self, inode: INodeNo, len: usize) -> Result<(), Errno> {
        self.change(Change::Resize(inode, len))
    }

    pub(crate) fn write(&mut self, inode: INodeNo, offset: usize, bytes: &[u8]) -> Result<(), Errno> {
        self.change(Change::Write(inode, offset, bytes.to_owned()))
    }

    pub(crate) fn remove(&mut self, directory: INodeNo, name: &OsStr) -> Result<(), Errno> {
        match self.node(self.lookup(directory, name)?)? {
            Node::Directory(entries) if !entries.is_empty() => Err(Errno::ENOTEMPTY),
            Node::Directory(_) | Node::File(_) => self.change(Change::Unlink((directory, name.to_owned()))),
        }
    }

    pub(crate) fn rename(&mut self, from: (INodeNo, &OsStr), to: (INodeNo, &OsStr)) -> Result<(), Errno> {
        let inode = self.lookup(from.0, from.1)?;
        self.change(Change::Rename((from.0, from.1.to_owned()), (to.0, to.1.to_owned()), inode))
    }

    pub(crate) fn sync(&mut self, inode: INodeNo) -> Result<(), Errno> {
        self.operate()?;
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let is_synced = change.content_of() == Some(inode) || change.name_in() == Some(inode);
            if is_synced {
                change.apply(durable);
            }
            !is_synced
        });
        Ok(())
    }

    fn new_inode(&mut self, node: Node) -> INodeNo {
        let inode = self.next;
        self.next = INodeNo(inode.0 + 1);
        // Without a durable name nobody finds it, so an empty inode may as well be durable at once.
        self.live.insert(inode, node.clone());
        self.durable.insert(inode, node);
        inode
    }

    fn change(&mut self, change: Change) -> Result<(), Errno> {
        self.operate()?;
        change.apply(&mut self.live);
        self.pending.push(change);
        Ok(())
    }

    /// Whether the power is still on.
    pub(crate) fn has_power(&self) -> bool {
        self.operations_left > 0
    }

    /// Uses up one of the operations that there is power for.
    fn operate(&mut self) -> Result<(), Errno> {
        self.operations_left = self.operations_left.checked_sub(1).ok_or(Errno::EIO)?;
        Ok(())
    }
}
