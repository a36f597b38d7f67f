//! What the nodes of a lab run: binaries of this machine, or servers of images with the image's files as their root.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::image_root::{self, ImageRoot};
use crate::provider::{ProviderError, ServerBinary, ServerSpec, UnpackedImage, file};
use crate::vocab::{NodeName, ServerVersion};

/// What one or more nodes run.
pub(super) struct NodeProgram {
    server: Server,
    pub(super) version: ServerVersion,
}

enum Server {
    Binary(PathBuf),
    OfImage(ImageRoot),
}

impl NodeProgram {
    /// A command that runs it in a directory.
    pub(super) fn command(&self, directory: &Path) -> io::Result<Command> {
        match &self.server {
            Server::Binary(path) => {
                let mut command = Command::new(path);
                command.current_dir(directory);
                Ok(command)
            }
            Server::OfImage(root) => root.command(directory),
        }
    }

    /// As people call it: a binary's path, or an image.
    pub(super) fn name(&self) -> String {
        match &self.server {
            Server::Binary(path) => path.display().to_string(),
            Server::OfImage(root) => root.image().to_owned(),
        }
    }
}

/// What the nodes are to run, of which everything is there.
pub(super) struct Found {
    /// For each node, the position of its program.
    of_nodes: Vec<usize>,
    /// Each with the first node that runs it.
    all: Vec<(NodeName, FoundServer)>,
}

enum FoundServer {
    Binary(ServerBinary),
    Image(UnpackedImage),
}

/// Finds binaries, or images where nodes that name none have this one; each once, however many nodes have it.
pub(super) async fn find(servers: &[ServerSpec], image: Option<&str>) -> Result<Found, ProviderError> {
    let (mut of_nodes, mut all, mut names) = (Vec::with_capacity(servers.len()), Vec::new(), Vec::new());
    for ServerSpec { node, binary, image: of_node, .. } in servers {
        let name = if image.is_some() { of_node.as_deref().or(image) } else { binary.as_deref() };
        let position = names.iter().position(|known| *known == name).unwrap_or(names.len());
        if position == names.len() {
            let found = match name.filter(|_| image.is_some()) {
                Some(image) => find_image(node, image).await?,
                None => find_binary(node, name)?,
            };
            names.push(name);
            all.push((node.clone(), found));
        }
        of_nodes.push(position);
    }
    Ok(Found { of_nodes, all })
}

fn find_binary(node: &NodeName, name: Option<&str>) -> Result<FoundServer, ProviderError> {
    let found = ServerBinary::find(name).map(FoundServer::Binary);
    found.map_err(|source| ProviderError::Server { node: node.clone(), source })
}

async fn find_image(node: &NodeName, name: &str) -> Result<FoundServer, ProviderError> {
    let found = UnpackedImage::find(name).await.map(FoundServer::Image);
    found.map_err(|source| ProviderError::Image { node: node.clone(), source })
}

impl Found {
    /// What each node runs. Roots are made in this memory of the lab.
    pub(super) fn make(self, memory: &Path, run_directory: &Path) -> Result<Vec<Arc<NodeProgram>>, ProviderError> {
        let run_directory = fs::canonicalize(run_directory).map_err(file("find", run_directory))?;
        if self.all.iter().any(|(_, found)| matches!(found, FoundServer::Image(_))) {
            image_root::prepare(memory)?;
        }
        let mut made = Vec::with_capacity(self.all.len());
        for (node, found) in self.all {
            let (server, version) = match found {
                FoundServer::Binary(ServerBinary { path, version }) => (Server::Binary(path), version),
                FoundServer::Image(image) => {
                    let root = ImageRoot::make(image, (memory, &made.len().to_string()), &run_directory)?;
                    let version = root.version().map_err(|source| ProviderError::Image { node, source })?;
                    (Server::OfImage(root), version)
                }
            };
            made.push(Arc::new(NodeProgram { server, version }));
        }
        Ok(self.of_nodes.iter().map(|position| Arc::clone(&made[*position])).collect())
    }
}
