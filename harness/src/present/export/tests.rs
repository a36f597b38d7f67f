use super::*;
use crate::check::testing::{LOAD_STARTS, Story};
use crate::evidence::{OperationEffect, Outcome, Value};

/// Two writes by one worker, of which the first has no outcome, a read by another, and an increment.
fn story() -> Story {
    let mut story = Story::formed();
    story.write(LOAD_STARTS, 1, |write| (write.outcome, write.unknown_attempts) = (Outcome::Unknown, 1));
    let first = story.evidence.history.at(0).value;
    story.write(LOAD_STARTS + 5, 1, |write| write.replaced = Some(first));
    story.write(LOAD_STARTS + 5, 2, |read| (read.effect, read.value) = (OperationEffect::Reads, Value::Missing));
    story.write(LOAD_STARTS + 9, 3, |count| {
        (count.effect, count.value) = (OperationEffect::Increments, Value::Number(1));
    });
    story
}

fn exported(format: ExportFormat) -> (u64, String) {
    let mut out = Vec::new();
    let left_out = export(&story().evidence, format, &mut out).unwrap();
    (left_out, String::from_utf8(out).unwrap())
}

#[test]
fn every_operation_is_a_line_of_json() {
    let (left_out, text) = exported(ExportFormat::Jsonl);
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((left_out, lines.len()), (0, 4));
    assert_eq!((&lines[0]["key"], &lines[0]["outcome"]), (&"app:1".into(), &"unknown".into()));
    assert_eq!(lines[1]["replaced"], lines[0]["value"]);
    assert_eq!((&lines[2]["value"], &lines[2]["writes"]), (&serde_json::Value::Null, &false.into()));
    assert_eq!(lines[3]["value"]["number"], 1);
}

#[test]
fn a_worker_with_an_unknown_outcome_goes_on_as_another_process() {
    let (left_out, text) = exported(ExportFormat::Edn);
    let [first, second] = [0, 1].map(|nth| match story().evidence.history.at(nth).value {
        Value::Written(id) => id,
        other => panic!("{other:?}"),
    });
    let expected = [
        format!("{{:index 0, :type :invoke, :process 0, :f :txn, :value [[:w \"app:1\" {first}]], :time 1000000000}}"),
        format!("{{:index 1, :type :info, :process 0, :f :txn, :value [[:w \"app:1\" {first}]], :time 1001000000}}"),
        format!(
            "{{:index 2, :type :invoke, :process 1, :f :txn, :value [[:r \"app:1\" nil] [:w \"app:1\" {second}]], :time 1005000000}}"
        ),
        "{:index 3, :type :invoke, :process 2, :f :txn, :value [[:r \"app:2\" nil]], :time 1005000000}".to_owned(),
        format!(
            "{{:index 4, :type :ok, :process 1, :f :txn, :value [[:r \"app:1\" {first}] [:w \"app:1\" {second}]], :time 1006000000}}"
        ),
        "{:index 5, :type :ok, :process 2, :f :txn, :value [[:r \"app:2\" nil]], :time 1006000000}".to_owned(),
    ];
    assert_eq!((left_out, text.lines().collect::<Vec<_>>()), (1, expected.iter().map(String::as_str).collect()));
}
