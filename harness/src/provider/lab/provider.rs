//! Hosts and processes of one run.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::time::timeout;

use super::disk::CachingDisk;
use super::hosts::NodeHosts;
use super::node::{NewNode, NodeProcess, StatusSender};
use super::program;
use super::usage::ProcUsageReader;
use super::waits::ProcWaitReader;
use crate::evidence::{Clock, ExitCause, Journal, NodeStatus, Reach, RunDirectory};
use crate::network::{ChangedLinks, ClientHost, Network, NewHost};
use crate::provider::{
    ClientSpec, PowerFailure, ProgramEnd, Provider, ProviderError, ServerSpec, Storage, UsageReader, WaitReader, file,
};
use crate::vocab::{CutBy, HostName, Instant, Link, LinkShape, NodeName, ServerPort, ServerVersion, Size};

/// How long killed servers may take to disappear.
const SHUTDOWN_BOUND: Duration = Duration::from_secs(5);

/// The hosts and processes of one run. A process has only one, and must be process 1 of a lab.
pub(in crate::provider) struct Lab {
    nodes: BTreeMap<NodeName, Arc<NodeProcess>>,
    hosts: Arc<dyn NodeHosts>,
    /// What each node may store.
    storage: Size,
    network: Network,
    clock: Clock,
    statuses: Arc<StatusSender>,
}

impl Lab {
    /// Joins the hosts of servers and those of clients, of which `namespaces` exist already.
    pub(in crate::provider) async fn raise_network(
        servers: &[ServerSpec],
        clients: &[ClientSpec],
        mut namespaces: BTreeMap<NodeName, File>,
        seed: u64,
        journal: &Journal,
    ) -> Result<Network, ProviderError> {
        let reach = Reach::of(servers.iter().map(|server| (&server.node, &server.host)));
        let owners = servers.iter().filter(|server| server.host.is(&server.node));
        let servers = owners.map(|ServerSpec { node, host, address, .. }| NewHost {
            name: host.clone(),
            ip: address.ip(),
            namespace: namespaces.remove(node),
        });
        let others = clients.iter().map(|client| NewHost { name: client.name.clone(), ip: client.ip, namespace: None });
        Ok(Network::raise(servers.chain(others).collect(), clients.len(), reach, journal.clock(), seed).await?)
    }

    /// A lab of these nodes, none of which has been started.
    pub(in crate::provider) fn new(
        nodes: Vec<NewNode>,
        hosts: Arc<dyn NodeHosts>,
        network: Network,
        storage: Storage,
        directory: &RunDirectory,
        journal: &Journal,
    ) -> Self {
        let statuses = nodes.iter().map(|node| (node.spec.node.clone(), NodeStatus::Down)).collect();
        let statuses = Arc::new(watch::Sender::new(statuses));
        let mut processes = BTreeMap::new();
        for node in nodes {
            let (name, evidence) = (node.spec.node.clone(), (directory.clone(), journal.clone()));
            let process = NodeProcess::new(node, Arc::clone(&hosts), evidence, Arc::clone(&statuses));
            processes.insert(name, Arc::new(process));
        }
        Self { nodes: processes, hosts, storage: storage.size, network, clock: journal.clock(), statuses }
    }

    fn node(&self, name: &NodeName) -> Result<&Arc<NodeProcess>, ProviderError> {
        self.nodes.get(name).ok_or_else(|| ProviderError::NoSuchNode(name.clone()))
    }
}

impl Provider for Lab {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn host(&self, name: &HostName) -> Result<ClientHost, ProviderError> {
        Ok(self.network.host(name)?.clone())
    }

    fn program(&self, node: &NodeName) -> Result<&str, ProviderError> {
        Ok(&self.node(node)?.node.program)
    }

    fn version(&self, node: &NodeName) -> Result<ServerVersion, ProviderError> {
        Ok(self.node(node)?.node.version)
    }

    fn data_directory(&self, node: &NodeName) -> Result<PathBuf, ProviderError> {
        Ok(self.node(node)?.node.data.clone())
    }

    fn read_data(&self, node: &NodeName, path: &Path) -> Result<Vec<u8>, ProviderError> {
        let disk = &self.node(node)?.node.disk;
        disk.read(path).map_err(file("read", disk.directory().join(path)))
    }

    fn write_data(&self, node: &NodeName, path: &Path, content: &[u8]) -> Result<(), ProviderError> {
        let written = self.node(node)?.node.disk.write(path, content);
        written.map_err(|source| ProviderError::Storage { node: node.clone(), storage: self.storage, source })
    }

    fn write_secret(&self, name: &str, content: &str) -> Result<PathBuf, ProviderError> {
        self.hosts.write_secret(name, content)
    }

    fn data_files(&self, node: &NodeName) -> Result<Vec<PathBuf>, ProviderError> {
        let disk = &self.node(node)?.node.disk;
        disk.paths().map_err(file("read the directory", disk.directory()))
    }

    fn wipe(&self, node: &NodeName) -> Result<(), ProviderError> {
        self.node(node)?.wipe()
    }

    fn fill_data(&self, node: &NodeName) -> Result<(), ProviderError> {
        self.node(node)?.node.disk.fill()
    }

    fn free_data(&self, node: &NodeName) -> Result<bool, ProviderError> {
        self.node(node)?.node.disk.free()
    }

    fn space_left(&self, node: &NodeName) -> Result<u64, ProviderError> {
        self.node(node)?.node.disk.left_bytes()
    }

    fn start<'a>(
        &'a self,
        node: &'a NodeName,
        arguments: &'a [OsString],
        expected: Option<ExitCause>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        async move { self.node(node)?.start(arguments, expected).await }.boxed()
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
        Ok(self.node(node)?.node.disk.caching().map_or(Duration::ZERO, CachingDisk::fsync_delay))
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
        let variables =
            given.chain(self.nodes.values().flat_map(|node| program::address_of(&node.node.spec))).collect();
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
            self.hosts.clean_up();
        }
        .boxed()
    }
}

/// A server with its default of 10,000 clients, and a load with as many, need more open files than a login shell
/// allows.
pub(in crate::provider) fn raise_file_limit() -> Result<(), ProviderError> {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    raised.map_err(|error| file("raise the limit of open files of", "/proc/self")(error.into()))
}
