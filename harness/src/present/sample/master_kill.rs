//! A master dies, its replica takes over, the old master comes back.

use std::collections::BTreeMap;

use super::verdict::totals;
use super::{Story, name};
use crate::evidence::testing::{kill, load, machine_samples, run, server_samples, start, until};
use crate::evidence::{
    DataType, ErrorKind, EventKind, Evidence, LogEvent, NO_WORKER, Operation, OperationEffect, OperationSource,
    Outcome, Progress, ResourceSample, Value,
};
use crate::vocab::Instant;

/// A whole run: A is killed at 4.2 s, A1 takes over, A rejoins at 8.2 s.
pub(in crate::present) fn master_kill() -> Evidence {
    let timeline = vec![
        run("2s"),
        kill("A"),
        until("A1 is a master that owns keys, within 5s", &["A1"]),
        run("2s"),
        start("A"),
        until("A replicates A1, within 10s", &["A", "A1"]),
        run("2s"),
    ];
    let mut story = Story::formed(1, timeline);
    let times = [(2_200, 4_200), (4_200, 4_205), (4_205, 5_790), (5_790, 8_200), (8_200, 8_260), (8_260, 9_300)];
    let words: Vec<_> = story.plan.steps.iter().map(|planned| planned.text.clone()).collect();
    for (step, (from, to)) in times.into_iter().chain([(9_300, 12_000)]).enumerate() {
        story.at(from, EventKind::StepStarted { step, text: words[step].clone() });
        story.at(to, EventKind::StepEnded { step });
    }
    story.at(2_190, EventKind::LoadStarted { load: "app".to_owned() });
    first_half(&mut story);
    second_half(&mut story);
    load_events(&mut story);
    story.events.sort_by_key(|event| event.at);
    let mut evidence = story.end(12_300);
    evidence.plan.loads = vec![load("app")];
    evidence.history = history().into_iter().collect();
    evidence.samples = samples();
    evidence
}

/// What A used until it died and after it came back, and what B and the machine did.
fn samples() -> Vec<ResourceSample> {
    let servers = [
        server_samples("A", 10.0, 300..4_200, 667.0),
        server_samples("A", 31.0, 8_300..12_300, 40.0),
        server_samples("B", 11.0, 500..12_300, 667.0),
    ];
    [servers.concat(), machine_samples(300..12_300)].concat()
}

fn first_half(story: &mut Story) {
    let a = || name("A");
    story.act(4_200, 1, "Kill", "A");
    story.at(4_250, EventKind::Unsettled { reason: "B has not noticed that A is gone".to_owned() });
    story.log(5_210, "C", LogEvent::PossiblyFailing { about: a() });
    story.log(5_230, "B", LogEvent::PossiblyFailing { about: a() });
    story.log(5_251, "C", LogEvent::MarkedFailing { about: a() });
    for node in ["A1", "B", "B1", "C1"] {
        story.log(5_252, node, LogEvent::ToldFailing { by: name("C"), about: a() });
        story.log(5_253, node, LogEvent::StateChanged { ok: false });
    }
    story.failed("A");
    story.everyone_sees(5_260);
    story.settled(5_280);
    story.log(5_254, "A1", LogEvent::ElectionDelayed { delay_ms: 430, rank: 0 });
    story.at(5_300, EventKind::Unsettled { reason: "B and A1 disagree".to_owned() });
    story.log(5_690, "A1", LogEvent::ElectionStarted { version: 4 });
    story.log(5_692, "B", LogEvent::VoteGranted { to: name("A1"), version: 4 });
    story.log(5_694, "A1", LogEvent::ElectionWon);
    for node in ["A1", "B", "C", "B1", "C1"] {
        story.log(5_740, node, LogEvent::StateChanged { ok: true });
    }
    story.promote("A1", "A");
    story.everyone_sees(5_780);
    story.settled(5_790);
}

fn second_half(story: &mut Story) {
    story.act(8_200, 4, "Start", "A");
    story.at(8_201, EventKind::NodeStarted { node: name("A"), pid: 31, address: story.plan.nodes[0].address });
    story.at(8_300, EventKind::Unsettled { reason: "B holds A for failed".to_owned() });
    story.log(8_320, "A", LogEvent::Demoted { master: name("A1") });
    for node in ["B", "C", "A1"] {
        story.log(8_330, node, LogEvent::FailCleared { about: name("A") });
    }
    story.log(9_204, "A", LogEvent::FullResync);
    story.log(9_260, "A", LogEvent::SyncFinished);
    story.rejoin("A", "A1");
    story.everyone_sees(9_280);
    story.settled(9_299);
    story.at(12_200, EventKind::FinalRead { keys: 10_000, unreadable: 0, unserved: None, errors: BTreeMap::new() });
}

fn load_events(story: &mut Story) {
    for second in 3..=12 {
        let outage = (5..=5).contains(&second);
        let progress = Progress {
            load: "app".to_owned(),
            interval_s: 1.0,
            ok: if outage { 1_335 } else { 2_000 },
            fail: 0,
            unknown: if outage { 2 } else { 0 },
            p50_ms: Some(0.21),
            p99_ms: Some(if second == 6 { 1_488.0 } else { 0.64 }),
        };
        story.at(second * 1_000 + 190, EventKind::Progress(progress));
    }
    for index in 0..900_u64 {
        story.at(
            5_742 + index / 100,
            EventKind::SlowOperation {
                load: "app".to_owned(),
                operation: format!("SET app:{index}"),
                took_ms: 1_542.0 - index as f64,
                attempts: 40,
            },
        );
    }
    story.at(12_195, EventKind::LoadEnded { load: "app".to_owned(), totals: totals() });
}

/// 2,000 operations a second; every third key belongs to A.
fn history() -> Vec<Operation> {
    let operation = |index: u64| {
        let intended = 2_200_000_000 + index * 500_000;
        let noise = (index * 7_919 % 97) * 4_000 + if index.is_multiple_of(211) { 2_000_000 } else { 0 };
        let down = index.is_multiple_of(3) && (4_200_000_000..5_742_000_000).contains(&intended);
        let ended = if down { 5_742_000_000 + noise * 8 } else { intended + 120_000 + noise };
        let lost = down && intended < 4_201_500_000;
        Operation {
            load: 0,
            worker: u16::try_from(index % 4).unwrap(),
            source: OperationSource::Mix { entry: u16::try_from(index % 2).unwrap(), command: 0 },
            effect: if index.is_multiple_of(2) { OperationEffect::Replaces } else { OperationEffect::Reads },
            data: DataType::Value,
            shard: Some(u16::try_from(index % 3).unwrap()),
            key: u32::try_from(index % 10_000).unwrap(),
            value: Value::Written(index),
            intended: Instant(intended),
            ready: Instant(intended),
            started: Instant(intended + 5_000),
            ended: Instant(ended),
            outcome: if lost { Outcome::Unknown } else { Outcome::Ok },
            error: lost.then_some(ErrorKind::Reset),
            attempts: 1,
            unknown_attempts: u16::from(lost),
            replaced: None,
            node: Some(0),
        }
    };
    let mut history: Vec<_> = (0..19_900).map(operation).collect();
    let (source, effect) = (OperationSource::FinalRead, OperationEffect::Reads);
    history.push(Operation { worker: NO_WORKER, source, effect, ..operation(19_900) });
    history
}
