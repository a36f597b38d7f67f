//! Whether links can be shaped, found out by making the device that shapes.

use super::missing::{Need, Settings, explain, explain_network};
use crate::network::{OPENING, Shaper, ShapingError};
use crate::vocab::Missing;

/// Makes the shaping device in the calling thread's network namespace; it is gone when this returns.
pub(super) fn try_out_tun(settings: Settings) -> Result<(), Missing> {
    Shaper::start(0).map(drop).map_err(|error| match &error {
        ShapingError::Network(error) => explain_network(Need::MakeTun, error, settings),
        ShapingError::Device { doing: OPENING, .. } => explain(Need::OpenTun, error.errno(), settings),
        ShapingError::Device { .. } => explain(Need::MakeTun, error.errno(), settings),
    })
}
