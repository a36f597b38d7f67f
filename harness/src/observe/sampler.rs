//! Asks every node once a second how it fares, and the machine what it uses, and records what they say.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use super::questions::Questions;
use crate::evidence::{Figures, NodeStatus, SampleWriter};
use crate::system::{Access, Deployment, System, Systems};
use crate::vocab::{Address, NodeName};

const INTERVAL: Duration = Duration::from_secs(1);

/// A node that takes longer to connect and to answer gives no sample.
const ANSWER_BOUND: Duration = Duration::from_millis(500);

/// Reads what the machine uses.
pub type ReadMachine = Box<dyn FnMut() -> Figures + Send>;

/// A thread that samples until this is dropped.
///
/// It has connections of its own and shares no thread with the observer, so neither keeps the other waiting.
#[derive(Debug)]
pub struct Sampler {
    /// Dropping it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Starts to ask every node that runs by `status`, each by itself, and to read the machine.
    ///
    /// It ends early if the samples cannot be written, which the run need not know: then there are fewer.
    pub fn start(
        nodes: Vec<(NodeName, Address)>,
        status: watch::Receiver<BTreeMap<NodeName, NodeStatus>>,
        (deployment, access): (Deployment, Access),
        read_machine: ReadMachine,
        samples: SampleWriter,
    ) -> io::Result<Self> {
        let systems = deployment.systems();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("sampler".to_owned()).spawn(move || {
            let sampling = sample_all(&nodes, &status, &systems, &access, read_machine, samples);
            let ended = runtime.block_on(async {
                tokio::select! {
                    ended = sampling => ended,
                    _ = stopped => Ok(()),
                }
            });
            if let Err(error) = ended {
                // Standard error is the run directory's lab.log.
                let _ = writeln!(io::stderr(), "no more samples: {error}");
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by its own hook; there is nothing to add here.
            let _ = thread.join();
        }
    }
}

/// Samples for ever, or until something cannot be written.
async fn sample_all(
    nodes: &[(NodeName, Address)],
    status: &watch::Receiver<BTreeMap<NodeName, NodeStatus>>,
    systems: &Systems,
    access: &Access,
    read_machine: ReadMachine,
    samples: SampleWriter,
) -> io::Result<()> {
    let samples = RefCell::new(samples);
    let began = Instant::now();
    let nodes_asked = nodes.iter().enumerate().map(|(index, (node, address))| {
        // Spread over the interval, so that the answers do not all come at once.
        let first = began + INTERVAL.mul_f64(index as f64 / nodes.len() as f64);
        let system = systems.of(node);
        let questions = Questions::new(*address, access.clone(), &system.resource_questions());
        sample_node(node, questions, status, system, first, &samples)
    });
    tokio::try_join!(try_join_all(nodes_asked), sample_machine(read_machine, began, &samples))?;
    Ok(())
}

async fn sample_node(
    node: &NodeName,
    mut questions: Questions,
    status: &watch::Receiver<BTreeMap<NodeName, NodeStatus>>,
    system: &dyn System,
    first: Instant,
    samples: &RefCell<SampleWriter>,
) -> io::Result<()> {
    let mut ticks = ticks(first);
    loop {
        ticks.tick().await;
        if status.borrow().get(node) != Some(&NodeStatus::Running) {
            questions.hang_up();
            continue;
        }
        let Ok(Ok(answers)) = timeout(ANSWER_BOUND, questions.ask()).await else {
            // A late answer must not keep the next one waiting.
            questions.hang_up();
            continue;
        };
        let figures = system.resource_figures(&answers.texts());
        // A server that refuses the question says nothing.
        if !figures.is_empty() {
            samples.borrow_mut().record(Some(node.clone()), figures)?;
        }
    }
}

async fn sample_machine(
    mut read_machine: ReadMachine,
    first: Instant,
    samples: &RefCell<SampleWriter>,
) -> io::Result<()> {
    let mut ticks = ticks(first);
    loop {
        ticks.tick().await;
        samples.borrow_mut().record(None, read_machine())?;
    }
}

/// A tick that is missed is left out, so that samples stay about a second apart.
fn ticks(first: Instant) -> Interval {
    let mut ticks = interval_at(first, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
