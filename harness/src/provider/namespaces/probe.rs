//! What this machine can do, found out by doing it in a lab, once per process.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit};

use super::sandbox::{Outer, Sandbox, SandboxError};
use super::tried::Tried;
use crate::provider::Need;
use crate::vocab::Missing;

/// See [`crate::provider::ProviderChoice::check`].
pub(in crate::provider) fn check(need: Need) -> Result<(), Missing> {
    match need {
        Need::Hosts => tried().map(drop),
        Need::Shaping => tried()?.shaping.clone(),
        Need::CachingDisks => tried()?.caching_disks.clone(),
        Need::OpenFiles(files) => open_files(files),
    }
}

/// Whether a process may have so many files open: labs and servers raise their soft limit to the hard one.
fn open_files(files: u64) -> Result<(), Missing> {
    within_limit(files, getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard))
}

/// Whether so many open files are within a hard limit.
pub(in crate::provider) fn within_limit(files: u64, hard: u64) -> Result<(), Missing> {
    if hard >= files {
        return Ok(());
    }
    let what = format!("have {files} files open in a process");
    let enable = format!("sudo prlimit --pid $$ --nofile={files}:{files}");
    Err(Missing { what, why: format!("the hard limit is {hard}"), enable })
}

/// The answers; the attempt is made only once.
pub(super) fn tried() -> Result<&'static Tried, Missing> {
    static ANSWER: OnceLock<Result<Tried, Missing>> = OnceLock::new();
    ANSWER.get_or_init(|| try_in_sandbox(&Outer::NAMESPACES)).as_ref().map_err(Clone::clone)
}

/// Makes a lab that only tries what it can do.
pub(in crate::provider) fn try_in_sandbox(outer: &Outer) -> Result<Tried, Missing> {
    Sandbox::try_out(outer).map_err(|error| match error {
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
        assert_eq!(open_files(1), Ok(()));
        let missing = open_files(u64::from(u32::MAX)).unwrap_err();
        assert!(
            missing.why.starts_with("the hard limit is ") && missing.enable.contains("--nofile=4294967295"),
            "{missing}"
        );
    }
}
