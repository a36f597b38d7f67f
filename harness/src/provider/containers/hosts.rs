//! Hosts that are containers, with servers of their images on them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join, try_join_all};
use nix::unistd::Pid;
use testcontainers::bollard::Docker;

use super::engine::connect;
use super::idle::Idle;
use super::image::ServerImage;
use super::inner::SECRETS;
use super::server::ContainerServer;
use crate::evidence::{Journal, RunDirectory};
use crate::provider::lab::{
    AsRoot, Disk, Lab, NewNode, NodeHosts, OnExit, ServerProcess, raise_file_limit, reap_orphans,
};
use crate::provider::{ClientSpec, ProviderError, ServerSpec, Storage, file};
use crate::vocab::NodeName;

/// See [`crate::provider::ProviderChoice::raise`]. Nodes that name no image have this one.
pub(in crate::provider) async fn raise(
    image: &str,
    (servers, clients): (&[ServerSpec], &[ClientSpec]),
    storage: Storage,
    seed: u64,
    directory: &RunDirectory,
    journal: Journal,
) -> Result<Lab, ProviderError> {
    raise_file_limit()?;
    reap_orphans();
    let docker = connect().await.map_err(ProviderError::Engine)?;
    let named: Vec<_> = servers.iter().map(|spec| (spec, spec.image.as_deref().unwrap_or(image))).collect();
    let (images, idle) = try_join(find_images(&docker, &named), start_all(&named, storage, directory)).await?;
    let mut namespaces = BTreeMap::new();
    for (node, idle) in &idle {
        namespaces.insert(node.clone(), idle.network().map_err(file("open", idle.path("")))?);
    }
    let network = Lab::raise_network(servers, clients, namespaces, seed, &journal).await?;
    let (mut nodes, mut commands) = (Vec::new(), BTreeMap::new());
    for (spec, name) in &named {
        let (Some(image), Some(idle)) = (images.get(*name), idle.get(&spec.node)) else { continue };
        let disk = if storage.caching {
            let mounts = idle.mounts().map_err(file("open", idle.path("")))?;
            Disk::caching_in(mounts, PathBuf::from(&idle.data), storage.size)?
        } else {
            Disk::in_memory_at(idle.path(&idle.data))
        };
        let (program, version) = (image.name.clone(), image.version);
        commands.insert(spec.node.clone(), image.command.clone());
        nodes.push(NewNode { spec: (*spec).clone(), program, version, disk, data: PathBuf::from(&idle.data) });
    }
    let hosts = Containers { docker, idle, commands };
    Ok(Lab::new(nodes, Arc::new(hosts), network, storage, directory, &journal))
}

/// Finds the images, each once, however many nodes have it.
async fn find_images(
    docker: &Docker,
    named: &[(&ServerSpec, &str)],
) -> Result<BTreeMap<String, ServerImage>, ProviderError> {
    let images: BTreeSet<_> = named.iter().map(|(_, image)| *image).collect();
    let find = |name| async move {
        let found = ServerImage::find_by(docker, name).await;
        let node = || named.iter().find(|(_, image)| *image == name).map_or("?".into(), |(spec, _)| spec.node.clone());
        found.map(|image| (name.to_owned(), image)).map_err(|source| ProviderError::Image { node: node(), source })
    };
    Ok(try_join_all(images.into_iter().map(find)).await?.into_iter().collect())
}

/// Starts the containers of all nodes: first those that are hosts, then those that share the network of one, each lot at once.
async fn start_all(
    named: &[(&ServerSpec, &str)],
    storage: Storage,
    directory: &RunDirectory,
) -> Result<BTreeMap<NodeName, Idle>, ProviderError> {
    let mut idle = BTreeMap::new();
    let (hosts, guests): (Vec<_>, Vec<_>) = named.iter().partition(|(spec, _)| spec.host.is(&spec.node));
    for lot in [hosts, guests] {
        let start = |(spec, image)| start_one(spec, image, host_of(spec, &idle), storage, directory);
        let started = try_join_all(lot.into_iter().map(start)).await?;
        idle.extend(started);
    }
    Ok(idle)
}

/// The container whose network a node has, once it runs.
fn host_of<'a>(spec: &ServerSpec, idle: &'a BTreeMap<NodeName, Idle>) -> Option<&'a Idle> {
    idle.iter().find(|(node, _)| spec.host.is(node)).map(|(_, idle)| idle)
}

async fn start_one(
    spec: &ServerSpec,
    image: &str,
    host: Option<&Idle>,
    storage: Storage,
    directory: &RunDirectory,
) -> Result<(NodeName, Idle), ProviderError> {
    let (node, evidence) = (spec.node.clone(), directory.node(&spec.node));
    fs::create_dir_all(&evidence).map_err(file("make the directory", &evidence))?;
    match Idle::start((spec, image), host, storage.size, &evidence).await {
        Ok(idle) => Ok((node, idle)),
        Err(source) => Err(ProviderError::Spawn { node, program: image.to_owned(), source }),
    }
}

/// The containers of all nodes, and what starts the servers in them.
struct Containers {
    docker: Docker,
    idle: BTreeMap<NodeName, Idle>,
    commands: BTreeMap<NodeName, Vec<String>>,
}

impl NodeHosts for Containers {
    fn start<'a>(
        &'a self,
        node: &'a NodeName,
        arguments: &'a [OsString],
        log: File,
        born: Box<dyn FnOnce(Pid) + Send + 'a>,
        on_exit: OnExit,
    ) -> BoxFuture<'a, io::Result<Box<dyn ServerProcess>>> {
        async move {
            let idle = self.idle.get(node).ok_or(io::ErrorKind::NotFound)?;
            let mut command = self.commands.get(node).cloned().unwrap_or_default();
            for argument in arguments {
                command.push(argument.to_str().ok_or(io::ErrorKind::InvalidInput)?.to_owned());
            }
            let server = ContainerServer::start(&self.docker, idle, command, log, born, on_exit).await?;
            Ok(Box::new(server) as Box<dyn ServerProcess>)
        }
        .boxed()
    }

    /// In the lab and in every node's container, by the same path.
    fn write_secret(&self, name: &str, content: &str) -> Result<PathBuf, ProviderError> {
        let path = Path::new(SECRETS).join(name);
        let of_nodes = self.idle.values().map(|idle| idle.path(SECRETS).join(name));
        for place in of_nodes.chain([path.clone()]) {
            let _root = AsRoot::begin();
            fs::write(&place, content).map_err(file("write", &place))?;
        }
        Ok(path)
    }

    /// The data goes with the containers.
    fn clean_up(&self) {
        for idle in self.idle.values() {
            // Whoever reads it says what it cannot read.
            let _ = idle.evidence.give_back();
        }
    }
}
