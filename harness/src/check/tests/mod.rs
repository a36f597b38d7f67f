//! Checks of hand-made runs.

mod asked;
mod autopsy;
mod beside;
mod capacity;
mod elements;
mod excess;
mod failovers;
mod limits;
mod locks;
mod loss_window;
mod messages;
mod minority_writes;
mod one_load;
mod reads;
mod risk;
mod schedule;
mod torn_reads;
mod total_holds;
mod unscanned_keys;
mod windows;

use rstest::rstest;

use super::key_question::{answer, ask};
use super::possible_reads::ReadsPossible;
use super::reads::Impossible;
use super::testing::{LOAD_STARTS, Story, ms};
use super::*;
use crate::evidence::{
    DataType, EventKind, LoadTotals, LogEvent, Operation, OperationEffect, OperationSource, Outcome as Ended,
    RecordedOperation, TopologyRecord,
};
use crate::vocab::{Arrivals, Instant, Percent, RateStage};

fn percent(value: f64) -> Percent {
    Percent::try_from(value).unwrap()
}

/// What clients cannot have been told, and were.
fn impossible(story: &Story) -> Vec<Impossible> {
    answer(&story.case(), &ReadsPossible).impossible.keys().copied().collect()
}

/// A killed master, replaced after 2 s; the load ran at 1 operation each millisecond before and after.
fn failover_story() -> Story {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    story.failover(3_000, 0, 2_000);
    let key = story.key_of("A");
    story.write(3_000, key, |write| {
        (write.ended, write.attempts, write.node) = (Instant::from_millis(5_010), 9, Some(3));
    });
    story.run(5_030, 7_000);
    story.end(7_000);
    story
}

/// An open loop of 1000 a second that was stopped at 5000 ms: nobody had begun what was due from 3000 ms on.
fn left_behind() -> Story {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    story.run(LOAD_STARTS, 3_000);
    for due in 3_000..5_000 {
        story.never_begun(due, 1, 5_000);
    }
    story
}
