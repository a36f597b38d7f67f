//! Accounts between which amounts are transferred.

use super::*;
use crate::check::total_holds::TotalHolds;
use crate::evidence::{DataType, Value};

/// Eight accounts of 100 each.
#[rstest]
#[case::as_at_first(&[Value::Number(800), Value::Number(800)], 0, Status::Pass, "0")]
#[case::half_a_transfer(&[Value::Number(800), Value::Number(793)], 0, Status::Fail, "1")]
#[case::half_a_transfer_and_allowed(&[Value::Number(793)], 1, Status::Pass, "1")]
#[case::an_account_is_gone(&[Value::Torn], 0, Status::Fail, "1")]
#[case::all_accounts_are_gone(&[Value::Missing], 0, Status::Fail, "1")]
#[case::no_numbers(&[Value::Foreign], 0, Status::Fail, "1")]
#[case::never_read(&[], 0, Status::Inconclusive, "-")]
fn what_is_transferred_stays(#[case] read: &[Value], #[case] max: u64, #[case] status: Status, #[case] measured: &str) {
    let finding = story(read, Ended::Ok).judge(Slo::TotalHolds(TotalHolds { max, load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
}

#[test]
fn without_a_transfer_nothing_is_shown() {
    let finding = story(&[Value::Number(800)], Ended::Unknown).judge(Slo::TotalHolds(TotalHolds::default()));
    assert_eq!(finding.status, Status::Inconclusive, "{finding:?}");
}

/// A transfer that ended so, and these reads of the bank.
fn story(read: &[Value], ended: Ended) -> Story {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].accounts = 8;
    story.write(LOAD_STARTS, 7, |transfer| {
        (transfer.effect, transfer.data, transfer.outcome) = (OperationEffect::Transfers, DataType::Accounts, ended);
    });
    for (at, value) in (1..).zip(read) {
        story.write(LOAD_STARTS + at, 7, |read| {
            (read.effect, read.data, read.value) = (OperationEffect::Reads, DataType::Accounts, *value);
        });
    }
    story
}
