//! The scanner and the decoder against RON itself.

use proptest::prelude::*;
use rstest::rstest;

use super::decode::decode;
use super::scan::scan;
use super::*;
use crate::scenario::{Scenario, ScenarioVocabulary};

const GOOD: &str = include_str!("../../../fixtures/scenarios/good/failover_under_load.ron");
const NETWORK: &str = include_str!("../../../fixtures/scenarios/good/network.ron");

/// What the scanner and the decoder make of a text, if they find nothing wrong with it.
fn decoded(text: &str) -> Option<Scenario> {
    let (tree, problems) = scan(text);
    let decoded = decode::<Scenario>(&tree, &ScenarioVocabulary);
    decoded.content.filter(|_| problems.is_empty() && decoded.problems.is_empty())
}

#[rstest]
#[case(GOOD)]
#[case(NETWORK)]
fn the_decoder_agrees_with_ron_on_a_valid_file(#[case] text: &str) {
    assert!(decoded(text).is_some());
    assert_eq!(decoded(text), options().from_str(text).ok());
}

#[rstest]
#[case::implicit_some(r#"slow: "1s""#, true)]
#[case::explicit_some(r#"slow: Some("1s")"#, true)]
#[case::none("slow: None", true)]
#[case::raw_string(r##"prefix: r#"a"b"#"##, true)]
#[case::escapes(r#"prefix: "\u{e9}\n\x41""#, true)]
#[case::bad_escape(r#"prefix: "\q""#, false)]
#[case::hexadecimal("workers: 0x10", true)]
#[case::suffix("workers: 4u16", true)]
#[case::negative("workers: -4", false)]
#[case::fraction("workers: 4.0", false)]
#[case::struct_name("client: Client(timeout: \"1s\")", true)]
#[case::raw_name("r#workers: 4", true)]
#[case::comment("workers /* a /* b */ */ : // c\n 4", true)]
#[case::byte_string("prefix: b\"a\"", false)]
#[case::character("prefix: 'a'", false)]
#[case::unit("pace: Closed()", false)]
#[case::nested("pace: Open((per_second: 1))", false)]
fn the_decoder_agrees_with_ron(#[case] field: &str, #[case] valid: bool) {
    let text = format!(
        "#![enable(implicit_some)]\n(about: \"\", topology: Cluster(masters: 1, replicas: 0,), timeline: [], \
         load: [(name: \"a\", mix: [], keys: Uniform(1), {field})])"
    );
    let by_ron = options().from_str::<Scenario>(&text).ok();
    assert_eq!(by_ron.is_some(), valid);
    assert_eq!(decoded(&text), by_ron);
    let read = read::<Scenario>(&text, &ScenarioVocabulary);
    assert_eq!(read.problems.is_empty() && read.look_alikes.is_empty(), valid);
}

/// The first message is the right one, and nothing follows that only comes from it.
#[rstest]
#[case::yaml_document("---\nabout: x\n", &["this looks like YAML, and a scenario is RON"])]
#[case::no_parentheses("about: \"\",\ntopology: Cluster(masters: 1, replicas: 0),\n", &["the fields of a scenario stand in parentheses"])]
#[case::json_in_one_line("  {\"about\" : 1}", &["this looks like JSON, and a scenario is RON"])]
#[case::dash_in_a_word("(about\u{2011}x: \"\")", &["`\u{2011}` (U+2011) is not the `-` that it looks like"])]
#[case::invisible_in_a_word("(abo\u{200B}ut: \"\")", &["an invisible character (U+200B) stands here"])]
#[case::closed_by_another_quote("(about: \"\u{201D},\n topology: Clus", &["this string is never closed"])]
#[case::look_alikes_in_text("(about: \"\u{201C}\u{A0}#\u{201D}\", // \u{2014} '\n topology: Cluster(masters: 1, replicas: 0), timeline: [], x: 1)", &["unknown field `x` in the scenario"])]
#[case::hash_in_a_raw_string("(about: r#\"# \"#, topology: Cluster(masters: 1, replicas: 0), r#timeline: [], x: 1)", &["unknown field `x` in the scenario"])]
#[case::braces("{about: \"\", topology: Cluster(masters: 1, replicas: 0), timeline: []}", &["fields stand in parentheses, not in braces"])]
#[case::toml("about = \"x\"\n[topology]\nmasters = 3\n", &["this looks like TOML, and a scenario is RON"])]
#[case::keys_without_quotes("(about: \"\", topology: Cluster(masters: 1, replicas: 0), timeline: [], server: (config: {appendonly: \"yes\"}))", &["expected a map in braces, `{ \"key\": value }`"])]
#[case::no_quotes("(about: \"\", topology: Cluster(masters: 1, replicas: 0), timeline: [Run(for: 2s)])", &["expected a duration with its unit in quotes, such as \"500ms\" or \"2s\""])]
#[case::singular("(about: \"\", topology: Cluster(masters: 1, replicas: 0), timeline: [], load: [(name: \"a\", mix: [], keys: Uniform(1), slo: [])])", &["unknown field `slo` in `load[0]`"])]
fn what_is_wrong_is_said_once(#[case] text: &str, #[case] expected: &[&str]) {
    let read = read::<Scenario>(text, &ScenarioVocabulary);
    let messages: Vec<_> =
        read.look_alikes.iter().chain(&read.problems).map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, expected);
}

#[test]
fn a_path_has_its_span() {
    let (tree, _) = scan(GOOD);
    let text = |span: Span| &GOOD[span];
    let timeline = tree.root().field("timeline");
    assert_eq!(text(timeline.index(1).span()), r#"Kill(node: "A")"#);
    assert_eq!(text(timeline.index(1).head()), "Kill");
    assert_eq!(text(timeline.index(1).field("node").span()), r#""A""#);
    assert_eq!(timeline.index(1).field_name("node").map(text), Some("node"));
    assert_eq!(tree.path(&timeline.index(1).field("node").span()), "timeline[1].Kill.node");
    assert_eq!(text(tree.root().field("slos").index(0).span()), r#"Failover(max: "3s")"#);
    let node = tree.root().field("server").field("nodes").key("B1");
    assert_eq!(text(node.span()), r#""B1""#);
    assert_eq!(text(tree.root().field("load").index(0).field("slow").span()), r#""100ms""#, "inside Some");
    assert!(!timeline.index(99).is_exact());
    assert_eq!(timeline.index(99).span(), timeline.span(), "what is not there is pointed at from outside");
}

#[test]
fn columns_are_characters() {
    assert_eq!(line_and_column("é\nüx", 5), (2, 2));
    assert_eq!(line_and_column("", 7), (1, 1));
    let mut lines = Lines::new("é\nüx");
    assert_eq!([5, 0, 2, 3].map(|offset| lines.line_and_column(offset)), [(2, 2), (1, 1), (1, 2), (2, 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// What RON accepts the decoder accepts too, else spans of valid files would be missing; and what RON refuses it
    /// refuses too, else there would be no place to point at.
    #[test]
    fn small_edits_are_judged_as_ron_judges(at in 0..GOOD.len(), length in 0_usize..6, piece in r#"[ ,()"a1/\n:\[\]{}]{0,3}"#) {
        let end = (at + length).min(GOOD.len());
        let text = format!("{}{piece}{}", GOOD.get(..at).unwrap_or(""), GOOD.get(end..).unwrap_or(""));
        prop_assert_eq!(decoded(&text), options().from_str::<Scenario>(&text).ok());
    }

    #[test]
    fn every_value_lies_in_the_text(text in any::<String>()) {
        let (tree, _) = scan(&text);
        for value in &tree.values {
            prop_assert!(text.get(value.span.clone()).is_some());
        }
    }
}
