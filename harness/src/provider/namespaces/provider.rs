//! Hosts and processes of one run, in namespaces.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use nix::mount::{MntFlags, umount2};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::time::timeout;

use super::disk::{CachingDisk, DATA, Disk, mount_memory};
use super::process::{NodeProcess, StatusSender};
use super::program;
use super::usage::ProcUsageReader;
use super::waits::ProcWaitReader;
use crate::evidence::{Clock, ExitCause, Journal, NodeStatus, Reach, RunDirectory};
use crate::network::{ChangedLinks, ClientHost, Network, NewHost};
use crate::provider::{
    ClientSpec, PowerFailure, ProgramEnd, Provider, ProviderError, ServerBinary, ServerSpec, Storage, UsageReader,
    WaitReader, file,
};
use crate::vocab::{CutBy, HostName, Instant, Link, LinkShape, NodeName, ServerPort, Size};

/// How long killed servers may take to disappear.
const SHUTDOWN_BOUND: Duration = Duration::from_secs(5);

/// The directory beside the nodes' for what is no evidence. No node is named so.
const SECRETS: &str = "secrets";

/// The hosts and processes of one run. A process has only one, and must be process 1 of a sandbox.
pub(in crate::provider) struct NamespaceProvider {
    nodes: BTreeMap<NodeName, Arc<NodeProcess>>,
    /// What each node may store.
    storage: Size,
    network: Network,
    clock: Clock,
    statuses: Arc<StatusSender>,
}

impl NamespaceProvider {
    /// See [`crate::provider::raise`].
    pub(in crate::provider) async fn raise(
        servers: &[ServerSpec],
        clients: &[ClientSpec],
        storage: Storage,
        seed: u64,
        directory: &RunDirectory,
        journal: Journal,
    ) -> Result<Self, ProviderError> {
        let binaries = find_binaries(servers)?;
        raise_file_limit().map_err(file("raise the limit of open files of", "/proc/self"))?;
        let hosts = servers.iter().map(|server| (HostName::from(&server.node), server.address.ip()));
        let others = clients.iter().map(|client| (client.name.clone(), client.ip));
        let hosts = hosts.chain(others).map(|(name, ip)| NewHost { name, ip, namespace: None }).collect();
        let network = Network::raise(hosts, clients.len(), journal.clock(), seed).await?;
        let statuses = servers.iter().map(|server| (server.node.clone(), NodeStatus::Down)).collect();
        let statuses = Arc::new(watch::Sender::new(statuses));
        let data = Path::new(DATA);
        mount_memory(data, None)?;
        let secrets = data.join(SECRETS);
        DirBuilder::new().mode(0o700).create(&secrets).map_err(file("make the directory", secrets))?;
        let mut nodes = BTreeMap::new();
        for (spec, binary) in servers.iter().zip(binaries) {
            let namespace = network.namespace(&HostName::from(&spec.node))?;
            let (data, logs) = (data.join(spec.node.as_str()), directory.node(&spec.node));
            fs::create_dir(&data).map_err(file("make the directory", &data))?;
            fs::create_dir_all(&logs).map_err(file("make the directory", logs))?;
            let (disk, evidence) = (Disk::make(data, storage)?, (directory.clone(), journal.clone()));
            let node = NodeProcess::new((spec.clone(), binary, namespace), disk, evidence, Arc::clone(&statuses));
            nodes.insert(spec.node.clone(), Arc::new(node));
        }
        Ok(Self { nodes, storage: storage.size, network, clock: journal.clock(), statuses })
    }

    fn node(&self, name: &NodeName) -> Result<&Arc<NodeProcess>, ProviderError> {
        self.nodes.get(name).ok_or_else(|| ProviderError::NoSuchNode(name.clone()))
    }
}

impl Provider for NamespaceProvider {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn host(&self, name: &HostName) -> Result<ClientHost, ProviderError> {
        Ok(self.network.host(name)?.clone())
    }

    fn binary(&self, node: &NodeName) -> Result<&ServerBinary, ProviderError> {
        Ok(&self.node(node)?.binary)
    }

    fn data_directory(&self, node: &NodeName) -> Result<PathBuf, ProviderError> {
        Ok(self.node(node)?.disk.directory().to_owned())
    }

    fn read_data(&self, node: &NodeName, path: &Path) -> Result<Vec<u8>, ProviderError> {
        let disk = &self.node(node)?.disk;
        disk.read(path).map_err(file("read", disk.directory().join(path)))
    }

    fn write_data(&self, node: &NodeName, path: &Path, content: &[u8]) -> Result<(), ProviderError> {
        let written = self.node(node)?.disk.write(path, content);
        written.map_err(|source| ProviderError::Storage { node: node.clone(), storage: self.storage, source })
    }

    fn write_secret(&self, name: &str, content: &str) -> Result<PathBuf, ProviderError> {
        let path = Path::new(DATA).join(SECRETS).join(name);
        fs::write(&path, content).map_err(file("write", &path))?;
        Ok(path)
    }

    fn data_files(&self, node: &NodeName) -> Result<Vec<PathBuf>, ProviderError> {
        let disk = &self.node(node)?.disk;
        disk.paths().map_err(file("read the directory", disk.directory()))
    }

    fn wipe(&self, node: &NodeName) -> Result<(), ProviderError> {
        self.node(node)?.wipe()
    }

    fn fill_data(&self, node: &NodeName) -> Result<(), ProviderError> {
        self.node(node)?.disk.fill()
    }

    fn free_data(&self, node: &NodeName) -> Result<bool, ProviderError> {
        self.node(node)?.disk.free()
    }

    fn space_left(&self, node: &NodeName) -> Result<u64, ProviderError> {
        self.node(node)?.disk.left_bytes()
    }

    fn start<'a>(
        &'a self,
        node: &'a NodeName,
        arguments: &'a [OsString],
        expected: Option<ExitCause>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        async move { self.node(node)?.start(arguments, expected) }.boxed()
    }

    fn signal(&self, node: &NodeName, signal: Signal) -> Result<Instant, ProviderError> {
        self.node(node)?.signal(signal)
    }

    fn exit<'a>(&'a self, node: &'a NodeName) -> BoxFuture<'a, Result<ExitCause, ProviderError>> {
        async move { self.node(node)?.exit().await }.boxed()
    }

    fn power_off<'a>(&'a self, node: &'a NodeName) -> BoxFuture<'a, Result<PowerFailure, ProviderError>> {
        async move { self.node(node)?.power_off().await }.boxed()
    }

    fn delay_fsync<'a>(&'a self, node: &'a NodeName, by: Duration) -> BoxFuture<'a, Result<Duration, ProviderError>> {
        async move { self.node(node)?.delay_fsync(by).await }.boxed()
    }

    fn fsync_delay(&self, node: &NodeName) -> Result<Duration, ProviderError> {
        Ok(self.node(node)?.disk.caching().map_or(Duration::ZERO, CachingDisk::fsync_delay))
    }

    fn process_state(&self, node: &NodeName) -> Option<char> {
        self.nodes.get(node)?.process_state()
    }

    fn status(&self) -> watch::Receiver<BTreeMap<NodeName, NodeStatus>> {
        self.statuses.subscribe()
    }

    fn log_tail(&self, node: &NodeName) -> Result<String, ProviderError> {
        self.node(node)?.log_tail()
    }

    fn wait_reader(&self) -> Box<dyn WaitReader> {
        Box::new(ProcWaitReader::new(self.nodes.values().cloned().collect()))
    }

    fn usage_reader(&self) -> Box<dyn UsageReader> {
        Box::new(ProcUsageReader::new(self.network.hosts()))
    }

    fn run_program<'a>(
        &'a self,
        host: &'a HostName,
        command: &'a [String],
        environment: &'a [(&'static str, OsString)],
        within: Duration,
    ) -> BoxFuture<'a, Result<ProgramEnd, ProviderError>> {
        let given = environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let variables = given.chain(self.nodes.values().flat_map(|node| program::address_of(&node.spec))).collect();
        async move { program::run((host, self.network.namespace(host)?), command, variables, within).await }.boxed()
    }

    fn cut<'a>(
        &'a self,
        name: &'a str,
        links: &'a BTreeSet<Link>,
        by: CutBy,
    ) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>> {
        async move { Ok(self.network.cut(name, links, by).await?) }.boxed()
    }

    fn cut_port<'a>(
        &'a self,
        name: &'a str,
        links: &'a BTreeSet<Link>,
        port: ServerPort,
    ) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>> {
        async move { Ok(self.network.cut_port(name, links, port).await?) }.boxed()
    }

    fn shape<'a>(
        &'a self,
        name: &'a str,
        links: &'a BTreeSet<Link>,
        shape: LinkShape,
    ) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>> {
        async move { Ok(self.network.shape(name, links, shape).await?) }.boxed()
    }

    fn heal<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>> {
        async move { Ok(self.network.heal(name).await?) }.boxed()
    }

    fn link_changes_in_force(&self) -> Vec<String> {
        self.network.in_force()
    }

    fn reach(&self) -> watch::Receiver<Reach> {
        self.network.reach()
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        async move {
            let end = |node: Arc<NodeProcess>| async move {
                if node.signal(Signal::SIGKILL).is_ok() {
                    let _ = timeout(SHUTDOWN_BOUND, node.exit()).await;
                }
            };
            join_all(self.nodes.values().cloned().map(end)).await;
            // Anything left disappears with the lab's first process.
            let _ = umount2(DATA, MntFlags::MNT_DETACH);
        }
        .boxed()
    }
}

/// Finds the binaries; runs each once, however many nodes use it.
fn find_binaries(nodes: &[ServerSpec]) -> Result<Vec<ServerBinary>, ProviderError> {
    let mut found: BTreeMap<Option<&str>, ServerBinary> = BTreeMap::new();
    let mut binaries = Vec::with_capacity(nodes.len());
    for node in nodes {
        let binary = match found.entry(node.binary.as_deref()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let binary = ServerBinary::find(node.binary.as_deref());
                let named = |source| ProviderError::Server { node: node.node.clone(), source };
                unknown.insert(binary.map_err(named)?).clone()
            }
        };
        binaries.push(binary);
    }
    Ok(binaries)
}

/// A server with its default of 10,000 clients, and a load with as many, need more open files than a login shell
/// allows.
fn raise_file_limit() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
