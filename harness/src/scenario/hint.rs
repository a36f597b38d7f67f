//! What could be written instead of something wrong.

use super::bounds::{KEYS_MAX, MASTERS_MAX, NODES_MAX, PER_SECOND_MAX, WORKERS_MAX};
use super::fault::{TEXT, name_of};
use super::span::{Shape, Tree, ValueId};

/// What stands for a field of which nothing is known.
const ANYTHING: &str = "\"...\"";

/// An example of a field's value.
pub(super) fn example(owner: &str, field: &str) -> &'static str {
    match (owner, field) {
        ("ErrorRate", "max") => "0.1",
        ("LostWrites", "max") | (_, "slot") => "0",
        ("OneWay", "from") => "[\"A\"]",
        ("OneWay", "to") => "[\"B\"]",
        (_, "within" | "max" | "timeout" | "deadline") => "\"5s\"",
        (_, "for") => "\"2s\"",
        (_, "node" | "of" | "replica_of") => "\"A\"",
        (_, "select") => "RandomMaster",
        (_, "condition") => "Healthy",
        (_, "topology") => "Cluster(masters: 3, replicas: 1)",
        (_, "timeline") => "[Run(for: \"2s\")]",
        (_, "masters") => "3",
        ("LostWrites", "min") | (_, "replicas") => "1",
        (_, "keys") => "Uniform(10_000)",
        (_, "mix") => "[Set(value: \"16B\"), Get()]",
        (_, "value") => "\"16B\"",
        (_, "per_second" | "min") => "1000",
        (_, "quantile") => "99",
        (_, "links") => "Isolate(node: \"A\")",
        (_, "sides") => "{\"west\": [\"A\", \"A1\"], \"east\": [\"B\", \"C\", \"B1\", \"C1\"]}",
        _ => ANYTHING,
    }
}

/// A name with what belongs between its parentheses.
pub(super) fn call(name: &str, fields: &[&str]) -> String {
    match name {
        "Get" | "Heal" | "Halves" => format!("{name}()"),
        "Kill" | "Stop" | "Pause" | "Resume" | "Start" | "Wipe" | "Isolate" => format!("{name}(node: \"A\")"),
        "Promoted" | "Failed" | "Refuses" => format!("{name}(\"A\")"),
        "Failover" | "Unavailability" | "MinorityWrites" => format!("{name}(max: \"3s\")"),
        "LostWrites" => "LostWrites(max: 0)".to_owned(),
        "Ring" | "All" => name.to_owned(),
        "Of" => "Of([\"A\"])".to_owned(),
        "Partition" => format!("Partition(links: {})", example(name, "links")),
        "Shape" => "Shape(links: All, delay: \"40ms\")".to_owned(),
        _ if fields.is_empty() => format!("{name}(...)"),
        _ => {
            let written: Vec<_> = fields.iter().map(|field| format!("{field}: {}", example(name, field))).collect();
            format!("{name}({})", written.join(", "))
        }
    }
}

/// Where a word belongs that is valid, but not here.
pub(super) fn misplaced(kind: &str, found: &str) -> Option<String> {
    let links = matches!(found, "Split" | "Isolate" | "Halves" | "Bridge" | "Ring" | "OneWay");
    (links && kind == "step").then(|| format!("links are cut by `Partition(links: {})`", call(found, &[])))
}

/// The fields of the scenario itself, of its server, of a load and of a load's client.
const SCENARIO: &[&str] = &["about", "topology", "server", "load", "timeline", "slos", "snapshot", "seed"];
const SERVER: &[&str] = &["binary", "config", "nodes", "storage"];
const LOAD: &[&str] = &["pace", "workers", "mix", "keys", "prefix", "operations", "client"];
const CLIENT: &[&str] = &["timeout", "deadline", "retry_wait"];

/// Where a field belongs that is valid, but not among these.
pub(super) fn home(found: &str, valid: &[&str]) -> Option<String> {
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

/// The whole numbers that a field takes.
pub(super) fn range(tree: &Tree<'_>, id: ValueId) -> Option<String> {
    let (owner, field) = field_of(tree, id).or_else(|| Some((name_of(tree, tree.value(id).parent?), "")))?;
    let most = match (owner, field) {
        ("Uniform", _) => KEYS_MAX,
        (_, "masters") => MASTERS_MAX.into(),
        ("Cluster", "replicas") => {
            return Some(format!("a whole number from 0 to {}", NODES_MAX - 1));
        }
        (_, "replicas") => return Some("a whole number from 1 to the replicas that a master has".to_owned()),
        (_, "workers") => WORKERS_MAX.into(),
        (_, "per_second") => PER_SECOND_MAX,
        (_, "slot") => return Some("a slot: a whole number from 0 to 16383".to_owned()),
        (_, "weight" | "operations") => return Some("a whole number, 1 or more".to_owned()),
        _ => return None,
    };
    Some(format!("a whole number from 1 to {most}"))
}

/// What could stand in a value's place: mostly the same with, or without, its quotes or brackets.
pub(super) fn instead(tree: &Tree<'_>, id: ValueId, expected: &str) -> Option<String> {
    let value = tree.value(id);
    let written = tree.slice(&value.span);
    let text = tree.string(id);
    let is_number = |text: &&str| text.parse::<f64>().is_ok_and(f64::is_finite);
    match (&value.shape, text.as_deref()) {
        (Shape::Odd, _) if written.starts_with('\'') => Some("use double quotes: `\"...\"`".to_owned()),
        (Shape::Word | Shape::Number, _) if expected == TEXT => Some(format!("write `\"{written}\"`")),
        (Shape::Number, _) if expected.contains("in quotes") => Some(format!("write `\"{written}\"`")),
        (Shape::Text, Some(_)) if expected.starts_with("a list") => Some(format!("write `[{written}]`")),
        (Shape::Paren(items), _) if expected.starts_with("a list") => {
            let fields = items.iter().any(|item| item.name.is_some());
            Some(if fields { "write `[(...)]`: a list of one" } else { "write `[...]`" }.to_owned())
        }
        (Shape::Paren(items), _) if expected.starts_with("a map") && value.name.is_none() => {
            let first = items.first()?;
            let key = tree.identifier(first.name.as_ref()?);
            Some(format!("write `{{ \"{key}\": {} }}`", tree.slice(&tree.value(first.value).span)))
        }
        (Shape::Text, Some(text)) if expected.contains(" number") => {
            let number = Some(text.trim().trim_end_matches('%').trim_end()).filter(is_number);
            number.map(|number| format!("write `{number}`"))
        }
        (Shape::Text, Some(text)) if expected.split([' ', ',']).any(|word| word == text) => {
            Some(format!("write `{text}`, without quotes"))
        }
        _ if expected.starts_with("a map") || expected.starts_with("a key space") => {
            let (owner, field) = field_of(tree, id)?;
            Some(example(owner, field))
                .filter(|shown| *shown != ANYTHING)
                .map(|shown| format!("write `{field}: {shown}`"))
        }
        _ => None,
    }
}

/// Whose field a value is, and which.
fn field_of<'t>(tree: &'t Tree<'_>, id: ValueId) -> Option<(&'t str, &'t str)> {
    let parent = tree.value(id).parent?;
    let Shape::Paren(items) = &tree.value(parent).shape else { return None };
    let name = items.iter().find(|item| item.value == id)?.name.as_ref()?;
    Some((name_of(tree, parent), tree.identifier(name)))
}
