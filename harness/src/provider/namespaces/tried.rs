//! Inside a lab that was made to try things out: what this machine can do.

use std::fs;

use nix::sys::resource::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::disk_probe::try_out_caching_disk;
use super::missing::KernelSettings;
use super::tun_probe::try_out_tun;
use crate::vocab::Missing;

/// The limit of connections that may wait to be accepted.
pub(super) const SOMAXCONN: &str = "/proc/sys/net/core/somaxconn";

/// What a lab found out about everything beyond its own existence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::provider) struct Tried {
    /// Whether links can be shaped.
    pub(in crate::provider) shaping: Result<(), Missing>,
    /// Whether nodes can have disks with a cache.
    pub(in crate::provider) caching_disks: Result<(), Missing>,
    /// How many files a process of the lab may have open at most.
    pub(in crate::provider) open_files: u64,
    /// `net.core.somaxconn` of a new network namespace, such as each host of a lab is; or why it cannot be read.
    pub(super) somaxconn: Result<String, String>,
}

/// Tries what only some scenarios need. Called inside the lab.
pub(super) fn try_out(settings: KernelSettings) -> Tried {
    Tried {
        shaping: try_out_tun(settings),
        caching_disks: try_out_caching_disk(settings),
        open_files: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard),
        somaxconn: fs::read_to_string(SOMAXCONN).map_err(|error| error.to_string()),
    }
}
