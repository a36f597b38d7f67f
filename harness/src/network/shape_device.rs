//! The device that shapes, as the rest of the lab sees it. It is started by the first shape and stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use rtnetlink::Handle;

use super::hosts::connect;
use super::links::{Direction, LinkState, LinkStates};
use super::probe::{Expected, Prober, Proven};
use super::{LinkCounters, LinksError, Shaper, shaping};
use crate::vocab::Shape;

/// The device that shapes.
#[derive(Debug)]
pub(super) struct ShapeDevice {
    shaper: Shaper,
    kernel: Handle,
    /// How many packets the kernel had thrown away unread when each shape began.
    unread: BTreeMap<String, u64>,
}

impl ShapeDevice {
    /// Starts it, with the table that the rules lead to. All that it draws is drawn from the seed.
    pub(super) fn start(seed: u64) -> Result<Self, LinksError> {
        Ok(Self { shaper: Shaper::start(seed)?, kernel: connect()?, unread: BTreeMap::new() })
    }

    /// Says how packets of a link are to be treated; `None`: as if the device were not there.
    pub(super) fn set(&self, direction: Direction, shape: Option<Shape>) {
        match shape {
            Some(shape) => self.shaper.set(direction.from, direction.to, shape),
            None => drop(self.shaper.clear(direction.from, direction.to)),
        }
    }

    /// What became of the packets of links since they have their shape.
    pub(super) fn counters(&self, directions: &[Direction]) -> LinkCounters {
        let counters = directions.iter().map(|direction| self.shaper.counters(direction.from, direction.to));
        counters.fold(LinkCounters::default(), LinkCounters::plus)
    }

    /// Sees a probe pass through the device on each of these links that no cut silences, and arrive in time.
    pub(super) async fn see(
        &self,
        prober: &Arc<Prober>,
        directions: &[Direction],
        states: &LinkStates,
    ) -> Result<Proven, String> {
        let shaped: Vec<_> =
            directions.iter().filter(|direction| matches!(states.state(**direction), LinkState::Shaped(_))).collect();
        let passed = |direction: &Direction| self.counters(&[*direction]).passed;
        let before: Vec<_> = shaped.iter().map(|direction| passed(direction)).collect();
        let proven = prober.prove(Expected::of(shaped.iter().copied(), states)).await;
        if let Some(failure) = self.shaper.failure() {
            return Err(failure.to_owned());
        }
        let beside = shaped.iter().zip(before).find(|(direction, before)| passed(direction) <= *before);
        proven.and_then(|proven| match beside {
            Some((direction, _)) => {
                Err(format!("what arrives on {direction} does not pass through the device that shapes"))
            }
            None => Ok(proven),
        })
    }

    /// Remembers when a shape began.
    pub(super) async fn begin(&mut self, name: &str) -> Result<(), String> {
        let unread = shaping::unread(&self.kernel).await?;
        self.unread.insert(name.to_owned(), unread);
        Ok(())
    }

    /// How many packets, of whichever link, were thrown away unread since a shape began.
    pub(super) async fn end(&mut self, name: &str) -> Result<u64, String> {
        let before = self.unread.remove(name);
        let unread = shaping::unread(&self.kernel).await?;
        Ok(unread.saturating_sub(before.unwrap_or(unread)))
    }
}
