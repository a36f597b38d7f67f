//! The table of a benchmark.

use std::fmt::Write;

use super::paint::{Look, PLAIN, fit};
use super::table::Table;
use super::words::count;

/// What a load did in a round of a benchmark, or another program beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BenchFigures {
    /// Operations that ended ok, a second.
    pub per_second: f64,
    /// The median of their latency.
    pub p50_ms: f64,
    /// The 99th percentile of it.
    pub p99_ms: f64,
    /// The 99th percentile of how late a start of its schedule was begun, in microseconds; none for a closed loop.
    pub late_p99_us: Option<f64>,
    /// Processor time of the client for an operation, in microseconds.
    pub cpu_us: f64,
}

/// A load of a benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchRow {
    /// Its name.
    pub load: String,
    /// How many workers it has.
    pub workers: u16,
    /// How many commands each sends together.
    pub pipeline: u16,
    /// What it did in each round, and the other program beside it; none if there is none, or none that can do the same.
    pub rounds: Vec<(BenchFigures, Option<BenchFigures>)>,
}

/// The table: the medians of all rounds, and the other program's beside them.
pub fn render_bench(rows: &[BenchRow], rival: Option<&str>, remarks: &[String], look: Look) -> String {
    let mut titles = vec!["load", ">workers", ">pipeline", ">operations/s", ">p50 ms", ">p99 ms", ">CPU us/op"];
    let has_schedule = rows.iter().any(BenchRow::has_schedule);
    if has_schedule {
        titles.push(">p99 late us");
    }
    if rival.is_some() {
        titles.extend([">its operations/s", ">its p99 ms", ">its CPU us/op", ">rate ratio", ">CPU ratio"]);
    }
    let mut table = Table::new(&titles);
    for row in rows {
        let cells = cells(row, has_schedule, rival.is_some());
        table.row(cells.into_iter().map(|cell| (cell, PLAIN)));
    }
    let rounds = rows.first().map_or(0, |row| row.rounds.len());
    let of = if rounds == 1 { "One round".to_owned() } else { format!("Medians of {rounds} rounds, each") };
    let mut text = format!("\n{of} on a fresh cluster.");
    if let Some(rival) = rival {
        let _ = write!(
            text,
            " By turns on the same cluster: {rival} (\"its\"). A ratio is the median of each round's, ours to its: the rate's is \
             better above 1, that of the client's processor time below."
        );
    }
    text += "\nThe client's processor time is that of its threads and of the one that records.\n\n";
    if has_schedule {
        text.pop();
        text += "A schedule is late by the time from when a start was due to when it was begun.\n\n";
    }
    let remarks = remarks.join("\n");
    fit(&text, look) + &table.render(look) + &fit(&remarks, look)
}

impl BenchRow {
    fn has_schedule(&self) -> bool {
        self.rounds.iter().any(|(ours, _)| ours.late_p99_us.is_some())
    }
}

fn cells(row: &BenchRow, has_schedule: bool, has_rival: bool) -> Vec<String> {
    type Figure = fn(&BenchFigures) -> f64;
    let ours = |figure: Figure| median(row.rounds.iter().map(|(ours, _)| figure(ours)));
    let theirs = |figure: Figure| median(row.rounds.iter().filter_map(|(_, theirs)| theirs.as_ref().map(figure)));
    let ratio = |figure: Figure| {
        let both = row.rounds.iter().filter_map(|(ours, theirs)| Some((ours, theirs.as_ref()?)));
        median(both.map(|(ours, theirs)| figure(ours) / figure(theirs)))
    };
    let rate: Figure = |figures| figures.per_second;
    let [p50, p99, cpu]: [Figure; 3] = [|figures| figures.p50_ms, |figures| figures.p99_ms, |figures| figures.cpu_us];
    let mut cells = vec![row.load.clone(), row.workers.to_string(), row.pipeline.to_string()];
    cells.extend([or_dash(ours(rate), whole)]);
    cells.extend([p50, p99, cpu].map(|figure| or_dash(ours(figure), hundredths)));
    if has_schedule {
        cells.push(or_dash(median(row.rounds.iter().filter_map(|(ours, _)| ours.late_p99_us)), whole));
    }
    if has_rival {
        cells.extend([or_dash(theirs(rate), whole)]);
        cells.extend([p99, cpu].map(|figure| or_dash(theirs(figure), hundredths)));
        cells.extend([rate, cpu].map(|figure| or_dash(ratio(figure), hundredths)));
    }
    cells
}

fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    let upper = *figures.get(figures.len() / 2)?;
    let lower = figures[(figures.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

fn or_dash(figure: Option<f64>, text: fn(f64) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), text)
}

fn whole(figure: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, which a cast also bounds")]
    count(figure.round() as u64)
}

fn hundredths(figure: f64) -> String {
    format!("{figure:.2}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(&[], None)]
    #[case::one(&[3.0], Some(3.0))]
    #[case::odd(&[9.0, 1.0, 5.0], Some(5.0))]
    #[case::even(&[4.0, 1.0, 9.0, 2.0], Some(3.0))]
    fn the_median_is_the_middle(#[case] figures: &[f64], #[case] expected: Option<f64>) {
        assert_eq!(median(figures.iter().copied()), expected);
    }

    #[test]
    fn a_benchmark_is_a_table() {
        let figures =
            |per_second: f64, cpu_us| BenchFigures { per_second, p50_ms: 0.5, p99_ms: 1.25, late_p99_us: None, cpu_us };
        let row = |load: &str, rounds| BenchRow { load: load.to_owned(), workers: 50, pipeline: 16, rounds };
        let theirs = figures(100_000.0, 10.0);
        let rows = [
            // A round in which the other program said nothing has no ratio.
            row(
                "set",
                vec![
                    (figures(90_000.0, 9.0), Some(theirs)),
                    (figures(500_000.0, 90.0), None),
                    (figures(110_000.0, 10.0), Some(theirs)),
                ],
            ),
            row("mixed", vec![(figures(50_000.0, 12.0), None); 3]),
        ];
        let remarks = ["round 2: the machine was busy".to_owned()];
        let look = Look::new(false, 140);
        let table = render_bench(&rows, Some("redis-benchmark"), &remarks, look);
        let lines: Vec<_> = table.lines().rev().collect();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(lines[0], "round 2: the machine was busy");
        assert_eq!(words(lines[1]), "mixed 50 16 50,000 0.50 1.25 12.00 - - - - -");
        assert_eq!(words(lines[2]), "set 50 16 110,000 0.50 1.25 10.00 100,000 1.25 10.00 1.00 0.95");
        let table = render_bench(&rows, None, &[], look);
        assert_eq!(table.lines().last().map(words).unwrap(), "mixed 50 16 50,000 0.50 1.25 12.00");
        let on_schedule = BenchFigures { late_p99_us: Some(61.4), ..figures(20_000.0, 12.0) };
        let rows = [rows[1].clone(), row("paced", vec![(on_schedule, None)])];
        let table = render_bench(&rows, None, &[], look);
        assert_eq!(table.lines().last().map(words).unwrap(), "paced 50 16 20,000 0.50 1.25 12.00 61");
        assert!(table.lines().any(|line| words(line) == "mixed 50 16 50,000 0.50 1.25 12.00 -"), "{table}");
    }
}
