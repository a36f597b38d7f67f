//! Whether two masters hold one key at the end.
//!
//! A master holds the keys that it owns and no others: what it lost to another it removes (`delKeysInSlot` in Redis `cluster.c`), or it
//! becomes a replica and takes what its master has. A key that stays behind, as after a migration that broke off or two masters of one
//! shard, is found by nobody who asks for it, and comes back with its old value when its master owns it again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::slo_kind::{NeededLoad, SloKind};
use crate::evidence::{Agreement, DataType, EventKind, KeyList, Operation, Outcome, RecordedLoad, Value};
use crate::vocab::{NodeName, Position};

/// keys that more than one master holds at the end, whoever wrote them: once the cluster has settled, every master is asked for all its keys (`SCAN`, which also tells those that it does not own)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct KeysHeldTwice {
    /// How many there may be.
    pub max: u64,
}

impl KeysHeldTwice {
    pub(super) const EXAMPLE: &str = "KeysHeldTwice(max: 0)";
}

impl fmt::Display for KeysHeldTwice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys held twice <= {}", self.max)
    }
}

/// As many keys are named.
const NAMED_MAX: usize = 3;

impl SloKind for KeysHeldTwice {
    /// What was found stands, whoever else could not be asked; that nothing was found says something only of masters that told all.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let lists: Vec<_> = case.evidence.key_lists.iter().collect();
        let samples = lists.iter().map(|list| list.count).sum();
        let (mut twice, mut named) = (0, Vec::new());
        for system in 0..case.plan.systems.len() {
            // What another system holds is another key, whatever it is called.
            for_each_key(&of_system(case, &lists, system), |key, position, holders| {
                if holders.len() < 2 {
                    return;
                }
                twice += 1;
                if named.len() < NAMED_MAX {
                    named.push(in_words(case, system, (key, position), holders));
                }
            });
        }
        let doubt = doubt(case, &lists);
        Finding {
            status: match () {
                () if twice > self.max => Status::Fail,
                () if doubt.is_some() => Status::Inconclusive,
                () => Status::Pass,
            },
            measured: if lists.is_empty() { "-".to_owned() } else { twice.to_string() },
            samples,
            note: finding::note(doubt.into_iter().chain(named).chain([told(case, &lists)])),
            ..Finding::nothing(self, self.max.to_string(), "")
        }
    }

    /// No machine is so busy that a server keeps a key.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Writing
    }

    fn needs_key_lists(&self) -> bool {
        true
    }
}

/// The lists of a system's nodes.
fn of_system<'a>(case: &Case<'_>, lists: &[KeyList<'a>], system: usize) -> Vec<KeyList<'a>> {
    let is_its =
        |list: &&KeyList<'a>| case.plan.nodes.get(usize::from(list.node)).is_some_and(|node| node.system == system);
    lists.iter().filter(is_its).copied().collect()
}

/// Calls `visit` with every key that anybody holds, and the indexes in the plan of those who do.
fn for_each_key<'a>(lists: &[KeyList<'a>], mut visit: impl FnMut(&'a [u8], Position, &[u16])) {
    let mut open: Vec<_> = lists.iter().map(|list| (list.node, list.keys().peekable())).collect();
    let mut holders = Vec::new();
    while let Some((key, position)) = open.iter_mut().filter_map(|(_, keys)| keys.peek().copied()).min() {
        holders.clear();
        for (node, keys) in &mut open {
            if keys.next_if(|(other, _)| *other == key).is_some() {
                holders.push(*node);
            }
        }
        visit(key, position, &holders);
    }
}

/// `app:17 (slot 4711, which B owns) is held by A and B`.
fn in_words(case: &Case<'_>, system: usize, (key, position): (&[u8], Position), holders: &[u16]) -> String {
    let owner = agreed(case).and_then(|agreement| {
        agreement.places().find(|(_, place)| place.owns.contains(position)).map(|(owner, _)| owner.as_str())
    });
    let holders: Vec<_> = holders.iter().filter_map(|node| case.node_name(Some(*node))).map(NodeName::as_str).collect();
    format!(
        "{} ({} {position}, which {} owns) is held by {}",
        String::from_utf8_lossy(key),
        case.plan.systems[system].position_noun,
        owner.unwrap_or("nobody"),
        holders.join(" and ")
    )
}

/// `A told 120 keys, B 0`.
fn told(case: &Case<'_>, lists: &[KeyList<'_>]) -> String {
    let told = lists.iter().filter_map(|list| Some((case.node_name(Some(list.node))?, list.count)));
    let told: Vec<_> = told.map(|(node, count)| format!("{node} told {}", finding::count(count, "key"))).collect();
    told.join(", ")
}

/// What all agreed on when they were asked for the last time before the keys were read back.
fn agreed<'a>(case: &Case<'a>) -> Option<&'a Agreement> {
    let events = case.evidence.events.iter();
    let before = events.take_while(|event| !matches!(event.kind, EventKind::FinalReadStarted));
    let agreed = before.filter_map(|event| match &event.kind {
        EventKind::Settled { agreement, .. } => Some(agreement),
        _ => None,
    });
    agreed.last()
}

/// Why these lists may not be all that masters hold, if that is so.
fn doubt(case: &Case<'_>, lists: &[KeyList<'_>]) -> Option<String> {
    let masters: BTreeSet<_> = agreed(case).into_iter().flat_map(Agreement::masters).collect();
    if !agreed(case).is_some_and(|agreement| agreement.mains().any(|topology| topology.masters().count() > 1)) {
        return Some("there were no two masters that could hold the same".to_owned());
    }
    let mut counts = BTreeMap::new();
    for event in &case.evidence.events {
        match &event.kind {
            EventKind::KeysNotListed { node, error } => {
                return Some(format!("{node} did not tell its keys: {error:?}"));
            }
            EventKind::KeysListed { node, keys } => {
                counts.insert(node, *keys);
            }
            _ => {}
        }
    }
    let listed = lists.iter().filter_map(|list| Some((case.node_name(Some(list.node))?, list.count)));
    let listed: BTreeMap<_, _> = listed.collect();
    let unasked = masters.into_iter().find(|master| !counts.contains_key(*master));
    let other = counts.iter().find(|(node, keys)| listed.get(**node) != Some(*keys));
    match (unasked, other) {
        (Some(master), _) => Some(format!("{master} was not asked which keys it holds")),
        (None, Some((node, keys))) => Some(format!("the list of {node} does not have the {keys} keys that it told")),
        (None, None) if listed.values().all(|keys| *keys == 0) => Some("nobody held any key".to_owned()),
        (None, None) => untold(case, lists),
    }
}

/// A key that a master served in the final read, just after it had been asked for all its keys, and had not told.
fn untold(case: &Case<'_>, lists: &[KeyList<'_>]) -> Option<String> {
    let told: BTreeMap<u16, HashSet<&[u8]>> =
        lists.iter().map(|list| (list.node, list.keys().map(|(key, _)| key).collect())).collect();
    let stays = |load: &RecordedLoad| load.mix.iter().all(|entry| entry.expires.is_none());
    let stays: Vec<_> = case.plan.loads.iter().map(stays).collect();
    let is_there = |read: &Operation| {
        let is_key = !read.data.is_group() && read.data != DataType::Accounts;
        read.outcome == Outcome::Ok
            && read.value != Value::Missing
            && is_key
            && stays.get(usize::from(read.load)) == Some(&true)
    };
    let mut served = case.evidence.history.iter().filter(|read| read.is_final_read() && is_there(read));
    served.find_map(|read| {
        let (node, key) = (case.node_name(read.node)?, case.key_text(&read));
        let is_told = told.get(&read.node?).is_some_and(|told| told.contains(key.as_bytes()));
        (!is_told).then(|| format!("{node} did not tell {key}, which it served"))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::Slo;
    use crate::check::testing::{LOAD_STARTS, Story, late};
    use crate::evidence::{ErrorKind, KeyLists, OperationSource};

    /// The load wrote app:1 to app:3, of which B owns the first, C the second and A the third.
    const OWN: [(u16, &[(&str, u16)]); 3] = [(0, &[("app:3", 4)]), (1, &[("app:1", 6_000)]), (2, &[("app:2", 12_000)])];

    /// What masters told, in a run that is settled. What they hold is as `lists` says.
    fn story(lists: &[(u16, &[(&str, u16)])]) -> Story {
        let mut story = Story::formed();
        for key in 1..=3 {
            story.write(LOAD_STARTS, key, |_| {});
        }
        for (node, keys) in lists {
            let node = story.evidence.plan.nodes[usize::from(*node)].name.clone();
            story.event(2_021, EventKind::KeysListed { node, keys: keys.len() as u64 });
        }
        story.evidence.key_lists = KeyLists::of(lists);
        story.end(2_000);
        story
    }

    fn judge(story: &Story, max: u64) -> Finding {
        story.judge(Slo::KeysHeldTwice(KeysHeldTwice { max }))
    }

    /// A holds a key that B owns, too.
    const A_HOLDS_ANOTHERS: &[(&str, u16)] = &[("app:1", 6_000), ("app:3", 4)];

    #[rstest]
    #[case::each_its_own(OWN[0].1, 0, Status::Pass, "0", "A told 1 key, B told 1 key, C told 1 key")]
    #[case::anothers(A_HOLDS_ANOTHERS, 0, Status::Fail, "1", "app:1 (place 6000, which B owns) is held by A and B")]
    #[case::as_many_as_may_be(A_HOLDS_ANOTHERS, 1, Status::Pass, "1", "is held by A and B")]
    #[case::nobody_elses(&[("app:3", 4), ("other", 4)], 0, Status::Pass, "0", "A told 2 keys")]
    #[case::less_than_it_served(&[], 0, Status::Inconclusive, "0", "A did not tell app:3, which it served")]
    fn a_key_has_one_holder(
        #[case] of_a: &[(&str, u16)],
        #[case] max: u64,
        #[case] status: Status,
        #[case] measured: &str,
        #[case] words: &str,
    ) {
        let finding = judge(&story(&[(0, of_a), OWN[1], OWN[2]]), max);
        assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
        assert!(finding.note.contains(words), "{}", finding.note);
    }

    #[test]
    fn what_two_hold_stands_although_a_third_was_not_asked() {
        let finding = judge(&story(&[(0, A_HOLDS_ANOTHERS), OWN[1]]), 0);
        assert_eq!((finding.status, finding.samples), (Status::Fail, 3), "{}", finding.note);
        assert!(finding.note.starts_with("C was not asked"), "{}", finding.note);
    }

    #[rstest]
    #[case::not_asked(&|s: &mut Story| s.evidence.events.retain(|event| !matches!(&event.kind, EventKind::KeysListed { node, .. } if node.as_str() == "B")), "B was not asked which keys it holds")]
    #[case::did_not_tell(&|s: &mut Story| s.event(2_021, EventKind::KeysNotListed { node: "B".into(), error: ErrorKind::TimedOut }), "B did not tell its keys: TimedOut")]
    #[case::another_count(&|s: &mut Story| s.evidence.key_lists = KeyLists::of(&[OWN[0], (1, &[]), OWN[2]]), "the list of B does not have the 1 keys that it told")]
    #[case::no_list(&|s: &mut Story| s.evidence.key_lists = KeyLists::default(), "the list of A does not have")]
    #[case::one_master(&|s: &mut Story| { s.hand_over("A", "B"); s.hand_over("B", "C"); s.settled(2_010); }, "no two masters")]
    #[case::never_settled(&|s: &mut Story| s.evidence.events.retain(|event| !matches!(event.kind, EventKind::Settled { .. })), "no two masters")]
    fn who_did_not_tell_all_proves_nothing(#[case] change: &dyn Fn(&mut Story), #[case] words: &str) {
        let mut story = story(&OWN);
        change(&mut story);
        let finding = judge(&story, 0);
        assert_eq!(finding.status, Status::Inconclusive, "{}", finding.note);
        assert!(finding.note.contains(words), "{}", finding.note);
    }

    #[test]
    fn no_keys_no_answer() {
        let mut story = story(&[(0, &[]), (1, &[]), (2, &[])]);
        story.evidence.history.edit(|history| history.retain(|operation| !operation.is_final_read()));
        let finding = judge(&story, 0);
        assert_eq!((finding.status, finding.samples), (Status::Inconclusive, 0));
        assert!(finding.note.contains("nobody held any key"), "{}", finding.note);
    }

    /// A and B both hold four keys.
    #[test]
    fn the_first_three_are_named() {
        let keys = ["app:1", "app:4", "app:7", "app:9"].map(|key| (key, 6_000));
        let finding = judge(&story(&[(0, &keys), (1, &keys), OWN[2]]), 0);
        assert_eq!((finding.status, finding.measured.as_str(), finding.limit.as_str()), (Status::Fail, "4", "0"));
        let held = |key: &str| finding.note.contains(&format!("{key} (place 6000, which B owns) is held by A and B"));
        assert_eq!(["app:1", "app:4", "app:7", "app:9"].map(held), [true, true, true, false], "{}", finding.note);
        assert_eq!(finding.check, "keys held twice <= 0");
    }

    /// A server beside the cluster has a key of the same name.
    #[test]
    fn what_another_system_holds_is_another_key() {
        let mut story = story(&OWN);
        let plan = &mut story.evidence.plan;
        plan.systems.push(plan.systems[0].clone());
        plan.nodes.push(crate::evidence::RecordedNode { name: "D".into(), system: 1, ..plan.nodes[0].clone() });
        story.event(2_021, EventKind::KeysListed { node: "D".into(), keys: 1 });
        story.evidence.key_lists = KeyLists::of(&[OWN[0], OWN[1], OWN[2], (6, OWN[1].1)]);
        let finding = judge(&story, 0);
        assert_eq!((finding.status, finding.measured.as_str()), (Status::Pass, "0"), "{}", finding.note);
    }

    /// One more final read, of a key that nobody told.
    #[rstest]
    #[case::it_was_there(|_: &mut Operation| {}, Status::Inconclusive)]
    #[case::it_was_missing(|read: &mut Operation| read.value = Value::Missing, Status::Pass)]
    #[case::nobody_answered(|read: &mut Operation| read.outcome = Outcome::Fail, Status::Pass)]
    #[case::a_group_is_no_key(|read: &mut Operation| read.data = DataType::Group, Status::Pass)]
    #[case::accounts_are_no_key(|read: &mut Operation| read.data = DataType::Accounts, Status::Pass)]
    #[case::a_client_may_have_removed_it_since(|read: &mut Operation| read.source = OperationSource::Mix { entry: 0, command: 0 }, Status::Pass)]
    fn what_is_served_must_be_told(#[case] change: fn(&mut Operation), #[case] status: Status) {
        let mut story = story(&OWN);
        story.final_read(9, Value::Written(1), Outcome::Ok);
        story.evidence.history.edit(|history| change(history.last_mut().unwrap()));
        assert_eq!(judge(&story, 0).status, status);
    }

    #[test]
    fn no_machine_makes_a_server_keep_a_key() {
        let mut story = story(&[(0, A_HOLDS_ANOTHERS), OWN[1], OWN[2]]);
        story.machine(2_000, |_| late(100.0));
        assert_eq!(KeysHeldTwice { max: 0 }.explained_by_machine(&story.case()), None);
    }

    /// What expires may be gone when it is read, and the other way round nobody knows.
    #[test]
    fn what_expires_need_not_have_been_told() {
        let mut story = story(&[(0, &[]), OWN[1], OWN[2]]);
        story.evidence.plan.loads[0].mix[0].expires = Some(crate::vocab::Duration::from_millis(100));
        assert_eq!(judge(&story, 0).status, Status::Pass);
    }
}
