//! How many published messages a subscriber did not hear.

use std::collections::BTreeMap;
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::deliveries::{Deliveries, ExpectedMessage, MessageFate, Odd};
use super::finding::{self, Finding, Status};
use super::lost_writes::value_text;
use super::slo_kind::{NeededLoad, SloKind, WrongNumber};
use super::window::Window;
use crate::evidence::Operation;

/// messages that were acknowledged and that a subscriber never heard, each counted for each subscriber, also those that it missed while it was connecting again, since Redis delivers at most once; with `while_subscribed: 0` none may be lost while its subscription and its connection were good. With `min: 1` a run that lost fewer is inconclusive: the danger that it is about did not arise
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct LostMessages {
    /// How many may be lost, for whatever reason.
    pub max: u64,
    /// How many of them may be lost while the subscriber was surely subscribed, over a connection that was good before and after; as
    /// many as `max` if not said.
    #[serde(default)]
    pub while_subscribed: Option<u64>,
    /// How many must be lost at least, where the scenario is about a danger: with fewer the danger did not arise, and the run is
    /// inconclusive.
    #[serde(default)]
    pub min: u64,
}

impl LostMessages {
    pub(super) const EXAMPLE: &str = "LostMessages(max: 0)";
}

impl fmt::Display for LostMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.min {
            0 => write!(f, "lost messages <= {}", self.max)?,
            min => write!(f, "lost messages {min} to {}", self.max)?,
        }
        self.while_subscribed.map_or(Ok(()), |most| write!(f, ", while subscribed <= {most}"))
    }
}

impl SloKind for LostMessages {
    /// What was published before a subscriber was subscribed for the first time is not expected by it. An attempt whose outcome nobody
    /// knows may have brought its message or not.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let deliveries = Deliveries::of(case);
        let tally = Tally::of(case, &deliveries);
        let (never, all) = deliveries.never_subscribed(case);
        let limit = if self.min == 0 { self.max.to_string() } else { format!("{} to {}", self.min, self.max) };
        if tally.expected == 0 && tally.odd.is_empty() {
            let nothing = match (deliveries.acknowledged(), all) {
                (0, _) => "no message was acknowledged",
                (_, 0) => "no load that publishes has subscribers",
                _ => "no message was published after anybody was subscribed to its channel",
            };
            return Finding::nothing(self, limit, nothing);
        }
        let over = tally.lost() > self.max || self.while_subscribed.is_some_and(|most| tally.while_subscribed > most);
        let status = match () {
            () if over || !tally.odd.is_empty() => Status::Fail,
            () if tally.lost() < self.min || never > 0 || tally.expected == 0 => Status::Inconclusive,
            () => Status::Pass,
        };
        let unsubscribed = match never {
            0 => String::new(),
            never => format!("{never} of {all} subscriptions never came about"),
        };
        Finding {
            status,
            measured: tally.lost().to_string(),
            samples: tally.expected,
            note: finding::note([self.doubt(&tally), unsubscribed, tally.note(case, deliveries.acknowledged())]),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// What was lost over a good connection was lost, whatever the machine took. But a client that hears nothing for twice its timeout
    /// gives its connection up, and then it misses messages: that may be the machine's doing.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let tally = Tally::of(case, &Deliveries::of(case));
        if !tally.odd.is_empty() || self.while_subscribed.is_some_and(|most| tally.while_subscribed > most) {
            return None;
        }
        let (mut others, mut around) = (tally.while_subscribed, None::<Window>);
        for (message, away) in &tally.missed {
            let timeout = case.plan.loads.get(usize::from(message.load))?.timeout;
            if case.machine.lost_in(*away) >= timeout.as_nanos() {
                around = Some(around.map_or(*away, |window| window.hull(*away)));
            } else {
                others += 1;
            }
        }
        let around = around.filter(|_| others <= self.max)?;
        Some(format!("a client may have missed its server for as long: {}", case.machine.figures(around)))
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Subscribers
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        let contradict = self.min > self.max;
        let contradict = contradict.then(|| WrongNumber {
            field: "min",
            message: format!("at least {} and at most {} contradict each other", self.min, self.max),
            help: None,
            is_relative: true,
        });
        let more = self.while_subscribed.filter(|most| *most > self.max);
        let more = more.map(|most| WrongNumber {
            field: "while_subscribed",
            message: format!("{most} of at most {} that may be lost in all", self.max),
            help: Some("write a smaller number, or leave it out".to_owned()),
            is_relative: true,
        });
        contradict.into_iter().chain(more).collect()
    }
}

impl LostMessages {
    fn doubt(self, tally: &Tally) -> String {
        if tally.lost() >= self.min {
            return String::new();
        }
        format!("the danger did not arise: at least {} should have been lost", finding::count(self.min, "message"))
    }
}

/// All deliveries added up.
#[derive(Default)]
struct Tally {
    expected: u64,
    while_subscribed: u64,
    /// The first that was lost while its subscriber was subscribed, in words.
    first_lost: Option<String>,
    /// What was missed while a subscriber was away, and for which time it was.
    missed: Vec<(Operation, Window)>,
    first_missed: Option<String>,
    /// What no publishing explains: how many, and the first of them.
    odd: BTreeMap<Odd, (u64, String)>,
}

impl Tally {
    fn of(case: &Case<'_>, deliveries: &Deliveries) -> Self {
        let mut tally = Self::default();
        for expected in deliveries.expected() {
            tally.expected += 1;
            let ExpectedMessage { message, subscriber, delivery } = expected;
            let words = || in_words(case, &message, subscriber);
            match delivery {
                MessageFate::Came => {}
                MessageFate::Lost => {
                    tally.while_subscribed += 1;
                    tally.first_lost.get_or_insert_with(words);
                }
                MessageFate::Missed(away) => {
                    tally.missed.push((message, away));
                    tally.first_missed.get_or_insert_with(words);
                }
            }
        }
        for (odd, subscriber, message) in deliveries.odd() {
            let words = || {
                message.map_or_else(
                    || format!("what no load published, to subscriber {subscriber}"),
                    |message| in_words(case, &message, subscriber),
                )
            };
            tally.odd.entry(odd).or_insert_with(|| (0, words())).0 += 1;
        }
        tally
    }

    fn lost(&self) -> u64 {
        self.while_subscribed + self.missed.len() as u64
    }

    fn note(&self, case: &Case<'_>, acknowledged: u64) -> String {
        let first = |first: &Option<String>| first.as_ref().map(|first| format!(", first {first}")).unwrap_or_default();
        let odd = self.odd.iter().map(|(odd, (number, first))| {
            format!("{} {}, first {first}", finding::count(*number, "message"), odd.text())
        });
        let subscribers: u64 = case.plan.loads.iter().map(|load| u64::from(load.subscribers)).sum();
        finding::note([
            finding::note(odd),
            format!("{} lost while subscribed{}", self.while_subscribed, first(&self.first_lost)),
            format!("{} missed while away{}", self.missed.len(), first(&self.first_missed)),
            format!("{} to {}", finding::count(acknowledged, "message"), finding::count(subscribers, "subscriber")),
        ])
    }
}

/// A message to a subscriber in words.
fn in_words(case: &Case<'_>, message: &Operation, subscriber: u16) -> String {
    let node = case.node_name(message.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
    let (channel, value) = (case.key_text(message), value_text(case, message));
    format!("{value} on {channel}, published at {} by {node}, to subscriber {subscriber}", message.ended)
}
