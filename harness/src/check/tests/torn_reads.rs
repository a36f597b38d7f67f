//! What is written together and seen apart.

use super::*;
use crate::check::torn_reads::TornReads;
use crate::evidence::{DataType, Value};

#[rstest]
#[case::whole(&[Value::Written(1), Value::Written(2)], 0, Status::Pass, "0")]
#[case::torn(&[Value::Written(1), Value::Torn, Value::Written(2)], 0, Status::Fail, "1")]
#[case::torn_and_allowed(&[Value::Torn], 1, Status::Pass, "1")]
#[case::never_written(&[Value::Missing], 0, Status::Inconclusive, "-")]
#[case::never_read(&[], 0, Status::Inconclusive, "-")]
fn groups_are_read_whole(#[case] read: &[Value], #[case] max: u64, #[case] status: Status, #[case] measured: &str) {
    let mut story = Story::formed();
    for (at, value) in (0..).zip(read) {
        story.write(LOAD_STARTS + at, 7, |read| {
            (read.effect, read.data, read.value) = (OperationEffect::Reads, DataType::Group, *value);
        });
    }
    // What no group is counts for nothing.
    story.write(LOAD_STARTS + 100, 7, |read| (read.effect, read.value) = (OperationEffect::Reads, Value::Torn));
    let finding = story.judge(Slo::TornReads(TornReads { max }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
}
