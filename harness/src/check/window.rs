//! The parts of a run that an SLO can be about.

mod back_on_pace;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::census::Census;
use super::healthy::HealthyTimes;
use crate::evidence::{Event, EventKind, Evidence, NetworkChange, Operation};
use crate::vocab::Instant;
use back_on_pace::BackOnPace;

/// The part of a run that an SLO is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum During {
    /// Outside the fault windows.
    Steady,
    /// From each fault until the cluster has settled and every client is back on its pace.
    Fault,
    /// From the load's start to its end.
    #[default]
    Whole,
}

impl fmt::Display for During {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steady => "steady",
            Self::Fault => "fault",
            Self::Whole => "whole",
        })
    }
}

/// Two fault windows with less between them are one: the observer looks every 10 ms (20 ms above 12
/// nodes) and may not have noticed the first.
const STEADY_NANOS_MIN: u64 = 100_000_000;

/// A stretch of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub start: Instant,
    /// The moment after its last.
    pub end: Instant,
}

impl Window {
    /// Whether the moment lies in it.
    pub fn contains(self, at: Instant) -> bool {
        (self.start..self.end).contains(&at)
    }

    /// Its length in nanoseconds.
    pub fn nanos(self) -> u64 {
        self.end.nanos_since(self.start)
    }

    /// The shortest stretch that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The part of it that lies in `other` too; empty if none does.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        let start = self.start.max(other.start);
        Self { start, end: self.end.min(other.end).max(start) }
    }
}

/// The parts of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// From the first load's start to the last load's end; to the last event if a load did not end.
    pub whole: Window,
    /// The fault windows within it: in order, apart from each other.
    pub faults: Vec<Window>,
}

impl Windows {
    /// The parts of the run that left this evidence.
    pub(crate) fn of(evidence: &Evidence, census: &Census, healthy: &HealthyTimes) -> Self {
        let whole = whole(evidence, census);
        let faults = fault_moments(evidence);
        let healthy_again = |(index, &(step, began)): (usize, &(Option<usize>, Instant))| {
            // What follows the next step's fault is that fault's doing; the nodes of one step belong together.
            let next = faults[index..].iter().find(|fault| fault.0 != step).map(|fault| fault.1);
            healthy_after(healthy, began, next, evidence.plan.node_timeout_ms())
        };
        let healthy_again: Vec<_> = faults.iter().enumerate().map(healthy_again).collect();
        let back = BackOnPace::of(evidence, whole, healthy_again.iter().copied().flatten().collect());
        let mut windows = Vec::<Window>::new();
        for ((_, began), healthy_again) in faults.into_iter().zip(healthy_again) {
            let end = healthy_again.map_or(whole.end, |at| back.after(at));
            let window = Window { start: began.max(whole.start), end: end.min(whole.end) };
            match windows.last_mut() {
                _ if window.start >= window.end => {}
                Some(last) if window.start.nanos_since(last.end) < STEADY_NANOS_MIN => {
                    last.end = last.end.max(window.end);
                }
                _ => windows.push(window),
            }
        }
        Self { whole, faults: windows }
    }

    /// Steady or Fault; none outside the whole.
    pub fn part_of(&self, at: Instant) -> Option<During> {
        let after = self.faults.partition_point(|window| window.end <= at);
        let in_fault = self.faults.get(after).is_some_and(|window| window.contains(at));
        let part = if in_fault { During::Fault } else { During::Steady };
        self.whole.contains(at).then_some(part)
    }

    /// Whether the moment lies in that part.
    pub fn contains(&self, during: During, at: Instant) -> bool {
        self.part_of(at).is_some_and(|part| during == During::Whole || during == part)
    }

    /// Whether an operation belongs to that part: to Fault if a fault window has any of its time, from the intended start
    /// to the end, so that a fault cannot spoil the figures of the steady part; else to Steady.
    ///
    /// How long it took may count in both: see [`Self::latency_nanos`].
    pub fn has(&self, during: During, operation: &Operation) -> bool {
        self.has_stretch(during, operation.intended, operation.ended)
    }

    fn has_stretch(&self, during: During, due: Instant, ended: Instant) -> bool {
        let in_fault = || {
            let after = self.faults.partition_point(|window| window.end <= due);
            self.faults.get(after).is_some_and(|window| window.start <= ended)
        };
        self.whole.contains(due)
            && match during {
                During::Whole => true,
                During::Fault => in_fault(),
                During::Steady => !in_fault(),
            }
    }

    /// Whether an operation that was due in the steady part had waited for longer than that when a fault began. It belongs to
    /// the fault's part, but the fault is not why it had not ended.
    pub fn was_overdue(&self, operation: &Operation, nanos: u64) -> bool {
        self.part_of(operation.intended) == Some(During::Steady)
            && self
                .cut(operation.intended)
                .is_some_and(|cut| operation.ended >= cut && cut.nanos_since(operation.intended) > nanos)
    }

    /// When the first fault began after something was due.
    fn cut(&self, due: Instant) -> Option<Instant> {
        self.faults.iter().map(|fault| fault.start).find(|start| *start > due)
    }

    /// What an operation adds to the latencies of that part; none if nothing.
    ///
    /// The part it belongs to has it in full. But where an operation was due in the steady part and a fault cut it, or the
    /// wait for its start, the steady part has the time until the fault began: a stall of a steady cluster does not become
    /// the fault's because its backlog drains into one, and what the fault adds does not become the steady part's.
    pub fn latency_nanos(&self, during: During, operation: &Operation) -> Option<u64> {
        let ended = operation.intended.plus_nanos(operation.latency_nanos());
        self.nanos_in(during, operation.intended, ended)
    }

    /// The same of anything that was due at a moment and lasted until another.
    pub fn nanos_in(&self, during: During, due: Instant, ended: Instant) -> Option<u64> {
        if self.has_stretch(during, due, ended) {
            return Some(ended.nanos_since(due));
        }
        let due_here = during == During::Steady && self.part_of(due) == Some(During::Steady);
        let cut = self.cut(due).filter(|_| due_here)?;
        Some(cut.nanos_since(due))
    }

    /// The stretches that part is made of: in order, apart from each other.
    pub fn stretches(&self, during: During) -> Vec<Window> {
        match during {
            During::Whole => vec![self.whole],
            During::Fault => self.faults.clone(),
            During::Steady => {
                let starts = std::iter::once(self.whole.start).chain(self.faults.iter().map(|fault| fault.end));
                let ends = self.faults.iter().map(|fault| fault.start).chain([self.whole.end]);
                starts
                    .zip(ends)
                    .map(|(start, end)| Window { start, end })
                    .filter(|stretch| stretch.start < stretch.end)
                    .collect()
            }
        }
    }

    /// How much of that part lies within `frame`, in seconds.
    pub fn seconds_within(&self, during: During, frame: Window) -> f64 {
        self.stretches(during).iter().map(|stretch| stretch.within(frame).nanos()).sum::<u64>() as f64 / 1e9
    }

    /// The length of that part in seconds.
    pub fn seconds(&self, during: During) -> f64 {
        self.seconds_within(during, self.whole)
    }
}

/// From the first load's start to the last load's end. Every operation's intended start lies within.
fn whole(evidence: &Evidence, census: &Census) -> Window {
    let first_event = evidence.events.first().map(|event| event.at).unwrap_or_default();
    let last_event = evidence.events.last().map(|event| event.at).unwrap_or_default();
    let mut starts = evidence.events.iter().filter(|event| matches!(event.kind, EventKind::LoadStarted { .. }));
    let ended = |event: &&Event| matches!(event.kind, EventKind::LoadEnded { .. });
    let (started, ends) = (starts.clone().count(), evidence.events.iter().filter(ended));
    let all_ended = started == ends.clone().count();
    let start = starts.next().map_or(first_event, |event| event.at);
    let end = ends.max_by_key(|event| event.at).filter(|_| all_ended).map_or(last_event, |event| event.at);
    // A worker may be quicker than the event that announces it; its first operations count all the same.
    let events = Window { start, end };
    census.intended.map_or(events, |(first, last)| events.hull(Window { start: first, end: last.plus_nanos(1) }))
}

/// When a load ran: its own events where there are any, else the whole.
pub(crate) fn load_window(evidence: &Evidence, name: &str, whole: Window) -> Window {
    let find = |wanted: &dyn Fn(&EventKind) -> bool| {
        evidence.events.iter().find(|event| wanted(&event.kind)).map(|event| event.at)
    };
    Window {
        start: find(&|what| matches!(what, EventKind::LoadStarted { load } if load == name)).unwrap_or(whole.start),
        end: find(&|what| matches!(what, EventKind::LoadEnded { load, .. } if load == name)).unwrap_or(whole.end),
    }
}

/// The step and the beginning of everything that a window begins with, in order of the latter: faults and their ends. A step that
/// leaves its node as it was begins none; the plan does not count it as a fault either.
pub(crate) fn fault_moments(evidence: &Evidence) -> Vec<(Option<usize>, Instant)> {
    let mut moments: Vec<_> = evidence
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::ActedOnNode { effect, .. } if effect.is_none() => None,
            EventKind::ActedOnNode { step, began, .. } | EventKind::Network(NetworkChange { step, began, .. }) => {
                Some((step, began))
            }
            _ => None,
        })
        .collect();
    moments.sort_by_key(|(_, began)| *began);
    moments
}

/// When the cluster is healthy for good after a fault; none if never.
///
/// A fault shows late: the observer looks every 10 ms (20 ms above 12 nodes) and may still record health that it saw
/// before, a flag is raised 1.0 to 1.5 node timeouts after the death and an election starts up to a second later. So until that time has passed
/// (or the next fault begins) every loss of health belongs to this fault; without any, the fault disturbed nothing.
fn healthy_after(
    healthy: &HealthyTimes,
    began: Instant,
    next: Option<Instant>,
    node_timeout_ms: u64,
) -> Option<Instant> {
    let grace_ends = began.plus_nanos((2 * node_timeout_ms + 1_000) * 1_000_000);
    let belongs_until = next.map_or(grace_ends, |next| next.min(grace_ends));
    healthy.from(healthy.last_lost_in(began, belongs_until).unwrap_or(began))
}
