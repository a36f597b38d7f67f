//! Whether evidence can be that of a run at all. What is judged after this has an end: the plan is one that a run can have, no
//! moment lies beyond the longest run, no index beyond the plan.

use std::collections::BTreeSet;

use crate::check::Slo;
use crate::evidence::{
    EventKind, Evidence, Heard, NetworkChange, Operation, OperationSource, RecordedPlan, ResourceSample,
};
use crate::vocab::Instant;

/// No run lasts longer than this: 60 days, twice the longest wait that a scenario can ask for.
const LONGEST_RUN_MS: u64 = 60 * 24 * 3_600_000;

/// Something that no run of the plan records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {unit} {number}: no run of this scenario records this: {why}")]
pub struct Unsound {
    file: &'static str,
    unit: &'static str,
    number: usize,
    why: String,
}

/// The first thing that no run of the plan records, if there is one.
pub fn sound(evidence: &Evidence) -> Result<(), Unsound> {
    let plan = &evidence.plan;
    plausible(plan)?;
    let longest = Instant(plan.longest_run_ms.saturating_mul(1_000_000));
    let mut now = Instant::default();
    for (index, event) in evidence.events.iter().enumerate() {
        let why = wrong_time(event.at, longest)
            .or_else(|| (event.at < now).then(|| format!("it was recorded before what stands before it, at {now}")))
            .or_else(|| wrong_step(plan, &event.kind))
            .or_else(|| (began(&event.kind)? > event.at).then(|| "it began after it was recorded".to_owned()));
        unless(why, "events.jsonl", "line", index)?;
        now = event.at;
    }
    for (index, record) in evidence.topology.iter().enumerate() {
        unless(wrong_time(record.at, longest), "topology.jsonl", "line", index)?;
    }
    for (index, record) in evidence.replication.iter().enumerate() {
        let unknown = plan.node(&record.node).is_none().then(|| format!("there is no node {}", record.node));
        unless(wrong_time(record.at, longest).or(unknown), "replication.jsonl", "line", index)?;
    }
    for (index, sample) in evidence.samples.iter().enumerate() {
        let why = wrong_time(sample.at, longest).or_else(|| wrong_sample(plan, sample));
        unless(why, "samples.jsonl", "line", index)?;
    }
    // What a run that broke off did not wait for may have ended after its last event.
    let broke_off = |what: &EventKind| matches!(what, EventKind::Interrupted | EventKind::Aborted { .. });
    let end = if evidence.events.iter().any(|event| broke_off(&event.kind)) { longest } else { now };
    let shards = plan.shards().count();
    for (index, operation) in evidence.history.iter().enumerate() {
        let why = wrong_time(operation.ended, end).or_else(|| wrong_index(plan, shards, &operation));
        unless(why, "history.bin", "record", index)?;
    }
    let mut listed = BTreeSet::new();
    for (index, list) in evidence.key_lists.iter().enumerate() {
        let unknown = usize::from(list.node) >= plan.nodes.len();
        let unknown = unknown.then(|| format!("there is no node {}", list.node));
        let twice = (!listed.insert(list.node)).then(|| format!("the node {} is listed twice", list.node));
        unless(unknown.or(twice), "key_lists.bin", "list", index)?;
    }
    for (index, heard) in evidence.heard.iter().enumerate() {
        let why = wrong_time(heard.at, end).or_else(|| wrong_subscriber(plan, heard));
        unless(why, "subscribers.bin", "record", index)?;
    }
    Ok(())
}

/// Whether a run can have had this plan.
fn plausible(plan: &RecordedPlan) -> Result<(), Unsound> {
    let (node_timeout_ms, longest_run_ms) = (plan.node_timeout_ms(), plan.longest_run_ms);
    let systems = plan.nodes.iter().map(|node| node.system).chain(plan.loads.iter().map(|load| load.system));
    let why = match () {
        () if longest_run_ms > LONGEST_RUN_MS => Some(format!("it may last for {longest_run_ms} ms")),
        () if node_timeout_ms > longest_run_ms => Some(format!("its node timeout of {node_timeout_ms} ms outlasts it")),
        () if systems.max() >= Some(plan.systems.len()) => Some("a node or a load is of no system".to_owned()),
        () => None,
    };
    unless(why, "plan.json", "run", 0)?;
    for (index, recorded) in plan.slos.iter().enumerate() {
        unless(Slo::recorded(recorded).err().map(|error| error.to_string()), "plan.json", "SLO", index)?;
    }
    Ok(())
}

fn unless(why: Option<String>, file: &'static str, unit: &'static str, index: usize) -> Result<(), Unsound> {
    why.map_or(Ok(()), |why| Err(Unsound { file, unit, number: index + 1, why }))
}

fn wrong_time(at: Instant, end: Instant) -> Option<String> {
    (at > end).then(|| format!("it is of {at}, the run ended by {end}"))
}

fn began(what: &EventKind) -> Option<Instant> {
    match what {
        EventKind::ActedOnNode { began, .. } => Some(*began),
        EventKind::Network(NetworkChange { began, done, .. }) => Some(*began.max(done)),
        EventKind::Machine(sample) => Some(sample.from),
        _ => None,
    }
}

fn wrong_step(plan: &RecordedPlan, what: &EventKind) -> Option<String> {
    let step = match what {
        EventKind::StepStarted { step, .. }
        | EventKind::StepEnded { step }
        | EventKind::UntilMissed { step, .. }
        | EventKind::StepFailed { step, .. }
        | EventKind::Triggered { step, .. }
        | EventKind::ProgramEnded { step, .. }
        | EventKind::UntilMetLate { step, .. } => Some(*step),
        EventKind::ActedOnNode { step, .. } | EventKind::Network(NetworkChange { step, .. }) => *step,
        _ => None,
    }?;
    (step >= plan.steps.len()).then(|| format!("the timeline has no step {step}"))
}

fn wrong_sample(plan: &RecordedPlan, sample: &ResourceSample) -> Option<String> {
    let unknown = sample.node.as_ref().filter(|name| plan.nodes.iter().all(|node| node.name != **name));
    let unknown = unknown.map(|name| format!("there is no node {name}"));
    unknown.or_else(|| sample.figures.implausible().map(|figure| format!("{figure:?} cannot be that")))
}

fn wrong_index(plan: &RecordedPlan, shards: usize, operation: &Operation) -> Option<String> {
    let Some(load) = plan.loads.get(usize::from(operation.load)) else {
        return Some(format!("there is no load {}", operation.load));
    };
    if !(1..=load.keys).contains(&operation.key) {
        return Some(format!("load {} has no key {}", load.name, operation.key));
    }
    if let OperationSource::Mix { entry, command } = operation.source {
        let commands = load.mix.get(usize::from(entry)).map_or(0, |entry| entry.commands.len());
        if usize::from(command) >= commands {
            return Some(format!("the mix of load {} has no command {command} of an entry {entry}", load.name));
        }
    }
    if let Some(shard) = operation.shard.filter(|shard| usize::from(*shard) >= shards) {
        return Some(format!("there is no shard {shard}"));
    }
    let node = operation.node.filter(|node| usize::from(*node) >= plan.nodes.len())?;
    Some(format!("there is no node {node}"))
}

fn wrong_subscriber(plan: &RecordedPlan, heard: &Heard) -> Option<String> {
    let load = plan.loads.get(usize::from(heard.load));
    let Some(load) = load.filter(|load| heard.subscriber < load.subscribers) else {
        return Some(format!("load {} has no subscriber {}", heard.load, heard.subscriber));
    };
    if !(1..=load.keys).contains(&heard.channel) {
        return Some(format!("load {} has no channel {}", load.name, heard.channel));
    }
    let node = heard.node.filter(|node| usize::from(*node) >= plan.nodes.len())?;
    Some(format!("there is no node {node}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::testing::{LOAD_STARTS, Story, late};
    use crate::evidence::testing::run;
    use crate::evidence::{DataType, Event, Figures, HeardKind, KeyLists, LinkChange, MachineSample};

    /// A load that ran for a second.
    fn story() -> Story {
        let mut story = Story::formed();
        story.step(run("1s"));
        story.event(LOAD_STARTS, EventKind::StepStarted { step: 0, text: "Run".to_owned() });
        story.run(LOAD_STARTS, 2_000);
        story.act(2_005, 0, "Kill", "A");
        story.event(2_060, EventKind::Ended);
        story.evidence.samples.push(sample("A"));
        story
    }

    fn sample(node: &str) -> ResourceSample {
        ResourceSample { at: Instant::from_millis(1_500), node: Some(node.into()), figures: Figures::default() }
    }

    /// Figures as somebody may write them into the file.
    fn figures(text: &str) -> Figures {
        serde_json::from_str(text).unwrap()
    }

    fn heard() -> Heard {
        let (data, at, what) = (DataType::Channel, Instant::from_millis(1_500), HeardKind::Subscribed);
        Heard { load: 0, subscriber: 0, data, channel: 1, node: None, at, what }
    }

    fn first_event(story: &mut Story, wanted: impl Fn(&EventKind) -> bool) -> &mut Event {
        story.evidence.events.iter_mut().find(|event| wanted(&event.kind)).unwrap()
    }

    /// The step at 2005 ms acted on a node so many milliseconds later.
    fn acts_later(story: &mut Story, by: u64) {
        let acted = first_event(story, |what| matches!(what, EventKind::ActedOnNode { .. }));
        if let EventKind::ActedOnNode { began, .. } = &mut acted.kind {
            *began = Instant::from_millis(2_005 + by);
        }
    }

    fn acts_by_step(story: &mut Story, of: usize) {
        let acted = first_event(story, |what| matches!(what, EventKind::ActedOnNode { .. }));
        if let EventKind::ActedOnNode { step, .. } = &mut acted.kind {
            *step = Some(of);
        }
    }

    /// A cut at 2010 ms, recorded a millisecond later, that was in force so many milliseconds after it had begun.
    fn cuts(story: &mut Story, took: u64) {
        story.network(2_010, None, "cut", LinkChange::HealCut, Vec::new());
        let cut = first_event(story, |what| matches!(what, EventKind::Network(_)));
        if let EventKind::Network(change) = &mut cut.kind {
            change.done = Instant::from_millis(2_010 + took);
        }
    }

    /// Measured until 2030 ms, from then.
    fn measured(story: &mut Story, from: u64) {
        story.event(2_030, EventKind::Machine(MachineSample { from: Instant::from_millis(from), ..late(1.0) }));
    }

    /// One subscriber, who heard this.
    fn heard_this(story: &mut Story, heard: Heard) {
        story.evidence.plan.loads[0].subscribers = 1;
        story.evidence.heard.push(heard);
    }

    fn at_the_end_of_time(event: &mut Event) {
        event.at = Instant(u64::MAX);
    }

    #[rstest]
    #[case::as_it_was(&|_: &mut Story| (), None)]
    #[case::acted_at_once(&|s: &mut Story| acts_later(s, 1), None)]
    #[case::acted_later(&|s: &mut Story| acts_later(s, 2), Some("it began after it was recorded"))]
    #[case::cut_in_time(&|s: &mut Story| cuts(s, 1), None)]
    #[case::cut_later(&|s: &mut Story| cuts(s, 2), Some("it began after it was recorded"))]
    #[case::measured(&|s: &mut Story| measured(s, 2_020), None)]
    #[case::measured_later(&|s: &mut Story| measured(s, 2_031), Some("it began after it was recorded"))]
    #[case::acted_by_no_step(&|s: &mut Story| acts_by_step(s, 1), Some("the timeline has no step 1"))]
    #[case::longest(&|s: &mut Story| s.evidence.plan.longest_run_ms = LONGEST_RUN_MS, None)]
    #[case::too_long(&|s: &mut Story| s.evidence.plan.longest_run_ms = LONGEST_RUN_MS + 1, Some("plan.json: run 1: no run of this scenario records this: it may last for"))]
    #[case::ends_as_late_as_it_can(&|s: &mut Story| s.evidence.plan.longest_run_ms = 2_060, None)]
    #[case::as_long_as_its_node_timeout(&|s: &mut Story| s.evidence.plan.longest_run_ms = 1_000, Some("events.jsonl: line "))]
    #[case::shorter_than_its_node_timeout(&|s: &mut Story| s.evidence.plan.longest_run_ms = 999, Some("its node timeout of 1000 ms outlasts it"))]
    #[case::node_of_no_system(&|s: &mut Story| s.evidence.plan.nodes[0].system = 1, Some("a node or a load is of no system"))]
    #[case::load_of_no_system(&|s: &mut Story| s.evidence.plan.loads[0].system = 1, Some("a node or a load is of no system"))]
    #[case::no_command(&|s: &mut Story| s.evidence.history.edit(|h| h[0].source = OperationSource::Mix { entry: 0, command: 1 }), Some("the mix of load app has no command 1 of an entry 0"))]
    #[case::no_shard(&|s: &mut Story| s.evidence.history.edit(|h| h[0].shard = Some(3)), Some("there is no shard 3"))]
    #[case::heard(&|s: &mut Story| heard_this(s, heard()), None)]
    #[case::heard_by_a_second(&|s: &mut Story| heard_this(s, Heard { subscriber: 1, ..heard() }), Some("load 0 has no subscriber 1"))]
    #[case::heard_on_no_channel(&|s: &mut Story| heard_this(s, Heard { channel: 101, ..heard() }), Some("load app has no channel 101"))]
    #[case::heard_on_the_last_channel(&|s: &mut Story| heard_this(s, Heard { channel: 100, node: Some(5), ..heard() }), None)]
    #[case::heard_from_no_node(&|s: &mut Story| heard_this(s, Heard { node: Some(6), ..heard() }), Some("there is no node 6"))]
    #[case::ended_late(&|s: &mut Story| s.evidence.history.edit(|h| h[16].ended = Instant(u64::MAX)), Some("history.bin: record 17: "))]
    #[case::no_load(&|s: &mut Story| s.evidence.history.edit(|h| h[0].load = 1), Some("there is no load 1"))]
    #[case::no_key(&|s: &mut Story| s.evidence.history.edit(|h| h[0].key = 101), Some("load app has no key 101"))]
    #[case::key_zero(&|s: &mut Story| s.evidence.history.edit(|h| h[0].key = 0), Some("load app has no key 0"))]
    #[case::no_node(&|s: &mut Story| s.evidence.history.edit(|h| h[0].node = Some(6)), Some("there is no node 6"))]
    #[case::swapped(&|s: &mut Story| s.evidence.events.swap(0, 10), Some("events.jsonl: line 2: "))]
    #[case::no_step(&|s: &mut Story| s.event(2_000, EventKind::StepEnded { step: 1 }), Some("the timeline has no step 1"))]
    #[case::late_event(&|s: &mut Story| s.evidence.events.last_mut().into_iter().for_each(at_the_end_of_time), Some("events.jsonl: line 14: "))]
    #[case::heard_by_nobody(&|s: &mut Story| s.evidence.heard.push(heard()), Some("subscribers.bin: record 1: no run of this scenario records this: load 0 has no subscriber 0"))]
    #[case::list_of_nobody(&|s: &mut Story| s.evidence.key_lists = KeyLists::of(&[(6, &[])]), Some("key_lists.bin: list 1: no run of this scenario records this: there is no node 6"))]
    #[case::listed_twice(&|s: &mut Story| s.evidence.key_lists = KeyLists::of(&[(0, &[]), (0, &[])]), Some("key_lists.bin: list 2: "))]
    #[case::late_view(&|s: &mut Story| s.evidence.topology[3].at = Instant(u64::MAX), Some("topology.jsonl: line 4: "))]
    #[case::late_sample(&|s: &mut Story| s.evidence.samples[0].at = Instant(u64::MAX), Some("samples.jsonl: line 1: "))]
    #[case::sample_of_nobody(&|s: &mut Story| s.evidence.samples.push(sample("Z")), Some("samples.jsonl: line 2: "))]
    #[case::negative_figure(
        &|s: &mut Story| s.evidence.samples[0].figures = figures(r#"{"keys":-1.0}"#),
        Some("Keys cannot be that")
    )]
    #[case::huge_figure(
        &|s: &mut Story| s.evidence.samples[0].figures = figures(r#"{"clients":1e300}"#),
        Some("Clients cannot be that")
    )]
    fn what_no_run_records_is_named(#[case] change: &dyn Fn(&mut Story), #[case] expected: Option<&str>) {
        let mut story = story();
        change(&mut story);
        match (sound(&story.evidence), expected) {
            (Ok(()), None) => {}
            (Err(unsound), Some(part)) => assert!(unsound.to_string().contains(part), "{unsound}"),
            (found, _) => panic!("{found:?}"),
        }
    }
}
