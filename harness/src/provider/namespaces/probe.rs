//! What this machine can do, found out by doing it in a lab, once per process.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit};

use super::sandbox::{Sandbox, SandboxError};
use super::tried::Tried;
use crate::vocab::Missing;

/// Whether this machine can make a lab, found out by making one; the answer is kept.
pub(in crate::provider) fn probe() -> Result<(), Missing> {
    tried().map(drop)
}

/// Whether links can be shaped, found out together with [`probe`], whose error takes precedence.
pub(in crate::provider) fn probe_shaping() -> Result<(), Missing> {
    tried()?.shaping.clone()
}

/// Whether nodes can have disks with a cache, found out together with [`probe`], whose error takes precedence.
pub(in crate::provider) fn probe_caching_disks() -> Result<(), Missing> {
    tried()?.caching_disks.clone()
}

/// Whether a process may have so many files open: labs and servers raise their soft limit to the hard one.
pub(in crate::provider) fn probe_open_files(files: u64) -> Result<(), Missing> {
    let why = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((_, hard)) if hard >= files => return Ok(()),
        Ok((_, hard)) => format!("the hard limit is {hard}"),
        Err(error) => error.to_string(),
    };
    let enable = format!("sudo prlimit --pid $$ --nofile={files}:{files}");
    Err(Missing { what: format!("have {files} files open in a process"), why, enable })
}

/// The answers; the attempt is made only once.
pub(super) fn tried() -> Result<&'static Tried, Missing> {
    static ANSWER: OnceLock<Result<Tried, Missing>> = OnceLock::new();
    ANSWER.get_or_init(try_in_sandbox).as_ref().map_err(Clone::clone)
}

fn try_in_sandbox() -> Result<Tried, Missing> {
    Sandbox::try_out().map_err(|error| match error {
        SandboxError::Missing(missing) => missing,
        other => {
            Missing { what: "start a lab".to_owned(), why: other.to_string(), enable: "see the reason".to_owned() }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_too_low_is_named_with_the_way_out() {
        assert_eq!(probe_open_files(1), Ok(()));
        let missing = probe_open_files(u64::from(u32::MAX)).unwrap_err();
        assert!(
            missing.why.starts_with("the hard limit is ") && missing.enable.contains("--nofile=4294967295"),
            "{missing}"
        );
    }
}
