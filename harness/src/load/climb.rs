//! A staircase that ends with the first stair that is too high.

use crate::evidence::{Operation, Outcome};
use crate::vocab::{Arrivals, Instant, RateStage, StairLimit};

/// What became of every stair so far.
pub(crate) struct Climb {
    limit: StairLimit,
    stairs: Vec<Stair>,
    /// How many stairs were judged.
    judged: usize,
}

/// A stair, and the operations that were due on it.
struct Stair {
    per_second: u32,
    /// The moment after its last.
    end: Instant,
    due: u64,
    /// Those that ended ok within the limit.
    good: u64,
}

/// How a climb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClimbEnd {
    /// The rate of the highest stair that held, in mix entries a second; none if not even the first did.
    pub(crate) carried: Option<u32>,
    /// The rate of the stair that did not hold; none if all did.
    pub(crate) broke_at: Option<u32>,
}

impl Climb {
    /// A climb over these stairs that began at `origin`.
    pub(crate) fn new(limit: StairLimit, arrivals: &Arrivals, origin: Instant) -> Self {
        let stages: &[RateStage] = if let Arrivals::Rates(stages) = arrivals { stages } else { &[] };
        let mut end = origin;
        let stair = |stage: &RateStage| {
            end = end.plus_nanos(stage.lasts.as_nanos());
            Stair { per_second: stage.to, end, due: 0, good: 0 }
        };
        // Nothing is due at the end of the staircase, which is the last stage, and on a stair of no rate.
        let stairs = stages.iter().map(stair).filter(|stair| stair.per_second > 0).collect();
        Self { limit, stairs, judged: 0 }
    }

    /// A start was due.
    pub(crate) fn due(&mut self, at: Instant) {
        if let Some(stair) = self.stair_of(at) {
            stair.due += 1;
        }
    }

    /// An operation ended. The later commands of an entry are due when the ones before have ended.
    pub(crate) fn ended(&mut self, operation: &Operation) {
        let is_ok = operation.outcome == Outcome::Ok;
        let is_good = self.limit.is_good(is_ok, operation.latency_nanos());
        if let Some(stair) = self.stair_of(operation.intended) {
            stair.due += u64::from(!operation.starts_entry());
            stair.good += u64::from(is_good);
        }
    }

    /// When the next stair can be judged: what has not ended by then was too slow.
    pub(crate) fn next_judgement(&self) -> Option<Instant> {
        self.stairs.get(self.judged).map(|stair| stair.end.plus_nanos(self.limit.max.as_nanos()))
    }

    /// Judges the stairs whose time has come, where every start before `next_due` was told. Says how the climb ended, once it has.
    pub(crate) fn judge(&mut self, now: Instant, next_due: Option<Instant>) -> Option<ClimbEnd> {
        while self.next_judgement().is_some_and(|at| at <= now) {
            let stair = &self.stairs[self.judged];
            if next_due.is_some_and(|next| next < stair.end) {
                return None;
            }
            if !self.limit.holds(stair.due, stair.good) {
                let below = self.judged.checked_sub(1).map(|below| self.stairs[below].per_second);
                return Some(ClimbEnd { carried: below, broke_at: Some(stair.per_second) });
            }
            self.judged += 1;
        }
        let top = self.stairs.last().map(|stair| stair.per_second);
        (self.judged == self.stairs.len()).then_some(ClimbEnd { carried: top, broke_at: None })
    }

    fn stair_of(&mut self, at: Instant) -> Option<&mut Stair> {
        let index = self.stairs.partition_point(|stair| stair.end <= at);
        self.stairs.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::load::testing::operation;
    use crate::vocab::{Duration, Percent};

    /// Stairs of 100, 200 and 300 a second from 1000 ms on, for a second each; 90 % of a stair's operations must end within 10 ms.
    fn climb() -> Climb {
        let stair = |rate| RateStage { from: rate, to: rate, lasts: Duration::from_millis(1_000) };
        let arrivals = Arrivals::Rates([100, 200, 300, 0].map(stair).to_vec());
        let limit = StairLimit { quantile: Percent::try_from(90.0).unwrap(), max: Duration::from_millis(10) };
        Climb::new(limit, &arrivals, Instant::from_millis(1_000))
    }

    #[test]
    fn a_stair_of_no_rate_takes_its_time() {
        let stair = |rate| RateStage { from: rate, to: rate, lasts: Duration::from_millis(1_000) };
        let arrivals = Arrivals::Rates([0, 100, 0].map(stair).to_vec());
        let limit = StairLimit { quantile: Percent::try_from(90.0).unwrap(), max: Duration::from_millis(10) };
        let climb = Climb::new(limit, &arrivals, Instant::from_millis(1_000));
        assert_eq!(climb.next_judgement(), Some(Instant::from_millis(3_010)));
    }

    /// Twenty operations on a stair, of which so many take 11 ms, or fail.
    fn stair(climb: &mut Climb, begins_ms: u64, slow: u64, failed: u64) {
        for nth in 0..20 {
            let at = Instant::from_millis(begins_ms + nth * 50);
            climb.due(at);
            let millis = if nth < slow { 11 } else { 10 };
            let outcome = if (slow..slow + failed).contains(&nth) { Outcome::Fail } else { Outcome::Ok };
            climb.ended(&Operation { intended: at, ended: at.plus_nanos(millis * 1_000_000), ..operation(1, outcome) });
        }
    }

    #[rstest]
    #[case::all_hold([(2, 0), (0, 2), (1, 1)], Some(300), None)]
    #[case::the_first_does_not([(3, 0), (0, 0), (0, 0)], None, Some(100))]
    #[case::errors_count([(0, 0), (1, 2), (0, 0)], Some(100), Some(200))]
    #[case::the_last_does_not([(0, 0), (0, 0), (20, 0)], Some(200), Some(300))]
    fn the_first_stair_that_does_not_hold_ends_it(
        #[case] stairs: [(u64, u64); 3],
        #[case] carried: Option<u32>,
        #[case] broke_at: Option<u32>,
    ) {
        let mut climb = climb();
        let mut end = None;
        for (begins, (slow, failed)) in (1_000..).step_by(1_000).zip(stairs) {
            stair(&mut climb, begins, slow, failed);
            let judged_at = climb.next_judgement().unwrap();
            assert_eq!(judged_at, Instant::from_millis(begins + 1_010));
            assert_eq!(climb.judge(Instant::from_millis(begins + 1_009), None), None);
            end = climb.judge(judged_at, None);
            if end.is_some() {
                break;
            }
        }
        assert_eq!(end, Some(ClimbEnd { carried, broke_at }));
    }

    /// A driver that is behind has not told all that was due.
    #[test]
    fn a_stair_is_judged_when_all_of_it_was_told() {
        let mut climb = climb();
        stair(&mut climb, 1_000, 20, 0);
        assert_eq!(climb.judge(Instant::from_millis(9_000), Some(Instant::from_millis(1_990))), None);
        let end = climb.judge(Instant::from_millis(9_000), Some(Instant::from_millis(2_000)));
        assert_eq!(end, Some(ClimbEnd { carried: None, broke_at: Some(100) }));
    }
}
