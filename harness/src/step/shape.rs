//! Links get slow or unreliable.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::error::{Abort, StepEnd};
use super::links::Links;
use super::{LinkDisturbance, Stage, StepKind, disturb};

use crate::network::Treatment;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};
use crate::vocab::{Duration, LinkShape, NodeName, Percent, Rate};

/// makes links slow or unreliable: `delay`, `jitter`, `loss`, `duplicate`, `reorder`, `corrupt` and `rate`
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Which links.
    pub links: Links,
    /// The name by which `Heal` can end it.
    #[serde(default)]
    pub name: Option<String>,
    /// How much later each packet arrives.
    #[serde(default)]
    pub delay: Duration,
    /// How much the delay varies, up and down.
    #[serde(default)]
    pub jitter: Duration,
    /// Percent of packets that vanish.
    #[serde(default)]
    pub loss: Percent,
    /// Percent of packets that arrive twice.
    #[serde(default)]
    pub duplicate: Percent,
    /// Percent of packets that the next one overtakes.
    #[serde(default)]
    pub reorder: Percent,
    /// Percent of packets that arrive with one wrong bit.
    #[serde(default)]
    pub corrupt: Percent,
    /// How much passes at most, such as `"10Mbit"`.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// With as much jitter again, the longest that a probe is waited for: a slower link could not be proven to do anything.
const DELAY_MAX: Duration = Duration::from_millis(1_000);

impl Shape {
    pub(super) const EXAMPLE: &str = r#"Shape(links: All, delay: "40ms")"#;

    /// What the links do.
    fn shape(&self) -> LinkShape {
        LinkShape {
            delay: self.delay,
            jitter: self.jitter,
            loss: self.loss,
            duplicate: self.duplicate,
            reorder: self.reorder,
            corrupt: self.corrupt,
            rate: self.rate,
        }
    }

    /// Shapes that no link can have.
    fn check_shape(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let shape = self.shape();
        if shape.is_nothing() && checker.is_as_written(at) {
            let problem = Problem::new(at.head(), "this shape does nothing");
            checker.report(problem.help("say what the links do: `delay: \"40ms\"`, `loss: 5`, `rate: \"10Mbit\"`"));
        }
        if shape.jitter > shape.delay && checker.is_as_written(at.field("delay")) {
            let message = if at.field("delay").is_exact() {
                format!("the jitter {} is more than the delay {}", shape.jitter, shape.delay)
            } else {
                format!("the delay varies by {}, and there is none", shape.jitter)
            };
            let problem = Problem::new(at.field("jitter").head(), message);
            let help = format!("no packet arrives before it was sent: write `delay: \"{}\"` or more", shape.jitter);
            checker.report(problem.help(help));
        }
        if shape.delay > DELAY_MAX {
            let message = format!("a delay of {} is too long", shape.delay);
            checker.report(Problem::new(at.field("delay").head(), message).help(format!("it is at most {DELAY_MAX}")));
        }
        for (field, share, does) in [("loss", shape.loss, "loses"), ("corrupt", shape.corrupt, "damages")] {
            if share.value() >= 100.0 {
                let problem = Problem::new(at.field(field).head(), format!("a link that {does} everything is cut"));
                checker.report(problem.help("write a `Partition` with the same `links`: a cut is proven, and settles"));
            }
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape {} ({})", self.links, self.shape())
    }
}

impl StepKind for Shape {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        disturb::check(checker, &self.links, self.name.as_deref(), at);
        self.check_shape(checker, at);
    }

    fn follow<'a>(&self, checker: &mut Checker<'a>, foreseen: &mut Foreseen<'a>, at: Cursor<'a>) {
        disturb::follow(checker, foreseen, self.disturbance(), at);
    }

    fn disturbance(&self) -> Option<LinkDisturbance<'_>> {
        let name = self.name.as_ref();
        Some(LinkDisturbance { noun: "shape", name, links: &self.links, cuts: false, port: None })
    }

    fn heading(&self) -> String {
        format!("Shape {}", self.links)
    }

    fn names(&self) -> Vec<NodeName> {
        self.links.names()
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, index: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        disturb::begin(stage, index, &self.links, Treatment::Shape(self.shape())).boxed_local()
    }
}
