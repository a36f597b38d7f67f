//! The device that shapes, as the rest of the lab sees it. It is started by the first shape and stays.

use crate::lab::network::links::Way;
use crate::lab::{LabError, LinkCounters, Shaper};
use crate::vocab::Shape;

/// The device that shapes.
#[derive(Debug)]
pub(super) struct Device(Shaper);

impl Device {
    /// Starts it, with the table that the rules lead to. All that it draws is drawn from the seed.
    pub(super) fn start(seed: u64) -> Result<Self, LabError> {
        Ok(Self(Shaper::start(seed)?))
    }

    /// Says how packets of a link are to be treated.
    pub(super) fn set(&self, way: Way, shape: Shape) {
        self.0.set(way.from, way.to, shape);
    }

    /// Forgets a link.
    pub(super) fn clear(&self, way: Way) {
        self.0.clear(way.from, way.to);
    }

    /// What became of a link's packets since it was shaped.
    pub(super) fn counters(&self, way: Way) -> LinkCounters {
        self.0.counters(way.from, way.to)
    }
}
