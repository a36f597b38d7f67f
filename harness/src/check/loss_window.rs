//! How much time's worth of acknowledged writes a fault cost: the recovery point of operators.

use std::collections::BTreeMap;
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::autopsy::Autopsy;
use super::case::Case;
use super::finding::{self, Finding, Status};
use super::key_question::{AskedOfKeys, to_ask};
use super::lost_writes::{self, Tally, WritesLost};
use super::risk::{self, Danger, Risk};
use super::slo_kind::{FaultScope, IDLE_MACHINE_BELOW, NeededFault, NeededLoad, SloKind, WrongNumber};
use super::takedown::Takedown;
use super::window::Window;
use crate::evidence::Operation;
use crate::vocab::{Duration, Instant};

/// how old the oldest lost write was when its server was taken down, counted from its acknowledgement (the recovery point; nothing lost is 0). With `min: "100ms"` a run that lost less is inconclusive: the danger that it is about did not arise
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct LossWindow {
    /// How old it may be. Of a master that went on acknowledging writes which are lost, the time until the last of them counts too.
    pub max: Duration,
    /// How old it must be at least, where the scenario is about a danger: if it is younger the danger did not arise, and the run
    /// is inconclusive.
    #[serde(default)]
    pub min: Duration,
}

impl LossWindow {
    pub(super) const EXAMPLE: &str = r#"LossWindow(max: "2s")"#;
}

impl fmt::Display for LossWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == Duration::default() {
            write!(f, "loss window <= {}", self.max)
        } else {
            write!(f, "loss window {} to {}", self.min, self.max)
        }
    }
}

/// What one fault cost.
struct Loss<'a> {
    takedown: &'a Takedown,
    /// When the oldest write that it cost was acknowledged.
    oldest: Instant,
    /// When the newest was.
    newest: Instant,
    writes: u64,
}

impl Loss<'_> {
    fn window(&self) -> Window {
        Window { start: self.oldest, end: self.takedown.began.max(self.newest) }
    }

    fn text(&self) -> String {
        let (writes, window) = (finding::count(self.writes, "write"), finding::time(self.window().nanos()));
        format!("{} of {} cost {writes} of {window}", self.takedown.cause, self.takedown.failed)
    }
}

impl SloKind for LossWindow {
    fn of_keys(&self, _: &Case<'_>) -> Option<Box<dyn AskedOfKeys>> {
        Some(to_ask(WritesLost))
    }

    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = self.limit();
        let tally = match lost_writes::tally(case) {
            Ok(tally) => tally,
            Err(doubt) => return Finding::nothing(self, limit, doubt),
        };
        if tally.acknowledged == 0 {
            return Finding::nothing(self, limit, "no write was acknowledged");
        }
        let (losses, unexplained) = losses(case, &tally.lost_writes, Blame::Last);
        let nanos = longest(&losses);
        let least = longest(&self::losses(case, &tally.lost_writes, Blame::First).0);
        let risk = risk::of(case, Danger::LastSecond);
        let unknown = unknown(&tally, unexplained);
        let status = match () {
            () if least > self.max.as_nanos() => Status::Fail,
            () if !unknown.is_empty() || nanos > self.max.as_nanos() || least < self.min.as_nanos() => {
                Status::Inconclusive
            }
            () if tally.lost == 0 && !risk.as_ref().is_some_and(|risk| risk.arose) => Status::Inconclusive,
            () => Status::Pass,
        };
        let idle = if nanos < self.min.as_nanos() { "the danger did not arise".to_owned() } else { String::new() };
        let several = format!("{} if earlier ones of several faults cost them", finding::time(least));
        let several = if least < nanos { several } else { String::new() };
        let risk = risk.map(|Risk { text, .. }| text).filter(|_| tally.lost == 0).unwrap_or_default();
        Finding {
            status,
            measured: if tally.lost == 0 { "nothing lost".to_owned() } else { finding::time(nanos) },
            samples: tally.acknowledged,
            note: finding::note(
                [idle, unknown, several].into_iter().chain(losses.iter().map(Loss::text)).chain([risk]),
            ),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A server that waited for a processor synchronised later than it wanted to.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let tally = lost_writes::tally(case).ok()?;
        let (losses, _) = losses(case, &tally.lost_writes, Blame::First);
        let over = losses.iter().map(Loss::window).filter(|window| window.nanos() > self.max.as_nanos());
        finding::all_explained(over.map(|window| case.machine.explain(window, window.nanos() - self.max.as_nanos())))
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn needs_idle_machine(&self) -> bool {
        self.max < IDLE_MACHINE_BELOW
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Writing
    }

    fn needed_fault(&self) -> Option<NeededFault> {
        Some(NeededFault {
            does: FaultScope::TakesNodesAway,
            name: "fault that takes a node away",
            help: "such a fault is `Kill`, `PowerOff`, `Stop`, `Pause` or `Partition`",
        })
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        WrongNumber::of_range(&self.min, &self.max)
    }

    fn own_assumption(&self) -> Option<&'static str> {
        Some("for the loss window only: writes were at risk when a fault began")
    }
}

impl LossWindow {
    fn limit(self) -> String {
        let max = finding::limit(self.max);
        if self.min == Duration::default() { max } else { format!("{} to {max}", finding::limit(self.min)) }
    }
}

/// Why the oldest lost write may be another one, if that is so.
fn unknown(tally: &Tally, unexplained: u64) -> String {
    let known = tally.lost_writes.len() as u64;
    let reasons = [
        (tally.lost - known, "it is not known which", "lost write"),
        (unexplained, "no fault explains", "lost write"),
        (tally.unexplained_keys(), "nobody can tell what was lost, as they hold what nobody wrote", "key"),
        (tally.possibly_lost, "nobody can tell whether they are lost", "write"),
        (tally.unread_keys, "they could not be read at the end", "key"),
    ];
    let reasons = reasons.into_iter().filter(|(count, ..)| *count > 0);
    finding::note(reasons.map(|(number, why, thing)| format!("of {} {why}", finding::count(number, thing))))
}

/// Which of the faults that may have cost a write is taken for the one that did.
#[derive(Clone, Copy)]
enum Blame {
    First,
    Last,
}

/// The longest time that a fault cost.
fn longest(losses: &[Loss<'_>]) -> u64 {
    losses.iter().map(|loss| loss.window().nanos()).max().unwrap_or_default()
}

/// What each fault cost, and how many writes none of them explains.
fn losses<'a>(case: &'a Case<'_>, lost: &'a [Operation], blame: Blame) -> (Vec<Loss<'a>>, u64) {
    let (autopsy, mut unexplained, mut losses) = (Autopsy::of(case), 0, BTreeMap::<_, Loss<'_>>::new());
    for write in lost {
        let takedowns = autopsy.takedowns(write);
        let blamed = match blame {
            Blame::First => takedowns.first(),
            Blame::Last => takedowns.last(),
        };
        let Some(takedown) = blamed.copied() else {
            unexplained += 1;
            continue;
        };
        let fault = (takedown.began, &takedown.failed);
        let new = Loss { takedown, oldest: write.ended, newest: write.ended, writes: 0 };
        let cost = losses.entry(fault).or_insert(new);
        cost.writes += 1;
        cost.oldest = cost.oldest.min(write.ended);
        cost.newest = cost.newest.max(write.ended);
    }
    (losses.into_values().collect(), unexplained)
}
