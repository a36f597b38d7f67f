//! The lab's user namespace and its user mappings.
//!
//! The lab is root in it. An ordinary user may map only themselves, so for them that is all. Root maps every user to
//! themselves, because root in a user namespace can use the files of mapped users only, and a run directory in a user's
//! home belongs to that user.

use std::fs::{self, File};
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getegid, geteuid};

use super::missing::KernelFeature;

/// The bits of the registrar's exit code: which maps it wrote.
const USERS: i32 = 1;
const GROUPS: i32 = 2;

/// Moves this process, which must have a single thread, into a new user namespace as its root.
pub(super) fn enter_namespace() -> Result<(), (KernelFeature, Errno)> {
    let (user, group) = (geteuid(), getegid());
    // Without a registrar, root is mapped like an ordinary user.
    let registrar = if user.is_root() { Registrar::start().ok() } else { None };
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| (KernelFeature::UserNamespace, error))?;
    let mapped = registrar.map_or(0, Registrar::map);
    let refused = |error: io::Error| (KernelFeature::UserMapping, errno(&error));
    if mapped & USERS == 0 {
        fs::write("/proc/self/uid_map", format!("0 {user} 1")).map_err(refused)?;
    }
    if mapped & GROUPS == 0 {
        fs::write("/proc/self/setgroups", "deny").map_err(refused)?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1")).map_err(refused)?;
    }
    Ok(())
}

pub(super) fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// A child that stays in the outer namespace, where root may map other users than itself.
///
/// It ends when it has written the maps, when it is dropped, or with its parent.
struct Registrar {
    pid: Pid,
    go: PipeWriter,
}

impl Registrar {
    fn start() -> io::Result<Self> {
        let (users, groups) = (everybody("/proc/self/uid_map")?, everybody("/proc/self/gid_map")?);
        // Opened by the parent, because /proc may belong to another PID namespace and show the parent by another id.
        let parent = File::open("/proc/self")?;
        let (mut may_go, go) = io::pipe()?;
        #[expect(unsafe_code, reason = "only a process that does not enter the namespace can map more than one user")]
        // SAFETY: `enter_namespace` is called before this process has a second thread, so the child may do anything.
        let forked = unsafe { fork() }?;
        if let ForkResult::Parent { child } = forked {
            return Ok(Self { pid: child, go });
        }
        drop(go);
        let mut mapped = 0;
        if may_go.read_exact(&mut [0]).is_ok() {
            let map = |file, text| fs::write(format!("/proc/self/fd/{}/{file}", parent.as_raw_fd()), text).is_ok();
            mapped |= if map("uid_map", users) { USERS } else { 0 };
            mapped |= if map("gid_map", groups) { GROUPS } else { 0 };
        }
        std::process::exit(mapped)
    }

    /// Lets it write the maps of the namespace that this process has entered; returns which were written.
    fn map(mut self) -> i32 {
        let _ = self.go.write_all(b"!");
        match waitpid(self.pid, None) {
            Ok(WaitStatus::Exited(_, mapped)) => mapped,
            _ => 0,
        }
    }
}

/// The text of a map that maps everyone in this namespace to themselves.
fn everybody(map: &str) -> io::Result<String> {
    Ok(as_themselves(&fs::read_to_string(map)?))
}

/// A map has lines of `inside outside count`.
fn as_themselves(map: &str) -> String {
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let (inside, _, count) = (fields.next()?, fields.next()?, fields.next()?);
        Some(format!("{inside} {inside} {count}\n"))
    };
    map.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_machine("         0          0 4294967295\n", "0 0 4294967295\n")]
    #[case::a_rootless_container("0 1000 1\n1 100000 65536\n", "0 0 1\n1 1 65536\n")]
    #[case::a_lab("0 1001 1\n", "0 0 1\n")]
    fn everybody_stays_who_they_are(#[case] around: &str, #[case] inside: &str) {
        assert_eq!(as_themselves(around), inside);
    }
}
