//! The fixtures: what is shown for each broken scenario, and what a good one becomes.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::text::Style;

const GOOD: &str = include_str!("../../../fixtures/scenarios/good/failover_under_load.ron");

fn fixtures(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios").join(kind)
}

/// The scenarios of a directory, under the path that messages are to show.
fn scenarios(kind: &str) -> Vec<(PathBuf, String)> {
    let mut files: Vec<_> = fs::read_dir(fixtures(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "ron"));
    files.sort();
    let shown = |path: &PathBuf| Path::new("scenarios").join(kind).join(path.file_name().unwrap());
    files.iter().map(|path| (shown(path), fs::read_to_string(path).unwrap())).collect()
}

fn snapshots(directory: PathBuf) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(directory);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn broken_scenarios_are_explained() {
    let files = scenarios("broken");
    assert!(files.len() >= 14, "the broken fixtures are there");
    for (path, text) in files {
        let problems = plan_with(&path, &text, Traces::Beside(&fixtures("broken"))).unwrap_err();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        snapshots(fixtures("broken/snapshots")).bind(|| insta::assert_snapshot!(name, problems.render(Style::PLAIN)));
    }
}

#[test]
fn what_is_doubtful_is_warned_of() {
    for (path, text) in scenarios("warned") {
        let plan = plan_with(&path, &text, Traces::Beside(&fixtures("warned")))
            .unwrap_or_else(|problems| panic!("{problems}"));
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let shown = plan.warnings.render(Style::PLAIN);
        snapshots(fixtures("warned/snapshots")).bind(|| insta::assert_snapshot!(name, shown));
    }
}

#[test]
fn good_scenarios_are_explained() {
    for (path, text) in scenarios("good") {
        let plan =
            plan_with(&path, &text, Traces::Beside(&fixtures("good"))).unwrap_or_else(|problems| panic!("{problems}"));
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        snapshots(fixtures("good/snapshots")).bind(|| insta::assert_snapshot!(name, explain(&plan)));
    }
}

#[test]
fn a_plan_is_filled_in() {
    let plan = plan(Path::new("scenarios/good/failover_under_load.ron"), GOOD).unwrap();
    assert_eq!(plan.name, "good/failover_under_load");
    let names: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["A", "B", "C", "A1", "B1", "C1"]);
    let epochs: Vec<_> = plan.nodes.iter().map(|node| node.version).collect();
    assert_eq!(epochs, [1, 2, 3, 0, 0, 0]);
    assert_eq!(plan.nodes[4].config["replica-priority"], "10");
    assert_eq!(plan.nodes[4].config["appendonly"], "yes");
    assert_eq!(
        plan.clients.iter().map(|client| client.ip.to_string()).collect::<Vec<_>>(),
        ["10.128.0.8", "10.128.0.9"]
    );
    assert_eq!(plan.node_timeout_ms(), 1000);
    // Steps on one line still have places of their own.
    let line = |step: usize| plan.steps[step].location;
    assert_eq!(line(0), Location { line: 23, column: 9 });
    assert_eq!((line(10).line, line(11).line), (line(12).line, line(12).line));
    assert!(line(10).column < line(11).column);
    assert_eq!(plan.slos[0].location.column, 9);
}

/// What the first and the second node are configured with.
#[rstest]
#[case::the_same(Some("1000"), Some("1000"), 1_000)]
#[case::the_second_is_slower(Some("1000"), Some("3000"), 3_000)]
#[case::the_first_is_slower(Some("3000"), Some("1000"), 3_000)]
#[case::the_second_by_default(Some("1000"), None, 15_000)]
fn the_longest_node_timeout_counts(#[case] first: Option<&str>, #[case] second: Option<&str>, #[case] ms: u64) {
    let mut plan = plan(Path::new("scenarios/good/failover_under_load.ron"), GOOD).unwrap();
    plan.nodes.truncate(2);
    for (node, timeout) in plan.nodes.iter_mut().zip([first, second]) {
        node.config.remove("cluster-node-timeout");
        node.config.extend(timeout.map(|timeout| ("cluster-node-timeout".to_owned(), timeout.to_owned())));
    }
    assert_eq!(plan.node_timeout_ms(), ms);
}

#[test]
fn coloured_and_plain_say_the_same() {
    for (path, text) in scenarios("broken") {
        let problems = plan(&path, &text).unwrap_err();
        let coloured = problems.render(Style { colour: true, ..Style::PLAIN });
        assert!(coloured.contains("\u{1b}["));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), problems.render(Style::PLAIN));
    }
}

/// A long line is cut around the mistake.
#[test]
fn excerpts_are_as_wide_as_they_may_be() {
    let about = "a word and ".repeat(30);
    let text = format!("(about: \"{about}\", topolgy: Cluster(masters: 3, replicas: 1), timeline: [], x: \"{about}\")");
    let problems = plan(Path::new("scenarios/x/y.ron"), &text).unwrap_err();
    for columns in [60, 100] {
        let shown = problems.render(Style { colour: false, columns });
        let excerpts = shown.lines().filter(|line| line.contains(" | ")).map(|line| line.chars().count());
        assert!(excerpts.max().is_some_and(|widest| (columns / 2..=columns).contains(&widest)), "{shown}");
        assert!(shown.contains("topolgy"), "{shown}");
    }
}

/// A floor above what open loops ask for is never reached; a closed loop asks for as much as it gets.
#[rstest]
#[case::more(&[Some(100), Some(200)], "Get()", 301.0, Some("no load asks for that much: the loads demand at most 300 operations a second together"))]
#[case::as_much(&[Some(100), Some(200)], "Get()", 300.0, None)]
#[case::two_operations_an_entry(&[Some(100)], "SetThenGet(value: \"16B\")", 200.0, None)]
#[case::more_than_two(&[Some(100)], "SetThenGet(value: \"16B\")", 201.0, Some("demand at most 200 operations a second"))]
#[case::closed(&[Some(100), None], "Get()", 9000.0, None)]
fn a_throughput_that_nobody_asks_for_is_refused(
    #[case] rates: &[Option<u32>],
    #[case] op: &str,
    #[case] min: f64,
    #[case] message: Option<&str>,
) {
    let pace = |rate: &Option<u32>| rate.map_or("Closed".to_owned(), |rate| format!("Open(per_second: {rate})"));
    let load = |(index, rate): (usize, &Option<u32>)| {
        format!("(name: \"l{index}\", pace: {}, mix: [{op}], keys: Uniform(100)),", pace(rate))
    };
    let loads: String = rates.iter().enumerate().map(load).collect();
    let text = format!(
        "(about: \"\", topology: Cluster(masters: 3, replicas: 1), load: [{loads}], timeline: [Run(for: \"2s\")], \
         slos: [Throughput(min: {min})])"
    );
    let problems = plan(Path::new("scenarios/x/y.ron"), &text).err().map(|problems| problems.to_string());
    assert_eq!(problems.is_some(), message.is_some(), "{problems:?}");
    let shown = problems.unwrap_or_default();
    assert!(shown.contains(message.unwrap_or_default()), "{shown}");
}

/// What a careful author writes must not be refused.
#[rstest]
#[case::rolling_restart(r#"Stop(node: "A1"), Start(node: "A1"), Stop(node: "B1"), Start(node: "B1"), Until(condition: Healthy, within: "9s")"#)]
#[case::failed_then_promoted(
    r#"Kill(node: "A"), Until(condition: Failed("A"), within: "9s"), Until(condition: Promoted("A1"), within: "9s"),
       Start(node: "A"), Until(condition: Replicates(node: "A", of: "A1"), within: "9s"),
       Kill(node: "A1"), Until(condition: Promoted("A"), within: "9s"), Start(node: "A1")"#
)]
#[case::frozen(
    r#"Pause(node: "A"), Until(condition: Promoted("A1"), within: "9s"), Resume(node: "A"), Kill(node: "A")"#
)]
#[case::killed_while_paused(r#"Pause(node: "A"), Kill(node: "A"), Wipe(node: "A"), Wipe(node: "A"), Start(node: "A")"#)]
#[case::chosen(
    r#"Kill(select: MasterOf(slot: 0)), Until(condition: Promoted("A1"), within: "9s"), Start(node: "A"),
       Kill(select: RandomMaster), Until(condition: Failed("B"), within: "9s"), Start(select: Down), Start(select: Down)"#
)]
#[case::all_down(r#"Kill(select: Masters), Until(condition: Down, within: "9s"), Start(select: Down)"#)]
#[case::shard_lost(
    r#"Kill(node: "A"), Kill(node: "A1"), Until(condition: Down, within: "9s"), Start(select: Down),
       Until(condition: Healthy, within: "9s")"#
)]
#[case::moved(
    r#"Kill(node: "A1"), Wipe(select: Down), Start(select: Down), Join(node: "A1", replica_of: "B"), Kill(node: "B"),
       Until(condition: Promoted("A1"), within: "9s"), Kill(node: "A"), Until(condition: Down, within: "9s")"#
)]
#[case::already_a_master(r#"Until(condition: Promoted("A"), within: "9s"), Until(condition: Synced, within: "9s")"#)]
fn sound_timelines_are_accepted(#[case] timeline: &str) {
    let text = format!(r#"(about: "", topology: Cluster(masters: 3, replicas: 1), timeline: [{timeline}])"#);
    if let Err(problems) = plan(Path::new("scenarios/x/y.ron"), &text) {
        panic!("{problems}");
    }
}

/// Sizes that would keep the run or its judging from ever ending.
#[rstest]
#[case::keys("keys: Uniform(10000000)", "pace: Open(per_second: 1000000)", &[])]
#[case::too_many_keys("keys: Uniform(10000001)", "pace: Closed", &[("Uniform", "10000001 keys are too many", "at most 10000000 keys")])]
#[case::too_fast("keys: Uniform(9)", "pace: Open(per_second: 1000001)", &[("1000001", "1000001 operations a second are too many", "at most 1000000 a second")])]
fn a_load_has_bounds(#[case] keys: &str, #[case] pace: &str, #[case] expected: &[(&str, &str, &str)]) {
    let text = format!(
        r#"(about: "", topology: Cluster(masters: 3, replicas: 1), timeline: [Run(for: "1s")],
           load: [(name: "a", mix: [Get()], {keys}, {pace})])"#
    );
    let problems = plan(Path::new("scenarios/x/y.ron"), &text);
    let problems = problems.as_ref().err().map_or(&[][..], |problems| problems.list());
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, (place, message, help)) in problems.iter().zip(expected) {
        assert!(text[problem.span.clone()].contains(place), "{}", &text[problem.span.clone()]);
        assert_eq!(problem.message, *message);
        assert!(format!("{problem:?}").contains(help), "{problem:?}");
    }
}

/// A slip in one step must not make the next ones look wrong.
#[rstest]
#[case::unknown_node(r#"Kill(node: "Q"), Start(node: "A")"#, 1)]
#[case::both(r#"Kill(node: "A", select: Masters), Start(node: "A")"#, 1)]
#[case::neither(r#"Kill(), Start(node: "A")"#, 1)]
#[case::misspelt_field(r#"Kill(nod: "A"), Start(node: "A")"#, 1)]
#[case::misspelt_step(r#"Kil(node: "A"), Start(node: "A")"#, 1)]
#[case::no_unit(r#"Run(for: 5), Kill(node: "A"), Kill(node: "A")"#, 1)]
#[case::unclosed(r#"Kill(node: "A", Start(node: "A")"#, 1)]
fn a_slip_is_reported_once(#[case] timeline: &str, #[case] count: usize) {
    let text = format!(
        "(about: \"\", topology: Cluster(masters: 3, replicas: 1), timeline: [{timeline}],\n\
         slos: [Latency(quantile: 99, max: \"1s\", during: Fault)], load: [(name: \"a\", mix: [Get()], keys: Uniform(9))])"
    );
    let problems = plan(Path::new("scenarios/x/y.ron"), &text).unwrap_err();
    assert_eq!(problems.list().len(), count, "{problems}");
}

#[rstest]
#[case::topology(
    "topology: Cluster(masters: 3, replica: 1)",
    r#"Kill(node: "A"), Until(condition: Promoted("A1"), within: "5s")"#
)]
#[case::topology_name("topolgy: Cluster(masters: 3, replicas: 1)", r#"Kill(node: "A9")"#)]
#[case::topology_gone("topology: Clust", r#"Kill(node: "A9")"#)]
fn a_broken_topology_does_not_make_names_unknown(#[case] topology: &str, #[case] timeline: &str) {
    let text = format!(r#"(about: "", {topology}, timeline: [{timeline}])"#);
    let problems = plan(Path::new("scenarios/x/y.ron"), &text).unwrap_err();
    assert_eq!(problems.list().len(), 1, "{problems}");
}

/// Whatever the text is: a plan, or problems that can be shown.
fn never_panics(text: &str) {
    match plan(Path::new("scenarios/x/y.ron"), text) {
        Ok(plan) => assert!(!explain(&plan).is_empty()),
        Err(problems) => {
            assert!(!problems.list().is_empty());
            for problem in problems.list() {
                assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
            }
            let shown = problems.render(Style::PLAIN);
            assert!(shown.lines().last().is_some_and(|line| line.contains(" in scenarios/x/y.ron")), "{shown}");
        }
    }
}

/// A change to a text: where, of how many characters, and what comes instead.
fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    let pieces = r#"[(){}\[\]:,;"'#/*\\ r\n]{0,2}|[a-zA-Z0-9.é]{0,3}|Some\(|None|"A"|-1|NaN"#;
    prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, pieces), 1..6)
}

fn edited(text: &str, edits: Vec<(prop::sample::Index, usize, String)>) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (index, length, piece) in edits {
        let start = index.index(chars.len() + 1);
        let end = (start + length).min(chars.len());
        chars.splice(start..end, piece.chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        never_panics(&text);
    }

    #[test]
    fn any_punctuation_is_survived(text in r#"([(){}\[\]:,;"'#/*\\\n ]|r#|b"|/\*|Kill|node|1|é|"A"|about){0,60}"#) {
        never_panics(&text);
    }

    #[test]
    fn an_edited_scenario_is_survived(edits in edits()) {
        never_panics(&edited(GOOD, edits));
    }

    #[test]
    fn cutting_a_scenario_off_is_survived(end in 0..GOOD.len()) {
        never_panics(GOOD.get(..end).unwrap_or(""));
    }
}

#[test]
fn deep_nesting_is_survived() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{1:", "}"), ("/*", "*/"), ("Some(", ")"), ("a:(", ")")] {
        never_panics(&open.repeat(20_000));
        never_panics(&format!("{}{}", open.repeat(20_000), close.repeat(20_000)));
        never_panics(&format!("(about: {}{})", open.repeat(200), close.repeat(200)));
    }
}
