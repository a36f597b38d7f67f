//! The topology's transitions compared with the recorded ones.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::check::{Finding, Status};

/// The comparison of the topology's transitions with the recorded snapshot. It is a check like any other, with a finding of
/// its own, wherever there is something to compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyComparison {
    /// What came of it.
    pub state: TopologyState,
    /// The snapshot's file, from the project's directory; none where none is kept.
    pub snapshot: Option<String>,
    /// The line of that file on which the first difference is, from 1.
    pub line: Option<usize>,
    /// How many states of the topology were compared.
    pub states: u64,
    /// Both texts, line by line: `-` recorded, `+` of this run. Empty unless they differ.
    pub diff: String,
    /// Why it is so, or what to do about it; empty if nothing is to be said.
    pub note: String,
}

/// What came of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopologyState {
    /// The recorded snapshot says the same.
    AsRecorded,
    /// It was not as recorded, and is recorded now because the user asked for that.
    Recorded,
    /// The recorded snapshot says something else.
    Differs,
    /// No snapshot was recorded yet.
    NotRecorded,
    /// The scenario wants none.
    NotKept,
    /// The run says too little to compare it.
    NotCompared,
}

impl fmt::Display for TopologyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsRecorded => AS_RECORDED,
            Self::Recorded => "recorded by this run",
            Self::Differs => "differs",
            Self::NotRecorded => "not recorded yet",
            Self::NotKept => "not kept",
            Self::NotCompared => "not compared",
        })
    }
}

/// The limit of this check, which is a word where others have a figure.
pub(super) const AS_RECORDED: &str = "as recorded";

impl TopologyComparison {
    /// Nothing was compared.
    pub fn none(state: TopologyState, note: &str) -> Self {
        Self { state, snapshot: None, line: None, states: 0, diff: String::new(), note: note.to_owned() }
    }

    /// What is asked: `topology as in snapshots/failover__master_kill.snap`.
    pub fn check(&self) -> String {
        match &self.snapshot {
            Some(file) => format!("topology as in {file}"),
            None => "topology as recorded".to_owned(),
        }
    }

    /// Whether no recorded snapshot said what was seen.
    pub(super) fn is_news(&self) -> bool {
        matches!(self.state, TopologyState::Recorded | TopologyState::Differs | TopologyState::NotRecorded)
    }

    /// The same, had the run not said enough.
    pub(super) fn left_out(self, why: &str) -> Self {
        match self.state {
            TopologyState::NotKept => self,
            _ => Self { snapshot: self.snapshot, ..Self::none(TopologyState::NotCompared, why) },
        }
    }

    /// What it counts for; nothing where no snapshot is wanted.
    pub(super) fn finding(&self) -> Option<Finding> {
        let status = match self.state {
            TopologyState::AsRecorded | TopologyState::Recorded => Status::Pass,
            TopologyState::Differs | TopologyState::NotRecorded => Status::Fail,
            TopologyState::NotCompared => Status::Inconclusive,
            TopologyState::NotKept => return None,
        };
        Some(Finding {
            check: self.check(),
            status,
            limit: AS_RECORDED.to_owned(),
            measured: self.state.to_string(),
            samples: self.states,
            line: None,
            note: self.note.clone(),
        })
    }
}
