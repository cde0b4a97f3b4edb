//! A [`Disk`] as a file system that the kernel mounts, by FUSE.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use crate::disk::{Disk, Node};

/// The kernel asks each time: what it remembered would outlive the power.
const TTL: Duration = Duration::ZERO;

/// A mounted disk. It is unmounted, and its thread is done, when this is dropped.
pub(crate) struct Mounted {
    session: Option<BackgroundSession>,
    disk: Arc<Mutex<Disk>>,
    directory: tempfile::TempDir,
}

impl Mounted {
    /// Fails, with what a person can do about it, if this machine mounts nothing.
    pub(crate) fn new(disk: Disk) -> Result<Self, String> {
        const DEVICE: &str = "/dev/fuse";
        if !Path::new(DEVICE).exists() {
            return Err(format!(
                "there is no {DEVICE}: load the kernel's module `fuse`, or let the container have the device"
            ));
        }
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let disk = Arc::new(Mutex::new(disk));
        match fuser::spawn_mount(Overlay(disk.clone()), directory.path(), &Config::default()) {
            Ok(session) => Ok(Self { session: Some(session), disk, directory }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(format!("install Debian's `fuse3` (fusermount3): {e}"))
            }
            Err(e) => Err(format!("mounting was refused; it takes root or Debian's `fuse3` (fusermount3): {e}")),
        }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Unmounts it and tells what became of the disk.
    pub(crate) fn unmount(mut self) -> Arc<Mutex<Disk>> {
        let session = self.session.take().expect("it is taken here and when this is dropped");
        session.umount_and_join().expect("nothing uses the mount any more");
        self.disk.clone()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // An assertion has failed, and says more than this could.
            drop(session.umount_and_join());
        }
    }
}

struct Overlay(Arc<Mutex<Disk>>);

impl Overlay {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("a panic ended the mount")
    }
}

#[expect(clippy::disallowed_types, reason = "the kernel wants each file's times")]
fn attributes(request: &Request, inode: INodeNo, node: &Node) -> FileAttr {
    let (kind, size, perm) = match node {
        Node::File(content) => (FileType::RegularFile, content.len() as u64, 0o600),
        Node::Directory(_) => (FileType::Directory, 0, 0o700),
    };
    let never = std::time::SystemTime::UNIX_EPOCH;
    FileAttr {
        ino: inode,
        size,
        blocks: size.div_ceil(512),
        atime: never,
        mtime: never,
        ctime: never,
        crtime: never,
        kind,
        perm,
        nlink: 1,
        uid: request.uid(),
        gid: request.gid(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("files fit memory")
}

fn done(reply: ReplyEmpty, result: Result<(), Errno>) {
    match result {
        Ok(()) => reply.ok(),
        Err(e) => reply.error(e),
    }
}

#[expect(clippy::disallowed_types, reason = "the trait's signatures have times, which are not looked at here")]
impl Filesystem for Overlay {
    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let disk = self.disk();
        match disk.lookup(parent, name).and_then(|inode| Ok((inode, disk.node(inode)?))) {
            Ok((inode, node)) => reply.entry(&TTL, &attributes(request, inode, node), Generation(0)),
            Err(e) => reply.error(e),
        }
    }

    fn getattr(&self, request: &Request, inode: INodeNo, _file: Option<FileHandle>, reply: ReplyAttr) {
        match self.disk().node(inode) {
            Ok(node) => reply.attr(&TTL, &attributes(request, inode, node)),
            Err(e) => reply.error(e),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        inode: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _accessed: Option<TimeOrNow>,
        _modified: Option<TimeOrNow>,
        _changed: Option<std::time::SystemTime>,
        file: Option<FileHandle>,
        _created: Option<std::time::SystemTime>,
        _checked: Option<std::time::SystemTime>,
        _backed_up: Option<std::time::SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let resized = size.map_or(Ok(()), |size| self.disk().resize(inode, index(size)));
        match resized {
            Ok(()) => self.getattr(request, inode, file, reply),
            Err(e) => reply.error(e),
        }
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, _mode: u32, _umask: u32, reply: ReplyEntry) {
        let node = Node::Directory(Default::default());
        match self.disk().create(parent, name, node.clone()) {
            Ok(inode) => reply.entry(&TTL, &attributes(request, inode, &node), Generation(0)),
            Err(e) => reply.error(e),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let node = Node::File(Vec::new());
        match self.disk().create(parent, name, node.clone()) {
            Ok(inode) => {
                let attributes = attributes(request, inode, &node);
                reply.created(&TTL, &attributes, Generation(0), FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
            }
            Err(e) => reply.error(e),
        }
    }

    fn open(&self, _request: &Request, inode: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.disk().node(inode) {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO),
            Err(e) => reply.error(e),
        }
    }

    fn read(
        &self,
        _request: &Request,
        inode: INodeNo,
        _file: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.disk().node(inode) {
            Ok(Node::File(content)) => {
                let from = index(offset).min(content.len());
                let to = (from + index(size.into())).min(content.len());
                reply.data(&content[from..to]);
            }
            Ok(Node::Directory(_)) => reply.error(Errno::EISDIR),
            Err(e) => reply.error(e),
        }
    }

    fn write(
        &self,
        _request: &Request,
        inode: INodeNo,
        _file: FileHandle,
        offset: u64,
        bytes: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.disk().write(inode, index(offset), bytes) {
            Ok(()) => reply.written(u32::try_from(bytes.len()).expect("a request has less than 4 GiB")),
            Err(e) => reply.error(e),
        }
    }

    fn fsync(&self, _request: &Request, inode: INodeNo, _file: FileHandle, _data_only: bool, reply: ReplyEmpty) {
        done(reply, self.disk().sync(inode));
    }

    fn fsyncdir(&self, _request: &Request, inode: INodeNo, _file: FileHandle, _data_only: bool, reply: ReplyEmpty) {
        done(reply, self.disk().sync(inode));
    }

    fn unlink(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.disk().remove(parent, name));
    }

    fn rmdir(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.disk().remove(parent, name));
    }

    fn rename(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        done(reply, self.disk().rename((parent, name), (new_parent, new_name)));
    }

    fn readdir(&self, _request: &Request, inode: INodeNo, _file: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let disk = self.disk();
        let entries = match disk.node(inode) {
            Ok(Node::Directory(entries)) => entries,
            Ok(Node::File(_)) => return reply.error(Errno::ENOTDIR),
            Err(e) => return reply.error(e),
        };
        for (number, (name, inode)) in (1..).zip(entries).skip(index(offset)) {
            let kind = match disk.node(*inode) {
                Ok(Node::Directory(_)) => FileType::Directory,
                Ok(Node::File(_)) | Err(_) => FileType::RegularFile,
            };
            if reply.add(*inode, number, kind, name) {
                break;
            }
        }
        reply.ok();
    }
}
