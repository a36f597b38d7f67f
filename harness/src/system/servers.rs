//! The servers of one run: prepared, started, waited for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::tls::RunTls;
use super::{Access, Deployment, NodeFiles, NodeSpec, NotDone, SystemError, Systems, TlsFiles, last_log_lines};
use crate::evidence::{ExitCause, NodeStatus, RunDirectory, ServerInfo};
use crate::provider::{Provider, ProviderError, ServerSpec, file};
use crate::vocab::{NodeId, NodeName};

/// How many lines of a server's log are repeated where it did not do as it was told.
const LOG_LINES: usize = 10;

/// What a provider is to make for these nodes.
pub fn server_specs(nodes: &[NodeSpec]) -> Vec<ServerSpec> {
    let server = |node: &NodeSpec| ServerSpec {
        node: node.name.clone(),
        host: node.host.clone(),
        address: node.address,
        binary: node.binary.clone(),
        image: node.image.clone(),
    };
    nodes.iter().map(server).collect()
}

/// The nodes of the system that a node is of.
fn peers(systems: &Systems, nodes: &[NodeSpec], node: &NodeName) -> Vec<NodeSpec> {
    nodes.iter().filter(|other| systems.same(node, &other.name)).cloned().collect()
}

/// The servers of one run.
pub struct Servers {
    pub(super) systems: Systems,
    pub(super) provider: Arc<dyn Provider>,
    /// In the order of the plan.
    pub(super) nodes: Vec<NodeSpec>,
    pub(super) directory: RunDirectory,
    /// The ids by which the nodes know each other.
    ids: Mutex<BTreeMap<NodeName, NodeId>>,
    access: Access,
    /// What programs need to speak TLS with them, if they speak it.
    tls_files: Option<TlsFiles>,
}

impl Servers {
    /// Gives every node the files that it starts with, and starts none.
    pub fn prepare(
        deployment: Deployment,
        provider: Arc<dyn Provider>,
        nodes: &[NodeSpec],
        directory: &RunDirectory,
    ) -> Result<Self, SystemError> {
        let systems = deployment.systems();
        let tls = nodes.iter().any(|node| node.tls.is_some()).then(|| {
            let servers = nodes.iter().map(|node| (node.name.as_str(), node.address.ip()));
            RunTls::make(servers, |file, content| provider.write_secret(file, content))
        });
        let tls = tls.transpose()?;
        let access = Access { tls: tls.as_ref().map(|tls| tls.client.clone()), ..Access::of_lab() };
        for (index, node) in nodes.iter().enumerate() {
            let name = &node.name;
            let version = provider.version(name)?;
            let system = systems.of(name);
            for (path, text) in system.data_files(&peers(&systems, nodes, name), node, version) {
                provider.write_data(name, Path::new(path), text.as_bytes())?;
            }
            let config = directory.node_config(name);
            let files = NodeFiles {
                data: provider.data_directory(name)?,
                log: directory.node_log(name),
                tls: tls.as_ref().and_then(|tls| tls.servers.get(index)).cloned(),
            };
            let text = system.configuration(node, version, &files, &access);
            fs::write(&config, text).map_err(file("write", config))?;
        }
        let ids = nodes.iter().map(|node| (node.name.clone(), node.id.clone())).collect();
        let (nodes, directory, ids) = (nodes.to_vec(), directory.clone(), Mutex::new(ids));
        Ok(Self { systems, provider, nodes, directory, ids, access, tls_files: tls.map(|tls| tls.programs) })
    }

    /// What a program finds in its environment beside the addresses of the nodes: where the files are that it needs for TLS, by the
    /// names of the servers' directives for such files.
    pub fn program_environment(&self) -> Vec<(&'static str, OsString)> {
        let Some(TlsFiles { authority, certificate, key }) = &self.tls_files else { return Vec::new() };
        let files = [("TLS_CA_CERT_FILE", authority), ("TLS_CERT_FILE", certificate), ("TLS_KEY_FILE", key)];
        files.map(|(name, path)| (name, path.clone().into_os_string())).to_vec()
    }

    /// How the harness itself reaches them.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// What the servers run on.
    pub fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    /// What a node was to be.
    pub fn spec(&self, node: &NodeName) -> Result<&NodeSpec, SystemError> {
        let spec = self.nodes.iter().find(|spec| spec.name == *node);
        spec.ok_or_else(|| SystemError::NoSuchNode(node.clone()))
    }

    /// The other nodes that run on the hosts of these.
    pub fn beside(&self, nodes: &[NodeName]) -> Vec<NodeName> {
        let hosts: Vec<_> = nodes.iter().filter_map(|node| Some(&self.spec(node).ok()?.host)).collect();
        let others = self.nodes.iter().filter(|spec| hosts.contains(&&spec.host) && !nodes.contains(&spec.name));
        others.map(|spec| spec.name.clone()).collect()
    }

    /// Waits until the node's latest process has ended, which it must in time; says how, also when it ended before.
    pub async fn wait_exit(&self, node: &NodeName, within: Duration) -> Result<ExitCause, SystemError> {
        match timeout(within, self.provider.exit(node)).await {
            Ok(cause) => Ok(cause?),
            Err(_) => Err(self.not_done(node, format!("did not end within {} s", within.as_secs()), Some(within))),
        }
    }

    /// Introduces a running node that nobody knows (after wipe and start) to the others, as a replica.
    ///
    /// Every running node forgets which node the newcomer was before. Returns, with a sentence about what was seen, when every
    /// running node knows it as a replica of `replica_of`.
    pub async fn join(&self, node: &NodeName, replica_of: &NodeName, within: Duration) -> Result<String, SystemError> {
        self.systems.of(node).join(self, node, replica_of, within).await
    }

    /// Every node's server, in the order of the plan.
    pub fn server_info(&self) -> Result<Vec<ServerInfo>, SystemError> {
        let info = |node: &NodeSpec| {
            let version = self.provider.version(&node.name)?;
            let peers = peers(&self.systems, &self.nodes, &node.name);
            Ok(ServerInfo {
                node: node.name.clone(),
                binary: self.provider.program(&node.name)?.to_owned(),
                version: version.to_string(),
                failover_bounds: self.systems.of(&node.name).failover_bounds(&peers, version),
            })
        };
        self.nodes.iter().map(info).collect()
    }

    pub(super) fn ids(&self) -> MutexGuard<'_, BTreeMap<NodeName, NodeId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A server did not do as it was told: `reason` goes on after its name. `within` is the time that it had; none if more of it
    /// would not have helped.
    pub fn not_done(&self, node: &NodeName, reason: String, within: Option<Duration>) -> SystemError {
        let log = last_log_lines(&*self.provider, node, LOG_LINES);
        NotDone { node: node.clone(), reason, within, log }.into()
    }

    pub(super) fn wrong_status(node: &NodeName, doing: &str, status: NodeStatus) -> SystemError {
        ProviderError::WrongStatus { node: node.clone(), doing: doing.to_owned(), status }.into()
    }
}
