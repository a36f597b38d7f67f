//! The steps of a timeline: one kind a file. Its file holds its arguments as they are written, its words, what it requires, what
//! it does to nodes and links, how it is done and what proves it. The list below is the only one.

pub mod condition;
mod disturb;
mod error;
mod flat;
pub mod links;
mod node_step;
pub mod selector;
mod stage;
mod target;
pub mod trigger;
mod wait;

use std::fmt;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::evidence::Effect;
use crate::load::LoadPace;
use crate::system::{NodeSpec, Servers, SystemError};
use crate::text::{Cursor, kinds};
use crate::validate::{Checker, Foreseen};
use crate::vocab::{NodeName, ServerPort};

pub use condition::Condition;
pub use disturb::heal;
pub use error::{Abort, StepEnd};
pub use flat::{FlatStep, InnerSteps, count, flatten};
pub use links::Links;
pub use node_step::{Applied, Demand, NodeStep, Undone};
pub use selector::Selector;
pub use stage::{Acted, Stage};
pub use target::Target;
pub use trigger::Trigger;
pub use wait::wait_for;

kinds! {
    /// One step of the timeline. Steps follow each other; none begins before the one before it is done.
    pub enum Step: StepKind {
        run::Run,
        kill::Kill,
        power_off::PowerOff,
        stop::Stop,
        pause::Pause,
        resume::Resume,
        start::Start,
        wipe::Wipe,
        join::Join,
        promote::Promote,
        follow::Follow,
        partition::Partition,
        cut_port::CutPort,
        shape::Shape,
        heal::Heal,
        until::Until,
        config::Config,
        command::Command,
        program::Program,
        sleep::Sleep,
        fill_disk::FillDisk,
        free_disk::FreeDisk,
        slow_disk::SlowDisk,
        tear_file::TearFile,
        corrupt_file::CorruptFile,
        start_load::StartLoad,
        stop_load::StopLoad,
        pace::Pace,
        repeat::Repeat,
        when::When,
    }
}

/// A kind of step. Those that act on nodes implement [`NodeStep`] instead, which makes them one.
pub trait StepKind: fmt::Display + Sync {
    /// Reports what is wrong with it by itself.
    fn check(&self, _: &mut Checker<'_>, _: Cursor<'_>) {}

    /// Reports what is wrong with it after the steps before it, and notes what it leaves to those behind it.
    fn follow<'a>(&self, _: &mut Checker<'a>, _: &mut Foreseen<'a>, _: Cursor<'a>) {}

    /// What it does to the nodes that it acts on; none if it acts on no node.
    fn effect(&self) -> Option<Effect> {
        None
    }

    /// The links that it cuts or shapes.
    fn disturbance(&self) -> Option<LinkDisturbance<'_>> {
        None
    }

    /// The partition or shape that it ends, or all of them.
    fn healing(&self) -> Option<Healing<'_>> {
        None
    }

    /// The load that begins with it.
    fn begins_load(&self) -> Option<&str> {
        None
    }

    /// The load that goes on at another pace, and at which.
    fn paces(&self) -> Option<(&str, &LoadPace)> {
        None
    }

    /// Whether it makes a replica a master.
    fn promotes(&self) -> bool {
        false
    }

    /// What it does, without how: `Kill A`.
    fn heading(&self) -> String {
        self.to_string()
    }

    /// Whether it chooses nodes from a settled topology when it begins, which takes its time.
    fn needs_topology(&self) -> bool {
        let target = self.disturbance().and_then(|disturbance| disturbance.links.kind().target());
        target.is_some_and(|target| target.asks_topology())
    }

    /// The steps inside of it.
    fn inner(&self) -> Option<InnerSteps<'_>> {
        None
    }

    /// Whether it does something that must be proven.
    fn acts(&self) -> bool {
        true
    }

    /// Whether the disk of a node that it acts on must have a cache.
    fn needs_caching_disk(&self) -> bool {
        false
    }

    /// Whether it waits for something that must come true.
    fn waits(&self) -> bool {
        false
    }

    /// The nodes that it names.
    fn names(&self) -> Vec<NodeName>;

    /// What a server that it acts on must do, and how soon.
    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        None
    }

    /// The least and the most that it takes, beside what servers need.
    fn duration(&self) -> (Duration, Duration) {
        (Duration::ZERO, Duration::ZERO)
    }

    /// The longest that it may take, whatever servers and machine do.
    fn bound(&self) -> Duration {
        /// Bounds of what the harness does itself: choosing, proving.
        const OWN: Duration = Duration::from_secs(45);
        OWN
    }

    /// Does it.
    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, index: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>>;

    /// Does it to one node that must have the right status for it, and looks for the proof.
    fn apply_to<'a>(&'a self, _: &'a Servers, node: &'a NodeName) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        let nothing = SystemError::NotAboutNodes { step: self.to_string(), node: node.clone() };
        Box::pin(async { Err(nothing) })
    }

    /// Undoes, at the end of the run, what it did to a node, as far as it still lasts.
    fn undo<'a>(&'a self, _: &'a Servers, _: &'a NodeName) -> LocalBoxFuture<'a, Result<Option<Undone>, SystemError>> {
        Box::pin(async { Ok(None) })
    }
}

/// Links that a step cuts or shapes.
#[derive(Clone, Copy, Debug)]
pub struct LinkDisturbance<'a> {
    /// `partition`, `port` or `shape`: what it is called if it has no name.
    pub noun: &'static str,
    /// The name that it is given.
    pub name: Option<&'a String>,
    /// The links.
    pub links: &'a Links,
    /// Whether nothing passes them.
    pub cuts: bool,
    /// The only port of the servers that it is about; none if it is about all packets.
    pub port: Option<ServerPort>,
}

impl LinkDisturbance<'_> {
    /// Whether it keeps nodes from hearing of each other.
    pub fn cuts_bus(&self) -> bool {
        self.cuts && self.port != Some(ServerPort::Clients)
    }
}

/// What a step heals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healing<'a> {
    /// The partition or shape of this name.
    Named(&'a str),
    /// All of them.
    All,
}

impl Step {
    /// Whether it is a fault, and not the end of one.
    pub fn is_fault(&self) -> bool {
        self.kind().effect().is_some_and(|effect| effect.harms)
            || self.takes_away()
            || self.kind().disturbance().is_some()
    }

    /// Whether it may take a master away from the other masters, so that it is replaced.
    pub fn takes_away(&self) -> bool {
        self.kind().effect().is_some_and(|effect| effect.takes_down())
            || self.kind().disturbance().is_some_and(|disturbance| disturbance.cuts_bus())
    }
}
