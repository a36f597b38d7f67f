//! The recorder: one thread that writes the history, what subscribers heard, and the loads' events, so that no worker ever waits for a disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use super::parts::cpu_of_thread_nanos;
use crate::evidence::{
    ElementsWriter, EventKind, Heard, HeardWriter, HistoryWriter, Journal, Operation, RunDirectory, Value,
};

/// Operations that go to the recorder together.
const BATCH: usize = 1_024;

/// The bytes that their records take, most of the time.
const RECORDS_BYTES: usize = 24 * BATCH;

/// Elements that go to the recorder together, but for those of one operation.
const ELEMENTS_MAX: usize = 8 * BATCH;

/// Batches that may wait for the disk: about 100 MB, without what read elements.
const BATCHES_MAX: usize = 4_096;

/// Elements that may wait for the disk: about 256 MB, but for those of one batch.
const ELEMENTS_WAITING_MAX: usize = 16 << 20;

enum RecorderMessage {
    /// Operations, as the records that they are in the history: written by who did them, while they are at hand.
    Records(Vec<u8>),
    /// Operations that read elements, and these, those of one after those of the other.
    Reads(Vec<Operation>, Vec<Value>),
    Heard(Vec<Heard>),
    Event(Box<EventKind>),
}

/// Where a load puts what must be recorded. It never blocks.
pub(crate) struct Outbox {
    recorder: SyncSender<RecorderMessage>,
    /// The processor time that the recorder has taken, in nanoseconds.
    recorder_cpu: Arc<AtomicU64>,
    /// How many elements wait for the disk.
    waiting: Arc<AtomicUsize>,
    records: HistoryWriter<Vec<u8>>,
    /// How many operations are in there.
    recorded: usize,
    reads: Vec<Operation>,
    elements: Vec<Value>,
    heard: Vec<Heard>,
    overrun: bool,
}

impl Outbox {
    fn new(recorder: SyncSender<RecorderMessage>, recorder_cpu: Arc<AtomicU64>, waiting: Arc<AtomicUsize>) -> Self {
        let records = HistoryWriter::resume(Vec::with_capacity(RECORDS_BYTES));
        let (reads, elements, heard) = (Vec::new(), Vec::new(), Vec::new());
        Self { recorder, recorder_cpu, waiting, records, recorded: 0, reads, elements, heard, overrun: false }
    }

    /// Adds an operation to the history, with the elements that it read.
    pub(crate) fn push(&mut self, operation: &Operation, elements: &[Value]) {
        if let Value::Elements { .. } = operation.value {
            self.reads.push(*operation);
            self.elements.extend_from_slice(elements);
        } else {
            // Memory takes whatever is written to it.
            let _ = self.records.write(operation);
            self.recorded += 1;
        }
        if self.recorded >= BATCH || self.reads.len() >= BATCH || self.elements.len() >= ELEMENTS_MAX {
            self.flush();
        }
    }

    /// Adds what a subscriber heard.
    pub(crate) fn heard(&mut self, heard: Heard) {
        self.heard.push(heard);
        if self.heard.len() >= BATCH {
            self.flush();
        }
    }

    /// Adds an event to the journal.
    pub(crate) fn event(&mut self, what: EventKind) {
        self.send(RecorderMessage::Event(Box::new(what)));
    }

    /// Hands what came in so far to the recorder.
    pub(crate) fn flush(&mut self) {
        if self.recorded > 0 {
            let next = HistoryWriter::resume(Vec::with_capacity(RECORDS_BYTES));
            let records = std::mem::replace(&mut self.records, next).into_inner();
            self.recorded = 0;
            self.send(RecorderMessage::Records(records));
        }
        if !self.reads.is_empty() {
            let (reads, elements) = (std::mem::take(&mut self.reads), std::mem::take(&mut self.elements));
            let count = elements.len();
            if count > 0 && self.waiting.fetch_add(count, Ordering::Relaxed) >= ELEMENTS_WAITING_MAX {
                self.waiting.fetch_sub(count, Ordering::Relaxed);
                self.overrun = true;
            } else {
                self.send(RecorderMessage::Reads(reads, elements));
            }
        }
        if !self.heard.is_empty() {
            let heard = std::mem::take(&mut self.heard);
            self.send(RecorderMessage::Heard(heard));
        }
    }

    /// The processor time that the recorder has taken so far, in nanoseconds.
    pub(crate) fn recorder_cpu_nanos(&self) -> u64 {
        self.recorder_cpu.load(Ordering::Relaxed)
    }

    /// Whether something could not be recorded: the recorder is gone, or too far behind.
    pub(crate) fn overrun(&self) -> bool {
        self.overrun
    }

    fn send(&mut self, record: RecorderMessage) {
        self.overrun |= self.recorder.try_send(record).is_err();
    }
}

/// The recorder's thread. It ends when every [`Outbox`] and this are gone.
pub(crate) struct HistoryRecorder {
    sender: SyncSender<RecorderMessage>,
    cpu: Arc<AtomicU64>,
    waiting: Arc<AtomicUsize>,
    done: oneshot::Receiver<io::Result<()>>,
}

impl HistoryRecorder {
    /// Begins the history in that directory.
    pub(crate) fn start(directory: &RunDirectory, journal: Journal) -> io::Result<Self> {
        let mut history = File::create(directory.history())?;
        HistoryWriter::new(&mut history)?;
        let (heard_path, elements_path) = (directory.subscribers(), directory.elements());
        let files = Files { history, elements: None, elements_path, heard: None, heard_path };
        let (sender, records) = sync_channel(BATCHES_MAX);
        let (tell, done) = oneshot::channel();
        let cpu = Arc::new(AtomicU64::new(0));
        let taken = Arc::clone(&cpu);
        let waiting = Arc::new(AtomicUsize::new(0));
        let waits = Arc::clone(&waiting);
        thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            // Nobody listens any more when the loads were dropped instead of stopped.
            let _ = tell.send(write_all(&records, files, &journal, &taken, &waits));
        })?;
        Ok(Self { sender, cpu, waiting, done })
    }

    /// A new sender.
    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::new(self.sender.clone(), Arc::clone(&self.cpu), Arc::clone(&self.waiting))
    }

    /// Waits until everything is written, which it is when every [`Outbox`] is gone.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.sender);
        self.done.await.unwrap_or_else(|_| Err(io::Error::other("the recorder's thread panicked")))
    }
}

/// What the recorder writes to.
struct Files {
    history: File,
    /// The elements that were read, once an operation read any.
    elements: Option<ElementsWriter<BufWriter<File>>>,
    elements_path: PathBuf,
    /// What subscribers heard, once one heard anything.
    heard: Option<HeardWriter<BufWriter<File>>>,
    heard_path: PathBuf,
}

/// Writes until nobody can send any more. After an error it goes on to take what comes, so that events are not lost.
fn write_all(
    records: &Receiver<RecorderMessage>,
    mut files: Files,
    journal: &Journal,
    cpu_nanos: &AtomicU64,
    waiting: &AtomicUsize,
) -> io::Result<()> {
    let mut outcome = Ok(());
    for record in records {
        let elements = if let RecorderMessage::Reads(_, elements) = &record { elements.len() } else { 0 };
        match record {
            RecorderMessage::Event(what) => journal.record(*what),
            RecorderMessage::Records(records) if outcome.is_ok() => outcome = files.history.write_all(&records),
            RecorderMessage::Reads(batch, elements) if outcome.is_ok() => {
                outcome = files.write_reads(&batch, &elements);
            }
            RecorderMessage::Heard(batch) if outcome.is_ok() => outcome = files.write_heard(&batch),
            RecorderMessage::Records(_) | RecorderMessage::Reads(..) | RecorderMessage::Heard(_) => {}
        }
        waiting.fetch_sub(elements, Ordering::Relaxed);
        cpu_nanos.store(cpu_of_thread_nanos(), Ordering::Relaxed);
    }
    outcome
}

impl Files {
    /// Hands the batch to the kernel: a crash of the harness loses nothing of it.
    fn write_reads(&mut self, batch: &[Operation], mut elements: &[Value]) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut records = HistoryWriter::resume(&mut bytes);
        for operation in batch {
            let Value::Elements { count, .. } = operation.value else {
                records.write(operation)?;
                continue;
            };
            let own;
            (own, elements) = elements.split_at((count as usize).min(elements.len()));
            let value = Value::Elements { at: self.write_elements(own)?, count };
            records.write(&Operation { value, ..*operation })?;
        }
        if let Some(file) = &mut self.elements {
            file.flush()?;
        }
        self.history.write_all(&bytes)
    }

    /// Returns where they are.
    fn write_elements(&mut self, elements: &[Value]) -> io::Result<u64> {
        let file = match &mut self.elements {
            Some(file) => file,
            none => none.insert(ElementsWriter::new(BufWriter::new(File::create(&self.elements_path)?))?),
        };
        file.write(elements)
    }

    /// The same of what subscribers heard.
    fn write_heard(&mut self, batch: &[Heard]) -> io::Result<()> {
        let file = match &mut self.heard {
            Some(file) => file,
            none => none.insert(HeardWriter::new(BufWriter::new(File::create(&self.heard_path)?))?),
        };
        for heard in batch {
            file.write(heard)?;
        }
        file.flush()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::evidence::testing::operation;

    #[rstest]
    #[case::few(ELEMENTS_WAITING_MAX - 1, false)]
    #[case::too_many(ELEMENTS_WAITING_MAX, true)]
    fn so_many_elements_may_wait(#[case] waiting: usize, #[case] overrun: bool) {
        let (recorder, records) = sync_channel(2);
        let mut outbox = Outbox::new(recorder, Arc::default(), Arc::new(AtomicUsize::new(waiting)));
        let value = Value::Elements { at: 0, count: 1 };
        outbox.push(&Operation { value, ..operation() }, &[Value::Missing]);
        outbox.flush();
        assert_eq!((outbox.overrun(), records.try_recv().is_err()), (overrun, overrun));
        outbox.push(&operation(), &[]);
        outbox.flush();
        assert!(records.try_recv().is_ok(), "what has no elements is recorded all the same");
    }
}
