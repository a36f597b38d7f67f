//! What this machine can do for a lab, found out by doing it in one, once a process.

use std::fs;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::missing::KernelSettings;
use super::sandbox::{Sandbox, SandboxError};
use super::tun_probe::try_out_tun;
use crate::vocab::Missing;

/// The most connections that a server may let wait to be accepted.
pub(super) const SOMAXCONN: &str = "/proc/sys/net/core/somaxconn";

/// What a lab that could be made found out about the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tried {
    /// Whether links can be shaped.
    shaping: Result<(), Missing>,
    /// `net.core.somaxconn` of a new network namespace, as each host of a lab is one; the error, if it cannot be read.
    pub(super) somaxconn: Result<String, String>,
}

/// Tries what not every scenario needs. It is called inside the lab.
pub(super) fn try_out(settings: KernelSettings) -> Tried {
    Tried {
        shaping: try_out_tun(settings),
        somaxconn: fs::read_to_string(SOMAXCONN).map_err(|error| error.to_string()),
    }
}

/// Whether this machine can make a lab, found out by making one (about 30 ms); the answer is kept.
///
/// A binary whose `main()` does not begin with [`super::enter_if_asked`] cannot, and is told so.
pub(in crate::provider) fn probe() -> Result<(), Missing> {
    tried().map(drop)
}

/// Whether links can be shaped in a lab on this machine, found out together with [`probe`], whose error comes first.
pub(in crate::provider) fn probe_shaping() -> Result<(), Missing> {
    tried()?.shaping.clone()
}

/// What was found out; it is tried once.
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
