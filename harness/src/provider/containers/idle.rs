//! A node's container, which idles: it is the node's host, and holds its network namespace and its data.

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;
use testcontainers::core::Mount;
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt, TestcontainersError};

use super::engine::in_words;
use super::image::name_and_tag;
use super::inner;
use super::owner;
use super::processes::started_by_engine;
use super::shared_evidence::SharedEvidence;
use crate::provider::ServerSpec;
use crate::vocab::{NodeName, Size};

/// Where the data directory of a node is in its container: memory under a path of our own, since what is mounted over a directory of
/// an image takes its mode. No two containers of a lab have the same.
pub(super) fn data_directory(node: &NodeName) -> String {
    format!("/redis-harness/data/{node}")
}

/// What a container of a node does.
const IDLER: (&str, &str) = ("sleep", "infinity");

/// A container that idles.
pub(super) struct Idle {
    pub(super) id: String,
    /// The node's data directory in there.
    pub(super) data: String,
    /// Its first process, by the lab's own ids.
    pid: Pid,
    pub(super) evidence: SharedEvidence,
}

impl Idle {
    /// Starts a container of this image for a node; `evidence` is the directory of the node's configuration and log, which has the
    /// same path in there. Its network namespace is that of `host`, or its own, which has no network yet.
    pub(super) async fn start(
        (spec, image): (&ServerSpec, &str),
        host: Option<&Self>,
        size: Size,
        evidence: &Path,
    ) -> io::Result<Self> {
        let path = evidence.to_str().ok_or_else(|| io::Error::other("its run directory's path is no text"))?;
        let lab = env::var(inner::NAME).map_err(io::Error::other)?;
        let (name, tag) = name_and_tag(image);
        let data = data_directory(&spec.node);
        let shared = Shared { lab: lab.clone(), network: host.map(|host| host.id.clone()), data: data.clone(), size };
        let mut request = GenericImage::new(name, tag)
            .with_entrypoint(IDLER.0)
            .with_cmd([IDLER.1])
            .with_container_name(format!("{}-{}", lab.trim_end_matches("-lab"), spec.node))
            .with_label(owner::LABEL, owner::label())
            .with_mount(Mount::bind_mount(path, path))
            .with_host_config_modifier(move |config| shared.settle(config));
        // The name of a host is a part of its network.
        if host.is_none() {
            request = request.with_hostname(spec.node.as_str());
        }
        let started = request.start().await.map_err(|error: TestcontainersError| {
            io::Error::other(format!("cannot start a container of {image}: {}", in_words(&error)))
        })?;
        let id = started.id().to_owned();
        // The kernel ends it with the lab, and the engine removes it then. Until then nothing else may.
        std::mem::forget(started);
        let pid = started_by_engine(&data).first().copied();
        let pid = pid.ok_or_else(|| io::Error::other(format!("the container of {} ended at once", spec.node)))?;
        Ok(Self { id, data, pid, evidence: SharedEvidence::of(evidence) })
    }

    /// Opens its network namespace.
    pub(super) fn network(&self) -> io::Result<File> {
        File::open(format!("/proc/{}/ns/net", self.pid))
    }

    /// Opens its mount namespace.
    pub(super) fn mounts(&self) -> io::Result<File> {
        File::open(format!("/proc/{}/ns/mnt", self.pid))
    }

    /// A path of its, as the lab reaches it.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.pid))
    }

    /// The server that the engine started in it, if one runs.
    pub(super) fn server(&self) -> Option<Pid> {
        started_by_engine(&self.data).into_iter().find(|pid| *pid != self.pid)
    }
}

/// What a node's container shares with others, and what it has of the machine.
struct Shared {
    lab: String,
    /// The container whose network namespace it has, if any.
    network: Option<String>,
    data: String,
    size: Size,
}

impl Shared {
    fn settle(&self, config: &mut testcontainers::bollard::models::HostConfig) {
        config.auto_remove = Some(true);
        let network = self.network.as_ref().map(|host| format!("container:{host}"));
        config.network_mode = Some(network.unwrap_or_else(|| "none".to_owned()));
        config.publish_all_ports = Some(false);
        config.userns_mode = Some("host".to_owned());
        config.pid_mode = Some(format!("container:{}", self.lab));
        // To the kernel, 0 bytes would mean no limit.
        let data = format!("mode=0777,size={}", self.size.bytes.max(1));
        config.tmpfs = Some(inner::memory().into_iter().chain(HashMap::from([(self.data.clone(), data)])).collect());
    }
}
