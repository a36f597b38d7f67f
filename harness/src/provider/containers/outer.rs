//! Outside the lab: the process that makes the lab's container, passes on what goes in and comes out, and ends like it.
//!
//! If it dies, its connection to the engine does, and with it the lab's standard input, which is the lab's lifeline.

use std::collections::HashMap;
use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::parent_id;
use std::path::Path;

use futures_util::StreamExt;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Uid, getegid, geteuid, getgroups, setsid};
use testcontainers::bollard::Docker;
use testcontainers::bollard::container::{AttachContainerResults, LogOutput};
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::models::{
    ContainerCreateBody, DeviceMapping, HostConfig, HostConfigLogConfig, SystemInfo,
};
use testcontainers::bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use tokio::io::AsyncWrite;

use super::control_group;
use super::engine::{connect, failed, is_rootless};
use super::image::no_health_check;
use super::{asked, inner, janitor, owner};
use crate::provider::namespaces::{Greeting, INNER, Outer, PARENT, STAGE};
use crate::provider::{Sandbox, SandboxError};
use crate::vocab::Missing;

/// The value of [`STAGE`] for this process.
const OUTER: &str = "container";

/// The image of the lab's container. Which one it is hardly matters: the files of this machine hide its own.
const IMAGE: &str = "REDIS_HARNESS_LAB_IMAGE";

/// The exit code of a lab that could not be made.
const EXIT_NO_LAB: u8 = 4;

/// What the engine gives a container itself, or what is the kernel's.
const NOT_BOUND: [&str; 3] = ["dev", "proc", "sys"];

/// Devices that a lab uses where the machine has them.
const DEVICES: [&str; 2] = ["/dev/net/tun", "/dev/fuse"];

/// Capabilities of the lab: to make interfaces and mounts, to look into the servers' containers and signal what is in them, and to
/// use files and devices as its user does.
const CAPABILITIES: [&str; 12] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "KILL",
    "NET_ADMIN",
    // The port of probes is one of the first 1024.
    "NET_BIND_SERVICE",
    "SETGID",
    "SETUID",
    "SYS_ADMIN",
    // To enter the mounts of a container.
    "SYS_CHROOT",
    "SYS_PTRACE",
];

/// How the process that makes the lab's container is started; the container is of this image.
pub(super) fn outer(image: &str) -> Outer {
    Outer { stage: OUTER, variables: vec![(IMAGE, image.to_owned()), (asked::TOLD, asked::to_tell())] }
}

/// See [`crate::provider::ProviderChoice::spawn`].
pub(in crate::provider) fn spawn(image: &str, request: &str, log: File) -> Result<Sandbox, SandboxError> {
    Sandbox::spawn(&outer(image), request, log)
}

/// Becomes that process if this one was started as it; otherwise returns at once.
pub(super) fn enter_if_asked() {
    if env::var(STAGE).is_ok_and(|stage| stage == OUTER) {
        std::process::exit(i32::from(be_outer()));
    }
}

fn be_outer() -> u8 {
    // A program that handles signals in a separate thread blocks them in all others, and children inherit that.
    let _ = SigSet::empty().thread_set_mask();
    // Ctrl-C in a terminal must reach only the process that asked for the lab, which then asks the lab to finish.
    let _ = setsid();
    if set_pdeathsig(Signal::SIGKILL).is_err() || env::var(PARENT).ok() != Some(parent_id().to_string()) {
        return EXIT_NO_LAB;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.map_err(|error| not_made(&error)).and_then(|runtime| {
        let ended = runtime.block_on(run_lab());
        // A thread of its waits for a command that will not come any more.
        runtime.shutdown_background();
        ended
    });
    ended.unwrap_or_else(|missing| {
        // Nobody reads it if the creator is gone.
        let _ = Greeting::Missing(missing).send();
        EXIT_NO_LAB
    })
}

fn not_made(error: &io::Error) -> Missing {
    Missing {
        what: "make the lab's container".to_owned(),
        why: error.to_string(),
        enable: "see what the engine says".to_owned(),
    }
}

/// Makes the lab's container and returns the code that it ends with.
async fn run_lab() -> Result<u8, Missing> {
    let docker = connect().await?;
    owner::sweep(&docker).await;
    let _alive = janitor::start().map_err(|error| not_made(&error))?;
    let made = make(&docker).await.map_err(|error| not_made(&error))?;
    attend(&docker, &made).await.map_err(|error| not_made(&error))
}

async fn make(docker: &Docker) -> io::Result<String> {
    let name = format!("redis-harness-{}-lab", std::process::id());
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let engine = docker.info().await.map_err(failed("ask what it is"))?;
    let lab = container(&name, &std::env::current_exe()?, &engine)?;
    docker.create_container(Some(options), lab).await.map_err(failed("make the lab's container"))?;
    Ok(name)
}

/// Who this process is to the kernel in a container. To a rootless engine's, its user is root.
fn file_user(engine: &SystemInfo) -> (Uid, Gid) {
    if is_rootless(engine) { (Uid::from_raw(0), Gid::from_raw(0)) } else { (geteuid(), getegid()) }
}

/// The lab's container: the root of a PID namespace, with the files of this machine and without a network.
fn container(name: &str, program: &Path, engine: &SystemInfo) -> io::Result<ContainerCreateBody> {
    let devices = DEVICES.iter().filter(|device| Path::new(device).exists()).map(|device| DeviceMapping {
        path_on_host: Some((*device).to_owned()),
        path_in_container: Some((*device).to_owned()),
        cgroup_permissions: Some("rwm".to_owned()),
    });
    let mut host = HostConfig {
        auto_remove: Some(true),
        network_mode: Some("none".to_owned()),
        userns_mode: Some("host".to_owned()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
        security_opt: Some(["seccomp=unconfined", "apparmor=unconfined", "label=disable"].map(str::to_owned).to_vec()),
        masked_paths: Some(Vec::new()),
        readonly_paths: Some(Vec::new()),
        devices: Some(devices.collect()),
        binds: Some(own_files()?),
        tmpfs: Some(inner::memory()),
        group_add: Some(getgroups()?.iter().map(ToString::to_string).collect()),
        // What it says is evidence, and not the engine's to keep.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        ..HostConfig::default()
    };
    control_group::show(engine, &mut host);
    Ok(ContainerCreateBody {
        image: env::var(IMAGE).ok(),
        user: Some("0:0".to_owned()),
        entrypoint: Some(vec![in_words(program)?]),
        cmd: Some(Vec::new()),
        env: Some(environment(name, file_user(engine))),
        working_dir: Some(in_words(&env::current_dir()?)?),
        labels: Some(HashMap::from([(owner::LABEL.to_owned(), owner::label())])),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        healthcheck: Some(no_health_check()),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    })
}

/// Where the top of this machine's files is bound: programs and run directories have the same paths in the lab.
fn own_files() -> io::Result<Vec<String>> {
    let mut binds = Vec::new();
    for entry in fs::read_dir("/")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        // Links of the root directory, such as /bin, lead to a directory.
        if path.is_dir() && !NOT_BOUND.iter().any(|other| name == *other) {
            binds.push(format!("{0}:{0}", in_words(&path)?));
        }
    }
    Ok(binds)
}

/// The variables of the lab: those of this process, and who it is.
fn environment(name: &str, (user, group): (Uid, Gid)) -> Vec<String> {
    let own = env::vars().filter(|(name, _)| name != STAGE && name != PARENT);
    let lab = [
        (STAGE, INNER.to_owned()),
        // Servers log local time, which the harness reads as UTC.
        ("TZ", "UTC".to_owned()),
        // The kernel ends the containers of a lab with it.
        ("TESTCONTAINERS_COMMAND", "keep".to_owned()),
        (inner::USER, format!("{user}:{group}")),
        (inner::BOOT, owner::boot()),
        (inner::NAME, name.to_owned()),
        (owner::OWNER, owner::label()),
    ];
    own.chain(lab.map(|(name, value)| (name.to_owned(), value)))
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

fn in_words(path: &Path) -> io::Result<String> {
    let odd = || io::Error::other(format!("the engine takes no path that is no text: {}", path.display()));
    path.to_str().map(str::to_owned).ok_or_else(odd)
}

/// Starts the lab, passes on what it says and what it is told, and returns its exit code.
async fn attend(docker: &Docker, name: &str) -> io::Result<u8> {
    let options = AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).stderr(true).build();
    let attached = docker.attach_container(name, Some(options)).await.map_err(failed("attach to the lab"))?;
    let AttachContainerResults { mut output, input } = attached;
    // Asked before it is started, since it is removed when it has ended.
    let options = WaitContainerOptionsBuilder::new().condition("next-exit").build();
    let mut ended = Box::pin(docker.wait_container(name, Some(options)));
    let ending = tokio::spawn(async move { ended.next().await });
    docker.start_container(name, None).await.map_err(failed("start the lab"))?;
    tokio::spawn(pass_on_commands(input));
    while let Some(Ok(part)) = output.next().await {
        // If nobody listens, nobody is there for whom the lab would be.
        match part {
            LogOutput::StdErr { message } => io::stderr().write_all(&message)?,
            other => {
                io::stdout().write_all(other.as_ref())?;
                io::stdout().flush()?;
            }
        }
    }
    Ok(match ending.await {
        Ok(Some(Ok(ended))) => u8::try_from(ended.status_code).unwrap_or(EXIT_NO_LAB),
        Ok(Some(Err(DockerError::DockerContainerWaitError { code, .. }))) => u8::try_from(code).unwrap_or(EXIT_NO_LAB),
        _ => EXIT_NO_LAB,
    })
}

/// What whoever asked for the lab tells it, until it is gone.
async fn pass_on_commands(mut input: impl AsyncWrite + Unpin) {
    let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut input).await;
}
