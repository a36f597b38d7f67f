//! What is wrong with the keys of a load.

use crate::load::{Load, Op, SizeRange, ValueSize};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::Size;

/// The least a value can be: its unique id.
const VALUE_MIN_BYTES: u64 = 16;
/// The most a value can be. The servers' limit is 512 MiB; a load of such values would measure the machine's memory.
const VALUE_MAX_BYTES: u64 = 1 << 20;

impl Checker<'_> {
    /// What the kind of key space makes of the load.
    pub(super) fn check_key_space(&mut self, load: &Load, at: Cursor<'_>) {
        load.keys.kind().problems(at.field("keys")).into_iter().for_each(|problem| self.report(problem));
        if load.keys.writes_once() {
            self.check_write_once(load, at);
        }
        self.check_preload(load, at);
    }

    /// What is written before the timeline begins.
    fn check_preload(&mut self, load: &Load, at: Cursor<'_>) {
        let (keys, field) = (load.keys.count(), at.field("preload"));
        match load.preload {
            Some(0) => {
                let problem = Problem::new(field.head(), "a preload of no keys does nothing");
                self.report(
                    problem.help("leave `preload` out, or write how many keys are written before the timeline"),
                );
            }
            Some(preload) if preload > keys && keys > 0 => {
                let problem = Problem::new(field.head(), format!("{preload} keys to preload, and the load has {keys}"));
                self.report(problem.help(format!("write at most {keys}, or give the load more `keys`")));
            }
            Some(preload) if preload == keys && load.keys.writes_once() => {
                let problem = Problem::new(field.head(), "every key is preloaded, and none is left to write once");
                self.report(problem.help("preload fewer, or give the load more `keys`"));
            }
            _ => {}
        }
        if let Some(value) = &load.preload_value {
            if load.preload.is_none() {
                let problem = Problem::new(at.field("preload_value").head(), "nothing is preloaded with these values");
                self.report(problem.help("write how many keys: `preload: 10_000`"));
            }
            self.check_value(value, at.field("preload_value"));
        }
    }

    /// How large values are.
    pub(super) fn check_value(&mut self, value: &ValueSize, at: Cursor<'_>) {
        match value {
            ValueSize::Fixed(size) => self.check_size_of_value(*size, at),
            // RON itself reads over a name before a range.
            ValueSize::Range(_) if at.name().is_some() => {
                let problem = Problem::new(at.head(), "a range of sizes has no name");
                self.report(problem.help("every size of it is as likely: write `(from: \"16B\", to: \"1KiB\")`"));
            }
            ValueSize::Range(SizeRange { from, to }) => {
                self.check_size_of_value(*from, at.field("from"));
                self.check_size_of_value(*to, at.field("to"));
                if from >= to {
                    let problem = Problem::new(at.field("to").head(), format!("a range from {from} to {to} is none"));
                    self.report(problem.help("write a larger size, or one size alone, such as `\"16B\"`"));
                }
            }
            ValueSize::Weighted(sizes) => {
                if sizes.is_empty() {
                    self.report(Problem::new(at.head(), "no size to draw").help("write one size alone: `\"16B\"`"));
                }
                for (index, sized) in sizes.iter().enumerate() {
                    let at = at.index(index);
                    self.check_size_of_value(sized.size, at.field("size"));
                    if sized.weight == 0 {
                        let problem = Problem::new(at.field("weight").head(), "a weight of 0: this is never drawn");
                        self.report(problem.help("leave the size out, or give it a weight of at least 1"));
                    }
                }
            }
        }
    }

    fn check_size_of_value(&mut self, size: Size, at: Cursor<'_>) {
        let problem = Problem::new(at.head(), format!("a value cannot be of {} bytes", size.bytes));
        if size.bytes < VALUE_MIN_BYTES {
            self.report(problem.help("a value is at least 16B: they hold its unique id"));
        } else if size.bytes > VALUE_MAX_BYTES {
            self.report(problem.help("a value is at most 1MiB"));
        }
    }

    /// Keys that are written once: somebody must write them, and no more often than there are keys.
    fn check_write_once(&mut self, load: &Load, at: Cursor<'_>) {
        let keys = load.keys.count().saturating_sub(load.preload());
        if !load.mix.iter().any(Op::takes_turns) {
            let problem = Problem::new(at.field("keys").head(), "nothing in the mix writes these keys");
            self.report(
                problem.help("add a `Set(..)` to the mix, or take `Uniform`, whose keys may be another load's"),
            );
        } else if let Some(operations) = load.operations.filter(|operations| *operations > u64::from(keys))
            && load.mix.iter().all(Op::writes)
        {
            let message = format!("{operations} writes, and {keys} keys that are left to be written once");
            let problem = Problem::new(at.field("operations").head(), message);
            self.report(problem.help("leave `operations` out: the load is done when each key is written"));
        }
    }
}
