//! Hosts that the lab makes itself, with plain processes on them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns};
use nix::unistd::Pid;

use super::programs::{self, NodeProgram};
use crate::evidence::{Journal, RunDirectory};
use crate::provider::lab::{
    ChildServer, Disk, Lab, NewNode, NodeHosts, OnExit, ServerProcess, mount_memory, raise_file_limit,
};
use crate::provider::{ClientSpec, ProviderError, ServerSpec, Storage, file};
use crate::vocab::NodeName;

/// Where the nodes' memory is mounted: a directory that exists on every Linux, that nothing in a lab needs, and that
/// cannot contain a run directory or a server. A directory of the lab's own would stay behind when the lab is killed.
pub(super) const DATA: &str = "/proc/fs";

/// The directory beside the nodes' for what is no evidence. No node is named so.
const SECRETS: &str = "secrets";

/// See [`crate::provider::ProviderChoice::raise`]. With an image, the servers are those of images, and nodes that name none have this
/// one.
pub(in crate::provider) async fn raise(
    image: Option<&str>,
    (servers, clients): (&[ServerSpec], &[ClientSpec]),
    storage: Storage,
    seed: u64,
    directory: &RunDirectory,
    journal: Journal,
) -> Result<Lab, ProviderError> {
    let found = programs::find(servers, image).await?;
    raise_file_limit()?;
    let network = Lab::raise_network(servers, clients, BTreeMap::new(), seed, &journal).await?;
    mount_memory(Path::new(DATA), None)?;
    let secrets = Path::new(DATA).join(SECRETS);
    DirBuilder::new().mode(0o700).create(&secrets).map_err(file("make the directory", secrets))?;
    let mut disks = Vec::new();
    for spec in servers {
        let data = Path::new(DATA).join(spec.node.as_str());
        for path in [&data, &directory.node(&spec.node)] {
            fs::create_dir_all(path).map_err(file("make the directory", path))?;
        }
        disks.push(Disk::make(data, storage)?);
    }
    // After the disks: a root shows those that are there when it is made.
    let programs = found.make(Path::new(DATA), directory.path())?;
    let (mut nodes, mut starters) = (Vec::new(), BTreeMap::new());
    for ((spec, disk), program) in servers.iter().zip(disks).zip(programs) {
        let (name, version) = (program.name(), program.version);
        let directory = disk.start_directory().to_owned();
        starters.insert(spec.node.clone(), Starter { program, namespace: network.namespace(&spec.host)?, directory });
        let data = Path::new(DATA).join(spec.node.as_str());
        nodes.push(NewNode { spec: spec.clone(), program: name, version, disk, data });
    }
    Ok(Lab::new(nodes, Arc::new(OwnHosts(starters)), network, storage, directory, &journal))
}

/// What starts the servers, for each node.
struct OwnHosts(BTreeMap<NodeName, Starter>);

/// What starts a node's server as a child of the lab.
struct Starter {
    program: Arc<NodeProgram>,
    /// The network namespace of its host.
    namespace: File,
    /// The directory that it is started in.
    directory: PathBuf,
}

impl Starter {
    fn command(&self, arguments: &[OsString], log: File) -> io::Result<Command> {
        let namespace = self.namespace.try_clone()?;
        let mut command = self.program.command(&self.directory)?;
        command
            .args(arguments)
            .env("TZ", "UTC")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        #[expect(unsafe_code, reason = "a process can only be put on its host by itself, before it becomes the server")]
        // SAFETY: between fork and exec the closure makes one system call (setns), which is async-signal-safe, and
        // neither allocates nor locks.
        unsafe {
            command.pre_exec(move || Ok(setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)?));
        }
        Ok(command)
    }
}

impl NodeHosts for OwnHosts {
    fn start<'a>(
        &'a self,
        node: &'a NodeName,
        arguments: &'a [OsString],
        log: File,
        born: Box<dyn FnOnce(Pid) + Send + 'a>,
        on_exit: OnExit,
    ) -> BoxFuture<'a, io::Result<Box<dyn ServerProcess>>> {
        async move {
            let starter = self.0.get(node).ok_or(io::ErrorKind::NotFound)?;
            let child = ChildServer::start(&mut starter.command(arguments, log)?, born, on_exit)?;
            Ok(Box::new(child) as Box<dyn ServerProcess>)
        }
        .boxed()
    }

    fn write_secret(&self, name: &str, content: &str) -> Result<PathBuf, ProviderError> {
        let path = Path::new(DATA).join(SECRETS).join(name);
        fs::write(&path, content).map_err(file("write", &path))?;
        Ok(path)
    }

    fn clean_up(&self) {
        let _ = umount2(DATA, MntFlags::MNT_DETACH);
    }
}
