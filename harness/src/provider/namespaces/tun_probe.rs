//! Whether links can be shaped, found out by making the shaping device.

use super::missing::{KernelFeature, KernelSettings, explain, explain_network};
use crate::network::{OPENING, Shaper, ShapingError};
use crate::vocab::Missing;

/// Makes the shaping device in the calling thread's network namespace, and removes it again.
pub(super) fn try_out_tun(settings: KernelSettings) -> Result<(), Missing> {
    Shaper::start(0).map(drop).map_err(|error| match &error {
        ShapingError::Network(error) => explain_network(KernelFeature::MakeTun, error, settings),
        ShapingError::Device { doing: OPENING, .. } => explain(KernelFeature::OpenTun, error.errno(), settings),
        ShapingError::Device { .. } => explain(KernelFeature::MakeTun, error.errno(), settings),
    })
}
