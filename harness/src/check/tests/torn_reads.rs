//! What is written together and seen apart.

use super::*;
use crate::check::torn_reads::TornReads;
use crate::evidence::{DataType, Value};

#[rstest]
#[case::whole(&[Value::Written(1), Value::Written(2)], 0, Status::Pass, "0", "")]
#[case::torn(&[Value::Written(1), Value::Torn, Value::Torn], 0, Status::Fail, "2", "first of app:{7} at 1.002 s from B")]
#[case::torn_and_allowed(&[Value::Torn], 1, Status::Pass, "1", "first of app:{7} at 1.001 s from B")]
#[case::never_written(&[Value::Missing], 0, Status::Inconclusive, "-", "no group of keys was read that had been written")]
#[case::never_read(&[], 0, Status::Inconclusive, "-", "no group of keys was read that had been written")]
fn groups_are_read_whole(
    #[case] read: &[Value],
    #[case] max: u64,
    #[case] status: Status,
    #[case] measured: &str,
    #[case] note: &str,
) {
    let mut story = Story::formed();
    for (at, value) in (0..).zip(read) {
        story.write(LOAD_STARTS + at, 7, |read| {
            (read.effect, read.data, read.value) = (OperationEffect::Reads, DataType::Group, *value);
        });
    }
    // What no group is counts for nothing, and neither does what is no read or was not answered.
    story.write(LOAD_STARTS + 100, 7, |read| (read.effect, read.value) = (OperationEffect::Reads, Value::Torn));
    story.write(LOAD_STARTS + 101, 7, |write| (write.data, write.value) = (DataType::Group, Value::Torn));
    story.write(LOAD_STARTS + 102, 7, |read| {
        (read.effect, read.data, read.value) = (OperationEffect::Reads, DataType::Group, Value::Torn);
        read.outcome = Ended::Unknown;
    });
    let finding = story.judge(Slo::TornReads(TornReads { max }));
    assert_eq!((finding.status, finding.measured.as_str(), finding.note.as_str()), (status, measured, note));
    let counted = if measured == "-" { 0 } else { read.len() as u64 };
    assert_eq!((finding.samples, finding.limit), (counted, max.to_string()));
}
