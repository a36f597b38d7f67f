//! What is wrong with a step about links: shapes that no link can have, and healing where nothing is to heal.

use crate::scenario::{Cursor, Partition, Problem, Shaping, Step, suggest};
use crate::vocab::{Duration, Links};

use super::checker::Checker;
use super::life::Lives;

/// With as much jitter again, what a probe is waited for: a slower link could not be proven to do anything.
const DELAY_MAX: Duration = Duration::from_millis(1_000);

impl Checker<'_> {
    /// What can be said of a step about links by itself.
    pub(super) fn check_network(&mut self, step: &Step, at: Cursor<'_>) {
        match step {
            Step::Partition(Partition { links, name, .. }) => {
                self.check_links(links, at.field("links"));
                if let Some(name) = name {
                    self.check_label(name, at.field("name"));
                }
            }
            Step::Shape(shaping) => {
                self.check_links(&shaping.links, at.field("links"));
                if let Some(name) = &shaping.name {
                    self.check_label(name, at.field("name"));
                }
                self.check_shape(shaping, at);
            }
            _ => {}
        }
    }

    /// A name that people shall be able to read in a line of text.
    pub(super) fn check_label(&mut self, name: &str, at: Cursor<'_>) {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            let problem = Problem::new(at.head(), format!("`{}` is not a name", name.escape_debug()));
            self.report(problem.help("a name has at least one letter and stands on one line"));
        }
    }

    fn check_shape(&mut self, shaping: &Shaping, at: Cursor<'_>) {
        let shape = shaping.shape();
        if shape.is_nothing() && self.is_as_written(at) {
            let problem = Problem::new(at.head(), "this shape does nothing");
            self.report(problem.help("say what the links do: `delay: \"40ms\"`, `loss: 5`, `rate: \"10Mbit\"`"));
        }
        if shape.jitter > shape.delay && self.is_as_written(at.field("delay")) {
            let message = if at.field("delay").is_exact() {
                format!("the jitter {} is more than the delay {}", shape.jitter, shape.delay)
            } else {
                format!("the delay varies by {}, and there is none", shape.jitter)
            };
            let problem = Problem::new(at.field("jitter").head(), message);
            let help = format!("no packet arrives before it was sent: write `delay: \"{}\"` or more", shape.jitter);
            self.report(problem.help(help));
        }
        if shape.delay > DELAY_MAX {
            let message = format!("a delay of {} is too long", shape.delay);
            self.report(Problem::new(at.field("delay").head(), message).help(format!("it is at most {DELAY_MAX}")));
        }
        for (field, share, does) in [("loss", shape.loss, "loses"), ("corrupt", shape.corrupt, "damages")] {
            if share.value() >= 100.0 {
                let problem = Problem::new(at.field(field).head(), format!("a link that {does} everything is cut"));
                self.report(problem.help("write a `Partition` with the same `links`: a cut is proven, and settles"));
            }
        }
    }

    /// What can be said of a step about links after those before it.
    pub(super) fn follow_network(&mut self, lives: &mut Lives, index: usize, step: &Step, at: Cursor<'_>) {
        match step {
            Step::Partition(Partition { links, .. }) | Step::Shape(Shaping { links, .. }) => {
                if let Links::Isolate(isolated) = links
                    && let (None, Some(selector)) = (&isolated.node, &isolated.select)
                {
                    self.check_anybody_chosen(lives, selector, at.field("links").field("select"));
                }
                if let Some(name) = lives.disturbance_names.next(step) {
                    self.follow_disturbance(lives, index, name, at);
                }
            }
            Step::Heal { name } => self.follow_healing(lives, index, name.as_deref(), at),
            _ => {}
        }
    }

    fn follow_disturbance(&mut self, lives: &mut Lives, index: usize, name: String, at: Cursor<'_>) {
        lives.disturbed = true;
        if let Some((_, first)) = lives.disturbances.iter().find(|(active, _)| *active == name) {
            let first = self.root.field("timeline").index(*first).head();
            let problem = Problem::new(at.field("name").head(), format!("`{name}` is still in force"));
            self.report(problem.also(first, "since here").help("`Heal` it first, or take another name"));
        } else {
            lives.disturbances.push((name, index));
        }
    }

    fn follow_healing(&mut self, lives: &mut Lives, index: usize, name: Option<&str>, at: Cursor<'_>) {
        let healed: Vec<_> =
            lives.disturbances.extract_if(.., |(active, _)| name.is_none_or(|name| name == active)).collect();
        if healed.is_empty() {
            let problem = match name {
                None => Problem::new(at.head(), "there is nothing to heal here: no link is cut or shaped"),
                Some(name) => self.unknown_disturbance(lives, name, at.field("name")),
            };
            self.report(problem);
        }
        lives.healed.extend(healed.into_iter().map(|(name, _)| (name, index)));
    }

    fn unknown_disturbance(&self, lives: &Lives, name: &str, at: Cursor<'_>) -> Problem {
        let problem = Problem::new(at.head(), format!("there is no `{name}` to heal here"));
        if let Some((_, step)) = lives.healed.iter().rev().find(|(healed, _)| healed == name) {
            return problem.also(self.root.field("timeline").index(*step).head(), "healed here already");
        }
        let active = lives.disturbances.iter().map(|(active, _)| active.as_str());
        match suggest(name, "in force", active) {
            help if help.is_empty() => problem.label("no link is cut or shaped"),
            help => help.into_iter().fold(problem, Problem::help),
        }
    }
}
