//! What each load did, and under which settings.

use std::collections::{BTreeMap, BTreeSet};

use super::types::{LatencySummary, LoadSummary, OperationsSummary};
use crate::check::samples::SortedTimes;
use crate::check::window::load_window;
use crate::check::{Case, During};
use crate::evidence::{
    EventKind, Evidence, LoadTotals, Operation, OperationSource, Outcome, RecordedLoad, RecordedNode,
};

/// Figures from the first attempt are shown beside those from the intended start where one differs by more than this.
const WORTH_SHOWING: f64 = 0.1;

/// One summary for each load, in the order of the scenario.
pub(super) fn loads(case: &Case<'_>) -> Vec<LoadSummary> {
    case.plan.loads.iter().enumerate().map(|(index, load)| summary(case, index, load)).collect()
}

fn summary(case: &Case<'_>, index: usize, load: &RecordedLoad) -> LoadSummary {
    let gathered = Gathered::of(case, index, load);
    let seconds = load_window(case.evidence, &load.name, case.windows.whole).nanos() as f64 / 1e9;
    let latency = gathered.latencies(case);
    let operations = gathered.operations(case, load);
    let starts_late = figures("from due to begun".to_owned(), &SortedTimes::of([&gathered.late[..]]));
    let totals = totals(case.evidence, load).unwrap_or(gathered.totals);
    let ok_per_second = if seconds > 0.0 { totals.ok as f64 / seconds } else { 0.0 };
    LoadSummary {
        load: load.name.clone(),
        seconds,
        demanded: gathered.demanded,
        totals,
        ok_per_second,
        latency,
        operations,
        starts_late,
    }
}

/// What operations have in common whose times are looked at together: shard, part of the run, outcome, command.
type Common = (Option<u16>, During, Outcome, OperationSource);

/// What is to be shown of a load, from one look at each of its operations. Times are in nanoseconds, and sorted.
#[derive(Default)]
struct Gathered {
    demanded: u64,
    /// Of an operation's failed attempts only the last is known.
    totals: LoadTotals,
    /// How long each took.
    alike: BTreeMap<Common, Times>,
    /// What operations that a fault cut add to the steady part.
    cut: Vec<u64>,
    /// How late those were begun that the schedule called for; none in a closed loop, which has no schedule.
    late: Vec<u64>,
}

/// How long operations took.
#[derive(Default)]
struct Times {
    /// Those that took as long from the first attempt as from the intended start.
    at_once: Vec<u64>,
    /// Those of the others.
    waited: Vec<u64>,
    /// How long the others took from the first attempt, if they were begun.
    waited_served: Vec<u64>,
}

impl Times {
    fn add(&mut self, operation: &Operation) {
        let (latency, service) = (operation.latency_nanos(), operation.service_nanos());
        if operation.never_begun() {
            self.waited.push(latency);
        } else if latency == service {
            self.at_once.push(latency);
        } else {
            self.waited.push(latency);
            self.waited_served.push(service);
        }
    }

    fn all(&self) -> [&[u64]; 2] {
        [&self.at_once, &self.waited]
    }

    fn served(&self) -> [&[u64]; 2] {
        [&self.at_once, &self.waited_served]
    }
}

impl Gathered {
    fn of(case: &Case<'_>, index: usize, load: &RecordedLoad) -> Self {
        let mut gathered = Self::default();
        let is_whole = case.windows.faults.is_empty();
        for operation in case.operations_of(index) {
            gathered.demanded += 1;
            gathered.count(&operation);
            let part = match case.windows.has(During::Fault, &operation) {
                _ if is_whole => During::Whole,
                true => During::Fault,
                false => During::Steady,
            };
            let common = (operation.shard, part, operation.outcome, operation.source);
            gathered.alike.entry(common).or_default().add(&operation);
            if part == During::Fault {
                gathered.cut.extend(case.windows.latency_nanos(During::Steady, &operation));
            }
            if !operation.never_begun() && operation.starts_entry() && !load.is_closed() {
                gathered.late.push(operation.started.nanos_since(operation.intended));
            }
        }
        gathered.sort();
        gathered
    }

    fn sort(&mut self) {
        let alike = self.alike.values_mut();
        let alike = alike.flat_map(|times| [&mut times.at_once, &mut times.waited, &mut times.waited_served]);
        alike.chain([&mut self.cut, &mut self.late]).for_each(|times| times.sort_unstable());
    }

    fn count(&mut self, operation: &Operation) {
        match operation.outcome {
            _ if operation.never_begun() => self.totals.not_started += 1,
            Outcome::Ok => self.totals.ok += 1,
            Outcome::Fail => self.totals.fail += 1,
            Outcome::Unknown => self.totals.unknown += 1,
        }
        if let Some(error) = operation.error.filter(|_| !operation.never_begun()) {
            *self.totals.attempt_errors.entry(error).or_default() += 1;
        }
    }

    /// What the checks count is what is shown: to leave out what did not end ok would make an outage look fast.
    fn latencies(&self, case: &Case<'_>) -> Vec<LatencySummary> {
        let of_part = |during: During| {
            let own = self.alike.iter().filter(|((_, part, ..), _)| during == During::Whole || *part == during);
            let cut = if during == During::Steady { &self.cut[..] } else { &[] };
            let own = SortedTimes::of(own.flat_map(|(_, times)| times.all()).chain([cut]));
            figures(during.to_string(), &own)
        };
        let whole = of_part(During::Whole);
        let served = SortedTimes::of(self.alike.values().flat_map(Times::served));
        let served = figures("whole, from the first attempt".to_owned(), &served);
        let served = served.filter(|served| whole.as_ref().is_some_and(|whole| differ(whole, served)));
        // Without a fault the steady part is the whole.
        let parts = if case.windows.faults.is_empty() { vec![] } else { vec![During::Steady, During::Fault] };
        whole.into_iter().chain(served).chain(parts.into_iter().filter_map(of_part)).collect()
    }

    /// The operations by command, shard, part of the run and outcome.
    fn operations(&self, case: &Case<'_>, load: &RecordedLoad) -> Vec<OperationsSummary> {
        let shards: Vec<_> = case.plan.shards().map(|owner| &owner.name).collect();
        let mut rows = BTreeMap::<_, Vec<&Times>>::new();
        for ((shard, part, outcome, source), times) in &self.alike {
            rows.entry((load.command(*source), *shard, *part, *outcome)).or_default().push(times);
        }
        let rows = rows.into_iter().filter_map(|((command, shard, part, outcome), times)| {
            Some(OperationsSummary {
                command: command.to_owned(),
                shard: shard.and_then(|shard| shards.get(usize::from(shard))).map(|name| (*name).clone()),
                outcome,
                latency: figures(part.to_string(), &SortedTimes::of(times.into_iter().flat_map(Times::all)))?,
            })
        });
        rows.collect()
    }
}

/// The totals as the load said them; none of one that did not get to say them.
fn totals(evidence: &Evidence, load: &RecordedLoad) -> Option<LoadTotals> {
    evidence.events.iter().find_map(|event| match &event.kind {
        EventKind::LoadEnded { load: name, totals } if *name == load.name => Some(totals.clone()),
        _ => None,
    })
}

fn differ(one: &LatencySummary, other: &LatencySummary) -> bool {
    let figures = |summary: &LatencySummary| {
        [summary.mean_ms, summary.p50_ms, summary.p95_ms, summary.p99_ms, summary.p999_ms, summary.max_ms]
    };
    figures(one).iter().zip(figures(other)).any(|(a, b)| (a - b).abs() > WORTH_SHOWING * a.max(b))
}

/// None without operations.
fn figures(part: String, times: &SortedTimes<'_>) -> Option<LatencySummary> {
    let ms = |fraction: f64| times.quantile(fraction).map(|nanos| nanos as f64 / 1e6);
    let samples = times.len() as u64;
    Some(LatencySummary {
        part,
        samples,
        mean_ms: times.iter().map(|nanos| nanos as f64 / 1e6).sum::<f64>() / samples as f64,
        p50_ms: ms(0.5)?,
        p95_ms: ms(0.95)?,
        p99_ms: ms(0.99)?,
        p999_ms: ms(0.999)?,
        max_ms: ms(1.0)?,
    })
}

/// The settings that bound the result, and what served.
pub(super) fn settings(evidence: &Evidence) -> Vec<String> {
    let mut settings = Vec::new();
    for (index, system) in evidence.plan.systems.iter().enumerate() {
        let nodes: Vec<_> = evidence.plan.nodes_of(index).collect();
        let whose = if evidence.plan.systems.len() > 1 { format!("{}: ", system.noun) } else { String::new() };
        let directives = system.directives.iter();
        settings.extend(directives.map(|(name, default)| whose.clone() + &setting(&nodes, name, default)));
    }
    settings.extend(evidence.plan.tls.map(|tls| tls.to_string()));
    let versions: BTreeSet<_> = evidence.info.servers.iter().map(|server| server.version.clone()).collect();
    settings.extend(versions);
    settings
}

/// `appendonly no`, or `appendonly no (A: yes)` where a node differs from the first.
fn setting(nodes: &[&RecordedNode], name: &str, default: &str) -> String {
    let values: BTreeMap<_, _> =
        nodes.iter().map(|node| (&node.name, node.config.get(name).map_or(default, String::as_str))).collect();
    let first = nodes.first().and_then(|node| values.get(&node.name)).copied().unwrap_or(default);
    let others: Vec<_> =
        values.iter().filter(|(_, value)| **value != first).map(|(node, value)| format!("{node}: {value}")).collect();
    if others.is_empty() { format!("{name} {first}") } else { format!("{name} {first} ({})", others.join(", ")) }
}
