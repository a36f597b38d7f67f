//! What is wrong with the keys of a load.

use crate::load::{Load, Op};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;

impl Checker<'_> {
    /// What the kind of key space makes of the load.
    pub(super) fn check_key_space(&mut self, load: &Load, at: Cursor<'_>) {
        load.keys.kind().problems(at.field("keys")).into_iter().for_each(|problem| self.report(problem));
        if load.keys.writes_once() {
            self.check_write_once(load, at);
        }
    }

    /// Keys that are written once: somebody must write them, and no more often than there are keys.
    fn check_write_once(&mut self, load: &Load, at: Cursor<'_>) {
        let keys = load.keys.count();
        if !load.mix.iter().any(Op::writes) {
            let problem = Problem::new(at.field("keys").head(), "nothing in the mix writes these keys");
            self.report(
                problem.help("add a `Set(..)` to the mix, or take `Uniform`, whose keys may be another load's"),
            );
        } else if let Some(operations) = load.operations.filter(|operations| *operations > u64::from(keys))
            && load.mix.iter().all(Op::writes)
        {
            let message = format!("{operations} writes, and {keys} keys that are each written once");
            let problem = Problem::new(at.field("operations").head(), message);
            self.report(problem.help("leave `operations` out: the load is done when each key is written"));
        }
    }
}
