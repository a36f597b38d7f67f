//! SLOs that name a load.

use super::super::testing::load;
use super::*;

/// `app` writes at every millisecond. Between 2000 and 4000 ms, `reader` asks one shard for something every 10 ms, which takes 30 ms,
/// and fails every tenth time.
fn two_loads() -> Story {
    let mut story = Story::formed();
    story.evidence.plan.loads.push(load("reader"));
    story.event(2_000, EventKind::LoadStarted { load: "reader".to_owned() });
    story.run(LOAD_STARTS, 6_000);
    let key = story.key_of("A");
    for due in (2_000..4_000).step_by(10) {
        story.write(due, key, |read| {
            (read.load, read.effect) = (1, OperationEffect::Reads);
            read.ended = Instant::from_millis(due + 30);
            read.outcome = if due % 100 == 0 { Ended::Fail } else { Ended::Ok };
        });
    }
    story.event(4_000, EventKind::LoadEnded { load: "reader".to_owned(), totals: LoadTotals::default() });
    story.end(6_000);
    story
}

fn p50(load: Option<&str>) -> Slo {
    Slo::Latency(Latency { quantile: percent(50.0), max: ms(10), during: During::Whole, load: load.map(str::to_owned) })
}

fn errors(load: Option<&str>) -> Slo {
    Slo::ErrorRate(ErrorRate { max: percent(1.0), during: During::Whole, load: load.map(str::to_owned) })
}

fn throughput(min: f64, load: Option<&str>) -> Slo {
    Slo::Throughput(Throughput { min, during: During::Whole, load: load.map(str::to_owned) })
}

fn unavailability(load: Option<&str>) -> Slo {
    Slo::Unavailability(Unavailability { max: ms(1_000), load: load.map(str::to_owned) })
}

#[rstest]
#[case::latency_of_one(p50(Some("app")), Status::Pass, "p50 whole of app <= 10ms", "1 ms")]
#[case::latency_of_the_other(p50(Some("reader")), Status::Fail, "p50 whole of reader <= 10ms", "30 ms")]
#[case::latency_of_each(p50(None), Status::Fail, "p50 whole <= 10ms", "30 ms")]
#[case::errors_of_one(errors(Some("app")), Status::Pass, "error rate whole of app <= 1 %", "0 %")]
#[case::errors_of_the_other(errors(Some("reader")), Status::Fail, "error rate whole of reader <= 1 %", "10 %")]
#[case::rate_while_it_ran(
    throughput(85.0, Some("reader")),
    Status::Pass,
    "throughput whole of reader >= 85/s",
    "90.0/s"
)]
#[case::rate_of_one(throughput(1_010.0, Some("app")), Status::Fail, "throughput whole of app >= 1010/s", "999.8/s")]
#[case::rate_together(throughput(1_010.0, None), Status::Pass, "throughput whole >= 1010/s", "1035.8/s")]
#[case::gap_on_its_shard(unavailability(Some("reader")), Status::Pass, "unavailability of reader <= 1s", "40 ms")]
#[case::gap_of_nobody(unavailability(Some("nobody")), Status::Inconclusive, "unavailability of nobody <= 1s", "-")]
#[case::latency_of_nobody(p50(Some("nobody")), Status::Inconclusive, "p50 whole of nobody <= 10ms", "-")]
#[case::rate_of_nobody(throughput(1.0, Some("nobody")), Status::Inconclusive, "throughput whole of nobody >= 1/s", "-")]
fn an_slo_is_about_the_load_that_it_names(
    #[case] slo: Slo,
    #[case] status: Status,
    #[case] check: &str,
    #[case] measured: &str,
) {
    let finding = two_loads().judge(slo);
    let found = (finding.status, finding.check.as_str(), finding.measured.as_str());
    assert_eq!(found, (status, check, measured), "{finding:?}");
}

/// What `reader` had under way when it was stopped ends in the fault that follows. It did not run then, and has no rate.
#[test]
fn a_load_has_no_rate_where_it_did_not_run() {
    let mut story = two_loads();
    story.act(4_005, 0, "Kill", "A1");
    story.unsettled(4_010);
    story.settled(5_000);
    let slo = Throughput { min: 1.0, during: During::Fault, load: Some("reader".to_owned()) };
    let finding = story.judge(Slo::Throughput(slo));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Inconclusive, "-"), "{}", finding.note);
}

/// A shard that a load has no key of is told, and nothing more.
#[test]
fn a_load_may_use_one_shard() {
    let finding = two_loads().judge(unavailability(Some("reader")));
    assert!(finding.note.contains("B's shard 5461-10922 saw no operation"), "{}", finding.note);
}
