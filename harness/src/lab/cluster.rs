//! The lab of one run: its hosts, its nodes and its clients.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use tokio::sync::watch;

use super::config::{NODES_CONF, nodes_conf, redis_conf};
use super::disturb::Disturbances;
use super::error::file;
use super::network::{self, Host};
use super::node::{Node, Statuses};
use super::{ClientHost, ClientSpec, LabError, NodeSpec, ServerBinary, WaitReader, join};
use crate::evidence::{Clock, ExitCause, Journal, NodeStatus, RunDirectory, ServerInfo};
use crate::vocab::{HostName, Instant, NodeName, Size};

/// How long a server may take until it answers. It takes 10 ms on an idle machine, and one that reads its files says so.
pub const ANSWER_BOUND: Duration = Duration::from_secs(20);

/// How long killed servers may take to be gone.
const SHUTDOWN_BOUND: Duration = Duration::from_secs(5);

/// Where the nodes' memory is mounted: a directory that is there on every Linux, that nothing in a lab needs, and under
/// which no run directory and no server can lie. In a directory that the lab made, a killed lab would leave its mount
/// point behind.
const DATA: &str = "/proc/fs";

/// The hosts and nodes of one run. There is one in a process, which must be process 1 of a sandbox.
pub struct Lab {
    nodes: BTreeMap<NodeName, Arc<Node>>,
    /// The nodes in the order of the plan.
    order: Vec<NodeName>,
    /// Every host, a node's as well as a client's.
    hosts: BTreeMap<HostName, (Ipv4Addr, ClientHost)>,
    /// The clients' hosts in the order of the plan.
    clients: Vec<HostName>,
    pub(super) disturbances: Disturbances,
    clock: Clock,
    statuses: Arc<Statuses>,
}

impl Lab {
    /// Makes the hosts, the data directories and the configuration of every node, and starts none.
    ///
    /// `clients` are the hosts beside those of the nodes, which have their nodes' names. Each node may store `storage`. What
    /// shapes of links draw is drawn from `seed`. What the nodes log goes to
    /// `directory`; what they store goes to memory that vanishes with the lab.
    pub async fn raise(
        nodes: &[NodeSpec],
        clients: &[ClientSpec],
        storage: Size,
        seed: u64,
        directory: &RunDirectory,
        journal: Journal,
    ) -> Result<Self, LabError> {
        let binaries = find_binaries(nodes)?;
        raise_file_limit().map_err(file("raise the limit of open files of", "/proc/self"))?;
        let named = nodes.iter().map(|node| (HostName::from(&node.name), node.address.ip()));
        let named: Vec<_> = named.chain(clients.iter().map(|client| (client.name.clone(), client.ip))).collect();
        let ips: Vec<_> = named.iter().map(|(_, ip)| *ip).collect();
        let network = network::raise(&ips, clients.len()).await?;
        let hosts = named.into_iter().zip(&network.hosts).map(|((name, ip), host)| Ok((name, (ip, reachable(host)?))));
        let hosts = hosts.collect::<Result<BTreeMap<_, _>, LabError>>()?;
        let disturbances = Disturbances::none(&hosts, network.lanes, journal.clock(), seed)?;
        let statuses = nodes.iter().map(|node| (node.name.clone(), NodeStatus::Down)).collect();
        let statuses = Arc::new(watch::Sender::new(statuses));
        let mut raised = BTreeMap::new();
        for ((spec, binary), host) in nodes.iter().zip(binaries).zip(network.hosts) {
            let evidence = (directory.clone(), journal.clone());
            let node = Node::new((spec.clone(), binary, host), Path::new(DATA), evidence, Arc::clone(&statuses));
            raised.insert(spec.name.clone(), Arc::new(node));
        }
        let clients = clients.iter().map(|client| client.name.clone()).collect();
        let order = nodes.iter().map(|node| node.name.clone()).collect();
        let lab = Self { nodes: raised, order, hosts, clients, disturbances, clock: journal.clock(), statuses };
        lab.furnish(nodes, storage)?;
        Ok(lab)
    }

    /// Gives every node its data directory and its configuration.
    fn furnish(&self, nodes: &[NodeSpec], storage: Size) -> Result<(), LabError> {
        mount_memory(Path::new(DATA), None)?;
        for node in self.nodes.values() {
            let name = &node.spec.name;
            fs::create_dir(&node.data).map_err(file("make the directory", &node.data))?;
            mount_memory(&node.data, Some(storage))?;
            let state = nodes_conf(nodes, name, node.binary.version);
            fs::write(node.data.join(NODES_CONF), state).map_err(|source| LabError::Storage {
                node: name.clone(),
                storage,
                source,
            })?;
            let evidence = node.directory.node(name);
            fs::create_dir_all(&evidence).map_err(file("make the directory", evidence))?;
            let config = node.directory.node_config(name);
            let text = redis_conf(&node.spec, &node.data, &node.directory.node_log(name));
            fs::write(&config, text).map_err(file("write", config))?;
        }
        Ok(())
    }

    pub(super) fn node(&self, name: &NodeName) -> Result<&Arc<Node>, LabError> {
        self.nodes.get(name).ok_or_else(|| LabError::NoSuchNode(name.clone()))
    }

    /// What a node was to be.
    pub fn spec(&self, node: &NodeName) -> Result<&NodeSpec, LabError> {
        Ok(&self.node(node)?.spec)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.order.iter().filter_map(|name| self.nodes.get(name))
    }

    /// Now, on the run's clock.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Starts a node's server and returns when it answers and has read its files, or still reads them when its time is over. That
    /// the cluster is well is another matter.
    pub async fn start(&self, node: &NodeName, within: Duration) -> Result<(), LabError> {
        self.node(node)?.start(within).await
    }

    /// Starts every node at once. When some fail, the error is of the first of them in the order of the plan.
    pub async fn start_all(&self) -> Result<(), LabError> {
        join_all(self.nodes().map(|node| node.start(ANSWER_BOUND))).await.into_iter().collect()
    }

    /// Sends a signal to a node's server; returns the instant just before.
    ///
    /// After SIGKILL, death by it counts as expected, and after SIGTERM the exit code 0; SIGSTOP and SIGCONT change the node's status.
    pub fn signal(&self, node: &NodeName, signal: Signal) -> Result<Instant, LabError> {
        self.node(node)?.signal(signal)
    }

    /// Waits until the node's latest process has ended; says how, also when it ended before.
    pub async fn wait_exit(&self, node: &NodeName, within: Duration) -> Result<ExitCause, LabError> {
        self.node(node)?.wait_exit(within).await
    }

    /// The state letter of the node's process: `T` proves that it is paused. `None`: there is no process.
    ///
    /// Where the lab could not mount a /proc of its own (in containers), all states but `T` read `R`.
    pub fn process_state(&self, node: &NodeName) -> Option<char> {
        self.nodes.get(node)?.process_state()
    }

    /// Reads how long the servers and this process waited for a processor.
    pub fn wait_reader(&self) -> WaitReader {
        WaitReader::new(self.nodes().cloned().collect())
    }

    /// What the lab knows of every node's process, as it changes.
    pub fn status(&self) -> watch::Receiver<BTreeMap<NodeName, NodeStatus>> {
        self.statuses.subscribe()
    }

    /// The node's status now.
    pub fn status_of(&self, node: &NodeName) -> Result<NodeStatus, LabError> {
        Ok(self.node(node)?.status())
    }

    /// Empties the data directory of a node that is down, its `nodes.conf` too.
    pub fn wipe(&self, node: &NodeName) -> Result<(), LabError> {
        self.node(node)?.wipe()
    }

    /// The names of the files in a node's data directory.
    pub fn data_files(&self, node: &NodeName) -> Result<Vec<PathBuf>, LabError> {
        self.node(node)?.data_files()
    }

    /// Introduces a running node that nobody knows (after wipe and start) to the cluster, as a replica.
    ///
    /// Every running node forgets who the newcomer was before. Returns, with a sentence about what was seen, when
    /// every running node knows it as a replica of `replica_of`.
    pub async fn join(&self, node: &NodeName, replica_of: &NodeName, within: Duration) -> Result<String, LabError> {
        join::join(self, node, replica_of, within).await
    }

    /// The host of the client at `index` of those that the lab was raised with.
    pub fn client_host(&self, index: usize) -> Result<ClientHost, LabError> {
        self.host(self.clients.get(index).ok_or(LabError::NoSuchClient(index))?)
    }

    /// A host by its name: that of a client, or the one that a node runs on.
    pub fn host(&self, name: &HostName) -> Result<ClientHost, LabError> {
        let (_, host) = self.hosts.get(name).ok_or_else(|| LabError::NoSuchHost(name.clone()))?;
        Ok(host.clone())
    }

    /// The last lines of a node's log; empty when there is no such node.
    pub fn last_log_lines(&self, node: &NodeName, count: usize) -> String {
        self.nodes.get(node).map(|node| node.last_log_lines(count)).unwrap_or_default()
    }

    /// Every node's server, in the order of the plan.
    pub fn server_info(&self) -> Vec<ServerInfo> {
        let info = |node: &Arc<Node>| ServerInfo {
            node: node.spec.name.clone(),
            binary: node.binary.path.display().to_string(),
            version: node.binary.version.to_string(),
        };
        self.nodes().map(info).collect()
    }

    /// Kills every server, waits until all are gone (at most 5 s) and removes the data directories.
    ///
    /// What is left, if anything, goes with the lab's first process.
    pub async fn shutdown(&self) {
        let end = |node: Arc<Node>| async move {
            if node.signal(Signal::SIGKILL).is_ok() {
                let _ = node.wait_exit(SHUTDOWN_BOUND).await;
            }
        };
        join_all(self.nodes().cloned().map(end)).await;
        let _ = umount2(DATA, MntFlags::MNT_DETACH);
    }
}

/// Runs each binary once, however many nodes it serves.
fn find_binaries(nodes: &[NodeSpec]) -> Result<Vec<ServerBinary>, LabError> {
    let mut found: BTreeMap<Option<&str>, ServerBinary> = BTreeMap::new();
    let mut binaries = Vec::with_capacity(nodes.len());
    for node in nodes {
        let binary = match found.entry(node.binary.as_deref()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let binary = ServerBinary::find(node.binary.as_deref());
                let named = |source| LabError::Server { node: node.name.clone(), source };
                unknown.insert(binary.map_err(named)?).clone()
            }
        };
        binaries.push(binary);
    }
    Ok(binaries)
}

fn reachable(host: &Host) -> Result<ClientHost, LabError> {
    let own = network::namespace_of_this_thread()?;
    let namespace = host.namespace().try_clone().map_err(file("open again", "/proc/thread-self/ns/net"))?;
    Ok(ClientHost::in_namespace(own, namespace))
}

/// Mounts memory at `path`, which nobody outside the lab sees. Without a size it is the kernel's default.
fn mount_memory(path: &Path, size: Option<Size>) -> Result<(), LabError> {
    // To the kernel, 0 bytes mean no limit at all.
    let options = size.map(|size| format!("size={},mode=700", size.bytes.max(1)));
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let mounted = mount(Some("tmpfs"), path, Some("tmpfs"), flags, options.as_deref());
    mounted.map_err(|error| file("mount memory at", path)(error.into()))
}

/// A server with its default of 10,000 clients, and a driver with as many, need more files than a login shell allows.
fn raise_file_limit() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
