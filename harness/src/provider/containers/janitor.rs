//! The process that outlives one that makes containers, and cleans up behind it.
//!
//! When a lab ends, however it ends, the kernel ends what runs in its containers and the engine removes them. But a container that
//! was made and not started yet when its maker was killed has nothing that could end, a server that was to be asked something
//! goes on if its maker was killed before, and an image that was being unpacked is there in part.

use std::collections::HashMap;
use std::env;
use std::io::{self, PipeWriter, Read};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::unistd::setsid;
use testcontainers::bollard::Docker;
use tokio::time::{Instant, sleep};

use super::engine::connect;
use super::image_cache;
use super::owner::{self, LABEL, OWNER};
use crate::provider::namespaces::{OWN_PROGRAM, STAGE};

/// The value of [`STAGE`] for this process.
const JANITOR: &str = "janitor";

/// How long it looks at most. The engine removes what ended within 2 s.
const LOOK_BOUND: Duration = Duration::from_secs(10);

/// How often it looks, and how often in a row it must see nothing: the engine may still be about what it was asked for last.
const LOOK_POLL: Duration = Duration::from_millis(200);
const LOOKS_IN_VAIN: usize = 3;

/// Starts the janitor of this process, which begins when this process has ended or what is returned is dropped.
pub(super) fn start() -> io::Result<PipeWriter> {
    let (end, alive) = io::pipe()?;
    let mut command = Command::new(OWN_PROGRAM);
    command.env(STAGE, JANITOR).env(OWNER, owner::label());
    command.stdin(end).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    Ok(alive)
}

/// Starts one for as long as this process lives, if none was.
pub(super) fn keep() -> io::Result<()> {
    static ALIVE: Mutex<Option<PipeWriter>> = Mutex::new(None);
    let mut alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
    if alive.is_none() {
        *alive = Some(start()?);
    }
    Ok(())
}

/// Becomes a janitor if this process was started as one; otherwise returns at once.
pub(super) fn enter_if_asked() {
    if env::var(STAGE).is_ok_and(|stage| stage == JANITOR) {
        // What ends a group of processes, such as Ctrl-C, must not end this one.
        let _ = setsid();
        let _ = io::stdin().read(&mut [0]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // Nobody is there who could be told.
        let _ = runtime.map(|runtime| runtime.block_on(clean_up()));
        // By now the lock of the other is released, too. Where nothing was ever unpacked, there is no lock.
        let _ = image_cache::sweep();
        std::process::exit(0);
    }
}

async fn clean_up() {
    let Ok(docker) = connect().await else { return };
    let label = format!("{LABEL}={}", owner::label());
    let (deadline, mut in_vain) = (Instant::now() + LOOK_BOUND, 0);
    while in_vain < LOOKS_IN_VAIN && Instant::now() < deadline {
        in_vain = if remove_all(&docker, &label).await { 0 } else { in_vain + 1 };
        sleep(LOOK_POLL).await;
    }
}

/// Removes what has this label; whether there was anything.
async fn remove_all(docker: &Docker, label: &str) -> bool {
    let mut found = owner::containers(docker, &HashMap::from([("label", vec![label])])).await;
    // With the lab, whatever runs in the others ends.
    found.sort_by_key(|container| !container.names.iter().flatten().any(|name| name.ends_with("-lab")));
    for container in &found {
        owner::remove(docker, container).await;
    }
    !found.is_empty()
}
