//! Recorded replies and logs, for the tests of this system.

use crate::system::Names;
use crate::system::testing::fixture;
use crate::vocab::{Address, NodeId, NodeName};

/// `ids.txt` of a recording: node, id, address. A node that was wiped is there a second time.
pub(super) fn recorded_ids(server: &str) -> Vec<(NodeName, NodeId, Address)> {
    let text = std::fs::read_to_string(fixture(&format!("views/{server}/ids.txt"))).unwrap();
    let entry = |line: &str| {
        let fields: Vec<_> = line.split(' ').collect();
        (NodeName::new(fields[0]), NodeId(fields[1].to_owned()), Address(fields[2].parse().unwrap()))
    };
    text.lines().map(entry).collect()
}

/// The names of a recording's six nodes as they began.
pub(super) fn recorded_names(server: &str) -> Names {
    Names::new(recorded_ids(server).into_iter().take(6))
}
