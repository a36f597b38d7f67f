//! What is wrong with the keys of a load.

use crate::evidence::{DataType, KeyNames};
use crate::load::{KeySpace, Load, Op, Shards, SizeRange, ValueSize, shard_keys};
use crate::system::{Deployed, KeyPlace, Systems};
use crate::text::{Cursor, Problem, suggest};
use crate::validate::{Checker, Meant};
use crate::vocab::{Size, SystemAbility};

/// No number has more digits.
const DIGITS_MAX: u8 = 10;
/// Where keys lie is looked at when they are so few. Of more, every shard has enough for all its workers.
const KEYS_LOOKED_AT: u32 = 100_000;

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
        self.check_names(load, at);
    }

    /// What keys are called.
    fn check_names(&mut self, load: &Load, at: Cursor<'_>) {
        let (keys, has_tag) = (load.keys.count(), load.key_names().prefix.contains(['{', '}']));
        if load.only.is_none() {
            self.check_digits(load, keys, at.field("digits"));
        }
        if let Some(tags) = load.hash_tags.filter(|tags| !(1..=keys.max(1)).contains(tags)) {
            let problem = Problem::new(at.field("hash_tags").head(), format!("{keys} keys and {tags} hash tags"));
            self.report(
                problem.help("write how many tags the keys are spread over: at least 1, at most one for each key"),
            );
        }
        for field in ["hash_tags", "only"].into_iter().filter(|field| has_tag && at.field(field).is_exact()) {
            let message = "the prefix has a brace of a hash tag, which says where all keys lie";
            let problem = Problem::new(at.field(field).head(), message).also(at.field("prefix").head(), "this prefix");
            self.report(problem.help("leave either out"));
        }
        self.check_names_by_type(load, at);
    }

    /// What of where keys lie cannot be so for what they hold.
    fn check_names_by_type(&mut self, load: &Load, at: Cursor<'_>) {
        let types = load.data_types();
        let (scattered, group) = (
            types.contains(&DataType::Scattered),
            types.contains(&DataType::Group) || types.contains(&DataType::Accounts),
        );
        let one_position = load.only.as_ref().is_some_and(|place| place.shard().is_none());
        if load.hash_tags.is_some() && (group || scattered) {
            let message = "what is written together says itself whether its keys have a hash tag";
            let problem = Problem::new(at.field("hash_tags").head(), message);
            self.report(problem.help("leave `hash_tags` out, or give the groups of keys a load of their own"));
        } else if load.only.is_some() && scattered {
            let problem = Problem::new(at.field("only").head(), "keys that lie wherever each belongs are in the mix");
            self.report(problem.help("leave `only` out, or `hash_tag: false`"));
        } else if one_position && group {
            let problem = Problem::new(at.field("only").head(), "groups of keys have hash tags of their own");
            self.report(problem.help("write `only: Shard(..)`, or give the groups of keys a load of their own"));
        } else if load.only.is_some() && !one_position && load.hash_tags.is_none() && types.len() > 1 {
            let problem = Problem::new(at.field("only").head(), "keys of several types lie in different shards");
            let problem =
                problem.help("add `hash_tags: 100`, say: keys with the same tag lie together, whatever they hold");
            self.report(problem.help("or give each type of key a load of its own"));
        }
    }

    /// Whether the numbers, up to the highest, have so many digits.
    fn check_digits(&mut self, load: &Load, highest: u32, at: Cursor<'_>) {
        let needed = highest.max(1).to_string().len();
        if let Some(digits) = load.digits.filter(|digits| usize::from(*digits) < needed || *digits > DIGITS_MAX) {
            let message = format!("a number of {digits} digits, and the keys are numbered to {highest}");
            let problem = Problem::new(at.head(), message);
            self.report(problem.help(format!("write {needed} to {DIGITS_MAX}: all keys are to be as long")));
        }
    }

    /// Where keys lie, as far as it is certain where anything does.
    pub(super) fn check_keys_lie(&mut self, loads: &[Load], systems: &Systems) {
        if !self.sound.topology || !self.sound.load {
            return;
        }
        for (index, load) in loads.iter().enumerate() {
            let (at, keys) = (self.root.field("load").index(index), load.keys.count());
            let Some(part) = systems.driven(load.on.as_deref()).map(|part| &systems.parts()[part]) else { continue };
            if let Some(place) = &load.only {
                if place.shard().is_none() {
                    self.needs(
                        SystemAbility::NumberedKeys,
                        Meant::Load(&load.name),
                        &place.to_string(),
                        at.field("only"),
                    );
                }
                self.check_only(load, place, part, at);
            } else if load.per_shard
                && load.pace.is_closed()
                && (1..=KEYS_LOOKED_AT).contains(&keys)
                && load.workers() > 0
            {
                let owns: Vec<_> = part.nodes().iter().map(|node| node.owns.clone()).collect();
                let (space, shards) = (KeySpace::of(load, &*part.system), Shards::new(&owns));
                if shard_keys(load, &space, &shards, &*part.system).is_none() {
                    let message =
                        format!("{keys} keys are too few for {} workers that each keep to a shard", load.workers());
                    let problem = Problem::new(at.field("keys").head(), message);
                    self.report(problem.help("each writes keys of its own, and some shard has fewer than workers"));
                }
            }
        }
    }

    fn check_only(&mut self, load: &Load, place: &KeyPlace, part: &Deployed, at: Cursor<'_>) {
        let (only, nodes) = (at.field("only"), part.nodes());
        let owns = place.owns(nodes);
        if let Some(name) = place.shard().filter(|_| owns.is_empty()) {
            let masters = nodes.iter().filter(|node| !node.owns.is_empty()).map(|node| node.name.as_str());
            let problem = Problem::new(only.index(0).head(), format!("`{name}` is no master at the start"));
            let help = suggest(name.as_str(), "masters", masters);
            return self.report(help.into_iter().fold(problem, Problem::help));
        }
        if let Some(tags) = load.hash_tags {
            let names = load.key_names();
            let lies_there =
                |number| owns.contains(part.system.position_of(names.text(DataType::Value, number).as_bytes()));
            if place.shard().is_none() {
                let problem = Problem::new(only.head(), format!("{place} takes one hash tag, which is found for it"));
                return self.report(problem.help("leave `hash_tags` out"));
            } else if tags <= KEYS_LOOKED_AT && !(1..=tags).any(lies_there) {
                let problem = Problem::new(only.head(), format!("none of the {tags} hash tags lies in {place}"));
                return self.report(problem.help("give the load more `hash_tags`"));
            }
        }
        if load.digits.is_some() && load.keys.count() <= KEYS_LOOKED_AT {
            self.check_digits(load, KeySpace::of(load, &*part.system).highest(), at.field("digits"));
        }
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

/// Whether two loads could have a key in common, the one of one type and the other of another: `k` + `12` is `k1` + `2`.
pub(super) fn keys_coincide(one: (&KeyNames, DataType), other: (&KeyNames, DataType)) -> bool {
    let digits = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    let [(before, behind), (other_before, other_behind)] = [one, other].map(|(_, data)| data.affixes());
    let (one_names, other_names) = (one.0, other.0);
    let fills_up = one_names.digits > 0 || other_names.digits > 0;
    let continues = |one: &str, other: &str| {
        let rest = one.strip_prefix(other).or_else(|| other.strip_prefix(one));
        rest.is_some_and(|rest| digits(rest) && (fills_up || !rest.starts_with('0')))
    };
    match (one_names.hash_tags > 0, other_names.hash_tags > 0) {
        _ if behind != other_behind => false,
        (true, false) => keys_coincide(other, one),
        // `{app:1}:` as a prefix, beside hash tags of `app:`.
        (false, true) => {
            let text = format!("{}{before}", one_names.prefix);
            let tagged = text.strip_prefix('{').and_then(|rest| rest.strip_prefix(other_names.prefix.as_str()));
            tagged
                .and_then(|rest| rest.split_once("}:"))
                .is_some_and(|(tag, rest)| digits(tag) && rest.strip_prefix(other_before).is_some_and(digits))
        }
        (true, true) => before == other_before && continues(&one_names.prefix, &other_names.prefix),
        (false, false) => {
            let texts = [format!("{}{before}", one_names.prefix), format!("{}{other_before}", other_names.prefix)];
            continues(&texts[0], &texts[1])
        }
    }
}
