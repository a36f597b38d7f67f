//! Which processes of the lab's PID namespace are a container's.
//!
//! The engine tells their ids as it knows them, which are not those of the lab's namespace.

use std::fs;

use nix::unistd::Pid;

/// The processes that the engine started in the container that has a mount at this place, as no other container of the lab has:
/// their parents are outside, unlike those of other processes in there.
pub(super) fn started_by_engine(mount_point: &str) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| is_started_by_engine(*id, mount_point)).map(Pid::from_raw).collect()
}

fn is_started_by_engine(id: i32, mount_point: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let is_alive = fields.next().is_some_and(|state| state != "Z" && state != "X");
    let is_from_outside = fields.next() == Some("0");
    // Control groups would tell as well, but a rootless engine may have none.
    let mounts = || fs::read_to_string(format!("/proc/{id}/mountinfo")).unwrap_or_default();
    // The fifth field of a line of `mountinfo` (proc_pid_mountinfo(5)).
    is_alive && is_from_outside && mounts().lines().any(|line| line.split(' ').nth(4) == Some(mount_point))
}
