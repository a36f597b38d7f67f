//! What servers of images said their versions are: a process and its labs ask no image again, since the container for it costs a lab a
//! tenth of a second and more.

use std::collections::BTreeMap;
use std::env;
use std::sync::{LazyLock, Mutex, PoisonError};

/// What a lab is told, as JSON.
pub(super) const TOLD: &str = "REDIS_HARNESS_LAB_IMAGE_VERSIONS";

/// Who says more than a version is asked again: what a lab is told has a bound.
const PRINTED_BYTES_MAX: usize = 1_024;

/// By the ids of the images: an image with the same id is the same.
static PRINTED: LazyLock<Mutex<BTreeMap<String, String>>> = LazyLock::new(|| {
    let told = env::var(TOLD).ok().and_then(|told| serde_json::from_str(&told).ok());
    Mutex::new(told.unwrap_or_default())
});

/// What the server of an image printed, if it was asked.
pub(super) fn printed(id: &str) -> Option<String> {
    PRINTED.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
}

/// Keeps what it printed.
pub(super) fn keep(id: String, printed: &str) {
    if printed.len() <= PRINTED_BYTES_MAX {
        PRINTED.lock().unwrap_or_else(PoisonError::into_inner).insert(id, printed.to_owned());
    }
}

/// What to tell a lab.
pub(super) fn to_tell() -> String {
    let printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    serde_json::to_string(&*printed).unwrap_or_default()
}
