//! What the kernel asks of a disk with a cache (the protocol FUSE), answered from its volume.

use std::ffi::OsStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use fuser::{
    BsdFileFlags, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, OpenFlags,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::volume::{Attributes, BLOCK_BYTES, Fsync, Inode, ROOT, Volume};

/// The kernel keeps nothing: what a power failure takes must not be read out of its memory.
const TTL: Duration = Duration::ZERO;

/// No number of an inode is used twice.
const GENERATION: Generation = Generation(0);

/// A volume, shared by the kernel's requests and those who do something to it.
#[derive(Debug)]
pub(super) struct SharedVolume {
    state: Mutex<VolumeState>,
    /// No `fsync` that is under way goes on.
    power_failed: Condvar,
}

#[derive(Debug)]
pub(super) struct VolumeState {
    pub(super) volume: Volume,
    /// How long every `fsync` takes beside what it needs by itself.
    pub(super) fsync_delay: Duration,
}

impl SharedVolume {
    pub(super) fn new(volume: Volume) -> Arc<Self> {
        let state = Mutex::new(VolumeState { volume, fsync_delay: Duration::ZERO });
        Arc::new(Self { state, power_failed: Condvar::new() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, VolumeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every `fsync` that is under way.
    pub(super) fn wake(&self) {
        self.power_failed.notify_all();
    }

    /// How long an `fsync` takes that has nothing to write. It does not come from the kernel: this process would wait for itself.
    /// If it were killed meanwhile, the kernel would wait for the answer for ever, and with it everything that the process holds.
    pub(super) fn time_fsync(&self) -> Result<Duration, Errno> {
        let (began, state) = (Instant::now(), self.lock());
        let (sync, delay) = (state.volume.begin_empty_sync()?, state.fsync_delay);
        drop(state);
        self.finish(sync, delay)?;
        Ok(began.elapsed())
    }

    /// Waits for as long as an `fsync` takes, unless the power fails meanwhile; then it is done, or not.
    fn finish(&self, sync: Fsync, delay: Duration) -> Result<(), Errno> {
        let (deadline, mut state) = (Instant::now() + delay, self.lock());
        let failures = state.volume.failures();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.volume.failures() != failures {
                return state.volume.finish_sync(sync);
            }
            state = self.power_failed.wait_timeout(state, left).map_or_else(|error| error.into_inner().0, |(s, _)| s);
        }
    }
}

/// The kernel's side of a disk.
pub(super) struct Requests(pub(super) Arc<SharedVolume>);

fn refusal(error: Errno) -> fuser::Errno {
    fuser::Errno::from_i32(error as i32)
}

fn kind(is_directory: bool) -> FileType {
    if is_directory { FileType::Directory } else { FileType::RegularFile }
}

fn attributes(of: Attributes) -> FileAttr {
    let now = SystemTime::now();
    FileAttr {
        ino: INodeNo(of.inode),
        size: of.bytes,
        blocks: of.bytes.next_multiple_of(BLOCK_BYTES) / 512,
        atime: now,
        mtime: now,
        ctime: now,
        crtime: now,
        kind: kind(of.is_directory),
        perm: u16::try_from(of.mode & 0o7777).unwrap_or_default(),
        nlink: 1,
        // The lab's root, whom every process of the lab runs as.
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: u32::try_from(BLOCK_BYTES).unwrap_or_default(),
        flags: 0,
    }
}

impl Requests {
    fn entry(&self, reply: ReplyEntry, found: impl FnOnce(&mut Volume) -> Result<Inode, Errno>) {
        let volume = &mut self.0.lock().volume;
        match found(volume).and_then(|inode| volume.attributes(inode)) {
            Ok(found) => reply.entry(&TTL, &attributes(found), GENERATION),
            Err(error) => reply.error(refusal(error)),
        }
    }

    fn empty(&self, reply: ReplyEmpty, done: impl FnOnce(&mut Volume) -> Result<(), Errno>) {
        answer(reply, done(&mut self.0.lock().volume));
    }

    /// Other requests are answered while a slow `fsync` waits. Writes to its file are none of them: the kernel holds them back
    /// (`fuse_fsync` has the inode's lock), as other file systems may.
    fn sync(&self, reply: ReplyEmpty, begin: impl FnOnce(&mut Volume) -> Result<Fsync, Errno>) {
        let mut state = self.0.lock();
        let (fsync, delay) = (begin(&mut state.volume), state.fsync_delay);
        match fsync {
            Ok(sync) if delay.is_zero() => answer(reply, state.volume.finish_sync(sync)),
            Ok(sync) => {
                let shared = Arc::clone(&self.0);
                thread::spawn(move || answer(reply, shared.finish(sync, delay)));
            }
            Err(error) => reply.error(refusal(error)),
        }
    }
}

fn answer(reply: ReplyEmpty, done: Result<(), Errno>) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(refusal(error)),
    }
}

impl Filesystem for Requests {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.entry(reply, |volume| volume.lookup(parent.0, name));
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.0.lock().volume.attributes(inode.0) {
            Ok(found) => reply.attr(&TTL, &attributes(found)),
            Err(error) => reply.error(refusal(error)),
        }
    }

    /// Owners and times are nothing that a server reads.
    fn setattr(
        &self,
        _: &Request,
        inode: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let volume = &mut self.0.lock().volume;
        let set = mode.map_or(Ok(()), |mode| volume.set_mode(inode.0, mode));
        let set = set.and_then(|()| size.map_or(Ok(()), |size| volume.set_length(inode.0, size)));
        match set.and_then(|()| volume.attributes(inode.0)) {
            Ok(found) => reply.attr(&TTL, &attributes(found)),
            Err(error) => reply.error(refusal(error)),
        }
    }

    fn mknod(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, _: u32, reply: ReplyEntry) {
        self.entry(reply, |volume| volume.create_file(parent.0, name, mode & !umask));
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        self.entry(reply, |volume| volume.create_directory(parent.0, name, mode & !umask));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.empty(reply, |volume| volume.remove(parent.0, name, false));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.empty(reply, |volume| volume.remove(parent.0, name, true));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(refusal(Errno::EINVAL));
        }
        self.empty(reply, |volume| volume.rename((parent.0, name), (new_parent.0, new_name)));
    }

    fn open(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.0.lock().volume.open_file(inode.0) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::FOPEN_DIRECT_IO),
            Err(error) => reply.error(refusal(error)),
        }
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, _: i32, reply: ReplyCreate) {
        let volume = &mut self.0.lock().volume;
        let created = volume.create_file(parent.0, name, mode & !umask);
        let opened =
            created.and_then(|inode| Ok((attributes(volume.attributes(inode)?), FileHandle(volume.open_file(inode)?))));
        match opened {
            Ok((found, handle)) => reply.created(&TTL, &found, GENERATION, handle, FopenFlags::FOPEN_DIRECT_IO),
            Err(error) => reply.error(refusal(error)),
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.0.lock().volume.read(handle.0, offset, size) {
            Ok(bytes) => reply.data(bytes),
            Err(error) => reply.error(refusal(error)),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let at = if OFlag::from_bits_truncate(flags.0).contains(OFlag::O_APPEND) { None } else { Some(offset) };
        match self.0.lock().volume.write(handle.0, at, data) {
            Ok(bytes) => reply.written(u32::try_from(bytes).unwrap_or_default()),
            Err(error) => reply.error(refusal(error)),
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(reply, |volume| volume.begin_sync(handle.0));
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.0.lock().volume.close(handle.0);
        reply.ok();
    }

    fn opendir(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.0.lock().volume.open_directory(inode.0) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(error) => reply.error(refusal(error)),
        }
    }

    fn readdir(&self, _: &Request, inode: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let state = self.0.lock();
        let entries = match state.volume.entries(handle.0) {
            Ok(entries) => entries,
            Err(error) => return reply.error(refusal(error)),
        };
        // Nobody climbs out of a data directory by what is listed, so any directory will do for the one above.
        let own = [(inode.0, true, OsStr::new(".")), (ROOT, true, OsStr::new(".."))];
        let entries = entries.iter().map(|entry| (entry.inode, entry.is_directory, entry.name.as_os_str()));
        for ((inode, is_directory, name), next) in own.into_iter().chain(entries).zip(1_u64..) {
            if next > offset && reply.add(INodeNo(inode), next, kind(is_directory), name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.0.lock().volume.close(handle.0);
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(reply, |volume| volume.begin_directory_sync(inode.0));
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let state = self.0.lock();
        let (blocks, left) = (state.volume.size_bytes() / BLOCK_BYTES, state.volume.left_bytes() / BLOCK_BYTES);
        let block = u32::try_from(BLOCK_BYTES).unwrap_or_default();
        reply.statfs(blocks, left, left, 0, 0, block, 255, block);
    }
}
