//! What can go wrong when hosts are made, or links changed.

use super::{NetworkError, ShapingError};
use crate::vocab::HostName;

/// Why hosts could not be made, or links not be changed.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// The hosts could not be made, or the kernel refused a change.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// There is no such host.
    #[error("the lab has no host {0}")]
    NoSuchHost(HostName),
    /// Two cuts or shapes cannot have the same name at the same time.
    #[error("the links are already disturbed by `{0}`: it must be healed before the name can be used again")]
    NameInForce(String),
    /// There is nothing to heal.
    #[error("cannot heal `{0}`: no cut and no shape of that name is in force")]
    NotInForce(String),
    /// The shaping device could not be made.
    #[error(transparent)]
    Shaping(#[from] ShapingError),
}
