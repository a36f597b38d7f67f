//! What the scenario language says about its own words.

use super::bounds::{KEYS_MAX, MASTERS_MAX, NODES_MAX, PER_SECOND_MAX, WORKERS_MAX};
use crate::step::condition::Condition;
use crate::step::{Links, Selector, Step, Trigger};
use crate::system::WrittenPosition;
use crate::text::{Vocabulary, Word, WordKind, example_of_field};

/// The vocabulary of scenario files.
#[derive(Clone, Copy, Debug)]
pub struct ScenarioVocabulary;

const KINDS: &[WordKind] = &[
    WordKind { type_name: "Step", noun: "step", a_noun: "a step", home: None, words: Step::WORDS },
    WordKind {
        type_name: "Condition",
        noun: "condition",
        a_noun: "a condition",
        home: Some("a condition is waited for by `Until(condition: {}, within: \"5s\")`"),
        words: Condition::WORDS,
    },
    WordKind {
        type_name: "Links",
        noun: "kind of links",
        a_noun: "a kind of links",
        home: Some("links are cut by `Partition(links: {})`"),
        words: Links::WORDS,
    },
    WordKind {
        type_name: "Trigger",
        noun: "trigger",
        a_noun: "a trigger",
        home: Some("a trigger is waited for by `When(event: {}, within: \"5s\", then: [...])`"),
        words: Trigger::WORDS,
    },
    kind("Selector", "selector", "a selector", Selector::WORDS),
    kind("Slo", "SLO", "an SLO", SLOS),
    kind("Op", "operation", "an operation", OPERATIONS),
    kind("Deployment", "topology", "a topology", &[]),
    kind("Pace", "pace", "a pace", &[]),
    kind("Keys", "key space", "a key space", &[]),
    kind("During", "part of the run", "a part of the run", &[]),
    kind("CutBy", "way to cut", "a way to cut", &[]),
];

const fn kind(type_name: &'static str, noun: &'static str, a_noun: &'static str, words: &'static [Word]) -> WordKind {
    WordKind { type_name, noun, a_noun, home: None, words }
}

const fn word(name: &'static str, example: &'static str) -> Word {
    Word { name, example, documentation: "" }
}

const SLOS: &[Word] = &[
    word("Failover", "Failover(max: \"3s\")"),
    word("Unavailability", "Unavailability(max: \"3s\")"),
    word("MinorityWrites", "MinorityWrites(max: \"3s\")"),
    word("LostWrites", "LostWrites(max: 0)"),
];

const OPERATIONS: &[Word] = &[word("Get", "Get()")];

/// The fields of the scenario itself, of its server, of a load and of a load's client.
const SCENARIO: &[&str] = &["about", "topology", "server", "load", "timeline", "slos", "snapshot", "seed"];
const SERVER: &[&str] = &["binary", "config", "nodes", "storage"];
const LOAD: &[&str] = &["pace", "workers", "mix", "keys", "prefix", "operations", "client"];
const CLIENT: &[&str] = &["timeout", "deadline", "retry_wait"];

/// Where a field belongs that is valid, but not among these.
fn field_home(found: &str, valid: &[&str]) -> Option<String> {
    // The same words may be slips of something else further in.
    let outside = ["mix", "timeline", "binary", "masters"].iter().any(|field| valid.contains(field));
    if valid.contains(&found) {
        None
    } else if let Some(field) = SCENARIO.iter().find(|field| **field == found || field.strip_suffix('s') == Some(found))
    {
        Some(format!("`{field}` is a field of the scenario itself: write it there, not in here"))
    } else if outside && SERVER.contains(&found) {
        Some(format!("`{found}` belongs in `server: ({found}: ...)` of the scenario"))
    } else if outside && found == "per_second" {
        Some("`per_second` belongs in `pace: Open(per_second: ...)` of a load".to_owned())
    } else if outside && CLIENT.contains(&found) {
        Some(format!("`{found}` belongs in `client: ({found}: ...)` of a load"))
    } else if outside && LOAD.contains(&found) {
        Some(format!("`{found}` is a field of a load: `load: [(name: ..., {found}: ...)]`"))
    } else {
        None
    }
}

impl Vocabulary for ScenarioVocabulary {
    fn kinds(&self) -> &[WordKind] {
        KINDS
    }

    fn example(&self, owner: &str, field: &str) -> Option<String> {
        let known = KINDS.iter().flat_map(|kind| kind.words).find(|word| word.name == owner);
        known
            .and_then(|word| example_of_field(word.example, field))
            .or_else(|| example(owner, field).map(str::to_owned))
    }

    fn home_of_field(&self, found: &str, valid: &[&str]) -> Option<String> {
        field_home(found, valid)
    }

    fn range(&self, owner: &str, field: &str) -> Option<String> {
        let most = match (owner, field) {
            ("Uniform", _) => KEYS_MAX,
            (_, "masters") => MASTERS_MAX.into(),
            ("Cluster", "replicas") => {
                return Some(format!("a whole number from 0 to {}", NODES_MAX - 1));
            }
            (_, "replicas") => return Some("a whole number from 1 to the replicas that a master has".to_owned()),
            (_, "workers") => WORKERS_MAX.into(),
            (_, "per_second") => PER_SECOND_MAX,
            (_, WrittenPosition::FIELD) => return Some(WrittenPosition::RANGE.to_owned()),
            (_, "weight" | "operations") => return Some("a whole number, 1 or more".to_owned()),
            _ => return None,
        };
        Some(format!("a whole number from 1 to {most}"))
    }
}

/// An example of the value of a field that no example of a kind shows.
fn example(owner: &str, field: &str) -> Option<&'static str> {
    Some(match (owner, field) {
        ("ErrorRate", "max") => "0.1",
        ("LostWrites", "max") => "0",
        (_, WrittenPosition::FIELD) => WrittenPosition::EXAMPLE,
        (_, "within" | "max" | "timeout" | "deadline") => "\"5s\"",
        (_, "for") => "\"2s\"",
        (_, "node" | "of" | "replica_of") => "\"A\"",
        (_, "select") => "RandomMaster",
        (_, "topology") => "Cluster(masters: 3, replicas: 1)",
        (_, "timeline") => "[Run(for: \"2s\")]",
        (_, "masters") => "3",
        ("LostWrites", "min") | (_, "replicas") => "1",
        (_, "keys") => "Uniform(10_000)",
        (_, "mix") => "[Set(value: \"16B\"), Get()]",
        (_, "value") => "\"16B\"",
        (_, "per_second" | "min") => "1000",
        (_, "quantile") => "99",
        _ => return None,
    })
}
