//! Latencies over time, in a format that other tools read.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::evidence::{Evidence, Operation, Outcome};

const SECOND_NANOS: u64 = 1_000_000_000;

/// Latencies are kept to three digits between a microsecond and an hour.
const LATENCY_NANOS_MIN: u64 = 1_000;
const LATENCY_NANOS_MAX: u64 = 3_600 * SECOND_NANOS;

/// Nanoseconds in the histograms, milliseconds in the log's column of maxima, as `HistogramLogAnalyzer` expects.
const NANOS_IN_MAX: f64 = 1e6;

/// The content of `latency.hlog`: an interval log of `HdrHistogram`, V2, with one interval for each second of the
/// run's clock in which an operation of any outcome ended, and for the empty ones between. In nanoseconds from the
/// intended start.
///
/// Behind the histogram of all stand those of the operations that are alike, each with a tag such as `app/SET/ok/A`: load, command,
/// outcome, and the master that owned the shard at the start.
pub fn latency_log(evidence: &Evidence) -> io::Result<Vec<u8>> {
    let mut operations: Vec<_> = evidence.history.iter().filter(|operation| !operation.is_final_read()).collect();
    operations.sort_by_key(|operation| operation.ended);
    let started = UNIX_EPOCH + Duration::from_micros(evidence.info.started_unix_us.try_into().unwrap_or(0));
    let (mut log, mut serializer) = (Vec::new(), V2Serializer::new());
    let mut writer = IntervalLogWriterBuilder::new()
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(NANOS_IN_MAX)
        .begin_log_with(&mut log, &mut serializer)?;
    let second_of = |operation: &Operation| operation.ended.0 / SECOND_NANOS;
    let seconds =
        operations.first().map_or(0, |first| second_of(first))..operations.last().map_or(0, |last| second_of(last) + 1);
    let mut rest = &operations[..];
    for second in seconds {
        let (now, later) = rest.split_at(rest.partition_point(|operation| second_of(operation) <= second));
        rest = later;
        let histogram = histogram_of(now)?;
        let (begins, lasts) = (Duration::from_secs(second), Duration::from_secs(1));
        writer.write_histogram(&histogram, begins, lasts, None).map_err(other)?;
        for (tag, operations) in alike(evidence, now) {
            let histogram = histogram_of(&operations)?;
            writer.write_histogram(&histogram, begins, lasts, Tag::new(&tag)).map_err(other)?;
        }
    }
    Ok(log)
}

fn histogram_of(operations: &[&Operation]) -> io::Result<Histogram<u64>> {
    let mut histogram = Histogram::new_with_bounds(LATENCY_NANOS_MIN, LATENCY_NANOS_MAX, 3).map_err(other)?;
    for operation in operations {
        histogram.saturating_record(operation.latency_nanos());
    }
    Ok(histogram)
}

/// Operations by what they have in common, as a tag says it.
fn alike<'a>(evidence: &Evidence, operations: &[&'a Operation]) -> BTreeMap<String, Vec<&'a Operation>> {
    let shards: Vec<_> = evidence.plan.shards().map(|owner| owner.name.as_str()).collect();
    let mut alike = BTreeMap::<_, Vec<_>>::new();
    for operation in operations {
        let Some(load) = evidence.plan.loads.get(usize::from(operation.load)) else { continue };
        let shard = operation.shard.and_then(|shard| shards.get(usize::from(shard))).unwrap_or(&"nobody");
        let outcome = match operation.outcome {
            Outcome::Ok => "ok",
            Outcome::Fail => "fail",
            Outcome::Unknown => "unknown",
        };
        let tag = format!("{}/{}/{outcome}/{shard}", load.name, load.command(operation.source));
        alike.entry(tag).or_default().push(*operation);
    }
    alike
}

fn other(error: impl std::fmt::Debug) -> io::Error {
    io::Error::other(format!("{error:?}"))
}
