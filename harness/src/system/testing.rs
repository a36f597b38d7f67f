//! What was recorded of real servers, for the tests of systems.

use std::path::PathBuf;

use super::log::parse;
use crate::evidence::LogEvent;

/// A file of `fixtures/`.
pub(super) fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

/// The understood lines of a recorded log: the number of each, its time in microseconds since 1970 UTC, and what it says.
pub(super) fn understood_lines(
    logs: &str,
    node: &str,
    says: impl Fn(&str) -> Option<LogEvent>,
) -> Vec<(usize, i64, LogEvent)> {
    let log = std::fs::read(fixture(&format!("{logs}/{node}.log"))).unwrap();
    let lines = log.split(|byte| *byte == b'\n').enumerate();
    let read = |(index, line)| parse(line, &says).map(|(unix_us, event)| (index + 1, unix_us, event));
    lines.filter_map(read).collect()
}

/// Compares what is understood of a recorded log with the snapshot that stands beside it.
pub(super) fn assert_understood(logs: &str, node: &str, says: impl Fn(&str) -> Option<LogEvent>) {
    let line = |(number, unix_us, event)| {
        let time = jiff::Timestamp::from_microsecond(unix_us).unwrap();
        format!("{number:4} {time:.3} {event:?}\n")
    };
    let lines: String = understood_lines(logs, node, says).into_iter().map(line).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(fixture(logs));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(node, lines));
}
