//! What this machine can do, found out by doing it in a lab, once per process.

use std::fs;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::missing::KernelSettings;
use super::sandbox::{Sandbox, SandboxError};
use super::tun_probe::try_out_tun;
use crate::vocab::Missing;

/// The limit of connections that may wait to be accepted.
pub(super) const SOMAXCONN: &str = "/proc/sys/net/core/somaxconn";

/// What a lab found out about everything beyond its own existence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tried {
    /// Whether links can be shaped.
    shaping: Result<(), Missing>,
    /// `net.core.somaxconn` of a new network namespace, such as each host of a lab is; or why it cannot be read.
    pub(super) somaxconn: Result<String, String>,
}

/// Tries what only some scenarios need. Called inside the lab.
pub(super) fn try_out(settings: KernelSettings) -> Tried {
    Tried {
        shaping: try_out_tun(settings),
        somaxconn: fs::read_to_string(SOMAXCONN).map_err(|error| error.to_string()),
    }
}

/// Whether this machine can make a lab, found out by making one; the answer is kept.
///
pub(in crate::provider) fn probe() -> Result<(), Missing> {
    tried().map(drop)
}

/// Whether links can be shaped, found out together with [`probe`], whose error takes precedence.
pub(in crate::provider) fn probe_shaping() -> Result<(), Missing> {
    tried()?.shaping.clone()
}

/// The answers; the attempt is made only once.
pub(super) fn tried() -> Result<&'static Tried, Missing> {
    static ANSWER: OnceLock<Result<Tried, Missing>> = OnceLock::new();
    ANSWER.get_or_init(try_in_sandbox).as_ref().map_err(Clone::clone)
}

fn try_in_sandbox() -> Result<Tried, Missing> {
    Sandbox::try_out().map_err(|error| match error {
        SandboxError::Missing(missing) => missing,
        other => {
            Missing { what: "start a lab".to_owned(), why: other.to_string(), enable: "see the reason".to_owned() }
        }
    })
}
