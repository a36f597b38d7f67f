//! Inside a lab that was made to try things out: what this machine can do.

use std::fs;

use serde::{Deserialize, Serialize};

use super::disk_probe::try_out_caching_disk;
use super::missing::KernelSettings;
use super::tun_probe::try_out_tun;
use crate::vocab::Missing;

/// The limit of connections that may wait to be accepted.
pub(super) const SOMAXCONN: &str = "/proc/sys/net/core/somaxconn";

/// What a lab found out about everything beyond its own existence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tried {
    /// Whether links can be shaped.
    pub(super) shaping: Result<(), Missing>,
    /// Whether nodes can have disks with a cache.
    pub(super) caching_disks: Result<(), Missing>,
    /// `net.core.somaxconn` of a new network namespace, such as each host of a lab is; or why it cannot be read.
    pub(super) somaxconn: Result<String, String>,
}

/// Tries what only some scenarios need. Called inside the lab.
pub(super) fn try_out(settings: KernelSettings) -> Tried {
    Tried {
        shaping: try_out_tun(settings),
        caching_disks: try_out_caching_disk(settings),
        somaxconn: fs::read_to_string(SOMAXCONN).map_err(|error| error.to_string()),
    }
}
