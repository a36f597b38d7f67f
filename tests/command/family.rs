//! The processes of a run, told from any other: by descent, and by the namespaces of its lab.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::started::{END_BOUND, poll};

/// A process and when it started, which tells it from a later one with the same id.
type Identity = (i32, String);

/// The processes of a run while it goes on.
#[derive(Debug)]
pub(super) struct Family {
    /// The command's own child.
    pub(super) stage_one: i32,
    /// Process 1 of the lab.
    pub(super) first: i32,
    members: BTreeSet<Identity>,
    /// The lab's PID and network namespace.
    namespaces: [String; 2],
}

/// The fields of `/proc/<pid>/stat` after the program's name: the state, the parent, ..., the start time twentieth.
fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
}

fn namespaces(pid: i32) -> Option<[String; 2]> {
    let read = |kind: &str| Some(fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()?.to_string_lossy().into_owned());
    Some([read("pid")?, read("net")?])
}

impl Family {
    /// Of the command with this process id. It must be running its servers.
    pub(super) fn of(outer: i32) -> Self {
        let mut children = BTreeMap::<i32, Vec<i32>>::new();
        let mut started = BTreeMap::new();
        for pid in processes() {
            let Some(stat) = stat(pid) else { continue };
            children.entry(stat[1].parse().expect("a parent")).or_default().push(pid);
            started.insert(pid, stat[19].clone());
        }
        let children = |pid: i32| children.get(&pid).cloned().unwrap_or_default();
        let [stage_one] = children(outer)[..] else { panic!("{:?} are the children", children(outer)) };
        let [first] = children(stage_one)[..] else { panic!("{:?} are the grandchildren", children(stage_one)) };
        let servers = children(first);
        assert!(servers.len() >= 3, "the lab has only {servers:?}");
        let members = [vec![stage_one, first], servers].concat();
        Self {
            stage_one,
            first,
            members: members.into_iter().map(|pid| (pid, started[&pid].clone())).collect(),
            namespaces: namespaces(first).expect("the namespaces of our own process"),
        }
    }

    /// Waits until no member lives and no process is in the namespaces of the lab.
    pub(super) fn await_end(&self) {
        poll(END_BOUND, || {
            let left: Vec<_> = self.members.iter().filter(|member| lives(member)).collect();
            let inside: Vec<_> = processes().filter(|pid| self.has(*pid)).collect();
            if left.is_empty() && inside.is_empty() {
                Ok(())
            } else {
                Err(format!("still there: {left:?}, in the namespaces: {inside:?}"))
            }
        });
    }

    fn has(&self, pid: i32) -> bool {
        let own = namespaces(pid);
        own.is_some_and(|own| own.iter().zip(&self.namespaces).any(|(one, other)| one == other))
    }
}

fn lives((pid, started): &Identity) -> bool {
    stat(*pid).is_some_and(|stat| stat.get(19) == Some(started) && stat[0] != "Z" && stat[0] != "X")
}
