//! The house rules that no compiler holds: which module may use which, that nothing uses itself in a circle, that a name means
//! one thing, and that every file is formatted.

#[path = "house/graph.rs"]
mod graph;
#[path = "house/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use rstest::rstest;
use source::{Kind, Source, Use};

/// The table of modules in ARCHITECTURE.md. A module may always use itself.
const MAY_USE: &[(&str, &[&str])] = &[
    ("vocab", &[]),
    ("evidence", &["vocab"]),
    ("text", &["vocab"]),
    ("validate", &["text", "evidence", "vocab"]),
    ("network", &["evidence", "vocab"]),
    ("provider", &["network", "evidence", "vocab"]),
    ("system", &["provider", "evidence", "vocab"]),
    ("load", &["text", "network", "system", "evidence", "vocab"]),
    ("observe", &["system", "evidence", "vocab"]),
    ("step", &["text", "validate", "network", "provider", "system", "load", "observe", "evidence", "vocab"]),
    ("check", &["text", "evidence", "vocab"]),
    ("scenario", &["text", "check", "load", "step", "system", "vocab"]),
    ("plan", &["text", "validate", "scenario", "check", "step", "load", "provider", "system", "evidence", "vocab"]),
    ("run", &["plan", "network", "provider", "system", "step", "load", "observe", "evidence", "vocab"]),
    ("verdict", &["check", "evidence", "vocab"]),
    ("present", &["evidence", "verdict", "vocab"]),
    (
        "suite",
        &["plan", "text", "scenario", "load", "run", "provider", "system", "evidence", "verdict", "present", "vocab"],
    ),
];

/// The modules that know what a Redis Cluster is and where its hosts are; for all others there are shards and hosts.
const KNOW_THE_CLUSTER: [&str; 3] = ["system", "provider", "network"];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn source() -> &'static Source {
    static SOURCE: LazyLock<Source> = LazyLock::new(|| Source::read(&top().join("harness/src")));
    &SOURCE
}

/// The uses of one module by another that the table does not allow.
fn forbidden_uses(source: &Source, table: &[(&str, &[&str])]) -> Vec<String> {
    let table: BTreeMap<_, _> = table.iter().copied().collect();
    let uses = source.uses().into_iter().filter(|each| !each.from.is_empty());
    let forbidden = uses.filter_map(|each| {
        let (from, to) = (&*each.from[0], &*each.to[0]);
        let allowed = table.get(from).unwrap_or_else(|| panic!("module `{from}` is not in the table"));
        let may = from == to || allowed.contains(&to);
        (!may).then(|| format!("{}: {from} may not use {to}", place(source, &each)))
    });
    forbidden.collect()
}

/// The circles between modules: which modules, and a use for each step between two of them.
fn module_circles(source: &Source) -> Vec<String> {
    let between: Vec<_> = source.uses().into_iter().filter(|each| !each.from.is_empty()).collect();
    let between: Vec<_> = between.into_iter().filter(|each| each.from[0] != each.to[0]).collect();
    let circles = graph::circles(between.iter().map(|each| (each.from[0].clone(), each.to[0].clone())));
    circles
        .iter()
        .map(|circle| {
            let mut steps = BTreeMap::new();
            for each in between.iter().filter(|each| circle.contains(&each.from[0]) && circle.contains(&each.to[0])) {
                steps.entry((&each.from[0], &each.to[0])).or_insert_with(|| place(source, each));
            }
            let steps: Vec<_> =
                steps.iter().map(|((from, to), place)| format!("\n  {from} -> {to} ({place})")).collect();
            format!("the modules {} use each other:{}", listed(circle), steps.concat())
        })
        .collect()
}

/// The circles between files of one module, but for those of a file and what is inside it.
fn file_circles(source: &Source) -> Vec<String> {
    let is_family = |each: &Use| each.to.starts_with(&each.from) || each.from.starts_with(&each.to);
    let uses: Vec<_> = source.uses().into_iter().filter(|each| !is_family(each)).collect();
    let inside: Vec<_> = uses.iter().filter(|each| each.from[0] == each.to[0]).collect();
    let circles = graph::circles(inside.iter().map(|each| (each.from.clone(), each.to.clone())));
    circles
        .iter()
        .map(|circle| {
            let steps = inside.iter().filter(|each| circle.contains(&each.from) && circle.contains(&each.to));
            let steps: Vec<_> =
                steps.map(|each| format!("\n  {} -> {}", place(source, each), each.to.join("::"))).collect();
            format!("{} use each other:{}", listed(circle.iter().map(|path| path.join("::"))), steps.concat())
        })
        .collect()
}

/// The names of public types that two modules have.
fn types_of_one_name(source: &Source) -> Vec<String> {
    let mut by_name = BTreeMap::<&str, BTreeMap<&str, String>>::new();
    for (path, name, line) in source.public_types() {
        let Some(module) = path.first() else { continue };
        let place = format!("{}:{line}", source.modules[path].file);
        by_name.entry(name).or_default().entry(module).or_insert(place);
    }
    let several = by_name.into_iter().filter(|(_, modules)| modules.len() > 1);
    several.map(|(name, modules)| format!("{name}: {}", modules.into_values().collect::<Vec<_>>().join(", "))).collect()
}

/// Where code outside of the modules that know the cluster names a slot, an epoch, a cluster command or the lab's network.
fn cluster_words(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (path, module) in &source.modules {
        if path.first().is_none_or(|name| KNOW_THE_CLUSTER.contains(&&**name)) {
            continue;
        }
        let mut named = BTreeMap::<_, Vec<_>>::new();
        for token in module.tokens() {
            let text = match &token.kind {
                Kind::Word(text) | Kind::Literal(text) => text,
                Kind::Symbol(_) => continue,
            };
            for word in cluster_words_in(text) {
                named.entry(word).or_default().push(token.line);
            }
        }
        found.extend(named.iter().map(|(word, lines)| format!("{}: {word} at {}", module.file, listed(lines))));
    }
    found
}

fn cluster_words_in(text: &str) -> Vec<&'static str> {
    // The second is an error reply's name, as CLUSTERDOWN is.
    let lower = text.to_lowercase().replace("unix_epoch", "").replace("crossslot", "");
    let has = |word: &str| lower.contains(word);
    // As a word of its own: `CLUSTER NODES`, not `ClusterState` or `cluster-node-timeout`.
    let has_command = text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| word == "CLUSTER");
    let words = [("slot", has("slot")), ("epoch", has("epoch")), ("CLUSTER", has_command), ("10.128", has("10.128"))];
    words.into_iter().filter(|(_, found)| *found).map(|(word, _)| word).collect()
}

fn place(source: &Source, each: &Use) -> String {
    format!("{}:{}", source.modules[&each.from].file, each.line)
}

fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn assert_none(offences: &[String]) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

#[test]
fn modules_use_only_what_they_may() {
    let source = source();
    let uses = source.uses().len();
    assert!(uses > 200, "only {uses} uses found: the rule looks at nothing");
    assert_none(&forbidden_uses(source, MAY_USE));
}

#[test]
fn no_module_uses_itself_in_a_circle() {
    assert_none(&module_circles(source()));
}

#[test]
fn no_file_uses_itself_in_a_circle() {
    assert_none(&file_circles(source()));
}

#[test]
fn no_two_modules_have_a_type_of_the_same_name() {
    assert_none(&types_of_one_name(source()));
}

#[test]
fn only_the_system_and_the_network_know_the_cluster() {
    assert_none(&cluster_words(source()));
}

#[test]
fn the_table_of_modules_is_the_one_in_the_architecture() {
    let text = fs::read_to_string(top().join("ARCHITECTURE.md")).expect("a file");
    for (module, others) in MAY_USE {
        let row = text.lines().find(|line| line.starts_with(&format!("| `{module}` |")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for `{module}`"));
        let cell = row.trim_end_matches('|').rsplit('|').next().expect("a cell");
        let written: BTreeSet<_> = cell.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "-")).collect();
        assert_eq!(written, others.iter().copied().collect(), "the row of `{module}`");
    }
}

/// Cargo formats what `mod` declarations lead to. A file that a macro declares is reached only by its own name.
#[test]
fn every_file_is_formatted() {
    let directories = ["harness/src", "harness/examples", "tests", "snapshots"];
    let files: Vec<_> = directories.iter().flat_map(|directory| source::rust_files(&top().join(directory))).collect();
    let checked = Command::new("rustfmt").args(["--check", "--edition", "2024"]).args(&files).output();
    let must = std::env::var_os("REQUIRE_ALL").is_some_and(|value| value == "1");
    match checked {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        // Toolchains of the minimal profile have none.
        Err(error) => assert!(!must, "rustfmt: {error}"),
    }
}

/// A crate without an offence, and what each case changes of it.
const CRATE: [(&str, &str); 7] = [
    ("lib.rs", "pub mod base; pub mod left; pub mod right;"),
    ("base/mod.rs", "mod part; pub use part::Part; pub(crate) struct Whole(Part);"),
    ("base/part.rs", "use super::Whole; pub struct Part(Box<Whole>);"),
    ("left/mod.rs", "mod one; mod two; pub use one::One; pub use two::Two;"),
    ("left/one.rs", "//! Of CLUSTER SLOTS\nuse crate::base::{self, Part as P}; pub struct One(P);"),
    ("left/two.rs", "use super::One;\npub struct Two(One);\n#[cfg(test)]\nmod tests { use crate::right::Right; }"),
    ("right.rs", "use crate::{base::Part, left};\npub struct Right(left::Two, Part);"),
];

fn changed(file: &str, text: &str) -> Source {
    let change = |(name, before)| if name == file { (name, text) } else { (name, before) };
    Source::of(&CRATE.map(change))
}

const TABLE: &[(&str, &[&str])] = &[("base", &[]), ("left", &["base"]), ("right", &["base", "left"])];

#[test]
fn a_crate_without_an_offence_has_none() {
    let source = Source::of(&CRATE);
    let uses: Vec<_> =
        source.uses().iter().map(|each| format!("{}>{}", each.from.concat(), each.to.concat())).collect();
    let wanted = ["basepart>base", "lefttwo>leftone", "leftone>basepart", "right>lefttwo", "right>basepart"];
    let missing: Vec<_> = wanted.iter().filter(|wanted| !uses.iter().any(|each| each == *wanted)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in {uses:?}");
    let rules: [fn(&Source) -> Vec<String>; 4] = [module_circles, file_circles, types_of_one_name, cluster_words];
    for rule in rules {
        assert_none(&rule(&source));
    }
    assert_none(&forbidden_uses(&source, TABLE));
}

/// Each rule finds the offence that is put in.
#[rstest]
#[case::module(module_circles, "base/part.rs", "use crate::right::Right;", "base, left, right use each other")]
#[case::module_in_an_expression(
    module_circles,
    "base/part.rs",
    "fn f() { crate::left::g(); }",
    "base -> left (base/part.rs:1)"
)]
#[case::module_in_a_macro(
    module_circles,
    "base/part.rs",
    "m!(x => crate::left::g());",
    "base -> left (base/part.rs:1)"
)]
#[case::file(
    file_circles,
    "left/one.rs",
    "use super::two::Two; pub struct One;",
    "left::one, left::two use each other"
)]
#[case::file_by_a_passed_on_name(
    file_circles,
    "left/one.rs",
    "use crate::left::{Two}; pub struct One;",
    "left/one.rs:1 -> left::two"
)]
#[case::type_name(
    types_of_one_name,
    "left/one.rs",
    "pub(crate) enum Part { A }",
    "Part: base/part.rs:1, left/one.rs:1"
)]
#[case::slot(cluster_words, "left/one.rs", "\nfn slot_of() {}", "left/one.rs: slot at 2")]
#[case::epoch(cluster_words, "left/one.rs", "struct ConfigEpoch;", "left/one.rs: epoch at 1")]
#[case::command(cluster_words, "left/one.rs", "const C: &str = \"CLUSTER NODES\";", "left/one.rs: CLUSTER at 1")]
#[case::address(cluster_words, "left/one.rs", "const A: &str = \"10.128.0.1\";", "left/one.rs: 10.128 at 1")]
fn an_offence_is_found(
    #[case] rule: fn(&Source) -> Vec<String>,
    #[case] file: &str,
    #[case] text: &str,
    #[case] told: &str,
) {
    let offences = rule(&changed(file, text));
    assert!(offences.len() == 1 && offences[0].contains(told), "`{told}`: {offences:#?}");
}

#[test]
fn a_use_that_the_table_forbids_is_found() {
    let offences = forbidden_uses(&changed("left/one.rs", "\nuse crate::right::Right;"), TABLE);
    assert_eq!(offences, ["left/one.rs:2: left may not use right"]);
}
