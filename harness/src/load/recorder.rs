//! The recorder: one thread that writes the history and the loads' events, so that no worker ever waits for a disk.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use crate::evidence::{EventKind, HistoryWriter, Journal, Operation};

/// Operations that go to the recorder together.
const BATCH: usize = 1_024;

/// Batches that may wait for the disk: about 300 MB.
const BATCHES_MAX: usize = 4_096;

enum RecorderMessage {
    Operations(Vec<Operation>),
    Event(Box<EventKind>),
}

/// Where a load puts what must be recorded. It never blocks.
pub(crate) struct Outbox {
    recorder: SyncSender<RecorderMessage>,
    batch: Vec<Operation>,
    overrun: bool,
}

impl Outbox {
    /// Adds an operation to the history.
    pub(crate) fn push(&mut self, operation: Operation) {
        self.batch.push(operation);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Adds an event to the journal.
    pub(crate) fn event(&mut self, what: EventKind) {
        self.send(RecorderMessage::Event(Box::new(what)));
    }

    /// Hands the operations that came in so far to the recorder.
    pub(crate) fn flush(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
            self.send(RecorderMessage::Operations(batch));
        }
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
    done: oneshot::Receiver<io::Result<()>>,
}

impl HistoryRecorder {
    /// Begins the history at `path`.
    pub(crate) fn start(path: &Path, journal: Journal) -> io::Result<Self> {
        let mut history = HistoryWriter::new(BufWriter::new(File::create(path)?))?;
        history.flush()?;
        let (sender, records) = sync_channel(BATCHES_MAX);
        let (tell, done) = oneshot::channel();
        thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            // Nobody listens any more when the loads were dropped instead of stopped.
            let _ = tell.send(write_all(&records, history, &journal));
        })?;
        Ok(Self { sender, done })
    }

    /// A new sender.
    pub(crate) fn outbox(&self) -> Outbox {
        Outbox { recorder: self.sender.clone(), batch: Vec::with_capacity(BATCH), overrun: false }
    }

    /// Waits until everything is written, which it is when every [`Outbox`] is gone.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.sender);
        self.done.await.unwrap_or_else(|_| Err(io::Error::other("the recorder's thread panicked")))
    }
}

/// Writes until nobody can send any more. After an error it goes on to take what comes, so that events are not lost.
fn write_all(
    records: &Receiver<RecorderMessage>,
    mut history: HistoryWriter<BufWriter<File>>,
    journal: &Journal,
) -> io::Result<()> {
    let mut outcome = Ok(());
    for record in records {
        match record {
            RecorderMessage::Event(what) => journal.record(*what),
            RecorderMessage::Operations(batch) if outcome.is_ok() => outcome = write_batch(&mut history, &batch),
            RecorderMessage::Operations(_) => {}
        }
    }
    outcome.and_then(|()| history.flush())
}

/// Hands the batch to the kernel: a crash of the harness loses nothing of it.
fn write_batch(history: &mut HistoryWriter<BufWriter<File>>, batch: &[Operation]) -> io::Result<()> {
    for operation in batch {
        history.write(operation)?;
    }
    history.flush()
}
