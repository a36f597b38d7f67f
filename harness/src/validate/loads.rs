//! What steps and conditions may say of loads.

use super::{Checker, Foreseen, LoadFacts, LoadState};
use crate::text::{Cursor, Problem, suggest};

impl Checker<'_> {
    /// The load of that name; a name that no load has is reported.
    pub fn known_load(&mut self, name: &str, at: Cursor<'_>) -> Option<LoadFacts> {
        if !self.sound.load {
            return None;
        }
        let known = self.loads.iter().find(|load| load.name == name).cloned();
        if known.is_none() {
            let help = suggest(name, "loads", self.loads.iter().map(|load| load.name.as_str()));
            let problem = Problem::new(at.head(), format!("unknown load `{name}`"));
            self.report(help.into_iter().fold(problem, Problem::help));
        }
        known
    }

    /// Reports a load that certainly does not run after the steps before: it waits for its `StartLoad`, or was stopped.
    pub fn check_load_runs(&mut self, name: &str, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        let Some(load) = self.loads.iter().find(|load| load.name == name).filter(|_| self.sound.load) else { return };
        let problem = match foreseen.loads.get(name) {
            Some(LoadState::Ended(step)) => {
                Problem::new(at.head(), format!("the load `{name}` has ended here")).also(step.head(), "stopped here")
            }
            None if load.waits => Problem::new(at.head(), format!("the load `{name}` has not begun here"))
                .help(format!("it begins with its `StartLoad(\"{name}\")`: write that step before this one")),
            _ => return,
        };
        self.report(problem);
    }
}
