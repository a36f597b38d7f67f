//! The shaping device as the rest of the network uses it. The first shape starts it; it stays until the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use rtnetlink::Handle;

use super::hosts::connect;
use super::links::{Direction, LinkState, LinkStates};
use super::probe::{Expected, Prober, Proven};
use super::{LinkCounters, LinksError, Shaper, shaping};
use crate::vocab::LinkShape;

/// The shaping device, and the counters read when each shape began.
#[derive(Debug)]
pub(super) struct ShapeDevice {
    shaper: Shaper,
    kernel: Handle,
    /// How many packets the kernel had dropped before the device read them, when each shape began.
    unread: BTreeMap<String, u64>,
}

impl ShapeDevice {
    /// Starts it, with its routing table. The seed determines everything that it draws at random.
    pub(super) fn start(seed: u64) -> Result<Self, LinksError> {
        Ok(Self { shaper: Shaper::start(seed)?, kernel: connect()?, unread: BTreeMap::new() })
    }

    /// Sets the shape of a link; `None` lets packets pass unchanged.
    pub(super) fn set(&self, direction: Direction, shape: Option<LinkShape>) {
        match shape {
            Some(shape) => self.shaper.set(direction.from, direction.to, shape),
            None => drop(self.shaper.clear(direction.from, direction.to)),
        }
    }

    /// What happened to the packets of these links since their shape was set.
    pub(super) fn counters(&self, directions: &[Direction]) -> LinkCounters {
        let counters = directions.iter().map(|direction| self.shaper.counters(direction.from, direction.to));
        counters.fold(LinkCounters::default(), LinkCounters::plus)
    }

    /// Proves on each of these links that is not cut that a probe passes through the device and takes long enough.
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

    /// Notes the counters at the beginning of a shape.
    pub(super) async fn begin(&mut self, name: &str) -> Result<(), String> {
        let unread = shaping::unread(&self.kernel).await?;
        self.unread.insert(name.to_owned(), unread);
        Ok(())
    }

    /// How many packets, of any link, the kernel dropped before the device read them since a shape began.
    pub(super) async fn end(&mut self, name: &str) -> Result<u64, String> {
        let before = self.unread.remove(name);
        let unread = shaping::unread(&self.kernel).await?;
        Ok(unread.saturating_sub(before.unwrap_or(unread)))
    }
}
