//! What is wrong with the timeline: each step by itself, and each in the light of those before it.

use crate::step::Step;
use crate::text::Problem;
use crate::validate::{Checker, Foreseen};

/// The most steps of a timeline. What is known of the cluster is followed through all of them, more than once.
const STEPS_MAX: usize = 500_000;

impl Checker<'_> {
    /// Every step.
    pub(super) fn check_timeline(&mut self, steps: &[Step]) {
        let timeline = self.root.field("timeline");
        if steps.is_empty() && self.sound.timeline {
            let problem = Problem::new(timeline.head(), "the timeline is empty: nothing would happen");
            self.report(problem.help("let the load run at least: `timeline: [Run(for: \"2s\")]`"));
        }
        if steps.len() > STEPS_MAX {
            let problem = Problem::new(timeline.head(), format!("{} steps are too many", steps.len()));
            return self.report(problem.help(format!("a timeline has at most {STEPS_MAX} steps")));
        }
        let mut foreseen = Foreseen::new(self.topology.members.iter().map(|member| &member.name));
        for (index, step) in steps.iter().enumerate() {
            let at = timeline.index(index);
            step.kind().check(self, at);
            // What follows from earlier steps is certain only when all of them are as written.
            if self.sound.topology && self.sound.timeline {
                step.kind().follow(self, &mut foreseen, index, at);
            }
        }
    }
}
