//! What the machine may have done to a run's times.
//!
//! A limit that was missed is not blamed on the servers where the machine may have taken as much time as it was missed by, in
//! the very moments that it is about. What counts is the most that one chain of events can have waited in each tenth of a second
//! ([`MachineSample`]): how long the servers' and the clients' threads were ready to run and had no processor.
//! Whose work kept them from it does not matter: other programs, or more servers than processors; a machine that cannot run
//! what a scenario asks of it cannot tell how quick the servers are. A server that is slow by itself has its processor and waits for
//! none: its miss stands. A load whose thread has no rest is too much for its client: how many operations were done then, and how
//! soon, tells nothing about servers.

use super::finding;
use super::window::Window;
use crate::evidence::{EventKind, Evidence, MachineSample, Operation, Waits};
use crate::vocab::{Instant, NodeName};

/// A wall clock that moved by less than this shifts no time that is read from a log: their stamps are whole milliseconds.
const WALL_MOVED_US: u64 = 2_000;

/// What the machine took, sample by sample.
pub(crate) struct Machine<'a> {
    /// In order: a tenth of a second each, apart from each other.
    samples: Vec<(Window, &'a MachineSample)>,
    /// How much all samples before each may have delayed an operation in all, and all of them at the end.
    lost_before: Vec<u64>,
    /// When a client had an operation to begin and a worker for it and did not begin it: in order, apart from each other.
    stalls: Vec<Window>,
    /// When operations that were due waited to be begun, in the same form. An operation that joins a backlog waits for whatever caused it.
    backlogs: Vec<Window>,
}

/// A client that begins an operation so soon after it could is on time.
const STALL_NANOS_MIN: u64 = 1_000_000;

impl<'a> Machine<'a> {
    pub(crate) fn of(evidence: &'a Evidence) -> Self {
        let samples = evidence.events.iter().filter_map(|event| match &event.kind {
            EventKind::Machine(sample) => Some((Window { start: sample.from, end: event.at }, sample)),
            _ => None,
        });
        let samples: Vec<_> = samples.collect();
        let mut lost_before = vec![0];
        lost_before.extend(samples.iter().scan(0_u64, |lost, (_, sample)| {
            *lost = lost.saturating_add(sample.queue_delay_nanos());
            Some(*lost)
        }));
        let (mut stalls, mut backlogs) = (Vec::new(), Vec::new());
        let late = |from: Instant, operation: &Operation| {
            let wait = Window { start: from, end: operation.started };
            Some(wait).filter(|wait| wait.nanos() > STALL_NANOS_MIN)
        };
        for operation in evidence.history.iter().filter(|operation| !operation.never_begun()) {
            stalls.extend(late(operation.ready, &operation));
            backlogs.extend(late(operation.intended, &operation));
        }
        Self { samples, lost_before, stalls: merged(stalls), backlogs: merged(backlogs) }
    }

    /// The most that the machine, a load that is too much for its client, or a client that stood still by itself can have delayed one
    /// operation after the other in the samples that a stretch touches.
    pub(crate) fn lost_in(&self, stretch: Window) -> u64 {
        let stretch = self.with_backlog(stretch);
        let touched = self.touched(stretch);
        (self.lost_before[touched.end] - self.lost_before[touched.start]).max(self.stalled_nanos(stretch))
    }

    /// The stretch from the beginning of the backlog that it begins in.
    pub(crate) fn with_backlog(&self, stretch: Window) -> Window {
        let after = self.backlogs.partition_point(|backlog| backlog.start <= stretch.start);
        let backlog = after.checked_sub(1).map(|last| self.backlogs[last]).filter(|last| stretch.start < last.end);
        backlog.map_or(stretch, |backlog| Window { start: backlog.start, ..stretch })
    }

    /// For how long of a stretch a load was too much for its client.
    pub(crate) fn overloaded_nanos(&self, stretch: Window) -> u64 {
        total(self.samples[self.touched(stretch)].iter().map(|(_, sample)| sample.overload_nanos))
    }

    /// How long clients stood still in a stretch.
    pub(crate) fn stalled_nanos(&self, stretch: Window) -> u64 {
        let first = self.stalls.partition_point(|stall| stall.end <= stretch.start);
        let stalls = self.stalls[first..].iter().take_while(|stall| stall.start < stretch.end);
        stalls.map(|stall| stall.within(stretch).nanos()).sum()
    }

    /// The same in all samples that any of the stretches touches.
    pub(crate) fn lost_in_any(&self, stretches: impl IntoIterator<Item = Window>) -> u64 {
        let stretches = merged(stretches.into_iter().map(|stretch| self.with_backlog(stretch)).collect());
        let stalled = stretches.iter().map(|stretch| self.stalled_nanos(*stretch)).sum();
        let mut touched: Vec<_> = stretches.into_iter().map(|stretch| self.touched(stretch)).collect();
        touched.sort_unstable_by_key(|range| range.start);
        let (mut lost, mut end) = (0, 0);
        for range in touched {
            let start = range.start.max(end);
            if range.end > start {
                lost += self.lost_before[range.end] - self.lost_before[start];
                end = range.end;
            }
        }
        lost.max(stalled)
    }

    /// Whether the machine may have taken so much in a stretch that without it the stretch might have been shorter by `excess`;
    /// if so, in words. An overload is no reason: clients that nobody serves have no rest either if they try again at once.
    pub(crate) fn explain(&self, stretch: Window, excess: u64) -> Option<String> {
        let backlog = self.with_backlog(stretch);
        let samples = &self.samples[self.touched(backlog)];
        let lost = total(samples.iter().map(|(_, sample)| sample.operation_delay_nanos()));
        self.explain_by(lost.max(self.stalled_nanos(backlog)), stretch, excess)
    }

    /// The same for what no client, but the observer saw.
    pub(crate) fn explain_observed(&self, stretch: Window, excess: u64) -> Option<String> {
        let samples = &self.samples[self.touched(stretch)];
        self.explain_by(total(samples.iter().map(|(_, sample)| sample.sight_delay_nanos())), stretch, excess)
    }

    /// The same for what one server was told to do. However often the observer waited meanwhile, it saw what was done later by at
    /// most one of its waits.
    pub(crate) fn explain_told(&self, node: &NodeName, stretch: Window, excess: u64) -> Option<String> {
        let samples = &self.samples[self.touched(stretch)];
        let servers = total(samples.iter().map(|(_, sample)| sample.server_delay_nanos(node)));
        let observer = samples.iter().filter_map(|(_, sample)| sample.waits.as_ref().map(|waits| waits.observer_nanos));
        self.explain_by(servers.saturating_add(observer.max().unwrap_or(0)), stretch, excess)
    }

    fn explain_by(&self, lost: u64, stretch: Window, excess: u64) -> Option<String> {
        (lost >= excess && lost > 0).then(|| {
            let (lost, excess) = (finding::time(lost), finding::time(excess));
            format!(
                "the machine may have taken {lost} from {} to {}, which explains {excess}: {}",
                stretch.start,
                stretch.end,
                self.figures(stretch)
            )
        })
    }

    /// Whether a server may have been kept from its processor for half of some node timeout in a stretch, so that others may have
    /// taken it for dead; if so, in words.
    pub(crate) fn stalled(&self, stretch: Window, node_timeout_ms: u64) -> Option<String> {
        let node_timeout = node_timeout_ms * 1_000_000;
        let samples = &self.samples[self.touched(stretch)];
        let (mut first, mut stalled) = (0, 0);
        for (window, sample) in samples {
            stalled = sample.stall_nanos().saturating_add(stalled);
            while samples[first].0.end.plus_nanos(node_timeout) < window.end {
                stalled = stalled.saturating_sub(samples[first].1.stall_nanos());
                first += 1;
            }
            if stalled >= node_timeout / 2 {
                let around = Window { start: samples[first].0.start, end: window.end };
                return Some(format!(
                    "servers may have stood still for {}, half a node timeout ({node_timeout_ms} ms) or more, from {} to {}: {}",
                    finding::time(stalled),
                    around.start,
                    around.end,
                    self.figures(around)
                ));
            }
        }
        None
    }

    /// What was measured in a stretch, in words: `servers waited for a processor 35 % of the time (longest: B), clients 12 %, the
    /// observer 3 %, timers up to 3.1 ms late`.
    pub(crate) fn figures(&self, stretch: Window) -> String {
        let samples = &self.samples[self.touched(stretch)];
        let nanos: u64 = samples.iter().map(|(window, _)| window.nanos()).sum();
        let share = |part: u64| finding::decimals((part as f64 / (nanos as f64).max(1.0) * 1e3).round() / 10.0);
        let sum = |of: fn(&MachineSample) -> u64| total(samples.iter().map(|(_, sample)| of(sample)));
        let late = samples.iter().map(|(_, sample)| sample.timer_late_nanos).max();
        let stalled = match self.stalled_nanos(stretch) {
            0 => String::new(),
            stalled => format!("clients stood still by themselves for {}", finding::time(stalled)),
        };
        let Some(late) = late else {
            return if stalled.is_empty() { "nothing was measured".to_owned() } else { stalled };
        };
        let waits = if samples.iter().all(|(_, sample)| sample.waits.is_some()) {
            let servers = sum(|sample| longest(sample).map_or(0, |(_, nanos)| nanos));
            let most = samples.iter().filter_map(|(_, sample)| longest(sample)).max_by_key(|(_, nanos)| *nanos);
            let most = most.map(|(node, _)| format!(" (longest: {node})")).unwrap_or_default();
            let [clients, observer] = [|waits: &Waits| waits.clients_nanos, |waits: &Waits| waits.observer_nanos]
                .map(|of| share(total(samples.iter().filter_map(|(_, sample)| sample.waits.as_ref().map(of)))));
            format!(
                "servers waited for a processor {} % of the time{most}, clients {clients} %, the observer {observer} %",
                share(servers)
            )
        } else if samples.iter().all(|(_, sample)| sample.pressure_nanos.is_some()) {
            format!(
                "somebody waited for a processor {} % of the time",
                share(sum(|sample| sample.pressure_nanos.unwrap_or(0)))
            )
        } else {
            String::new()
        };
        let (stolen, overloaded) = (sum(|sample| sample.stolen_nanos), self.overloaded_nanos(stretch));
        let others = samples.iter().map(|(_, sample)| sample.other_runs).max().unwrap_or(0);
        let parts = [
            waits,
            format!("timers up to {} late", finding::time(late)),
            if stolen > 0 { format!("{} % stolen by the hypervisor", share(stolen)) } else { String::new() },
            stalled,
            if overloaded > 0 {
                format!("a load was too much for its client {} % of the time", share(overloaded))
            } else {
                String::new()
            },
            if others > 0 {
                format!("{} beside it", finding::count(others as u64, "other run"))
            } else {
                String::new()
            },
        ];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    }

    /// By how much the wall clock went another way than the run's clock, if it did; in words.
    pub(crate) fn wall_clock(&self) -> Option<String> {
        let ahead = self.samples.iter().map(|(_, sample)| sample.wall_ahead_us);
        let most =
            ahead.max_by_key(|ahead| ahead.unsigned_abs()).filter(|ahead| ahead.unsigned_abs() > WALL_MOVED_US)?;
        let by = finding::time(most.unsigned_abs().saturating_mul(1_000));
        let way = if most > 0 { "forward" } else { "back" };
        Some(format!("the wall clock moved {way} by up to {by}, which times from the servers' logs allow for"))
    }

    /// The samples that a stretch touches.
    fn touched(&self, stretch: Window) -> std::ops::Range<usize> {
        let start = self.samples.partition_point(|(window, _)| window.end < stretch.start);
        let end = self.samples.partition_point(|(window, _)| window.start <= stretch.end);
        start..end.max(start)
    }
}

/// The sum, which no evidence makes too large: somebody may have written anything into it and sealed it anew.
fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// The same stretches in order and apart from each other.
fn merged(mut stretches: Vec<Window>) -> Vec<Window> {
    stretches.sort_unstable_by_key(|stretch| stretch.start);
    let mut merged = Vec::<Window>::new();
    for stretch in stretches {
        match merged.last_mut().filter(|last| stretch.start <= last.end) {
            Some(last) => last.end = last.end.max(stretch.end),
            None => merged.push(stretch),
        }
    }
    merged
}

fn longest(sample: &MachineSample) -> Option<(&NodeName, u64)> {
    sample.waits.as_ref().and_then(|waits| waits.longest())
}
