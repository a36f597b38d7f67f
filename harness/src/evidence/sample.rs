//! What every server and the machine used, about once a second.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::{Clock, RunDirectory};
use crate::vocab::{Instant, NodeName};

/// No figure is larger: a million terabytes, or three hundred thousand years in milliseconds.
const FIGURE_MAX: f64 = 1e18;

/// One line of `samples.jsonl`: what a server said of itself, or what the kernel said of the whole machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceSample {
    /// When the answer was read.
    pub at: Instant,
    /// Whose figures these are; none for the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// The figures. What this server's version or this kernel does not tell is left out.
    pub figures: Figures,
}

/// What a figure counts. A *counter* has counted since the server's process began, or since the machine was booted; only what it
/// grew by between two samples means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// A server's process, by its id: one that was started again has counters that begin again.
    ProcessId,
    /// What a server allocated.
    MemoryUsedBytes,
    /// What of the machine's memory a server's process occupies.
    MemoryResidentBytes,
    /// What the machine can still give without swapping.
    MemoryAvailableBytes,
    /// Connections to a server that are open, two of the harness's own among them.
    Clients,
    /// Those of them that wait in a blocking command.
    ClientsBlocked,
    /// Connections that a server accepted; a counter.
    ConnectionsAccepted,
    /// Connections that a server rejected because of `maxclients`; a counter.
    ConnectionsRejected,
    /// Commands that a server executed, without those that the harness asks it; a counter.
    Commands,
    /// Keys that a server holds.
    Keys,
    /// Keys that a server removed because of `maxmemory`; a counter.
    KeysEvicted,
    /// Keys that a server removed because their time was over; a counter.
    KeysExpired,
    /// Reads that found their key; a counter.
    KeyHits,
    /// Reads that did not; a counter.
    KeyMisses,
    /// What a server received, or all hosts of the lab did; a counter.
    NetworkInBytes,
    /// What a server sent, or all hosts of the lab did, answers to the harness included; a counter.
    NetworkOutBytes,
    /// How far a server is in its replication history.
    ReplicationOffsetBytes,
    /// Full resynchronisations that a server gave its replicas; a counter.
    SyncsFull,
    /// Partial resynchronisations that a server gave its replicas; a counter.
    SyncsPartial,
    /// Partial resynchronisations that a server refused; a counter.
    SyncsPartialRefused,
    /// 1 while a server saves its data to a file, else 0.
    RdbSaving,
    /// 1 while a server rewrites its append-only file, else 0.
    AofRewriting,
    /// Processor time that a server, or everything on the machine, spent in programs; a counter.
    CpuUserMs,
    /// Processor time that a server, or everything on the machine, spent in the kernel; a counter.
    CpuSystemMs,
    /// Processor time that nobody used; a counter.
    CpuIdleMs,
    /// Processor time that a hypervisor took; a counter.
    CpuStolenMs,
    /// Time in which somebody waited for a processor (`/proc/pressure`, `some`); a counter.
    CpuPressureSomeMs,
    /// Time in which somebody waited for memory; a counter.
    MemoryPressureSomeMs,
    /// Time in which nobody could go on for want of memory (`full`); a counter.
    MemoryPressureFullMs,
    /// Time in which somebody waited for a disk; a counter.
    IoPressureSomeMs,
    /// Time in which nobody could go on because of a disk; a counter.
    IoPressureFullMs,
}

/// Figures by what they count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figures(BTreeMap<Figure, f64>);

impl Figures {
    /// Sets a figure. What nothing can count, such as less than nothing, is left out.
    pub fn set(&mut self, figure: Figure, number: f64) {
        if is_plausible(number) {
            self.0.insert(figure, number);
        }
    }

    /// A figure, if it is known.
    pub fn get(&self, figure: Figure) -> Option<f64> {
        self.0.get(&figure).copied()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A figure that nothing can have counted, if there is one.
    pub fn implausible(&self) -> Option<Figure> {
        self.0.iter().find(|(_, number)| !is_plausible(**number)).map(|(figure, _)| *figure)
    }
}

fn is_plausible(number: f64) -> bool {
    (0.0..=FIGURE_MAX).contains(&number)
}

impl ResourceSample {
    /// A figure, if it is known.
    pub fn figure(&self, figure: Figure) -> Option<f64> {
        self.figures.get(figure)
    }

    /// How much a counter grew since the sample `before`; none if it began again in between.
    pub fn growth(&self, before: &Self, counter: Figure) -> Option<f64> {
        let (from, to) = (before.figure(counter)?, self.figure(counter)?);
        let same_process = self.figure(Figure::ProcessId) == before.figure(Figure::ProcessId);
        (same_process && to >= from).then_some(to - from)
    }

    /// How much a counter grew a second since the sample `before`; none if it began again in between.
    pub fn per_second(&self, before: &Self, counter: Figure) -> Option<f64> {
        let nanos = self.at.nanos_since(before.at);
        let growth = self.growth(before, counter)?;
        (nanos > 0).then(|| growth * 1e9 / nanos as f64)
    }

    /// The processor time that a server used since the sample `before`, in percent of one processor.
    pub fn cpu_percent(&self, before: &Self) -> Option<f64> {
        let [user, system] = [Figure::CpuUserMs, Figure::CpuSystemMs].map(|figure| self.per_second(before, figure));
        Some((user? + system?) / 10.0)
    }

    /// The machine's processor time since the sample `before` that this figure counted, in percent of all there was.
    pub fn cpu_share_percent(&self, before: &Self, figure: Figure) -> Option<f64> {
        let all = [Figure::CpuUserMs, Figure::CpuSystemMs, Figure::CpuIdleMs, Figure::CpuStolenMs];
        let all: f64 = all.iter().filter_map(|figure| self.growth(before, *figure)).sum();
        let part = self.growth(before, figure)?;
        (all > 0.0).then(|| part / all * 100.0)
    }
}

/// Writes `samples.jsonl`.
#[derive(Debug)]
pub struct SampleWriter {
    clock: Clock,
    file: File,
}

impl SampleWriter {
    /// Makes the file; its times are those of `clock`.
    pub fn create(directory: &RunDirectory, clock: Clock) -> io::Result<Self> {
        Ok(Self { clock, file: File::create(directory.samples())? })
    }

    /// Records figures that were read just now, of a node or of the machine.
    ///
    /// After an error the file still ends with a whole line; record nothing more then.
    pub fn record(&mut self, node: Option<NodeName>, figures: Figures) -> io::Result<()> {
        let sample = ResourceSample { at: self.clock.now(), node, figures };
        let mut line = serde_json::to_vec(&sample)?;
        line.push(b'\n');
        let whole_lines = self.file.metadata()?.len();
        self.file.write_all(&line).inspect_err(|_| {
            // A disk that is full can still be given back what it took.
            let _ = self.file.set_len(whole_lines);
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sample(ms: u64, process: f64, commands: Option<f64>) -> ResourceSample {
        let mut figures = Figures::default();
        figures.set(Figure::ProcessId, process);
        if let Some(commands) = commands {
            figures.set(Figure::Commands, commands);
        }
        ResourceSample { at: Instant::from_millis(ms), node: Some("A".into()), figures }
    }

    #[rstest]
    #[case::grew(sample(3_000, 7.0, Some(3_500.0)), Some(1_250.0))]
    #[case::stood_still(sample(3_000, 7.0, Some(1_000.0)), Some(0.0))]
    #[case::was_reset(sample(3_000, 7.0, Some(10.0)), None)]
    #[case::another_process_that_was_quick(sample(3_000, 8.0, Some(9_000.0)), None)]
    #[case::not_told(sample(3_000, 7.0, None), None)]
    #[case::at_the_same_moment(sample(1_000, 7.0, Some(3_500.0)), None)]
    fn a_counter_has_a_rate_in_the_life_of_a_process(#[case] after: ResourceSample, #[case] expected: Option<f64>) {
        assert_eq!(after.per_second(&sample(1_000, 7.0, Some(1_000.0)), Figure::Commands), expected);
    }

    #[test]
    fn shares_of_the_processors_are_of_what_there_was() {
        let machine = |ms: u64, [user, system, idle]: [f64; 3]| {
            let mut figures = Figures::default();
            figures.set(Figure::CpuUserMs, user);
            figures.set(Figure::CpuSystemMs, system);
            figures.set(Figure::CpuIdleMs, idle);
            ResourceSample { at: Instant::from_millis(ms), node: None, figures }
        };
        let (before, after) = (machine(0, [100.0, 100.0, 100.0]), machine(1_000, [600.0, 200.0, 1_500.0]));
        assert_eq!(after.cpu_share_percent(&before, Figure::CpuIdleMs), Some(70.0));
        assert_eq!(after.cpu_share_percent(&before, Figure::CpuStolenMs), None, "this kernel does not tell");
        assert_eq!(before.cpu_share_percent(&before, Figure::CpuIdleMs), None);
        assert_eq!(after.cpu_percent(&before), Some(60.0));
    }

    #[rstest]
    #[case::negative(-1.0)]
    #[case::endless(f64::INFINITY)]
    #[case::no_number(f64::NAN)]
    #[case::too_much(1e19)]
    fn what_nothing_can_count_is_left_out(#[case] number: f64) {
        let mut figures = Figures::default();
        figures.set(Figure::Keys, number);
        assert!(figures.is_empty());
    }

    #[test]
    fn a_sample_is_a_line_that_people_can_read() {
        let sample = sample(1_500, 7.0, Some(10.0));
        let line = serde_json::to_string(&sample).unwrap();
        assert_eq!(line, r#"{"at":1500000000,"node":"A","figures":{"process_id":7.0,"commands":10.0}}"#);
        assert_eq!(serde_json::from_str::<ResourceSample>(&line).unwrap(), sample);
        let machine = ResourceSample { node: None, ..sample };
        let line = serde_json::to_string(&machine).unwrap();
        assert_eq!(serde_json::from_str::<ResourceSample>(&line).unwrap(), machine);
    }

    #[test]
    fn what_was_recorded_is_read_back() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = RunDirectory::new(temporary.path());
        let mut writer = SampleWriter::create(&directory, Clock::new()).unwrap();
        writer.record(Some("A".into()), sample(0, 7.0, Some(1.0)).figures).unwrap();
        writer.record(None, Figures::default()).unwrap();
        let text = std::fs::read_to_string(directory.samples()).unwrap();
        let samples: Vec<ResourceSample> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(samples[0].figure(Figure::Commands), Some(1.0));
        assert!(samples[0].at <= samples[1].at && samples[1].node.is_none());
    }
}
