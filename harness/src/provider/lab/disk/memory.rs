//! A disk in memory that forgets nothing. Its space can be taken away and given back.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::statvfs;

use crate::provider::lab::AsRoot;
use crate::provider::{ProviderError, file};
use crate::vocab::Size;

/// The file that takes the space. No server has a file of this name.
const FILLER: &str = "filler";

/// A server that writes meanwhile takes some of the space itself, so that it is asked for anew.
const TRIES: usize = 100;

pub(in crate::provider) struct MemoryDisk {
    directory: PathBuf,
    filler: PathBuf,
}

impl MemoryDisk {
    /// Mounts an empty one at a directory.
    pub(super) fn mount(directory: PathBuf, size: Size) -> Result<Self, ProviderError> {
        mount_memory(&directory, Some(size))?;
        Ok(Self::at(directory))
    }

    /// One that is mounted at a directory already.
    pub(super) fn at(directory: PathBuf) -> Self {
        Self { filler: directory.join(FILLER), directory }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let _root = AsRoot::begin();
        let (mut found, mut next) = (Vec::new(), vec![self.directory.clone()]);
        while let Some(directory) = next.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let path = entry.path();
                found.extend(path.strip_prefix(&self.directory).map(Path::to_owned));
                if entry.file_type()?.is_dir() {
                    next.push(path);
                }
            }
        }
        Ok(found)
    }

    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let _root = AsRoot::begin();
        fs::read(self.directory.join(path))
    }

    pub(super) fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let _root = AsRoot::begin();
        let path = self.directory.join(path);
        fs::write(&path, content)?;
        // Whoever the server runs as has to change it. Nobody else gets here.
        fs::set_permissions(path, Permissions::from_mode(0o666))
    }

    pub(super) fn wipe(&self) -> io::Result<()> {
        let _root = AsRoot::begin();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }?;
        }
        Ok(())
    }

    /// How many bytes are left.
    pub(super) fn left_bytes(&self) -> Result<u64, ProviderError> {
        let _root = AsRoot::begin();
        let left =
            statvfs(&self.directory).map_err(|error| file("ask for the space of", &self.directory)(error.into()))?;
        Ok(left.blocks_available().saturating_mul(left.fragment_size()))
    }

    /// Takes what is left.
    pub(super) fn fill(&self) -> Result<(), ProviderError> {
        let _root = AsRoot::begin();
        let failed = |source: io::Error| file("fill the disk with", &self.filler)(source);
        let filler = OpenOptions::new().create(true).append(true).open(&self.filler).map_err(failed)?;
        for _ in 0..TRIES {
            let left = self.left_bytes()?;
            if left == 0 {
                break;
            }
            match extend(&filler, left) {
                Ok(()) | Err(Errno::ENOSPC) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
        Ok(())
    }

    /// Gives back what was taken, if anything was.
    pub(super) fn free(&self) -> Result<bool, ProviderError> {
        let _root = AsRoot::begin();
        match fs::remove_file(&self.filler) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(file("remove", &self.filler)(error)),
        }
    }
}

/// Mounts a tmpfs at `path`, invisible outside the lab. Without `size`, the kernel's default applies.
pub(in crate::provider) fn mount_memory(path: &Path, size: Option<Size>) -> Result<(), ProviderError> {
    // To the kernel, 0 bytes would mean no limit.
    let options = size.map(|size| format!("size={},mode=700", size.bytes.max(1)));
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let mounted = mount(Some("tmpfs"), path, Some("tmpfs"), flags, options.as_deref());
    mounted.map_err(|error| file("mount memory at", path)(error.into()))
}

fn extend(filler: &File, bytes: u64) -> Result<(), Errno> {
    let length = filler.metadata().map_err(|_| Errno::EIO)?.len();
    let offset = |bytes: u64| i64::try_from(bytes).map_err(|_| Errno::EFBIG);
    fallocate(filler, FallocateFlags::empty(), offset(length)?, offset(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_cannot_be_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let disk = MemoryDisk::at(directory.path().to_owned());
        assert!(disk.left_bytes().unwrap() > 0);
        assert!(!disk.free().unwrap());
        fs::write(directory.path().join(FILLER), "x").unwrap();
        assert!(disk.free().unwrap());
        assert!(!disk.free().unwrap());
    }
}
