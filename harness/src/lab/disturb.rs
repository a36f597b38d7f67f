//! What the lab does to the links between its hosts: cutting, shaping, healing, and the proof of it.

mod changes;
mod device;
mod did;
mod disturbed;

use std::collections::BTreeSet;

pub(super) use changes::Disturbances;
pub use disturbed::Disturbed;
use tokio::sync::watch;

use super::network::links::Disturbance;
use super::{Lab, LabError};
use crate::evidence::Reach;
use crate::vocab::{CutBy, Link, Shape};

impl Lab {
    /// Cuts links until `name` is healed. Each was seen to let a packet pass before, unless it is cut already, and is seen to
    /// let none pass after.
    ///
    /// A cut beats every shape; of several cuts of a link, the newest says how. Seeing takes some milliseconds, at most 2 s
    /// and the links' own delay, before and after the change itself.
    pub async fn cut(&self, name: &str, links: &BTreeSet<Link>, by: CutBy) -> Result<Disturbed, LabError> {
        self.disturbances.begin(name, links, Disturbance::Cut(by)).await
    }

    /// Shapes links until `name` is healed. Of several shapes of a link, the newest counts alone. A probe was seen to pass
    /// through the device on each that is not cut, no earlier than the delay allows.
    pub async fn shape(&self, name: &str, links: &BTreeSet<Link>, shape: Shape) -> Result<Disturbed, LabError> {
        self.disturbances.begin(name, links, Disturbance::Shape(shape)).await
    }

    /// Ends the cut or the shape of that name. What others do to the same links stays. A shape was seen to work just before,
    /// and to have done what its shares say; what waits under it arrives at once.
    pub async fn heal(&self, name: &str) -> Result<Disturbed, LabError> {
        self.disturbances.end(name).await
    }

    /// The names of the cuts and shapes in force, the oldest first.
    pub fn disturbances(&self) -> Vec<String> {
        self.disturbances.names()
    }

    /// Who can reach whom: a cut counts from the moment its last rule stands, until its last rule is gone.
    pub fn reach(&self) -> watch::Receiver<Reach> {
        self.disturbances.reach()
    }
}
