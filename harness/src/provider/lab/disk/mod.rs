//! The disks of the nodes: memory of the lab, with or without a cache that a power failure takes away.

mod caching;
mod content;
mod memory;
mod requests;
mod volume;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::provider::{ProviderError, Storage};
use crate::vocab::Size;

pub(in crate::provider) use caching::{CachingDisk, MountError};
use memory::MemoryDisk;
pub(in crate::provider) use memory::mount_memory;

/// The disk of one node.
pub(in crate::provider) enum Disk {
    /// Whatever is written stays.
    Memory(MemoryDisk),
    /// What is not synchronised goes with the power.
    Caching(CachingDisk),
}

impl Disk {
    /// Makes the disk of a node at its data directory, which exists.
    pub(in crate::provider) fn make(directory: PathBuf, storage: Storage) -> Result<Self, ProviderError> {
        Ok(if storage.caching {
            Self::Caching(CachingDisk::mount(None, directory, storage.size)?)
        } else {
            Self::Memory(MemoryDisk::mount(directory, storage.size)?)
        })
    }

    /// A disk with a cache at a directory of another mount namespace.
    pub(in crate::provider) fn caching_in(mounts: File, directory: PathBuf, size: Size) -> Result<Self, ProviderError> {
        Ok(Self::Caching(CachingDisk::mount(Some(mounts), directory, size)?))
    }

    /// The disk of a node whose memory is mounted at a directory already.
    pub(in crate::provider) fn in_memory_at(directory: PathBuf) -> Self {
        Self::Memory(MemoryDisk::at(directory))
    }

    pub(super) fn directory(&self) -> &Path {
        match self {
            Self::Memory(disk) => disk.directory(),
            Self::Caching(disk) => disk.directory(),
        }
    }

    /// Where a server is started: in its data directory. One whose disk has a cache goes there by its configuration; the child that went
    /// there before it is the server would still hold the disk's end of the mount.
    pub(in crate::provider) fn start_directory(&self) -> &Path {
        match self {
            Self::Memory(disk) => disk.directory(),
            Self::Caching(_) => Path::new("/"),
        }
    }

    /// The paths of all files and directories, from the data directory on.
    pub(super) fn paths(&self) -> io::Result<Vec<PathBuf>> {
        match self {
            Self::Memory(disk) => disk.paths(),
            Self::Caching(disk) => Ok(disk.paths()?),
        }
    }

    /// What a file holds.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(disk) => disk.read(path),
            Self::Caching(disk) => Ok(disk.read(path)?),
        }
    }

    /// Gives a file this content, which a power failure leaves.
    pub(super) fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(disk) => disk.write(path, content),
            Self::Caching(disk) => Ok(disk.write(path, content)?),
        }
    }

    /// Removes everything. It does not come back when the power fails.
    pub(super) fn wipe(&self) -> io::Result<()> {
        match self {
            Self::Memory(disk) => disk.wipe(),
            Self::Caching(disk) => Ok(disk.wipe()?),
        }
    }

    /// How many bytes are left.
    pub(super) fn left_bytes(&self) -> Result<u64, ProviderError> {
        match self {
            Self::Memory(disk) => disk.left_bytes(),
            Self::Caching(disk) => Ok(disk.left_bytes()),
        }
    }

    /// Takes what is left.
    pub(super) fn fill(&self) -> Result<(), ProviderError> {
        match self {
            Self::Memory(disk) => disk.fill(),
            Self::Caching(disk) => {
                disk.fill();
                Ok(())
            }
        }
    }

    /// Gives back what was taken, if anything was.
    pub(super) fn free(&self) -> Result<bool, ProviderError> {
        match self {
            Self::Memory(disk) => disk.free(),
            Self::Caching(disk) => Ok(disk.free()),
        }
    }

    /// It, if it has a cache.
    pub(super) fn caching(&self) -> Option<&CachingDisk> {
        match self {
            Self::Memory(_) => None,
            Self::Caching(disk) => Some(disk),
        }
    }
}
