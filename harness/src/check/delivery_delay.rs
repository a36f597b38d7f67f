//! How long messages take to those who hear them.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::During;
use super::case::Case;
use super::deliveries::Deliveries;
use super::excess::explain_excess;
use super::finding::{self, Finding};
use super::slo_kind::{IDLE_MACHINE_BELOW, NeededLoad, SloKind, WrongNumber};
use super::{sample_size, samples};
use crate::evidence::Operation;
use crate::vocab::{Duration, Percent};

/// from the moment a message was due to be published to the moment a subscriber had it, for each subscriber that heard it; `LostMessages` is about those that never came
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct DeliveryDelay {
    /// The quantile in percent, such as 50, 99 or 99.9; 100 is the maximum.
    pub quantile: Percent,
    /// The longest it may be.
    pub max: Duration,
    /// The part of the run it is about.
    #[serde(default)]
    pub during: During,
}

impl DeliveryDelay {
    pub(super) const EXAMPLE: &str = r#"DeliveryDelay(quantile: 99, max: "10ms", during: Steady)"#;
}

impl fmt::Display for DeliveryDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{} delivery {} <= {}", self.quantile.value(), self.during, self.max)
    }
}

impl SloKind for DeliveryDelay {
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::limit(self.max);
        let mut times: Vec<_> = self.heard(case).into_iter().map(|(_, nanos)| nanos).collect();
        let samples = times.len() as u64;
        let Some(measured) = samples::quantile(&mut times, self.quantile.fraction()) else {
            return Finding::nothing(self, limit, format!("no message was heard in the {} part", self.during));
        };
        let needed = sample_size::for_quantile(self.quantile);
        let exceeded = measured > self.max.as_nanos();
        let over = times.iter().filter(|nanos| **nanos > self.max.as_nanos()).count() as u64;
        let refuted = exceeded && sample_size::refutes_quantile(self.quantile, over, samples);
        let too_few = samples < needed && !refuted;
        Finding {
            status: if too_few { finding::Status::Inconclusive } else { finding::met(!exceeded) },
            measured: finding::time(measured),
            samples,
            note: if too_few { format!("{needed} deliveries are needed for this quantile") } else { String::new() },
            ..Finding::nothing(self, limit, "")
        }
    }

    /// By the rule of `Latency`.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let heard = self.heard(case);
        let heard: Vec<_> = heard.iter().map(|(publish, nanos)| (publish.intended, *nanos)).collect();
        explain_excess(case, self.quantile, self.max, &heard)
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn needs_idle_machine(&self) -> bool {
        self.max < IDLE_MACHINE_BELOW
    }

    fn during(&self) -> Option<During> {
        Some(self.during)
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Subscribers
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        let max = (self.max == Duration::default()).then(|| {
            let help = "write the longest it may take, such as `max: \"10ms\"`";
            WrongNumber::new("max", "no message takes no time at all", help)
        });
        max.into_iter().chain(WrongNumber::of_quantile(self.quantile, "slowest delivery")).collect()
    }

    fn variant(&self) -> u64 {
        self.quantile.value().to_bits()
    }
}

impl DeliveryDelay {
    /// Every publish with each subscriber that heard it, ended when that one had the message, and what it adds to the part.
    fn heard(&self, case: &Case<'_>) -> Vec<(Operation, u64)> {
        let deliveries = Deliveries::of(case);
        let heard = deliveries.heard().map(|(publish, at)| Operation { ended: at, ..publish });
        heard.filter_map(|heard| Some((heard, case.windows.latency_nanos(self.during, &heard)?))).collect()
    }
}
