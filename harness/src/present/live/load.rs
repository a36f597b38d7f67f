//! What the loads report: progress once a second, a few slow operations, the totals.

use std::collections::BTreeMap;

use super::super::paint::{BOLD, DIM, DOUBT};
use super::super::words::{count, error_in_words, millis, outcomes, rate};
use super::{Line, ProgressLines};
use crate::evidence::{ErrorKind, Event, EventKind, LoadTotals, Progress};
use crate::vocab::Instant;

/// After a failover thousands of operations are slow at once: this many in a second are shown, the rest are counted.
const SLOW_SHOWN: u64 = 3;

/// Intervals are gathered until they make a second; a timer's lateness must not make two seconds of them.
const GATHERED_S: f64 = 0.95;

/// Remembers what each load reported since its last line.
#[derive(Debug)]
pub(super) struct LoadLines {
    progress: ProgressLines,
    gathered: BTreeMap<String, Gathered>,
    slow: BTreeMap<String, Slow>,
}

#[derive(Debug, Default)]
struct Gathered {
    seconds: f64,
    ok: u64,
    fail: u64,
    unknown: u64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// The slow operations of the second that began with the first of them.
#[derive(Debug)]
struct Slow {
    since: Instant,
    seen: u64,
    hidden_ms_max: f64,
}

impl LoadLines {
    pub(super) fn new(progress: ProgressLines) -> Self {
        Self { progress, gathered: BTreeMap::new(), slow: BTreeMap::new() }
    }

    /// What must be said before `event`: how many slow operations were not shown.
    pub(super) fn before(&mut self, event: &Event) -> Vec<Line> {
        let ends = matches!(event.kind, EventKind::LoadEnded { .. } | EventKind::Ended | EventKind::Aborted { .. });
        let over = |slow: &Slow| ends || event.at.nanos_since(slow.since) >= 1_000_000_000;
        let done: Vec<_> = self.slow.extract_if(.., |_, slow| over(slow)).collect();
        let hidden = done.into_iter().filter(|(_, slow)| slow.seen > SLOW_SHOWN);
        hidden
            .map(|(load, slow)| {
                let more = count(slow.seen - SLOW_SHOWN);
                let text = format!("slow: {more} more within a second, up to {}", millis(slow.hidden_ms_max));
                Line::new(event.at, &load, DOUBT, text)
            })
            .collect()
    }

    pub(super) fn lines(&mut self, event: &Event) -> Vec<Line> {
        let at = event.at;
        match &event.kind {
            EventKind::LoadStarted { load } => vec![Line::new(at, load, BOLD, "load started")],
            EventKind::GaveUp { load, operation, error, attempts } => {
                let error = error.map_or("no error", |kind| error_in_words(kind).0);
                let text = format!("a worker gave up: {operation} ended with {error} after {attempts} attempts");
                vec![Line::new(at, load, DOUBT, text)]
            }
            EventKind::IdleConnections { load, open, wanted } => {
                let [open, all] = [*open, *wanted].map(|number| count(number.into()));
                let style = if open == all { BOLD } else { DOUBT };
                vec![Line::new(at, load, style, format!("{open} of {all} idle connections are open"))]
            }
            EventKind::PaceChanged { load, arrivals, .. } => {
                vec![Line::new(at, load, BOLD, format!("goes on at {arrivals}"))]
            }
            EventKind::Progress(progress) => self.progress(at, progress).into_iter().collect(),
            EventKind::SlowOperation { load, operation, took_ms, attempts } => {
                self.slow(at, load, operation, *took_ms, *attempts).into_iter().collect()
            }
            EventKind::LoadEnded { load, totals } => {
                self.gathered.remove(load);
                ended(at, load, totals)
            }
            _ => Vec::new(),
        }
    }

    fn progress(&mut self, at: Instant, progress: &Progress) -> Option<Line> {
        let gathered = self.gathered.entry(progress.load.clone()).or_default();
        gathered.add(progress);
        if gathered.seconds < GATHERED_S {
            return None;
        }
        let gathered = self.gathered.remove(&progress.load)?;
        let trouble = gathered.fail + gathered.unknown > 0 || gathered.ok == 0;
        if self.progress == ProgressLines::Trouble && !trouble {
            return None;
        }
        Some(Line::new(at, &progress.load, if trouble { DOUBT } else { DIM }, gathered.in_words()))
    }

    fn slow(&mut self, at: Instant, load: &str, operation: &str, took_ms: f64, attempts: u32) -> Option<Line> {
        let slow = self.slow.entry(load.to_owned()).or_insert(Slow { since: at, seen: 0, hidden_ms_max: 0.0 });
        slow.seen += 1;
        if slow.seen > SLOW_SHOWN {
            slow.hidden_ms_max = slow.hidden_ms_max.max(took_ms);
            return None;
        }
        let tries = if attempts == 1 { String::new() } else { format!(", {attempts} attempts") };
        Some(Line::new(at, load, DOUBT, format!("slow: {operation} took {}{tries}", millis(took_ms))))
    }
}

impl Gathered {
    /// Quantiles of several intervals cannot be added up; the worst is shown.
    fn add(&mut self, progress: &Progress) {
        let worst = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        self.seconds += progress.interval_s;
        self.ok += progress.ok;
        self.fail += progress.fail;
        self.unknown += progress.unknown;
        self.p50_ms = worst(self.p50_ms, progress.p50_ms);
        self.p99_ms = worst(self.p99_ms, progress.p99_ms);
    }

    fn in_words(&self) -> String {
        let quantile = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), millis);
        let not_ok = if self.fail + self.unknown == 0 {
            String::new()
        } else {
            format!("  {} fail, {} unknown", count(self.fail), count(self.unknown))
        };
        format!(
            "{:>8} ok  p50 {:>9}  p99 {:>9}{not_ok}",
            rate(self.ok as f64 / self.seconds),
            quantile(self.p50_ms),
            quantile(self.p99_ms)
        )
    }
}

/// The outcomes of operations, then of the attempts inside them that did not end ok.
fn ended(at: Instant, load: &str, totals: &LoadTotals) -> Vec<Line> {
    let mut lines = vec![Line::new(at, load, BOLD, format!("load ended: {}", outcomes(totals)))];
    let errors = totals.attempt_errors.iter();
    let errors: Vec<_> =
        errors.map(|(kind, number)| format!("{} {}", count(*number), error_in_words(*kind).0)).collect();
    let other = totals.error_replies.get(&ErrorKind::OtherReply);
    let other = other.map_or(String::new(), |reply| format!("; the first error reply: {reply}"));
    if !errors.is_empty() {
        lines.push(Line::new(at, load, DIM, format!("attempts not ok: {}{other}", errors.join(", "))));
    }
    lines
}
