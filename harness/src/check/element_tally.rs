//! Elements, added up by what became of them.

use std::fmt;
use std::ops::RangeInclusive;

use super::case::Case;
use super::elements::{ElementFate, ElementSeen};
use super::finding::{self, Finding, Status};
use super::key_history::KeyHistory;
use super::key_question::KeyQuestion;
use super::lost_writes::value_text;
use super::samples::quantile;
use crate::vocab::{Duration, Instant};

/// What is asked about elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ElementsThat {
    /// The loads whose elements are meant.
    pub(super) loads: Vec<usize>,
    /// What should not become of them.
    pub(super) are: WrongFate,
}

/// What should not become of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WrongFate {
    /// It is lost.
    Lost,
    /// It was missed so long after it had been acknowledged.
    StaleBy(Duration),
}

impl WrongFate {
    fn is(self, fate: ElementFate) -> bool {
        match (self, fate) {
            (Self::Lost, ElementFate::Lost) => true,
            (Self::StaleBy(least), ElementFate::Stale(nanos)) => nanos >= least.as_nanos(),
            _ => false,
        }
    }
}

impl KeyQuestion for ElementsThat {
    type Tally = ElementTally;

    fn add(&self, tally: &mut ElementTally, key: &KeyHistory<'_>) {
        let elements = key.elements();
        let (mut maybe_taken, mut wrong_if_taken) = (0, 0);
        for seen in elements.acknowledged.iter().filter(|seen| self.loads.contains(&usize::from(seen.write.load))) {
            let (is_wrong, is_wrong_if_taken) = (self.are.is(seen.fate()), self.are.is(seen.fate_if_taken()));
            if is_wrong && !is_wrong_if_taken && maybe_taken < elements.unknown_takes {
                maybe_taken += 1;
                continue;
            }
            wrong_if_taken += u64::from(!is_wrong && is_wrong_if_taken);
            tally.count(key.case, seen, is_wrong);
        }
        tally.maybe_taken += maybe_taken;
        tally.possibly += maybe_taken + wrong_if_taken.min(elements.unknown_takes);
    }

    fn merge(&self, tally: &mut ElementTally, later: ElementTally) {
        tally.never_read += later.never_read;
        tally.unseen += later.unseen;
        tally.stable += later.stable;
        tally.stale_nanos.extend(later.stale_nanos);
        tally.lost += later.lost;
        tally.wrong += later.wrong;
        tally.maybe_taken += later.maybe_taken;
        tally.possibly += later.possibly;
        tally.first = finding::earlier(tally.first.take(), later.first);
    }
}

/// How many acknowledged elements there are of each fate.
#[derive(Clone, Default)]
pub(super) struct ElementTally {
    never_read: u64,
    /// Those of them that nobody took: whether they are there nobody knows.
    unseen: u64,
    stable: u64,
    /// How long after their acknowledgement they were last missed.
    stale_nanos: Vec<u64>,
    lost: u64,
    /// Those that are asked about, and the first of them.
    wrong: u64,
    /// Those that would be wrong, but that takes of unknown outcome may have taken.
    maybe_taken: u64,
    /// How many may be wrong besides, as such takes took one or not.
    possibly: u64,
    first: Option<(Instant, String)>,
}

impl ElementTally {
    fn count(&mut self, case: &Case<'_>, seen: &ElementSeen<'_>, is_wrong: bool) {
        self.unseen += u64::from(seen.is_unseen());
        match seen.fate() {
            ElementFate::NeverRead => self.never_read += 1,
            ElementFate::Stable => self.stable += 1,
            ElementFate::Stale(nanos) => self.stale_nanos.push(nanos),
            ElementFate::Lost => self.lost += 1,
        }
        if is_wrong {
            self.wrong += 1;
            if self.first.as_ref().is_none_or(|(at, _)| seen.write.ended < *at) {
                self.first = Some((seen.write.ended, in_words(case, seen)));
            }
        }
    }

    /// How many elements nobody took and nobody looked for after they had been acknowledged.
    pub(super) fn unseen(&self) -> u64 {
        self.unseen
    }

    /// The finding that so many are wrong, and that of so many unseen ones nobody knows: more are too many, and with fewer the danger
    /// that the scenario is about did not arise.
    pub(super) fn finding(mut self, check: &impl fmt::Display, wrong: RangeInclusive<u64>, unseen: u64) -> Finding {
        let (min, max) = wrong.into_inner();
        let limit = if min == 0 { max.to_string() } else { format!("{min} to {max}") };
        let samples = self.stable + self.stale_nanos.len() as u64 + self.lost + self.maybe_taken;
        if samples == 0 {
            return Finding::nothing(check, limit, "no element was looked for after it had been acknowledged");
        }
        let danger = if self.wrong < min {
            format!("the danger did not arise: there should have been at least {min}")
        } else {
            String::new()
        };
        let doubt = match self.maybe_taken {
            0 => String::new(),
            taken => format!("{taken} missed that takes of unknown outcome may have taken"),
        };
        let summary = self.summary();
        Finding {
            status: match () {
                () if self.wrong > max => Status::Fail,
                () if self.wrong < min || self.wrong + self.possibly + unseen > max => Status::Inconclusive,
                () => Status::Pass,
            },
            measured: match self.possibly {
                0 => self.wrong.to_string(),
                possibly => format!("{} surely, {possibly} possibly", self.wrong),
            },
            samples,
            note: finding::note([danger, summary, doubt, self.first.map(|(_, text)| text).unwrap_or_default()]),
            ..Finding::nothing(check, limit, "")
        }
    }

    /// All of them, with how long it took until everybody found those that were not found at first.
    fn summary(&mut self) -> String {
        let stale = self.stale_nanos.len();
        let longest = self.stale_nanos.iter().copied().max().map(finding::time);
        let median = quantile(&mut self.stale_nanos, 0.5).map(finding::time);
        let late = longest.zip(median).map(|(longest, median)| {
            format!(" (missed until {median} after the acknowledgement at the median, {longest} at most)")
        });
        format!(
            "{} stable, {stale} stale{}, {} lost, {} never read",
            finding::count(self.stable, "element"),
            late.unwrap_or_default(),
            self.lost,
            self.never_read
        )
    }
}

/// Which element it was, and when it was missed.
fn in_words(case: &Case<'_>, seen: &ElementSeen<'_>) -> String {
    let write = seen.write;
    let node = case.node_name(write.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
    let missed = seen.missed.map(|missed| format!(", last missed by a read at {missed}")).unwrap_or_default();
    let (key, value) = (case.key_text(write), value_text(case, write));
    format!("first {key} with {value}, acknowledged at {} by {node}{missed}", write.ended)
}
