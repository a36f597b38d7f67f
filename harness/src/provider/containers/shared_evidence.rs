//! A node's evidence, which its server writes as whoever its image has it run as.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::unistd::chown;

use crate::provider::lab::{AsRoot, file_user};

/// The directory of a node's configuration and log.
pub(super) struct SharedEvidence(PathBuf);

impl SharedEvidence {
    pub(super) fn of(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// Lets any server append to its log, and replace its configuration, as sentinels do.
    pub(super) fn open_to_all(&self) -> io::Result<()> {
        self.set(0o777, 0o666)
    }

    /// Makes all of it the property of whoever started the lab.
    pub(super) fn give_back(&self) -> io::Result<()> {
        let (user, group) = file_user();
        {
            let _root = AsRoot::begin();
            for path in self.paths()? {
                chown(&path, Some(user), Some(group))?;
            }
        }
        self.set(0o755, 0o644)
    }

    fn set(&self, directory: u32, file: u32) -> io::Result<()> {
        let _root = AsRoot::begin();
        for path in self.paths()? {
            let mode = if path.is_dir() { directory } else { file };
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// The directory and what is in it.
    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let inside = fs::read_dir(&self.0)?.map(|entry| entry.map(|entry| entry.path()));
        std::iter::once(Ok(self.0.clone())).chain(inside).collect()
    }
}
