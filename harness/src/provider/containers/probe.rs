//! What this machine's engine can do, found out by doing it.

use std::sync::OnceLock;

use super::engine::{connect, in_words};
use super::outer::outer;
use crate::provider::Need;
use crate::provider::namespaces::{Tried, try_in_sandbox, within_limit};
use crate::vocab::Missing;

/// What to do about what containers cannot be.
const ON_THIS_MACHINE: &str = "run it on this machine's own servers: --provider namespaces";

/// See [`crate::provider::ProviderChoice::check`].
pub(in crate::provider) fn check(image: &str, need: Need) -> Result<(), Missing> {
    match need {
        Need::Hosts => tried(image).map(drop),
        Need::Shaping => tried(image)?.shaping.clone(),
        Need::SharedHosts => Err(no_shared_hosts()),
        Need::CachingDisks => Err(no_caching_disks()),
        Need::OpenFiles(files) => within_limit(files, tried(image)?.open_files),
    }
}

/// The answers; the attempt is made only once, with whichever image is asked for first: a lab uses this machine's files.
fn tried(image: &str) -> Result<&'static Tried, Missing> {
    static ANSWER: OnceLock<Result<Tried, Missing>> = OnceLock::new();
    ANSWER.get_or_init(|| try_in_sandbox(&outer(image))).as_ref().map_err(Clone::clone)
}

fn no_shared_hosts() -> Missing {
    Missing {
        what: "run sentinels beside servers".to_owned(),
        why: "each container is a host and has the processes of one node".to_owned(),
        enable: ON_THIS_MACHINE.to_owned(),
    }
}

fn no_caching_disks() -> Missing {
    Missing {
        what: "give containers disks with a cache".to_owned(),
        why: "the lab serves such disks in its own mounts, which containers do not see".to_owned(),
        enable: ON_THIS_MACHINE.to_owned(),
    }
}

/// What the engine is.
pub(in crate::provider) fn engine() -> Result<String, Missing> {
    let failed = |why: String| Missing {
        what: "ask the container engine".to_owned(),
        why,
        enable: "see what the engine says".to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| failed(error.to_string()))?.block_on(async {
        let version = connect().await?.version().await.map_err(|error| failed(in_words(&error)))?;
        let said = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
        Ok(format!("engine {}, API {}, on {}", said(version.version), said(version.api_version), said(version.os)))
    })
}
