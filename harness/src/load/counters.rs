//! What a load counts while it runs: totals, the last interval, and which slow operations to tell of.

use hdrhistogram::Histogram;

use super::Load;
use crate::evidence::{ErrorKind, EventKind, LoadTotals, Operation, Outcome, Progress};
use crate::vocab::Instant;

/// Slow operations that are reported one by one in an interval; a stall must not flood the journal.
const SLOW_EVENTS_MAX: u64 = 1_000;

/// How much of an error reply is kept, in bytes.
const ERROR_REPLY_BYTES_MAX: usize = 300;

/// What a load counts while it runs.
pub(crate) struct LoadCounters {
    load: String,
    slow_nanos: Option<u64>,
    totals: LoadTotals,
    interval: Interval,
}

struct Interval {
    began: Instant,
    ok: u64,
    fail: u64,
    unknown: u64,
    latency_ns: Histogram<u64>,
    /// A latency, and how many operations took so long in a row that are not in the histogram yet: what is sent together often has
    /// its replies together.
    in_a_row: (u64, u64),
    slow: u64,
    /// The slowest operation that was not reported by itself.
    unreported_nanos_max: u64,
    unreported_attempts_max: u32,
}

impl LoadCounters {
    /// Counts from `now` on.
    pub(crate) fn new(load: &Load, now: Instant) -> Self {
        Self {
            load: load.name.clone(),
            slow_nanos: load.slow.map(crate::vocab::Duration::as_nanos),
            totals: LoadTotals::default(),
            interval: Interval::new(now),
        }
    }

    /// Counts an operation. Returns the event that tells of it when it was slow, by the name that `name` gives it.
    pub(crate) fn count(&mut self, operation: &Operation, name: impl FnOnce() -> String) -> Option<EventKind> {
        if operation.never_begun() {
            self.totals.not_started += 1;
            return None;
        }
        let (total, interval) = match operation.outcome {
            Outcome::Ok => (&mut self.totals.ok, &mut self.interval.ok),
            Outcome::Fail => (&mut self.totals.fail, &mut self.interval.fail),
            Outcome::Unknown => (&mut self.totals.unknown, &mut self.interval.unknown),
        };
        *total += 1;
        *interval += 1;
        let nanos = operation.latency_nanos();
        self.interval.took(nanos);
        if self.slow_nanos.is_none_or(|slow| nanos <= slow) {
            return None;
        }
        self.interval.slow += 1;
        if self.interval.slow > SLOW_EVENTS_MAX {
            self.interval.unreported_nanos_max = self.interval.unreported_nanos_max.max(nanos);
            self.interval.unreported_attempts_max =
                self.interval.unreported_attempts_max.max(operation.attempts.into());
            return None;
        }
        Some(EventKind::SlowOperation {
            load: self.load.clone(),
            operation: name(),
            took_ms: nanos as f64 / 1e6,
            attempts: operation.attempts.into(),
        })
    }

    /// Counts an attempt that did not end ok.
    pub(crate) fn attempt_failed(&mut self, kind: ErrorKind) {
        *self.totals.attempt_errors.entry(kind).or_default() += 1;
    }

    /// Keeps the first error reply of each kind.
    pub(crate) fn error_replied(&mut self, kind: ErrorKind, text: &[u8]) {
        self.totals.error_replies.entry(kind).or_insert_with(|| {
            let text = String::from_utf8_lossy(&text[..text.len().min(ERROR_REPLY_BYTES_MAX)]);
            text.chars().filter(|character| !character.is_control()).collect()
        });
    }

    /// Counts starts that were due and are not remembered.
    pub(crate) fn dropped(&mut self, starts: u64) {
        self.totals.dropped += starts;
    }

    /// Whether the interval is long enough to be ended by whichever thread of the load comes first.
    pub(crate) fn is_due(&self, now: Instant, interval: std::time::Duration) -> bool {
        now.nanos_since(self.interval.began) >= crate::vocab::Duration(interval / 2).as_nanos()
    }

    /// Ends the interval. Returns its figures, and how many slow operations were not reported one by one.
    pub(crate) fn end_interval(&mut self, now: Instant) -> Vec<EventKind> {
        let mut interval = std::mem::replace(&mut self.interval, Interval::new(now));
        interval.record_row();
        let mut events = Vec::with_capacity(2);
        let unreported = interval.slow.saturating_sub(SLOW_EVENTS_MAX);
        if unreported > 0 {
            events.push(EventKind::SlowOperation {
                load: self.load.clone(),
                operation: format!("{unreported} more; the slowest of them"),
                took_ms: interval.unreported_nanos_max as f64 / 1e6,
                attempts: interval.unreported_attempts_max,
            });
        }
        let quantile = |quantile| {
            let latency = &interval.latency_ns;
            (!latency.is_empty()).then(|| latency.value_at_quantile(quantile) as f64 / 1e6)
        };
        events.push(EventKind::Progress(Progress {
            load: self.load.clone(),
            interval_s: now.nanos_since(interval.began) as f64 / 1e9,
            ok: interval.ok,
            fail: interval.fail,
            unknown: interval.unknown,
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
        }));
        events
    }

    /// Everything that was counted.
    pub(crate) fn totals(&self) -> &LoadTotals {
        &self.totals
    }
}

impl Interval {
    fn new(began: Instant) -> Self {
        Self {
            began,
            ok: 0,
            fail: 0,
            unknown: 0,
            latency_ns: latencies(),
            in_a_row: (0, 0),
            slow: 0,
            unreported_nanos_max: 0,
            unreported_attempts_max: 0,
        }
    }

    fn took(&mut self, nanos: u64) {
        if nanos != self.in_a_row.0 {
            self.record_row();
            self.in_a_row = (nanos, 0);
        }
        self.in_a_row.1 += 1;
    }

    fn record_row(&mut self) {
        let (nanos, count) = self.in_a_row;
        self.latency_ns.saturating_record_n(nanos, count);
    }
}

/// Latencies in nanoseconds, to a microsecond or three digits, up to an hour.
fn latencies() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "these bounds are constants, and a test makes it")]
    Histogram::new_with_bounds(1_000, 3_600_000_000_000, 3).expect("the bounds are valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::testing::{load, operation};

    fn counters() -> LoadCounters {
        let load = load("app", r#"mix: [Get()], keys: Uniform(10), slow: "2ms""#);
        LoadCounters::new(&load, Instant::from_millis(1_000))
    }

    #[test]
    fn an_interval_is_told_and_begins_anew() {
        let mut counters = counters();
        for (millis, outcome) in [(1, Outcome::Ok), (1, Outcome::Ok), (2, Outcome::Fail), (2, Outcome::Unknown)] {
            assert_eq!(counters.count(&operation(millis, outcome), String::new), None);
        }
        counters.attempt_failed(ErrorKind::Closed);
        let events = counters.end_interval(Instant::from_millis(2_500));
        let [EventKind::Progress(progress)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((progress.ok, progress.fail, progress.unknown), (2, 1, 1));
        assert!((progress.interval_s - 1.5).abs() < 1e-9);
        assert!((progress.p50_ms.unwrap() - 1.0).abs() < 0.01 && (progress.p99_ms.unwrap() - 2.0).abs() < 0.01);
        let events = counters.end_interval(Instant::from_millis(3_500));
        let [EventKind::Progress(progress)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((progress.ok, progress.p50_ms), (0, None));
        assert_eq!((counters.totals().ok, counters.totals().fail, counters.totals().unknown), (2, 1, 1));
        assert_eq!(counters.totals().attempt_errors[&ErrorKind::Closed], 1);
    }

    #[test]
    fn the_first_error_reply_of_each_kind_is_kept() {
        let mut counters = counters();
        let replies = [
            (ErrorKind::OtherReply, "MISCONF No space\x1b[31m left"),
            (ErrorKind::OtherReply, "NOAUTH"),
            (ErrorKind::OutOfMemory, &"O".repeat(1_000)),
        ];
        for (kind, text) in replies {
            counters.error_replied(kind, text.as_bytes());
        }
        let kept = &counters.totals().error_replies;
        assert_eq!(kept[&ErrorKind::OtherReply], "MISCONF No space[31m left");
        assert_eq!(kept[&ErrorKind::OutOfMemory].len(), 300);
    }

    #[test]
    fn slow_operations_are_told_but_do_not_flood() {
        let mut counters = counters();
        let told = (0..1_010)
            .filter_map(|extra| counters.count(&operation(3 + extra, Outcome::Ok), || "GET app:7".to_owned()));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), 1_000);
        let EventKind::SlowOperation { operation, took_ms, .. } = &told[0] else { panic!("{told:?}") };
        assert_eq!(operation, "GET app:7");
        assert!((took_ms - 3.0).abs() < 1e-9);
        let rest = counters.end_interval(Instant::from_millis(2_000));
        let EventKind::SlowOperation { operation, took_ms, .. } = &rest[0] else { panic!("{rest:?}") };
        assert_eq!(operation, "10 more; the slowest of them");
        assert!((took_ms - 1_012.0).abs() < 1e-9);
    }
}
