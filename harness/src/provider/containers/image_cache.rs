//! Where images are unpacked: a directory for each that is complete, one at a time that is not, and the lock of whoever unpacks.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// How the name of a directory begins that is not complete.
const INCOMPLETE: &str = "incomplete-";

/// Who unpacks something locks this file.
const LOCK: &str = "lock";

/// The directory, by the XDG Base Directory Specification.
pub(super) fn directory() -> io::Result<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".cache"));
    let cache = absolute("XDG_CACHE_HOME").or_else(home);
    let cache = cache.ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is a directory"))?;
    Ok(cache.join("redis-harness/images"))
}

/// Waits until nobody else unpacks anything there. The lock is held for as long as the file is open.
pub(super) fn lock(cache: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(cache)?;
    let lock = File::create(cache.join(LOCK))?;
    lock.lock()?;
    Ok(lock)
}

/// A directory to unpack an image in, for who has the lock.
pub(super) fn incomplete(cache: &Path) -> io::Result<TempDir> {
    remove_incomplete(cache)?;
    tempfile::Builder::new().prefix(INCOMPLETE).tempdir_in(cache)
}

/// Removes what processes that were killed left half unpacked, unless somebody unpacks something now, who has removed it.
pub(super) fn sweep() -> io::Result<()> {
    let cache = directory()?;
    // Where homes are on NFS, only who may write has a lock.
    let lock = File::options().write(true).open(cache.join(LOCK))?;
    lock.try_lock()?;
    remove_incomplete(&cache)
}

fn remove_incomplete(cache: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(INCOMPLETE) {
            // Directories that are closed to their owner stay.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
