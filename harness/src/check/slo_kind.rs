//! What a kind of SLO must tell about itself.

use std::fmt;

use super::case::Case;
use super::finding::Finding;
use super::key_question::AskedOfKeys;
use super::window::During;
use crate::vocab::{Duration, Percent, SystemAbility};

/// A kind of SLO: how it is judged, and what a scenario must have for that. Its words are what was asked, such as
/// `p99 steady <= 10ms`.
pub(crate) trait SloKind: fmt::Display {
    /// What it asks of every key, if it is about these. `judge` finds the answers in the case.
    fn of_keys(&self, _: &Case<'_>) -> Option<Box<dyn AskedOfKeys>> {
        None
    }

    /// Judges the run.
    fn judge(&self, case: &Case<'_>) -> Finding;

    /// Why a miss is not blamed on the servers: the machine may have taken as much time as it takes to explain the miss, where
    /// it was missed. None if the miss stands.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String>;

    /// Whether it is about time.
    fn is_timed(&self) -> bool {
        false
    }

    /// Whether another run on the same machine could decide it: what it measures is a throughput or a short time.
    fn needs_idle_machine(&self) -> bool {
        false
    }

    /// The part of the run that it bounds, if that can be chosen.
    fn during(&self) -> Option<During> {
        None
    }

    /// The load that it alone is about, if it names one.
    fn load(&self) -> Option<&str> {
        None
    }

    /// What else distinguishes it from an SLO of the same kind about the same part, as a number.
    fn variant(&self) -> u64 {
        0
    }

    /// What is wrong with its numbers.
    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        Vec::new()
    }

    /// The load without which it cannot be judged.
    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Any
    }

    /// The fault without which it cannot be judged.
    fn needed_fault(&self) -> Option<NeededFault> {
        (self.during() == Some(During::Fault)).then_some(NeededFault::ANY)
    }

    /// Whether it can only be met if some replica can take over.
    fn needs_failover(&self) -> bool {
        false
    }

    /// What nodes must be able to do for it to mean anything.
    fn needed_ability(&self) -> Option<SystemAbility> {
        None
    }

    /// Whether it is about which keys each master holds at the end, which is asked only then.
    fn needs_key_lists(&self) -> bool {
        false
    }

    /// What it alone needs to be true once a fault has happened, in words.
    fn own_assumption(&self) -> Option<&'static str> {
        None
    }

    /// The rate that loads must ask for if it is to be met, if there is one.
    fn claimed_rate(&self) -> Option<ClaimedRate> {
        None
    }
}

/// A time below this is measured on an idle machine only. Above it, what another run may take is a small part of the limit, and
/// a miss that it may explain is not blamed on the servers.
pub(super) const IDLE_MACHINE_BELOW: Duration = Duration::from_millis(1_000);

/// A number with which an SLO makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrongNumber {
    /// The field that holds it.
    pub(crate) field: &'static str,
    /// What is wrong with it.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) help: Option<String>,
    /// Whether it is wrong only together with another field, so that both must have been understood.
    pub(crate) is_relative: bool,
}

impl WrongNumber {
    /// A number that is wrong by itself.
    pub(super) fn new(field: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { field, message: message.into(), help: Some(help.into()), is_relative: false }
    }

    /// A quantile that is none: not above 0, or written as a share. `last` is what the quantile 100 is.
    pub(super) fn of_quantile(quantile: Percent, last: &str) -> Option<Self> {
        match quantile.value() {
            quantile if quantile <= 0.0 => {
                let help = format!("write a percentage such as 50, 99 or 99.9; 100 is the {last}");
                Some(Self::new("quantile", "a quantile lies above 0", help))
            }
            quantile if quantile <= 1.0 => {
                let message = format!("a quantile is a percentage: `{quantile}` would be {quantile} %");
                let percentage = (quantile * 1e8).round() / 1e6;
                Some(Self::new("quantile", message, format!("did you mean `{percentage}`?")))
            }
            _ => None,
        }
    }

    /// A least number above the greatest.
    pub(super) fn of_range<T: PartialOrd + fmt::Display>(min: &T, max: &T) -> Vec<Self> {
        let message = || format!("at least {min} and at most {max} contradict each other");
        let wrong = || Self { field: "min", message: message(), help: None, is_relative: true };
        (min > max).then(wrong).into_iter().collect()
    }
}

/// A rate that an SLO claims, of the loads that it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ClaimedRate {
    /// So many operations a second, of all of them together.
    Together(f64),
    /// So many mix entries a second, on the highest stage of each that has stages.
    OfStages(u32),
}

/// ` of app` where an SLO is about that load; nothing where it is about all.
pub(super) fn of_load(load: Option<&str>) -> String {
    load.map_or_else(String::new, |load| format!(" of {load}"))
}

/// The load that an SLO needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NeededLoad {
    /// None.
    None,
    /// Any.
    Any,
    /// One that writes.
    Writing,
    /// One that writes anything of which it can be told whether it is lost.
    WritingWhatCanBeLost,
    /// One that reads values that are written.
    ReadingWhatIsWritten,
    /// One that writes and reads values or counters, which do not expire.
    Registers,
    /// One that reads the elements that are added to something.
    ReadingElements,
    /// One that transfers amounts and reads balances.
    Transferring,
    /// One that writes several keys together.
    WritingGroups,
    /// One that scans keys which stay.
    Scanning,
    /// One with subscribers.
    Subscribers,
    /// One whose rate goes from stage to stage.
    InStages,
    /// One that takes locks.
    Locking,
}

/// The fault that an SLO needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeededFault {
    /// What a step must do.
    pub(crate) does: FaultScope,
    /// What such a step is called.
    pub(crate) name: &'static str,
    /// Which steps there are.
    pub(crate) help: &'static str,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultScope {
    /// It makes anything worse.
    Any,
    /// It takes nodes away: their processes, or all links to them.
    TakesNodesAway,
    /// It cuts links.
    CutsLinks,
}

impl NeededFault {
    /// Any fault at all.
    pub(super) const ANY: Self = Self {
        does: FaultScope::Any,
        name: "fault",
        help: "a fault is a step that harms nodes or links, such as `Kill` or `Partition`",
    };
}
