//! What the loads report: progress, slow operations, the totals.

use std::collections::BTreeMap;

use super::super::paint::{BOLD, DIM, DOUBT};
use super::super::words::{count, error_in_words, millis, outcomes, rate};
use super::{Line, ProgressLines};
use crate::evidence::{ErrorKind, Event, EventKind, LoadTotals, Progress};
use crate::vocab::Instant;

/// Remembers what each load reported since its last line.
#[derive(Debug)]
pub(super) struct LoadLines {
    progress: ProgressLines,
    running: BTreeMap<String, Running>,
    slow: BTreeMap<String, Slow>,
}

/// A load that runs.
#[derive(Debug)]
struct Running {
    since: Instant,
    /// Everything before the interval.
    before: Counts,
    interval: Interval,
}

/// How many operations ended how.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    ok: u64,
    fail: u64,
    unknown: u64,
}

/// What was reported since the last line.
#[derive(Debug, Default)]
struct Interval {
    seconds: f64,
    counts: Counts,
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
        Self { progress, running: BTreeMap::new(), slow: BTreeMap::new() }
    }

    /// What must be said before `event`: how many slow operations were not shown.
    pub(super) fn before(&mut self, event: &Event) -> Vec<Line> {
        let ends = matches!(event.kind, EventKind::LoadEnded { .. } | EventKind::Ended | EventKind::Aborted { .. });
        let over = |slow: &Slow| ends || event.at.nanos_since(slow.since) >= 1_000_000_000;
        let done: Vec<_> = self.slow.extract_if(.., |_, slow| over(slow)).collect();
        let hidden = done.into_iter().filter(|(_, slow)| slow.seen > self.progress.slow_shown());
        hidden
            .map(|(load, slow)| {
                let more = count(slow.seen - self.progress.slow_shown());
                let text = format!("slow: {more} more within a second, up to {}", millis(slow.hidden_ms_max));
                Line::new(event.at, &load, DOUBT, text)
            })
            .collect()
    }

    /// The lines of a load's event; `step` is what the timeline is doing.
    pub(super) fn lines(&mut self, event: &Event, step: &str) -> Vec<Line> {
        let at = event.at;
        match &event.kind {
            EventKind::LoadStarted { load } => {
                self.running.insert(load.clone(), Running::since(at));
                vec![Line::new(at, load, BOLD, "load started")]
            }
            EventKind::Preloaded { load, keys, took_nanos, .. } => {
                let took_ms = *took_nanos as f64 / 1e6;
                let per_second = f64::from(*keys) * 1e3 / took_ms.max(1.0);
                let text =
                    format!("{} keys preloaded in {}, {}", count((*keys).into()), millis(took_ms), rate(per_second));
                vec![Line::new(at, load, BOLD, text)]
            }
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
            EventKind::Subscriptions { load, held, wanted } => {
                let [held, all] = [*held, *wanted].map(|number| count(number.into()));
                let style = if held == all { BOLD } else { DOUBT };
                vec![Line::new(at, load, style, format!("subscribers hold {held} of {all} subscriptions"))]
            }
            EventKind::PaceChanged { load, arrivals, .. } => {
                vec![Line::new(at, load, BOLD, format!("goes on at {arrivals}"))]
            }
            EventKind::ClimbEnded { load, carried, broke_at } => {
                vec![Line::new(at, load, BOLD, climbed(*carried, *broke_at))]
            }
            EventKind::Progress(progress) => self.progress(at, progress, step).into_iter().collect(),
            EventKind::SlowOperation { load, operation, took_ms, attempts } => {
                self.slow(at, load, operation, *took_ms, *attempts).into_iter().collect()
            }
            EventKind::LoadEnded { load, totals } => {
                self.running.remove(load);
                ended(at, load, totals)
            }
            _ => Vec::new(),
        }
    }

    fn progress(&mut self, at: Instant, progress: &Progress, step: &str) -> Option<Line> {
        let running = self.running.entry(progress.load.clone()).or_insert_with(|| Running::since(at));
        running.interval.add(progress);
        if running.interval.seconds < self.progress.least_seconds() {
            return None;
        }
        let interval = std::mem::take(&mut running.interval);
        running.before.add(interval.counts);
        let text = match self.progress {
            ProgressLines::EverySecond => interval.in_words(),
            ProgressLines::EveryFiveSeconds => {
                let seconds = at.millis_since(running.since) / 1e3;
                format!("{seconds:.0} s: {}; {}; {step}", running.before.in_words(), interval.in_a_sentence())
            }
        };
        Some(Line::new(at, &progress.load, if interval.is_trouble() { DOUBT } else { DIM }, text))
    }

    fn slow(&mut self, at: Instant, load: &str, operation: &str, took_ms: f64, attempts: u32) -> Option<Line> {
        let slow = self.slow.entry(load.to_owned()).or_insert(Slow { since: at, seen: 0, hidden_ms_max: 0.0 });
        slow.seen += 1;
        if slow.seen > self.progress.slow_shown() {
            slow.hidden_ms_max = slow.hidden_ms_max.max(took_ms);
            return None;
        }
        let tries = if attempts == 1 { String::new() } else { format!(", {attempts} attempts") };
        Some(Line::new(at, load, DOUBT, format!("slow: {operation} took {}{tries}", millis(took_ms))))
    }
}

impl ProgressLines {
    /// How many slow operations of a load are shown within a second, the others counted: after a failover hundreds are slow at once,
    /// and who watches wants to see what else there is.
    fn slow_shown(self) -> u64 {
        match self {
            Self::EverySecond => 3,
            Self::EveryFiveSeconds => u64::MAX,
        }
    }

    /// How much time a line is about at least: a timer's lateness must not make it a second more.
    fn least_seconds(self) -> f64 {
        match self {
            Self::EverySecond => 0.95,
            Self::EveryFiveSeconds => 4.75,
        }
    }
}

impl Running {
    fn since(since: Instant) -> Self {
        Self { since, before: Counts::default(), interval: Interval::default() }
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.ok += other.ok;
        self.fail += other.fail;
        self.unknown += other.unknown;
    }

    /// `9,940 ok, 8 fail`, or `9,940 ok, 8 fail, 2 unknown`.
    fn in_words(self) -> String {
        let unknown = if self.unknown > 0 { format!(", {} unknown", count(self.unknown)) } else { String::new() };
        format!("{} ok, {} fail{unknown}", count(self.ok), count(self.fail))
    }
}

impl Interval {
    /// Quantiles of several intervals cannot be added up; the worst is shown.
    fn add(&mut self, progress: &Progress) {
        let worst = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        self.seconds += progress.interval_s;
        self.counts.add(Counts { ok: progress.ok, fail: progress.fail, unknown: progress.unknown });
        self.p50_ms = worst(self.p50_ms, progress.p50_ms);
        self.p99_ms = worst(self.p99_ms, progress.p99_ms);
    }

    /// Whether something did not end ok, or nothing ended at all.
    fn is_trouble(&self) -> bool {
        let Counts { ok, fail, unknown } = self.counts;
        fail + unknown > 0 || ok == 0
    }

    fn not_ok(&self) -> String {
        match self.counts {
            Counts { fail: 0, unknown: 0, .. } => String::new(),
            Counts { fail, unknown, .. } => format!("{} fail, {} unknown", count(fail), count(unknown)),
        }
    }

    fn in_words(&self) -> String {
        let quantile = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), millis);
        let text = format!(
            "{:>8} ok  p50 {:>9}  p99 {:>9}  {}",
            rate(self.counts.ok as f64 / self.seconds),
            quantile(self.p50_ms),
            quantile(self.p99_ms),
            self.not_ok()
        );
        text.trim_end().to_owned()
    }

    /// `last 5 s: 2,000/s ok, p99 <= 0.42 ms, 8 fail, 2 unknown`. The quantile of all is at most the worst of its seconds.
    fn in_a_sentence(&self) -> String {
        let latency = self.p99_ms.map(|ms| format!("p99 <= {}", millis(ms)));
        let not_ok = Some(self.not_ok()).filter(|words| !words.is_empty());
        let rate = format!("{} ok", rate(self.counts.ok as f64 / self.seconds));
        let figures: Vec<_> = [Some(rate), latency, not_ok].into_iter().flatten().collect();
        format!("last {:.0} s: {}", self.seconds, figures.join(", "))
    }
}

/// How a staircase ended: `carried 4,000/s; 5,000/s was too much`.
fn climbed(carried: Option<u32>, broke_at: Option<u32>) -> String {
    let rate = |per_second: u32| format!("{}/s", count(per_second.into()));
    match (carried, broke_at) {
        (Some(carried), Some(broke_at)) => format!("carried {}; {} was too much", rate(carried), rate(broke_at)),
        (Some(carried), None) => format!("carried {}, its last stair: nothing was too much", rate(carried)),
        (None, Some(broke_at)) => format!("its first stair of {} was too much", rate(broke_at)),
        (None, None) => "climbed nothing".to_owned(),
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
