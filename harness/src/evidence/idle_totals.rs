//! What became of a load's idle connections over time.

use serde::{Deserialize, Serialize};

use crate::vocab::Instant;

/// Times in which idle connections were missing that are told apart; the last one goes on beyond that.
const OUTAGES_MAX: usize = 1_000;

/// What became of a load's idle connections over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleTotals {
    /// How many there should be.
    pub wanted: u32,
    /// How many are open.
    pub open: u32,
    /// When the load began to open them.
    pub began: Instant,
    /// When all were open for the first time; none if they never were.
    pub complete: Option<Instant>,
    /// The times after that in which some were missing.
    pub outages: Vec<IdleOutage>,
}

/// A time in which idle connections were missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleOutage {
    /// When the client noticed the first loss.
    pub began: Instant,
    /// How few were open.
    pub least: u32,
    /// When all were open again; none if they never were.
    pub ended: Option<Instant>,
}

impl IdleTotals {
    /// None is open yet.
    pub fn new(wanted: u32, began: Instant) -> Self {
        Self { wanted, began, ..Self::default() }
    }

    /// One more is open.
    pub fn opened(&mut self, now: Instant) {
        self.open += 1;
        if self.open < self.wanted {
            return;
        }
        self.complete.get_or_insert(now);
        if let Some(outage) = self.outages.last_mut() {
            outage.ended.get_or_insert(now);
        }
    }

    /// One that was open is lost.
    pub fn lost(&mut self, now: Instant) {
        self.open = self.open.saturating_sub(1);
        if self.complete.is_none() {
            return;
        }
        if self.outages.last().is_none_or(|outage| outage.ended.is_some()) && self.outages.len() < OUTAGES_MAX {
            self.outages.push(IdleOutage { began: now, least: self.open, ended: None });
        }
        if let Some(outage) = self.outages.last_mut() {
            (outage.least, outage.ended) = (outage.least.min(self.open), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_are_told_apart() {
        let mut idle = IdleTotals::new(2, Instant(1));
        let steps =
            [(true, 2), (false, 3), (true, 4), (true, 5), (false, 6), (false, 7), (true, 8), (true, 9), (false, 10)];
        for (opened, at) in steps {
            if opened { idle.opened(Instant(at)) } else { idle.lost(Instant(at)) }
        }
        let outage =
            |began, least, ended: Option<u64>| IdleOutage { began: Instant(began), least, ended: ended.map(Instant) };
        // What was lost before all were open is no outage: nobody had them all.
        assert_eq!(idle.complete, Some(Instant(5)));
        assert_eq!(idle.outages, [outage(6, 0, Some(9)), outage(10, 1, None)]);
        assert_eq!(idle.open, 1);
    }

    #[test]
    fn outages_without_end_are_bounded() {
        let mut idle = IdleTotals::new(1, Instant(0));
        for at in 0..3_000 {
            idle.opened(Instant(at));
            idle.lost(Instant(at));
        }
        assert_eq!(idle.outages.len(), OUTAGES_MAX);
        assert_eq!(idle.outages.last().unwrap().ended, None);
    }
}
