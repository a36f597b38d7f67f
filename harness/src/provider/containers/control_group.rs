//! Servers of a run share the processors with each other and with the harness, as processes do.
//!
//! The engine puts each container into a control group, and the kernel shares processors among groups first. On the machines that
//! hosts stand for, no other host would be there to share with; so servers join the lab's own group.
//!
//! The lab mounts the hierarchy of version 1 that shares out processors. Version 2 has one hierarchy for everything. In a control group
//! namespace of its own the lab could move nobody, and a new mount in the machine's would clear the hierarchy's options for everybody:
//! so the lab is in the machine's namespace, and is given the machine's own mount.

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::mount::{MsFlags, mount};
use nix::unistd::Pid;
use testcontainers::bollard::models::{
    HostConfig, HostConfigCgroupnsModeEnum, SystemInfo, SystemInfoCgroupVersionEnum,
};

use super::engine::is_rootless;
use crate::provider::lab::AsRoot;

/// Where the lab sees the hierarchy of version 1.
const VERSION_1: &str = "/redis-harness/groups";

/// Where machines have the hierarchy of version 2.
const VERSION_2: &str = "/sys/fs/cgroup";

/// Shows the control groups of the machine to a lab that this makes, where they are of version 2. A rootless engine has only a part of
/// them, and its servers stay where they are.
pub(super) fn show(engine: &SystemInfo, lab: &mut HostConfig) {
    if engine.cgroup_version == Some(SystemInfoCgroupVersionEnum::_2) && !is_rootless(engine) {
        lab.cgroupns_mode = Some(HostConfigCgroupnsModeEnum::HOST);
        lab.binds.get_or_insert_default().push(format!("{VERSION_2}:{VERSION_2}"));
    }
}

/// Mounts those of version 1. Must be called by root.
pub(super) fn prepare() -> io::Result<()> {
    let of_lab = fs::read_to_string("/proc/self/cgroup")?;
    let Some((controllers, _)) = of_processors(&of_lab).filter(|(controllers, _)| !controllers.is_empty()) else {
        return Ok(());
    };
    fs::create_dir_all(VERSION_1)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    Ok(mount(Some("cgroup"), VERSION_1, Some("cgroup"), flags, Some(controllers))?)
}

/// Moves a server, and what it will fork, to the lab's own group.
pub(super) fn join(server: Pid) -> io::Result<()> {
    let of_lab = fs::read_to_string("/proc/self/cgroup")?;
    let (controllers, path) = of_processors(&of_lab).ok_or(io::ErrorKind::NotFound)?;
    let group = PathBuf::from(format!("{}{path}", if controllers.is_empty() { VERSION_2 } else { VERSION_1 }));
    let _root = AsRoot::begin();
    fs::write(group.join("cgroup.procs"), server.to_string())
}

/// The controllers of the hierarchy that shares out processors, none for that of version 2, and a process' path in it: by its
/// `/proc/PID/cgroup` (cgroups(7)).
fn of_processors(groups: &str) -> Option<(&str, &str)> {
    let hierarchies = || groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let of_version_1 = hierarchies().find(|(controllers, _)| controllers.split(',').any(|name| name == "cpu"));
    of_version_1.or_else(|| hierarchies().find(|(controllers, _)| controllers.is_empty()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one_by_itself("2:cpuacct:/docker/1f\n1:cpu:/docker/2f\n0::/\n", Some(("cpu", "/docker/2f")))]
    #[case::several_in_one("5:cpuset:/a\n4:cpu,cpuacct:/docker/1f:a\n", Some(("cpu,cpuacct", "/docker/1f:a")))]
    #[case::another("3:cpuset:/a\n", None)]
    #[case::version_2("0::/system.slice/docker-1f.scope\n", Some(("", "/system.slice/docker-1f.scope")))]
    fn processors_are_shared_out_by(#[case] groups: &str, #[case] expected: Option<(&str, &str)>) {
        assert_eq!(of_processors(groups), expected);
    }

    #[rstest]
    #[case::version_1(SystemInfoCgroupVersionEnum::_1, &[], false)]
    #[case::version_2(SystemInfoCgroupVersionEnum::_2, &["name=seccomp,profile=builtin", "name=cgroupns"], true)]
    #[case::rootless(SystemInfoCgroupVersionEnum::_2, &["name=rootless", "name=cgroupns"], false)]
    fn the_lab_sees_them(#[case] version: SystemInfoCgroupVersionEnum, #[case] options: &[&str], #[case] sees: bool) {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let engine =
            SystemInfo { cgroup_version: Some(version), security_options: Some(options), ..SystemInfo::default() };
        let mut lab = HostConfig::default();
        show(&engine, &mut lab);
        assert_eq!((lab.cgroupns_mode.is_some(), lab.binds.is_some()), (sees, sees));
    }
}
