//! Accounts between which amounts are transferred.

use super::*;
use crate::check::total_holds::TotalHolds;
use crate::evidence::{DataType, Value};

/// Eight accounts of 100 each.
#[rstest]
#[case::as_at_first(&[Value::Number(800), Value::Number(800)], 0, Status::Pass, "0", "")]
#[case::half_a_transfer(&[Value::Number(800), Value::Number(793), Value::Missing], 0, Status::Fail, "2", "793 instead of 800")]
#[case::half_a_transfer_and_allowed(&[Value::Number(793)], 1, Status::Pass, "1", "793 instead of 800")]
#[case::an_account_is_gone(&[Value::Torn], 0, Status::Fail, "1", "only some of the accounts")]
#[case::all_accounts_are_gone(&[Value::Missing], 0, Status::Fail, "1", "no account at all")]
#[case::no_numbers(&[Value::Foreign], 0, Status::Fail, "1", "balances that are no numbers, or less than nothing together")]
#[case::never_read(&[], 0, Status::Inconclusive, "-", "")]
fn what_is_transferred_stays(
    #[case] read: &[Value],
    #[case] max: u64,
    #[case] status: Status,
    #[case] measured: &str,
    #[case] found: &str,
) {
    let finding = story(read, Ended::Ok).judge(Slo::TotalHolds(TotalHolds { max, load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
    assert_eq!((finding.samples, finding.limit), (read.len() as u64, max.to_string()));
    if found.is_empty() {
        let nothing = "no accounts were read, or no transfer was acknowledged";
        assert_eq!(finding.note, if read.is_empty() { nothing } else { "1 acknowledged transfer" });
    } else {
        let at = if read.len() > 1 { "1.002 s" } else { "1.001 s" };
        let first = format!("1 acknowledged transfer; first app:accounts:{{7}} at {at} from B: {found}");
        assert_eq!(finding.note, first);
    }
}

/// Another load's bank, and reads that were not answered, tell nothing.
#[test]
fn an_slo_is_about_the_bank_of_its_load() {
    let mut story = story(&[Value::Number(800), Value::Number(793)], Ended::Ok);
    let judge = |story: &Story, load: &str| {
        let finding = story.judge(Slo::TotalHolds(TotalHolds { max: 0, load: Some(load.to_owned()) }));
        (finding.status, finding.samples)
    };
    assert_eq!((judge(&story, "app"), judge(&story, "other")), ((Status::Fail, 2), (Status::Inconclusive, 0)));
    story.evidence.history.edit(|history| history.last_mut().unwrap().outcome = Ended::Fail);
    assert_eq!(judge(&story, "app"), (Status::Pass, 1));
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
