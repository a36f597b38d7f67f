//! What this machine's engine can do, found out by doing it.

use std::sync::OnceLock;

use super::engine::{connect, in_words};
use super::outer::outer;
use crate::provider::Need;
use crate::provider::namespaces::{Tried, try_in_sandbox, within_limit};
use crate::vocab::Missing;

/// See [`crate::provider::ProviderChoice::check`].
pub(in crate::provider) fn check(image: &str, need: Need) -> Result<(), Missing> {
    match need {
        Need::Hosts => tried(image).map(drop),
        Need::Shaping => tried(image)?.shaping.clone(),
        Need::CachingDisks => tried(image)?.caching_disks.clone(),
        Need::OpenFiles(files) => within_limit(files, tried(image)?.open_files),
    }
}

/// The answers; the attempt is made only once, with whichever image is asked for first: a lab uses this machine's files.
fn tried(image: &str) -> Result<&'static Tried, Missing> {
    static ANSWER: OnceLock<Result<Tried, Missing>> = OnceLock::new();
    ANSWER.get_or_init(|| try_in_sandbox(&outer(image))).as_ref().map_err(Clone::clone)
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
