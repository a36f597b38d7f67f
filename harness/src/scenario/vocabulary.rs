//! What the scenario language says about its own words.

use super::bounds::{KEYS_MAX, MASTERS_MAX, NODES_MAX, PIPELINE_MAX, WORKERS_MAX};
use crate::check::Slo;
use crate::load::pace::PER_SECOND_MAX;
use crate::load::preset::Preset;
use crate::load::{Keys, LoadPace, Op};
use crate::step::condition::Condition;
use crate::step::{Links, Selector, Step, Trigger};
use crate::system::WrittenPosition;
use crate::text::{Vocabulary, WordKind, example_of_field};

/// The vocabulary of scenario files.
#[derive(Clone, Copy, Debug)]
pub struct ScenarioVocabulary;

const KINDS: &[WordKind] = &[
    WordKind {
        type_name: "Step",
        noun: "step",
        a_noun: "a step",
        meaning: "what it does",
        home: None,
        words: Step::WORDS,
    },
    WordKind {
        type_name: "Condition",
        noun: "condition",
        a_noun: "a condition",
        meaning: "holds when",
        home: Some("a condition is waited for by `Until(condition: {}, within: \"5s\")`"),
        words: Condition::WORDS,
    },
    WordKind {
        type_name: "Links",
        noun: "kind of links",
        a_noun: "a kind of links",
        meaning: "all links",
        home: Some("links are cut by `Partition(links: {})`"),
        words: Links::WORDS,
    },
    WordKind {
        type_name: "Trigger",
        noun: "trigger",
        a_noun: "a trigger",
        meaning: "is seen when",
        home: Some("a trigger is waited for by `When(event: {}, within: \"5s\", then: [...])`"),
        words: Trigger::WORDS,
    },
    WordKind {
        type_name: "Selector",
        noun: "selector",
        a_noun: "a selector",
        meaning: "what it means",
        home: None,
        words: Selector::WORDS,
    },
    WordKind {
        type_name: "Slo",
        noun: "SLO",
        a_noun: "an SLO",
        meaning: "what is measured",
        home: None,
        words: Slo::WORDS,
    },
    WordKind {
        type_name: "Op",
        noun: "operation",
        a_noun: "an operation",
        meaning: "what it does",
        home: None,
        words: Op::WORDS,
    },
    kind("Deployment", "topology", "a topology"),
    kind("Placement", "placement of sentinels", "a placement of sentinels"),
    WordKind {
        type_name: "LoadPace",
        noun: "pace",
        a_noun: "a pace",
        meaning: "when operations start",
        home: Some("a pace is a load's: `pace: {}`"),
        words: LoadPace::WORDS,
    },
    WordKind {
        type_name: "Keys",
        noun: "key space",
        a_noun: "a key space",
        meaning: "which keys",
        home: Some("a key space is a load's: `keys: {}`"),
        words: Keys::WORDS,
    },
    WordKind {
        type_name: "Preset",
        noun: "preset",
        a_noun: "a preset",
        meaning: "how it behaves",
        home: Some("a preset is a client's: `client: (preset: {})`"),
        words: Preset::WORDS,
    },
    kind("KeyPlace", "place of keys", "a place of keys"),
    kind("Refresh", "reason to ask who owns what", "a reason to ask who owns what"),
    kind("ReadsFrom", "choice of nodes to read from", "a choice of nodes to read from"),
    kind("Connections", "way to connect", "a way to connect"),
    kind("ResyncKind", "way to bring a replica level", "a way to bring a replica level"),
    kind("During", "part of the run", "a part of the run"),
    kind("CutBy", "way to cut", "a way to cut"),
    kind("ServerPort", "port", "a port"),
    kind("Tls", "use of TLS", "a use of TLS"),
    kind("DataFile", "file of a server", "a file of a server"),
];

/// A kind whose names explain themselves.
const fn kind(type_name: &'static str, noun: &'static str, a_noun: &'static str) -> WordKind {
    WordKind { type_name, noun, a_noun, meaning: "what it means", home: None, words: &[] }
}

/// The fields of the scenario itself, of its server, of a load and of a load's client.
const SCENARIO: &[&str] = &["about", "topology", "server", "load", "timeline", "slos", "snapshot", "seed"];
const SERVER: &[&str] = &["binary", "image", "config", "nodes", "storage", "tls"];
const LOAD: &[&str] = &[
    "on",
    "pace",
    "workers",
    "threads",
    "per_shard",
    "contended",
    "pipeline",
    "think",
    "idle",
    "connections",
    "mix",
    "keys",
    "prefix",
    "digits",
    "hash_tags",
    "only",
    "preload",
    "operations",
    "client",
];
const CLIENT: &[&str] = &[
    "preset",
    "timeout",
    "deadline",
    "attempts",
    "redirects",
    "retry_wait",
    "retry_wait_max",
    "gives_up",
    "resp",
    "password",
    "reads_from",
    "verifies_role",
    "tls",
];

/// Where a field belongs that is valid, but not among these.
fn field_home(found: &str, valid: &[&str]) -> Option<String> {
    // The same words may be slips of something else further in.
    let outside = ["mix", "timeline", "binary", "masters"].iter().any(|field| valid.contains(field));
    if valid.contains(&found) {
        None
    } else if let Some(field) = SCENARIO.iter().find(|field| **field == found || field.strip_suffix('s') == Some(found))
    {
        Some(format!("`{field}` is a field of the scenario itself: write it there, not in here"))
    } else if found == "tls" && valid.contains(&"mix") {
        Some("`tls` belongs in `client: (tls: ...)` of a load, or in `server: (tls: ...)` of the scenario".to_owned())
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
            ("Uniform" | "Sequential" | "WriteOnce", _) | (_, "keys" | "preload" | "hash_tags") => KEYS_MAX,
            (_, "masters") => MASTERS_MAX.into(),
            ("Cluster", "replicas") => {
                return Some(format!("a whole number from 0 to {}", NODES_MAX - 1));
            }
            (_, "replicas") => return Some("a whole number from 1 to the replicas that a master has".to_owned()),
            (_, "workers" | "threads") | ("Pool", "max") | ("Shared", _) => WORKERS_MAX.into(),
            (_, "pipeline") => PIPELINE_MAX.into(),
            (_, "per_second" | "to" | "starts") => PER_SECOND_MAX,
            (_, WrittenPosition::FIELD) => return Some(WrittenPosition::RANGE.to_owned()),
            (_, "weight" | "operations" | "attempts" | "bytes") => return Some("a whole number, 1 or more".to_owned()),
            _ => return None,
        };
        Some(format!("a whole number from 1 to {most}"))
    }
}

/// An example of the value of a field that no example of a kind shows.
fn example(owner: &str, field: &str) -> Option<&'static str> {
    Some(match (owner, field) {
        (_, WrittenPosition::FIELD) => WrittenPosition::EXAMPLE,
        (_, "within" | "timeout" | "deadline") => "\"5s\"",
        (_, "for") => "\"2s\"",
        (_, "node" | "of" | "replica_of") => "\"A\"",
        (_, "select") => "RandomMaster",
        (_, "topology") => "Cluster(masters: 3, replicas: 1)",
        (_, "timeline") => "[Run(for: \"2s\")]",
        (_, "masters") => "3",
        (_, "replicas") => "1",
        (_, "keys") => "Uniform(10_000)",
        (_, "mix") => "[Set(value: \"16B\"), Get()]",
        (_, "per_second") => "1000",
        ("Pool", "max") => "8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::de::DeserializeOwned;

    use super::*;
    use crate::text::Word;

    /// A kind's names as the reference shows them.
    fn table(kind: &WordKind) -> String {
        let rows = kind.words.iter().map(|word| {
            let meaning = word.documentation.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("| `{}` | {} |\n", word.example, meaning.replace('|', "\\|"))
        });
        format!("| {} | {} |\n|---|---|\n{}", kind.noun, kind.meaning, rows.collect::<String>())
    }

    /// The text with what stands between a kind's marks replaced by its table.
    fn with_table(text: &str, kind: &WordKind) -> String {
        let (begin, end) = (format!("<!-- {}: made from the code -->\n", kind.type_name), "<!-- end -->");
        let Some((before, rest)) = text.split_once(&begin) else { return text.to_owned() };
        let (_, after) = rest.split_once(end).unwrap();
        format!("{before}{begin}{}{end}{after}", table(kind))
    }

    /// `UPDATE_REFERENCE=1 cargo test --lib reference` writes it anew.
    #[test]
    fn the_reference_is_made_from_the_kinds() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference.md");
        let written = std::fs::read_to_string(&path).unwrap();
        let made = KINDS.iter().fold(written.clone(), |text, kind| with_table(&text, kind));
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(path, made).unwrap();
        } else {
            assert!(written == made, "docs/reference.md is old: `UPDATE_REFERENCE=1 cargo test --lib reference`");
        }
        for kind in KINDS.iter().filter(|kind| kind.words.iter().any(|word| !word.documentation.is_empty())) {
            assert!(written.contains(&format!("<!-- {}:", kind.type_name)), "no table of {}", kind.type_name);
        }
    }

    /// Every example is of its kind, and the kind is in the vocabulary.
    fn assert_examples<T: DeserializeOwned>(type_name: &str, words: &[Word], name: fn(&T) -> &'static str) {
        let kind = KINDS.iter().find(|kind| kind.type_name == type_name).unwrap();
        assert_eq!(kind.words, words);
        for word in words {
            let read = crate::text::options().from_str(word.example);
            let read: T = read.unwrap_or_else(|error| panic!("{}: {error}", word.example));
            assert_eq!(name(&read), word.name);
        }
    }

    #[test]
    fn every_example_is_read_as_what_it_shows() {
        assert_examples("Step", Step::WORDS, Step::name);
        assert_examples("Condition", Condition::WORDS, Condition::name);
        assert_examples("Links", Links::WORDS, Links::name);
        assert_examples("Trigger", Trigger::WORDS, Trigger::name);
        assert_examples("Slo", Slo::WORDS, Slo::name);
        assert_examples("Op", Op::WORDS, Op::name);
        assert_examples("LoadPace", LoadPace::WORDS, LoadPace::name);
        assert_examples("Keys", Keys::WORDS, Keys::name);
        assert_examples("Preset", Preset::WORDS, Preset::name);
    }
}
