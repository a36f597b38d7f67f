//! The device that shapes, as the rest of the lab sees it. It is started by the first shape and stays.

use crate::lab::LabError;
use crate::lab::network::links::Way;
use crate::vocab::Shape;

/// The device that shapes. There is none yet, and so there cannot be a value of it.
#[derive(Debug)]
pub(super) enum Device {}

impl Device {
    /// Starts it, with the table that the rules lead to.
    pub(super) fn start() -> Result<Self, LabError> {
        Err(LabError::NoShaping)
    }

    /// Says how packets of a link are to be treated.
    pub(super) fn set(&self, _: Way, _: Shape) -> Result<(), LabError> {
        match *self {}
    }

    /// Forgets a link.
    pub(super) fn clear(&self, _: Way) -> Result<(), LabError> {
        match *self {}
    }

    /// How many packets of a link it has seen.
    pub(super) fn seen(&self, _: Way) -> u64 {
        match *self {}
    }
}
