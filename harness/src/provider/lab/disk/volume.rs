//! What a disk with a cache holds: files and directories as processes see them, and what of them a power failure leaves.
//!
//! The model is what an operator of ext4, XFS or Btrfs must assume:
//!
//! - What `write` wrote survives once `fsync` or `fdatasync` of the file has come back (man 2 fsync), and nothing else makes it
//!   durable, however long it waits: not `close`, nor `sync_file_range`, which "does not provide any guarantees" (man 2
//!   `sync_file_range`).
//! - What was renamed, replaced or removed survives once `fsync` of the *directory* has come back: "Calling `fsync()` does not
//!   necessarily ensure that the entry in the directory containing the file has also reached disk. For that an explicit `fsync()` on a
//!   file descriptor for the directory is also needed" (man 2 fsync).
//! - The name of a *new* file or directory survives with the first `fsync` of itself or of anything below it too. The manual promises
//!   less, but these three file systems do it: the journal or log of an `fsync` has the creation of what it is about, and of the
//!   directories that lead there. Without it no Redis 7 would keep anything: it never synchronises the directory in which it makes
//!   `appendonlydir`.
//!
//! A real ext4 forgets less: it takes all changes of directories along with any `fsync`, and writes by itself what is older than 5 to
//! 30 s (man 5 ext4, `commit`; `vm.dirty_expire_centisecs`). Writes are forgotten whole; a torn one is what the step `TearFile` is for.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::content::{Content, SyncMark};
use crate::provider::Forgotten;

/// A disk gives its space in blocks.
pub(super) const BLOCK_BYTES: u64 = 4_096;

/// The inode of the directory that holds all others.
pub(super) const ROOT: Inode = 1;

/// The number of a file or directory. None is used twice.
pub(super) type Inode = u64;

/// The number of an open file or directory. None is used twice.
pub(super) type Handle = u64;

/// Files and directories, the space for them, and whether the disk has power.
#[derive(Debug)]
pub(super) struct Volume {
    items: BTreeMap<Inode, Item>,
    open: BTreeMap<Handle, Open>,
    last_inode: Inode,
    last_handle: Handle,
    size_bytes: u64,
    /// What nobody may use, because the disk is to be full.
    taken_bytes: u64,
    has_power: bool,
    /// How often the power has failed.
    failures: u64,
}

#[derive(Debug)]
struct Item {
    mode: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File(Content),
    Directory(Directory),
}

#[derive(Debug, Default)]
struct Directory {
    entries: BTreeMap<OsString, Inode>,
    /// The entries that a power failure leaves.
    synced: BTreeMap<OsString, Inode>,
}

#[derive(Debug)]
enum Open {
    File(Inode),
    Directory(Vec<Entry>),
}

/// An entry of a directory as it was when that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: OsString,
    pub(super) inode: Inode,
    pub(super) is_directory: bool,
}

/// What is known of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) inode: Inode,
    pub(super) is_directory: bool,
    pub(super) mode: u32,
    pub(super) bytes: u64,
}

/// An `fsync` that is under way.
#[derive(Debug)]
pub(super) struct Fsync {
    inode: Inode,
    covers: Covers,
    /// How often the power had failed when it began.
    failures: u64,
}

#[derive(Debug)]
enum Covers {
    Changes(SyncMark),
    Entries(BTreeMap<OsString, Inode>),
    Nothing,
}

impl Item {
    fn directory(&self) -> Option<&Directory> {
        match &self.kind {
            Kind::Directory(directory) => Some(directory),
            Kind::File(_) => None,
        }
    }
}

impl Volume {
    /// An empty one of this size.
    pub(super) fn new(size_bytes: u64) -> Self {
        let root = Item { mode: 0o700, kind: Kind::Directory(Directory::default()) };
        Self {
            items: BTreeMap::from([(ROOT, root)]),
            open: BTreeMap::new(),
            last_inode: ROOT,
            last_handle: 0,
            size_bytes,
            taken_bytes: 0,
            has_power: true,
            failures: 0,
        }
    }

    /// How many bytes it can hold.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// How many bytes are left.
    pub(super) fn left_bytes(&self) -> u64 {
        self.size_bytes.saturating_sub(self.used_bytes()).saturating_sub(self.taken_bytes)
    }

    fn used_bytes(&self) -> u64 {
        let contents = self.items.values().filter_map(|item| match &item.kind {
            Kind::File(content) => Some(content.bytes().len() as u64),
            Kind::Directory(_) => None,
        });
        contents.map(|bytes| bytes.next_multiple_of(BLOCK_BYTES)).sum()
    }

    /// Takes the space that is left, until [`Self::free`].
    pub(super) fn fill(&mut self) {
        self.taken_bytes += self.left_bytes();
    }

    /// Gives back the space that [`Self::fill`] took; whether any was taken.
    pub(super) fn free(&mut self) -> bool {
        std::mem::take(&mut self.taken_bytes) > 0
    }

    /// Without power nothing can be read or written.
    fn powered(&self) -> Result<(), Errno> {
        if self.has_power { Ok(()) } else { Err(Errno::EIO) }
    }

    fn item(&self, inode: Inode) -> Result<&Item, Errno> {
        self.powered()?;
        self.items.get(&inode).ok_or(Errno::ENOENT)
    }

    fn directory(&self, inode: Inode) -> Result<&Directory, Errno> {
        self.item(inode)?.directory().ok_or(Errno::ENOTDIR)
    }

    fn directory_mut(&mut self, inode: Inode) -> Result<&mut Directory, Errno> {
        self.powered()?;
        match self.items.get_mut(&inode).map(|item| &mut item.kind) {
            Some(Kind::Directory(directory)) => Ok(directory),
            Some(Kind::File(_)) => Err(Errno::ENOTDIR),
            None => Err(Errno::ENOENT),
        }
    }

    fn content_mut(&mut self, inode: Inode) -> Result<&mut Content, Errno> {
        self.powered()?;
        match self.items.get_mut(&inode).map(|item| &mut item.kind) {
            Some(Kind::File(content)) => Ok(content),
            Some(Kind::Directory(_)) => Err(Errno::EISDIR),
            None => Err(Errno::ENOENT),
        }
    }

    pub(super) fn attributes(&self, inode: Inode) -> Result<Attributes, Errno> {
        let item = self.item(inode)?;
        let (is_directory, bytes) = match &item.kind {
            Kind::File(content) => (false, content.bytes().len() as u64),
            Kind::Directory(_) => (true, 0),
        };
        Ok(Attributes { inode, is_directory, mode: item.mode, bytes })
    }

    pub(super) fn set_mode(&mut self, inode: Inode, mode: u32) -> Result<(), Errno> {
        self.powered()?;
        self.items.get_mut(&inode).ok_or(Errno::ENOENT)?.mode = mode & 0o7777;
        Ok(())
    }

    pub(super) fn lookup(&self, parent: Inode, name: &OsStr) -> Result<Inode, Errno> {
        self.directory(parent)?.entries.get(name).copied().ok_or(Errno::ENOENT)
    }

    pub(super) fn create_file(&mut self, parent: Inode, name: &OsStr, mode: u32) -> Result<Inode, Errno> {
        self.create(parent, name, mode, Kind::File(Content::default()))
    }

    pub(super) fn create_directory(&mut self, parent: Inode, name: &OsStr, mode: u32) -> Result<Inode, Errno> {
        self.create(parent, name, mode, Kind::Directory(Directory::default()))
    }

    fn create(&mut self, parent: Inode, name: &OsStr, mode: u32, kind: Kind) -> Result<Inode, Errno> {
        let inode = self.last_inode + 1;
        let directory = self.directory_mut(parent)?;
        if directory.entries.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        directory.entries.insert(name.to_owned(), inode);
        self.items.insert(inode, Item { mode: mode & 0o7777, kind });
        self.last_inode = inode;
        Ok(inode)
    }

    /// Removes a file, or an empty directory.
    pub(super) fn remove(&mut self, parent: Inode, name: &OsStr, is_directory: bool) -> Result<(), Errno> {
        let inode = self.lookup(parent, name)?;
        match &self.item(inode)?.kind {
            Kind::File(_) if is_directory => return Err(Errno::ENOTDIR),
            Kind::Directory(_) if !is_directory => return Err(Errno::EISDIR),
            Kind::Directory(directory) if !directory.entries.is_empty() => return Err(Errno::ENOTEMPTY),
            Kind::File(_) | Kind::Directory(_) => {}
        }
        self.directory_mut(parent)?.entries.remove(name);
        self.sweep();
        Ok(())
    }

    /// Renames a file or directory; a file of the new name, or an empty directory, is replaced.
    pub(super) fn rename(&mut self, from: (Inode, &OsStr), to: (Inode, &OsStr)) -> Result<(), Errno> {
        let moved = self.lookup(from.0, from.1)?;
        let is_directory = self.directory(moved).is_ok();
        match self.lookup(to.0, to.1) {
            Ok(replaced) if replaced == moved => return Ok(()),
            Ok(_) => self.remove(to.0, to.1, is_directory)?,
            Err(Errno::ENOENT) => {}
            Err(error) => return Err(error),
        }
        self.directory_mut(to.0)?.entries.insert(to.1.to_owned(), moved);
        self.directory_mut(from.0)?.entries.remove(from.1);
        Ok(())
    }

    fn opened(&mut self, open: Open) -> Handle {
        self.last_handle += 1;
        self.open.insert(self.last_handle, open);
        self.last_handle
    }

    pub(super) fn open_file(&mut self, inode: Inode) -> Result<Handle, Errno> {
        self.content_mut(inode)?;
        Ok(self.opened(Open::File(inode)))
    }

    /// Opens a directory to be listed as it is now.
    pub(super) fn open_directory(&mut self, inode: Inode) -> Result<Handle, Errno> {
        let entries = self.directory(inode)?.entries.iter().map(|(name, inode)| {
            let is_directory = self.attributes(*inode)?.is_directory;
            Ok(Entry { name: name.clone(), inode: *inode, is_directory })
        });
        let entries = entries.collect::<Result<_, Errno>>()?;
        Ok(self.opened(Open::Directory(entries)))
    }

    pub(super) fn close(&mut self, handle: Handle) {
        if self.open.remove(&handle).is_some() {
            self.sweep();
        }
    }

    pub(super) fn entries(&self, handle: Handle) -> Result<&[Entry], Errno> {
        self.powered()?;
        match self.open.get(&handle) {
            Some(Open::Directory(entries)) => Ok(entries),
            Some(Open::File(_)) => Err(Errno::ENOTDIR),
            None => Err(Errno::EIO),
        }
    }

    /// The inode of an open file. What was open when the power failed cannot be used any more.
    fn open_inode(&self, handle: Handle) -> Result<Inode, Errno> {
        self.powered()?;
        match self.open.get(&handle) {
            Some(Open::File(inode)) => Ok(*inode),
            Some(Open::Directory(_)) => Err(Errno::EISDIR),
            None => Err(Errno::EIO),
        }
    }

    pub(super) fn read(&self, handle: Handle, at: u64, bytes: u32) -> Result<&[u8], Errno> {
        let Kind::File(content) = &self.item(self.open_inode(handle)?)?.kind else { return Err(Errno::EISDIR) };
        let content = content.bytes();
        let from = to_usize(at)?.min(content.len());
        let to = from.saturating_add(to_usize(u64::from(bytes))?).min(content.len());
        Ok(&content[from..to])
    }

    /// Writes as much as there is space for; at the end if no place is given. Returns how many bytes.
    pub(super) fn write(&mut self, handle: Handle, at: Option<u64>, bytes: &[u8]) -> Result<usize, Errno> {
        let (inode, left) = (self.open_inode(handle)?, self.left_bytes());
        let content = self.content_mut(inode)?;
        let length = content.bytes().len() as u64;
        let at = at.unwrap_or(length);
        // The last block of the file may have room although the disk has none.
        let room = (length.next_multiple_of(BLOCK_BYTES) + left).saturating_sub(at);
        let count = bytes.len().min(to_usize(room)?);
        if count == 0 && !bytes.is_empty() {
            return Err(Errno::ENOSPC);
        }
        content.write(to_usize(at)?, &bytes[..count]);
        Ok(count)
    }

    pub(super) fn set_length(&mut self, inode: Inode, to: u64) -> Result<(), Errno> {
        let left = self.left_bytes();
        let content = self.content_mut(inode)?;
        if to > (content.bytes().len() as u64).next_multiple_of(BLOCK_BYTES) + left {
            return Err(Errno::ENOSPC);
        }
        content.set_length(to_usize(to)?);
        Ok(())
    }

    /// `fsync` of an open file begins: it covers what was written so far.
    pub(super) fn begin_sync(&mut self, handle: Handle) -> Result<Fsync, Errno> {
        let inode = self.open_inode(handle)?;
        let covers = Covers::Changes(self.content_mut(inode)?.begin_sync());
        Ok(Fsync { inode, covers, failures: self.failures })
    }

    /// `fsync` of a directory begins: it covers the entries that there are.
    pub(super) fn begin_directory_sync(&self, inode: Inode) -> Result<Fsync, Errno> {
        let covers = Covers::Entries(self.directory(inode)?.entries.clone());
        Ok(Fsync { inode, covers, failures: self.failures })
    }

    /// An `fsync` begins that takes its time and leaves no trace.
    pub(super) fn begin_empty_sync(&self) -> Result<Fsync, Errno> {
        self.powered()?;
        Ok(Fsync { inode: ROOT, covers: Covers::Nothing, failures: self.failures })
    }

    /// It comes back, unless the power failed meanwhile.
    pub(super) fn finish_sync(&mut self, sync: Fsync) -> Result<(), Errno> {
        if sync.failures != self.failures {
            return Err(Errno::EIO);
        }
        self.powered()?;
        self.keep_name(sync.inode);
        match (sync.covers, self.items.get_mut(&sync.inode).map(|item| &mut item.kind)) {
            (Covers::Changes(mark), Some(Kind::File(content))) => content.finish_sync(mark),
            (Covers::Entries(entries), Some(Kind::Directory(directory))) => {
                directory.synced = entries;
                self.sweep();
            }
            // It was removed meanwhile.
            _ => {}
        }
        Ok(())
    }

    /// The name of a file or directory that never had one that a power failure leaves survives from now on, and so do those of the
    /// directories above it.
    fn keep_name(&mut self, inode: Inode) {
        let directories =
            || self.items.iter().filter_map(|(above, item)| item.directory().map(|inner| (*above, inner)));
        let name_in = |names: &BTreeMap<OsString, Inode>| {
            names.iter().find(|(_, named)| **named == inode).map(|(name, _)| name.clone())
        };
        let now = directories().find_map(|(above, directory)| Some((above, name_in(&directory.entries)?)));
        let is_new = directories().all(|(_, directory)| name_in(&directory.synced).is_none());
        let Some((above, name)) = now else { return };
        if let (true, Ok(directory)) = (is_new, self.directory_mut(above)) {
            // Where another file had the name before, this one replaced it.
            directory.synced.entry(name).or_insert(inode);
        }
        self.keep_name(above);
    }

    /// The paths of all files and directories, from the root on.
    pub(super) fn paths(&self) -> Result<Vec<PathBuf>, Errno> {
        let (mut found, mut next) = (Vec::new(), vec![(PathBuf::new(), ROOT)]);
        while let Some((path, inode)) = next.pop() {
            let Ok(directory) = self.directory(inode) else { continue };
            for (name, inner) in &directory.entries {
                found.push(path.join(name));
                next.push((path.join(name), *inner));
            }
        }
        self.powered().map(|()| found)
    }

    fn inode_at(&self, path: &Path) -> Result<Inode, Errno> {
        path.iter().try_fold(ROOT, |above, name| self.lookup(above, name))
    }

    /// What a file holds.
    pub(super) fn content_at(&self, path: &Path) -> Result<&[u8], Errno> {
        match &self.item(self.inode_at(path)?)?.kind {
            Kind::File(content) => Ok(content.bytes()),
            Kind::Directory(_) => Err(Errno::EISDIR),
        }
    }

    /// Gives a file this content, which a power failure leaves. Its directory must exist.
    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Errno> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::EINVAL) };
        let above = self.inode_at(above)?;
        let inode = match self.lookup(above, name) {
            Err(Errno::ENOENT) => self.create_file(above, name, 0o644)?,
            found => found?,
        };
        // Checks that there is space for it.
        self.set_length(inode, bytes.len() as u64)?;
        let content = self.content_mut(inode)?;
        content.write(0, bytes);
        let mark = content.begin_sync();
        content.finish_sync(mark);
        self.keep_name(inode);
        let directory = self.begin_directory_sync(above)?;
        self.finish_sync(directory)
    }

    /// Nothing is left, and nothing comes back when the power fails.
    pub(super) fn wipe(&mut self) -> Result<(), Errno> {
        *self.directory_mut(ROOT)? = Directory::default();
        self.sweep();
        Ok(())
    }

    /// How often the power has failed.
    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    /// The power fails: nothing is left but what was synchronised, and until [`Self::power_on`] nobody can read or write.
    /// Returns what is gone.
    pub(super) fn power_off(&mut self) -> Vec<Forgotten> {
        let mut forgotten = Vec::new();
        self.unsynced(ROOT, Path::new(""), &mut forgotten);
        for item in self.items.values_mut() {
            match &mut item.kind {
                Kind::File(content) => content.forget(),
                Kind::Directory(directory) => directory.entries.clone_from(&directory.synced),
            }
        }
        self.open.clear();
        self.sweep();
        self.has_power = false;
        self.failures += 1;
        forgotten
    }

    /// The disk can be used again.
    pub(super) fn power_on(&mut self) {
        self.has_power = true;
    }

    /// What is not synchronised in a directory and below it.
    fn unsynced(&self, inode: Inode, path: &Path, found: &mut Vec<Forgotten>) {
        match self.items.get(&inode).map(|item| &item.kind) {
            Some(Kind::File(content)) => {
                found.extend(content.unsynced_bytes().map(|bytes| Forgotten::Bytes { file: path.to_owned(), bytes }));
            }
            Some(Kind::Directory(Directory { entries, synced })) => {
                let names: BTreeSet<_> = entries.keys().chain(synced.keys()).collect();
                found.extend(names.into_iter().filter_map(|name| {
                    let path = path.join(name);
                    match (synced.get(name), entries.get(name)) {
                        (None, Some(_)) => Some(Forgotten::Made(path)),
                        (Some(_), None) => Some(Forgotten::Removed(path)),
                        (before, now) => (before != now).then_some(Forgotten::Replaced(path)),
                    }
                }));
                for (name, inode) in entries {
                    self.unsynced(*inode, &path.join(name), found);
                }
            }
            None => {}
        }
    }

    /// Gives back the space of what no entry leads to, nor any entry that a power failure would leave, and nobody has open.
    fn sweep(&mut self) {
        let mut reached = BTreeSet::from([ROOT]);
        let mut next = vec![ROOT];
        next.extend(self.open.values().filter_map(|open| match open {
            Open::File(inode) => Some(*inode),
            Open::Directory(_) => None,
        }));
        while let Some(inode) = next.pop() {
            reached.insert(inode);
            if let Some(Kind::Directory(directory)) = self.items.get(&inode).map(|item| &item.kind) {
                let inner = directory.entries.values().chain(directory.synced.values());
                next.extend(inner.filter(|inode| !reached.contains(inode)));
            }
        }
        self.items.retain(|inode, _| reached.contains(inode));
    }
}

fn to_usize(number: u64) -> Result<usize, Errno> {
    usize::try_from(number).map_err(|_| Errno::EFBIG)
}

#[cfg(test)]
#[path = "volume_tests.rs"]
mod tests;
