//! What a file of arrivals holds: a time a line, in seconds from the load's start.

use crate::text::{Problem, Span};

/// More arrivals than a run of minutes has; the plan, which holds them all, has 20 MB then.
const ARRIVALS_MAX: usize = 1_000_000;

/// No run is longer: 30 days.
const SECONDS_MAX: u64 = 30 * 24 * 3_600;

/// The arrivals of a text in nanoseconds, or everything that is wrong with it.
///
/// A line is a number of seconds with at most nine decimals (`12`, `0.000125`), no less than the one above it. Empty lines and
/// those that begin with `#` say nothing.
pub(crate) fn arrivals(text: &str) -> Result<Vec<u64>, Vec<Problem>> {
    let (mut nanos, mut problems, mut start) = (Vec::new(), Vec::new(), 0);
    let mut before: Option<(u64, Span)> = None;
    for line in text.split_inclusive('\n') {
        let word = line.trim();
        let from = start + (line.len() - line.trim_start().len());
        let span = from..from + word.len();
        start += line.len();
        if word.is_empty() || word.starts_with('#') {
            continue;
        }
        match time(word) {
            Err(why) => problems.push(Problem::new(span, why.message).help(why.help)),
            Ok(due) => {
                if let Some((_, above)) = before.as_ref().filter(|(earlier, _)| due < *earlier) {
                    let problem = Problem::new(span.clone(), "this arrival lies before the one above it");
                    problems.push(problem.also(above.clone(), "the one above it").help("sort the times"));
                }
                nanos.push(due);
                before = Some((due, span));
            }
        }
    }
    if nanos.is_empty() && problems.is_empty() {
        problems.push(Problem::new(0..0, "there is no arrival in this file").help(EXAMPLE));
    } else if nanos.len() > ARRIVALS_MAX {
        problems.push(Problem::new(0..0, format!("{} arrivals are too many", nanos.len())).help(MOST));
    }
    if problems.is_empty() { Ok(nanos) } else { Err(problems) }
}

const EXAMPLE: &str = "write a time a line, in seconds from the load's start, such as `0.125`";
const MOST: &str = "a trace has at most 1000000 of them";

/// Why a line is no time.
struct NoTime {
    message: String,
    help: &'static str,
}

fn time(word: &str) -> Result<u64, NoTime> {
    let wrong = |message: &str, help| Err(NoTime { message: message.to_owned(), help });
    let (seconds, decimals) = word.split_once('.').unwrap_or((word, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match () {
        () if is_number(seconds) && is_number(decimals) => {}
        () if word.contains([',', ';', '\t']) => {
            return wrong("a line has one number", "keep the column of the times alone");
        }
        () if word.starts_with('-') => {
            return wrong("an arrival cannot lie before the load's start", "count from the load's start");
        }
        () if word.starts_with(|first: char| first.is_ascii_digit()) => return wrong("expected seconds", EXAMPLE),
        () => return wrong("expected seconds", "begin a heading or a remark with `#`; a time is such as `0.125`"),
    }
    if decimals.len() > 9 {
        return wrong("this is finer than a nanosecond", "write at most nine decimals");
    }
    let whole = seconds.parse::<u64>().ok().filter(|seconds| *seconds <= SECONDS_MAX);
    let Some(whole) = whole else {
        return wrong("no run lasts that long", "write seconds from the load's start, not nanoseconds or a date");
    };
    // At most nine digits.
    let nanos = format!("{decimals:0<9}").parse::<u64>().unwrap_or(0);
    Ok(whole * 1_000_000_000 + nanos)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole("0\n2\n", &[0, 2_000_000_000])]
    #[case::decimals("0.5\n0.500000001\n0.75", &[500_000_000, 500_000_001, 750_000_000])]
    #[case::together("1.0\n1.0\n", &[1_000_000_000, 1_000_000_000])]
    #[case::remarks("# seconds\r\n\r\n 0.1 \r\n# the end", &[100_000_000])]
    fn times_are_read_exactly(#[case] text: &str, #[case] nanos: &[u64]) {
        assert_eq!(arrivals(text).unwrap(), nanos);
    }

    #[rstest]
    #[case::nothing("# nothing\n", 0, "there is no arrival")]
    #[case::a_heading("seconds\n0.1\n", 0, "expected seconds")]
    #[case::columns("0.1\n0.2,GET\n", 4, "a line has one number")]
    #[case::a_unit("0.1\n200ms\n", 4, "expected seconds")]
    #[case::negative("-1\n", 0, "before the load's start")]
    #[case::not_sorted("0.1\n  0.05\n", 6, "before the one above")]
    #[case::too_fine("0.1234567891\n", 0, "finer than a nanosecond")]
    #[case::a_date("1764150000.0\n", 0, "no run lasts that long")]
    #[case::too_long_for_any_number("99999999999999999999999\n", 0, "no run lasts that long")]
    #[case::half_a_number("1.\n", 0, "expected seconds")]
    #[case::exponent("1e3\n", 0, "expected seconds")]
    fn every_mistake_has_its_place(#[case] text: &str, #[case] at: usize, #[case] message: &str) {
        let problems = arrivals(text).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].span.start, at);
        assert!(problems[0].message.contains(message), "{}", problems[0].message);
    }

    #[test]
    fn all_mistakes_are_told() {
        assert_eq!(arrivals("a\n1\n0.5\n0.2x\n").unwrap_err().len(), 3);
    }
}
