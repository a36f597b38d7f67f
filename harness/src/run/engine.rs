//! The procedure of a run, inside the lab.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::machine::MachineWatch;
use super::request::Request;
use crate::evidence::{
    Agreement, Clock, EventKind, HistoryWriter, Journal, NodeStatus, RunDirectory, RunInfo, SampleWriter, ServerInfo,
    Settlement,
};
use crate::load::{Load, LoadRest, LoadTask, LoadsDone, RunningLoads, final_read, list_keys, preload};
use crate::observe::{Observation, Observed, Observer, Sampler};
use crate::plan::Plan;
use crate::provider::Provider;
use crate::step::condition::Condition;
use crate::step::{self, Abort, Acted, Stage, StepEnd, Undone, wait_for};
use crate::system::{self, Access, NodeSpec, Servers, last_log_lines};
use crate::vocab::{Address, Instant, NodeName, Ownership};

/// How much of a server's log an error shows.
const LOG_LINES: usize = 10;

/// How often each node's view is read. What no log says (PFAIL on Redis) is known this exactly.
///
/// Reading costs the machine about 1 % of a processor a node at 10 ms, half of it in the server; a large cluster is read
/// less often so that its load is not disturbed.
fn view_interval(nodes: usize) -> Duration {
    Duration::from_millis(if nodes <= 12 { 10 } else { 20 })
}

/// A new process refuses to serve for 2 s (`CLUSTER_WRITABLE_DELAY`, Redis `servers.c`); thirty on a busy machine take longer.
const FORMATION_BOUND: Duration = Duration::from_secs(30);

/// Reading everything back takes as long as the keys are many; this is the most that a run waits.
const FINAL_READ_BOUND: Duration = Duration::from_secs(30);

/// The same after a step that a server failed to do: the verdict is certain, and who waits for it is not kept waiting for what may
/// never come.
const FAILED_BOUND: Duration = Duration::from_secs(5);

/// A wait that is longer than this is told to who watches.
const WAIT_TOLD: Duration = Duration::from_secs(1);

/// How long an interrupted run waits for operations in flight.
const INTERRUPTED_LOADS_BOUND: Duration = Duration::from_secs(1);

/// Runs the plan. What happened, and what went wrong, is in the journal.
pub(crate) async fn run(
    plan: &Plan,
    request: &Request,
    directory: &RunDirectory,
    journal: &Journal,
    cancel: watch::Receiver<bool>,
) {
    if let Err(Abort(reason)) = attempt(plan, request, directory, journal, cancel).await {
        journal.record(EventKind::Aborted { reason });
    }
    journal.record(EventKind::Ended);
}

async fn attempt(
    plan: &Plan,
    request: &Request,
    directory: &RunDirectory,
    journal: &Journal,
    cancel: watch::Receiver<bool>,
) -> Result<(), Abort> {
    // A run that fails early can be judged, too: its files are there from the start.
    write_info(plan, request, directory, journal.clock(), Vec::new())?;
    HistoryWriter::new(std::fs::File::create(directory.history())?)?;
    let specs = system::server_specs(&plan.nodes);
    let (choice, journal_of_lab) = (&request.provider, journal.clone());
    let provider = choice.raise(&specs, &plan.clients, plan.disks(), plan.seed, directory, journal_of_lab).await?;
    let servers = Servers::prepare(plan.deployment, Arc::clone(&provider), &plan.nodes, directory)?;
    write_info(plan, request, directory, journal.clock(), servers.server_info()?)?;
    let observer = Observer::start(
        observed(plan, directory),
        provider.status(),
        provider.reach(),
        (plan.deployment, servers.access().clone()),
        journal.clone(),
        view_interval(plan.nodes.len()),
    );
    let sampler = sample(plan, directory, journal, &servers)?;
    let outcome = with_cluster(plan, directory, journal, cancel, &servers, &observer).await;
    drop(sampler);
    observer.stop().await;
    provider.shutdown().await;
    outcome
}

/// Samples what the servers and the machine use, until the sampler is dropped.
fn sample(plan: &Plan, directory: &RunDirectory, journal: &Journal, servers: &Servers) -> Result<Sampler, Abort> {
    let provider = servers.provider();
    let nodes = plan.nodes.iter().map(|node| (node.name.clone(), node.address)).collect();
    let mut usage = provider.usage_reader();
    let read_machine = Box::new(move || usage.read());
    let samples = SampleWriter::create(directory, journal.clock())?;
    Ok(Sampler::start(nodes, provider.status(), (plan.deployment, servers.access().clone()), read_machine, samples)?)
}

async fn with_cluster(
    plan: &Plan,
    directory: &RunDirectory,
    journal: &Journal,
    mut cancel: watch::Receiver<bool>,
    servers: &Servers,
    observer: &Observer,
) -> Result<(), Abort> {
    let rest = LoadRest::default();
    let tasks = tasks(plan, servers, &rest)?;
    let ready = async {
        form(plan, servers, observer.observation()).await?;
        journal.record(EventKind::Formed);
        fill(plan, &tasks, servers.access(), observer.observation(), journal).await
    };
    tokio::select! {
        ready = ready => ready?,
        () = cancelled(&mut cancel) => {
            journal.record(EventKind::Interrupted);
            return Ok(());
        }
    }
    let machine = MachineWatch::start(journal.clone(), servers.provider().wait_reader(), rest)?;
    let loads = RunningLoads::start(&tasks, journal.clone(), directory)?;
    let (end, acted) = walk(plan, servers, observer, &loads, journal, &machine, &mut cancel).await;
    let done = stop(plan, loads, journal, &mut cancel, matches!(end, TimelineEnd::Interrupted)).await?;
    if let TimelineEnd::Aborted(abort) = end {
        return Err(abort);
    }
    let Some(done) = done else { return Ok(()) };
    let within = |bound: Duration| if matches!(end, TimelineEnd::Failed) { bound.min(FAILED_BOUND) } else { bound };
    let last = async {
        heal(plan, servers, &acted, journal).await?;
        let settled = settled(observer.observation(), journal, within(settle_bound(plan))).await;
        journal.record(EventKind::FinalReadStarted);
        let (access, seeds, bound) = (servers.access(), seeds(plan), within(FINAL_READ_BOUND + plan.preload_bound()));
        if let Some(agreement) = settled.as_ref().filter(|_| plan.needs_key_lists()) {
            let (masters, file) = (masters(plan, agreement), directory.key_lists());
            let systems = plan.systems();
            let listing = list_keys(&masters, &systems, access, journal, &file, bound);
            telling(journal, bound, || "every master to tell its keys".to_owned(), listing).await?;
        }
        let reading = final_read(&done, access, &seeds, settled.as_ref(), journal, bound);
        telling(journal, bound, || "every key to be read".to_owned(), reading).await?;
        Ok(())
    };
    tokio::select! {
        done = last => done,
        () = cancelled(&mut cancel) => {
            journal.record(EventKind::Interrupted);
            Ok(())
        }
    }
}

/// How the timeline ended.
enum TimelineEnd {
    /// All was done.
    Reached,
    /// A server failed to do a step, and the evidence is good.
    Failed,
    /// The run could not go on.
    Aborted(Abort),
    /// The user interrupted it.
    Interrupted,
}

/// Does every step in its turn; also says what was acted on.
async fn walk(
    plan: &Plan,
    servers: &Servers,
    observer: &Observer,
    loads: &RunningLoads,
    journal: &Journal,
    machine: &MachineWatch,
    cancel: &mut watch::Receiver<bool>,
) -> (TimelineEnd, Vec<Acted>) {
    let node_hosts = plan.node_hosts();
    let clients: Vec<_> = plan.clients.iter().map(|client| client.name.clone()).collect();
    let names: Vec<_> = plan.steps.iter().map(|planned| planned.disturbance.clone()).collect();
    let mut stage = Stage {
        node_hosts: &node_hosts,
        clients: &clients,
        servers,
        observation: observer.observation(),
        loads,
        journal,
        machine_delay: &|| machine.lost(),
        disturbance_names: &names,
        random: Stage::random_of(plan.seed),
        acted: Vec::new(),
    };
    let end = tokio::select! {
        end = steps(plan, &mut stage) => end,
        () = cancelled(cancel) => TimelineEnd::Interrupted,
    };
    (end, stage.acted)
}

async fn steps(plan: &Plan, stage: &mut Stage<'_>) -> TimelineEnd {
    for (index, planned) in plan.steps.iter().enumerate() {
        stage.journal.record(EventKind::StepStarted { step: index, text: planned.step.to_string() });
        match planned.step.kind().perform(stage, index).await {
            Ok(StepEnd::Done) => stage.journal.record(EventKind::StepEnded { step: index }),
            Ok(StepEnd::Failed) => return TimelineEnd::Failed,
            Err(abort) => return TimelineEnd::Aborted(abort),
        }
    }
    TimelineEnd::Reached
}

/// Stops the loads; none if the run was interrupted, or is meanwhile. In an outage an operation may be in flight for its whole
/// deadline, and nobody waits for that who wants to stop.
async fn stop(
    plan: &Plan,
    loads: RunningLoads,
    journal: &Journal,
    cancel: &mut watch::Receiver<bool>,
    interrupted: bool,
) -> Result<Option<LoadsDone>, Abort> {
    let deadline = plan.loads.iter().map(|load| load.client.deadline.0).max().unwrap_or_default();
    let mut stopping = pin!(telling(journal, deadline, || "operations in flight to end".to_owned(), loads.stop()));
    tokio::select! {
        stopped = &mut stopping, if !interrupted => return Ok(Some(stopped?)),
        () = cancelled(cancel) => {}
    }
    journal.record(EventKind::Interrupted);
    let _ = tokio::time::timeout(INTERRUPTED_LOADS_BOUND, stopping).await;
    Ok(None)
}

/// Starts every server and waits until the cluster serves.
async fn form(plan: &Plan, servers: &Servers, mut observation: watch::Receiver<Observation>) -> Result<(), Abort> {
    servers.start_all().await?;
    let provider = servers.provider();
    let mut status = provider.status();
    let exit = status.wait_for(|status| status.values().any(|status| *status == NodeStatus::Down));
    tokio::select! {
        formed = wait_for(&mut observation, Instant::default(), FORMATION_BOUND, |observation| Condition::Healthy.kind().unmet(observation)) => {
            formed.map_err(|last_state| Abort(not_formed(plan, provider, &last_state)))
        }
        status = exit => {
            let status = status?;
            let ended = status.iter().find(|(_, status)| **status == NodeStatus::Down).map(|(node, _)| node.clone());
            let lines = ended.as_ref().map(|node| last_log_lines(provider, node, LOG_LINES)).unwrap_or_default();
            let node = ended.map(|node| node.to_string()).unwrap_or_default();
            Err(Abort(format!("{node} ended while the {} formed. Its last log lines:\n{lines}", plan.systems().noun())))
        }
    }
}

/// Writes what loads are to find, and waits until every replica has it: no fault may cost what was there before the first step.
async fn fill(
    plan: &Plan,
    tasks: &[LoadTask],
    access: &Access,
    mut observation: watch::Receiver<Observation>,
    journal: &Journal,
) -> Result<(), Abort> {
    let bound = plan.preload_bound();
    if bound.is_zero() {
        return Ok(());
    }
    let late = |what: &str| Abort(format!("{what} within {} s", bound.as_secs()));
    let preloading = tokio::time::timeout(bound, preload(tasks, access, journal));
    let preloaded = telling(journal, bound, || "keys to be preloaded".to_owned(), preloading).await;
    preloaded.map_err(|_| late("the keys were not preloaded"))??;
    let unmet = |seen: &Observation| Condition::Synced.kind().unmet(seen);
    let synced = wait_for(&mut observation, journal.clock().now(), bound, unmet);
    let synced = telling(journal, bound, || "replicas to have what was preloaded".to_owned(), synced).await;
    synced.map_err(|last_state| late(&format!("not every replica had what was preloaded ({last_state})")))
}

fn not_formed(plan: &Plan, provider: &dyn Provider, last_state: &str) -> String {
    let bound = FORMATION_BOUND.as_secs();
    let mut text = format!("the {} did not form within {bound} s: {last_state}", plan.systems().noun());
    for node in &plan.nodes {
        let _ = write!(text, "\n{}'s last log lines:\n{}", node.name, last_log_lines(provider, &node.name, LOG_LINES));
    }
    text
}

/// Undoes what steps did and what still lasts, the latest first.
async fn heal(plan: &Plan, servers: &Servers, acted: &[Acted], journal: &Journal) -> Result<(), Abort> {
    step::heal(servers.provider(), journal, None, None).await?;
    for (index, node) in acted.iter().rev() {
        let Some(planned) = plan.steps.get(*index) else { continue };
        if let Some(Undone { name, effect, applied }) = planned.step.kind().undo(servers, node).await? {
            journal.record(EventKind::ActedOnNode {
                step: None,
                action: name.to_owned(),
                effect,
                node: node.clone(),
                began: applied.began,
                proof: applied.proof,
            });
        }
    }
    Ok(())
}

/// How long the cluster may take to settle.
fn settle_bound(plan: &Plan) -> Duration {
    Duration::from_millis(plan.node_timeout_ms() * 4) + Duration::from_secs(10)
}

/// What the nodes settle on, so that the final read means something; none if it does not in time.
///
/// That it settled is an assumption of the verdict, read from the journal: here nothing is decided.
async fn settled(
    mut observation: watch::Receiver<Observation>,
    journal: &Journal,
    bound: Duration,
) -> Option<Agreement> {
    let unsettled = |observation: &Observation| match &observation.settlement {
        Settlement::Settled(_) => None,
        Settlement::Unsettled(reason) => Some(reason.clone()),
    };
    let seen = observation.clone();
    let what = || format!("the nodes to settle: {}", unsettled(&seen.borrow()).unwrap_or_default());
    let waiting = wait_for(&mut observation, journal.clock().now(), bound, unsettled);
    if let Err(reason) = telling(journal, bound, what, waiting).await {
        journal.record(EventKind::Unsettled {
            reason: format!("{} s after the timeline's end: {reason}", bound.as_secs()),
        });
        return None;
    }
    match &seen.borrow().settlement {
        Settlement::Settled(agreement) => Some(agreement.clone()),
        Settlement::Unsettled(_) => None,
    }
}

/// Waits, and says for what if that takes longer than [`WAIT_TOLD`].
async fn telling<T>(
    journal: &Journal,
    within: Duration,
    what: impl FnOnce() -> String,
    waiting: impl Future<Output = T>,
) -> T {
    let mut waiting = pin!(waiting);
    if let Ok(done) = tokio::time::timeout(WAIT_TOLD, &mut waiting).await {
        return done;
    }
    let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    journal.record(EventKind::Waiting { what: what(), within_ms });
    waiting.await
}

async fn cancelled(cancel: &mut watch::Receiver<bool>) {
    if cancel.wait_for(|cancelled| *cancelled).await.is_err() {
        // Nobody can cancel any more; the run goes on to its end.
        std::future::pending::<()>().await;
    }
}

fn observed(plan: &Plan, directory: &RunDirectory) -> Vec<Observed> {
    let observed = plan.nodes.iter().map(|node| Observed {
        node: node.name.clone(),
        id: node.id.clone(),
        address: node.address,
        log: directory.node_log(&node.name),
    });
    observed.collect()
}

fn seeds(plan: &Plan) -> Vec<(u16, Address)> {
    (0..).zip(plan.nodes.iter().map(|node| node.address)).collect()
}

/// The masters that are there, with their indexes in the plan.
fn masters(plan: &Plan, agreement: &Agreement) -> Vec<(u16, NodeName, Address)> {
    let masters: BTreeSet<_> = agreement.masters().collect();
    let nodes = (0..).zip(&plan.nodes).filter(|(_, node)| masters.contains(&node.name));
    nodes.map(|(index, node)| (index, node.name.clone(), node.address)).collect()
}

fn tasks(plan: &Plan, servers: &Servers, rest: &LoadRest) -> Result<Vec<LoadTask>, Abort> {
    let systems = plan.systems();
    let task = |(index, load): (usize, &Load)| {
        let tls = servers.access().tls.as_ref();
        let speaks_tls = load.client.tls != Some(false);
        // Beside TLS, plain TCP has a port of its own.
        let moves = tls.is_some() && !speaks_tls;
        let at = |(node, address): (u16, Address)| (node, if moves { address.plain() } else { address });
        let part = plan.driven_by(load);
        let is_own = |node: &NodeSpec| systems.index_of(&node.name) == part;
        let own_nodes = seeds(plan).into_iter().zip(&plan.nodes).filter(|(_, node)| is_own(node)).map(|(seed, _)| seed);
        let owned = |master: &NodeSpec| if is_own(master) { master.owns.clone() } else { Ownership::default() };
        Ok(LoadTask {
            index: u16::try_from(index).unwrap_or(u16::MAX),
            load: load.clone(),
            host: servers.provider().host(&load.host())?,
            subscribers_host: servers.provider().host(&load.subscribers_host())?,
            system: Arc::clone(&systems.parts()[part].system),
            seeds: own_nodes.map(at).collect(),
            shards: plan.shards().map(owned).collect(),
            seed: plan.seed,
            waits: plan.begins_later(load),
            tls: tls.filter(|_| speaks_tls).cloned(),
            rest: rest.clone(),
        })
    };
    plan.loads.iter().enumerate().map(task).collect()
}

fn write_info(
    plan: &Plan,
    request: &Request,
    directory: &RunDirectory,
    clock: Clock,
    servers: Vec<ServerInfo>,
) -> Result<(), Abort> {
    let info = RunInfo {
        harness_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: plan.name.clone(),
        scenario_path: request.path.clone(),
        seed: plan.seed,
        started_unix_us: clock.started_unix_us(),
        kernel: nix::sys::utsname::uname()?.release().to_string_lossy().into_owned(),
        processors: std::thread::available_parallelism()?.get(),
        alone: request.alone,
        servers,
    };
    let text = serde_json::to_string_pretty(&info)?;
    std::fs::write(directory.info(), text + "\n")?;
    Ok(())
}
