//! Reading back what a run left.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{
    Event, EventKind, Figure, Heard, History, HistoryReader, KeyLists, ReadElements, RecordedPlan, RecordedSnapshot,
    ReplicationRecord, ResourceSample, RunDirectory, RunInfo, TopologyRecord, read_heard, seal,
};
use crate::vocab::{Instant, NodeName};

/// No line of evidence is longer: the links of a partition of a hundred nodes are about 1 MB.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Everything a finished run left, read back.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What the run was.
    pub info: RunInfo,
    /// What it was to be.
    pub plan: RecordedPlan,
    /// What the topology is compared with; none if the scenario has no snapshot.
    pub snapshot: Option<RecordedSnapshot>,
    /// Every event, in order.
    pub events: Vec<Event>,
    /// Every change of a node's view, in order.
    pub topology: Vec<TopologyRecord>,
    /// How far each node was in its replication history, in order; empty if nobody looked.
    pub replication: Vec<ReplicationRecord>,
    /// What the servers and the machine used, in order; empty if nothing was sampled.
    pub samples: Vec<ResourceSample>,
    /// Every operation, in the order of its end on its worker.
    pub history: History,
    /// The elements that operations read; empty if none did.
    pub elements: ReadElements,
    /// The keys that each master held at the end; empty if nobody was asked.
    pub key_lists: KeyLists,
    /// What subscribers heard, in the order in which each heard it; empty if no load has any.
    pub heard: Vec<Heard>,
}

/// Why a run directory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// It does not hold what the run left, or the run did not end.
    #[error("the evidence is not what a run left: {}", .differences.join("; "))]
    Altered {
        /// Every difference, in words.
        differences: Vec<String>,
    },
    /// Another version made the run: its files mean something else to it, or are not the same.
    #[error("redis-harness {wrote} made this run; this is {}, which cannot judge it", env!("CARGO_PKG_VERSION"))]
    OtherVersion {
        /// That version.
        wrote: String,
    },
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else than evidence.
    #[error("{path}:{line}: this is not evidence of this version: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

impl Evidence {
    /// Reads a run directory. What differs from its seal is not read, so nobody can judge it.
    pub fn read(directory: &RunDirectory) -> Result<Self, EvidenceError> {
        seal::verify(directory).map_err(|differences| EvidenceError::Altered { differences })?;
        if let Some(wrote) = directory.told("harness_version").filter(|version| !is_compatible(version)) {
            return Err(EvidenceError::OtherVersion { wrote });
        }
        let history_path = directory.history();
        let history = fs::File::open(&history_path)
            .and_then(|file| HistoryReader::new(BufReader::new(file))?.read_all())
            .map_err(|source| EvidenceError::Read { path: history_path, source })?;
        let elements = read_elements(directory, &history)?;
        Ok(Self {
            info: read_json(&directory.info())?,
            plan: read_json(&directory.plan())?,
            snapshot: directory.snapshot().exists().then(|| read_json(&directory.snapshot())).transpose()?,
            events: read_lines(&directory.events())?,
            topology: read_lines(&directory.topology())?,
            replication: if directory.replication().exists() {
                read_lines(&directory.replication())?
            } else {
                Vec::new()
            },
            samples: if directory.samples().exists() { read_lines(&directory.samples())? } else { Vec::new() },
            history,
            elements,
            key_lists: read_or_default(directory.key_lists(), KeyLists::read)?,
            heard: read_or_default(directory.subscribers(), read_heard)?,
        })
    }
}

impl Evidence {
    /// The nodes that evicted keys for want of memory, as far as samples tell.
    pub fn evicting_nodes(&self) -> BTreeSet<&NodeName> {
        let evicts = |sample: &&ResourceSample| sample.figure(Figure::KeysEvicted).is_some_and(|keys| keys > 0.0);
        self.samples.iter().filter(evicts).filter_map(|sample| sample.node.as_ref()).collect()
    }

    /// The samples from before the harness began to read every key back, which is the last thing that a run does.
    pub fn samples_before_final_read(&self) -> Vec<&ResourceSample> {
        let began = self.events.iter().find(|event| matches!(event.kind, EventKind::FinalReadStarted));
        let end = began.map_or(Instant(u64::MAX), |began| began.at);
        self.samples.iter().filter(|sample| sample.at < end).collect()
    }
}

/// Whether evidence of that version is evidence of this one: a change of what is recorded changes the minor version.
fn is_compatible(version: &str) -> bool {
    let minor = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"), ".");
    version.starts_with(minor)
}

fn read_elements(directory: &RunDirectory, history: &History) -> Result<ReadElements, EvidenceError> {
    if !history.has_elements() {
        return Ok(ReadElements::default());
    }
    let path = directory.elements();
    let read = fs::File::open(&path).and_then(|file| ReadElements::read(BufReader::new(file), history));
    read.map_err(|source| EvidenceError::Read { path, source })
}

/// What a file of records holds; nothing where there is no file.
fn read_or_default<T: Default>(
    path: PathBuf,
    read: impl FnOnce(BufReader<fs::File>) -> io::Result<T>,
) -> Result<T, EvidenceError> {
    if !path.exists() {
        return Ok(T::default());
    }
    let read = fs::File::open(&path).and_then(|file| read(BufReader::new(file)));
    read.map_err(|source| EvidenceError::Read { path, source })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, EvidenceError> {
    let bytes = fs::read(path).map_err(|source| EvidenceError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| EvidenceError::Parse {
        path: path.to_owned(),
        line: source.line(),
        source,
    })
}

fn read_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, EvidenceError> {
    let unreadable = |source| EvidenceError::Read { path: path.to_owned(), source };
    let mut reader = BufReader::new(fs::File::open(path).map_err(unreadable)?);
    let (mut records, mut bytes) = (Vec::new(), Vec::new());
    loop {
        bytes.clear();
        let line = records.len() + 1;
        match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).map_err(unreadable)? as u64 {
            0 => return Ok(records),
            LINE_BYTES_MAX => {
                return Err(unreadable(io::Error::other(format!("line {line} is longer than any of a run"))));
            }
            _ => {}
        }
        let record = serde_json::from_slice(&bytes);
        records.push(record.map_err(|source| EvidenceError::Parse { path: path.to_owned(), line, source })?);
    }
}
