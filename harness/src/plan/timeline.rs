//! What is wrong with the timeline: each step by itself, and each in the light of those before it.

use crate::step::{self, FlatStep, Step};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};
use crate::vocab::SystemAbility;

/// The most steps of a timeline. What is known of the cluster is followed through all of them, more than once.
pub(super) const STEPS_MAX: usize = 500_000;

impl<'a> Checker<'a> {
    /// Every step.
    pub(super) fn check_timeline(&mut self, steps: &[Step]) {
        let timeline = self.root.field("timeline");
        if steps.is_empty() && self.sound.timeline {
            let problem = Problem::new(timeline.head(), "the timeline is empty: nothing would happen");
            self.report(problem.help("let the load run at least: `timeline: [Run(for: \"2s\")]`"));
        }
        let count = step::count(steps);
        if count > STEPS_MAX {
            let problem = Problem::new(timeline.head(), format!("{count} steps are too many"));
            return self.report(problem.help(format!("a timeline has at most {STEPS_MAX} steps")));
        }
        self.check_each(steps, timeline);
        // What follows from earlier steps is certain only when all of them are as written.
        if self.sound.topology && self.sound.timeline {
            let systems = &self.topology.systems;
            let has_membership = |system: usize| systems[system].can(SystemAbility::Membership);
            let members = self.topology.members.iter();
            let mut foreseen = Foreseen::new(members.map(|member| (&member.name, has_membership(member.system))));
            for FlatStep { step, at, .. } in step::flatten(steps, timeline, STEPS_MAX) {
                step.kind().follow(self, &mut foreseen, at);
            }
        }
    }

    /// Each step by itself, as often as it is written.
    fn check_each(&mut self, steps: &[Step], list: Cursor<'a>) {
        for (index, step) in steps.iter().enumerate() {
            let at = list.index(index);
            step.kind().check(self, at);
            if let Some(inner) = step.kind().inner() {
                self.check_each(inner.steps, at.field(inner.field));
            }
        }
    }
}
