//! Reads of values, added up by how old what they returned was.

use std::fmt;
use std::ops::RangeInclusive;

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::key_history::KeyHistory;
use super::key_question::KeyQuestion;
use super::reads::{ReadAge, ReadFound};
use crate::vocab::{Duration, Instant};

/// What is asked about reads of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadsOlder {
    /// The loads whose reads are meant.
    pub(super) loads: Vec<usize>,
    /// What they should not be older than.
    pub(super) than: NewerValue,
}

/// What a read may be older than.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NewerValue {
    /// A write that had been acknowledged so long before it began.
    Acknowledged(Duration),
    /// What its worker had written.
    OwnWrite,
    /// What its worker had read.
    OwnRead,
}

impl NewerValue {
    /// How old a read is beside it; none if nothing like that was there.
    fn age(&self, found: &ReadFound<'_>) -> Option<ReadAge> {
        match self {
            Self::Acknowledged(before) => {
                let counts = missed_nanos(found)? >= before.as_nanos();
                Some(if counts { found.age } else { ReadAge::Fresh })
            }
            Self::OwnWrite => found.beside_own_write,
            Self::OwnRead => found.beside_own_read,
        }
    }

    /// In words, of a read that is older.
    fn why(&self, found: &ReadFound<'_>) -> String {
        match self {
            Self::Acknowledged(_) => {
                let before = finding::time(missed_nanos(found).unwrap_or_default());
                format!("a write had been acknowledged {before} before")
            }
            Self::OwnWrite => "its worker had written since".to_owned(),
            Self::OwnRead => "its worker had read a newer value".to_owned(),
        }
    }
}

/// How long before a read the newest write had been acknowledged.
fn missed_nanos(found: &ReadFound<'_>) -> Option<u64> {
    let newest_ended = found.newest_ended.filter(|_| found.impossible.is_none())?;
    Some(found.read.started.nanos_since(newest_ended))
}

impl KeyQuestion for ReadsOlder {
    type Tally = ReadTally;

    fn add(&self, tally: &mut ReadTally, key: &KeyHistory<'_>) {
        let meant = key.reads().iter().filter(|found| self.loads.contains(&usize::from(found.read.load)));
        for found in meant {
            let Some(age) = self.than.age(found) else { continue };
            tally.asked += 1;
            match age {
                ReadAge::Fresh => {}
                ReadAge::OlderOrLost => tally.doubtful += 1,
                ReadAge::Stale => tally.wrong(key.case, found, || self.than.why(found)),
            }
        }
    }

    fn merge(&self, tally: &mut ReadTally, later: ReadTally) {
        tally.asked += later.asked;
        tally.wrong += later.wrong;
        tally.doubtful += later.doubtful;
        tally.first = finding::earlier(tally.first.take(), later.first);
    }
}

/// Reads that were asked about, and those of them that are not as they should be.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadTally {
    asked: u64,
    wrong: u64,
    /// Those of which nobody knows, since what they missed may have been lost.
    doubtful: u64,
    first: Option<(Instant, String)>,
}

impl ReadTally {
    fn wrong(&mut self, case: &Case<'_>, found: &ReadFound<'_>, why: impl FnOnce() -> String) {
        self.wrong += 1;
        let read = found.read;
        if self.first.as_ref().is_none_or(|(at, _)| read.started < *at) {
            let node = case.node_name(read.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
            let text = format!("first {} at {} from {node}: {}", case.key_text(read), read.started, why());
            self.first = Some((read.started, text));
        }
    }

    /// The finding that so many are wrong: more are too many, and with fewer the danger that the scenario is about did not arise.
    pub(super) fn finding(&self, check: &impl fmt::Display, wrong: RangeInclusive<u64>, nothing: &str) -> Finding {
        let (min, max) = wrong.into_inner();
        let limit = if min == 0 { max.to_string() } else { format!("{min} to {max}") };
        if self.asked == 0 {
            return Finding::nothing(check, limit, nothing);
        }
        let too_few = format!("the danger did not arise: there should have been at least {min}");
        let doubt = format!(
            "{} missed a write that may have been lost with its master, and its key was written again: let writes say what they \
             replaced, `Set(.., get: true)`",
            finding::count(self.doubtful, "read")
        );
        let unless_zero = |number: u64, text: String| if number == 0 { String::new() } else { text };
        Finding {
            status: match () {
                () if self.wrong > max => Status::Fail,
                () if self.wrong < min || self.wrong + self.doubtful > max => Status::Inconclusive,
                () => Status::Pass,
            },
            measured: self.wrong.to_string(),
            samples: self.asked,
            note: finding::note([
                if self.wrong < min { too_few } else { String::new() },
                unless_zero(self.doubtful, doubt),
                self.first.as_ref().map(|(_, text)| text.clone()).unwrap_or_default(),
            ]),
            ..Finding::nothing(check, limit, "")
        }
    }
}
