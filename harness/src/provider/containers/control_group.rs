//! Servers of a run share the processors with each other and with the harness, as processes do.
//!
//! The engine puts each container into a control group, and the kernel shares processors among groups first. On the machines that
//! hosts stand for, no other host would be there to share with; so servers join the lab's own group. That takes version 1 of control
//! groups: with version 2 the lab, which has a control group namespace of its own, may move nobody, and to mount the hierarchy in
//! that of the machine would clear its options for everybody. There servers stay where they are, and are only slower.

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::mount::{MsFlags, mount};
use nix::unistd::Pid;

use crate::provider::lab::AsRoot;

/// Where the lab sees the control groups that share out processors.
const GROUPS: &str = "/redis-harness/groups";

/// Makes them visible. Must be called by root.
pub(super) fn prepare() -> io::Result<()> {
    let of_lab = fs::read_to_string("/proc/self/cgroup")?;
    let (controllers, _) = of_processors(&of_lab).ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(GROUPS)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    Ok(mount(Some("cgroup"), GROUPS, Some("cgroup"), flags, Some(controllers))?)
}

/// Moves a server, and what it will fork, to the lab's own group.
pub(super) fn join(server: Pid) -> io::Result<()> {
    let of_lab = fs::read_to_string("/proc/self/cgroup")?;
    let (_, path) = of_processors(&of_lab).ok_or(io::ErrorKind::NotFound)?;
    let group = PathBuf::from(format!("{GROUPS}{path}"));
    let _root = AsRoot::begin();
    fs::write(group.join("cgroup.procs"), server.to_string())
}

/// The controllers of the hierarchy of version 1 that shares out processors, and a process' path in it: by its `/proc/PID/cgroup`
/// (cgroups(7)).
fn of_processors(groups: &str) -> Option<(&str, &str)> {
    let mut hierarchies = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    hierarchies.find(|(controllers, _)| controllers.split(',').any(|name| name == "cpu"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one_by_itself("2:cpuacct:/docker/1f\n1:cpu:/docker/2f\n0::/\n", Some(("cpu", "/docker/2f")))]
    #[case::several_in_one("5:cpuset:/a\n4:cpu,cpuacct:/docker/1f:a\n", Some(("cpu,cpuacct", "/docker/1f:a")))]
    #[case::another("3:cpuset:/a\n", None)]
    #[case::version_2("0::/system.slice/docker-1f.scope\n", None)]
    fn processors_are_shared_out_by(#[case] groups: &str, #[case] expected: Option<(&str, &str)>) {
        assert_eq!(of_processors(groups), expected);
    }
}
