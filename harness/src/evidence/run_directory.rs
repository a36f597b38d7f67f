//! The layout of the directory that holds a run's evidence.

use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::vocab::NodeName;

/// `target/scenarios/<family>/<scenario>/<run>/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDirectory(PathBuf);

impl RunDirectory {
    /// The directory at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The scenario file as it was when the run began.
    pub fn scenario(&self) -> PathBuf {
        self.0.join("scenario.ron")
    }

    /// [`super::RecordedSnapshot`]; not there if the scenario has none.
    pub fn snapshot(&self) -> PathBuf {
        self.0.join("snapshot.json")
    }

    /// [`super::RecordedPlan`].
    pub fn plan(&self) -> PathBuf {
        self.0.join("plan.json")
    }

    /// [`super::RunInfo`].
    pub fn info(&self) -> PathBuf {
        self.0.join("run.json")
    }

    /// One [`super::Event`] a line.
    pub fn events(&self) -> PathBuf {
        self.0.join("events.jsonl")
    }

    /// One [`super::TopologyRecord`] a line.
    pub fn topology(&self) -> PathBuf {
        self.0.join("topology.jsonl")
    }

    /// One [`super::ReplicationRecord`] a line.
    pub fn replication(&self) -> PathBuf {
        self.0.join("replication.jsonl")
    }

    /// One [`super::ResourceSample`] a line; not there if nothing was sampled.
    pub fn samples(&self) -> PathBuf {
        self.0.join("samples.jsonl")
    }

    /// Every [`super::Operation`].
    pub fn history(&self) -> PathBuf {
        self.0.join("history.bin")
    }

    /// The elements that operations read ([`super::ReadElements`]); not there if none did.
    pub fn elements(&self) -> PathBuf {
        self.0.join("elements.bin")
    }

    /// The keys that each master held at the end ([`super::KeyLists`]); not there if nobody was asked.
    pub fn key_lists(&self) -> PathBuf {
        self.0.join("key_lists.bin")
    }

    /// Every [`super::Heard`]; not there if no load has subscribers.
    pub fn subscribers(&self) -> PathBuf {
        self.0.join("subscribers.bin")
    }

    /// Latencies in intervals of a second, in the log format of `HdrHistogram`.
    pub fn latency(&self) -> PathBuf {
        self.0.join("latency.hlog")
    }

    /// What each load did in every 100 ms, as a table.
    pub fn series(&self) -> PathBuf {
        self.0.join("series.csv")
    }

    /// The verdict.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.json")
    }

    /// The verdict for people.
    pub fn report_html(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// A directory for each node.
    pub fn nodes(&self) -> PathBuf {
        self.0.join("nodes")
    }

    /// A node's configuration and log.
    pub fn node(&self, node: &NodeName) -> PathBuf {
        self.nodes().join(node.as_str())
    }

    /// A node's configuration as it was started.
    pub fn node_config(&self, node: &NodeName) -> PathBuf {
        self.node(node).join("redis.conf")
    }

    /// A node's log, of all its starts.
    pub fn node_log(&self, node: &NodeName) -> PathBuf {
        self.node(node).join("redis.log")
    }

    /// What the lab process itself had to say on its standard error.
    pub fn lab_log(&self) -> PathBuf {
        self.0.join("lab.log")
    }

    /// What all of it was when the run had ended.
    pub fn seal(&self) -> PathBuf {
        self.0.join("seal.json")
    }

    /// What `run.json` says in a field of text, of whatever version and in whatever state it is; none if it says nothing.
    pub fn told(&self, field: &str) -> Option<String> {
        let path = self.info();
        let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        let file = fs::File::open(path).ok().filter(|_| is_file)?;
        let told: serde_json::Value = serde_json::from_reader(BufReader::new(file.take(INFO_BYTES_MAX))).ok()?;
        told.get(field)?.as_str().map(str::to_owned)
    }
}

/// No `run.json` is longer: a hundred servers are about 20 kB.
const INFO_BYTES_MAX: u64 = 1 << 20;
