//! Columns of text for the terminal.

use anstyle::Style;

use super::paint::{DIM, Look, PLAIN, fill, wrap};

const INDENT: usize = 2;
const GAP: usize = 2;
/// How far what a row says is moved in below its name.
const TOLD: usize = 6;
/// A longer word may be cut rather than widen its column: a path, mostly.
const LONGEST_WORD: usize = 20;

/// A table: a heading, rows, and lines between rows that span all columns.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

struct Column {
    title: &'static str,
    right: bool,
}

enum Row {
    Cells(Vec<(String, Style)>),
    Note(String),
}

impl Table {
    /// A table with these columns; a title that begins with `>` makes its column flush right.
    pub(super) fn new(titles: &[&'static str]) -> Self {
        let column = |title: &&'static str| match title.strip_prefix('>') {
            Some(title) => Column { title, right: true },
            None => Column { title, right: false },
        };
        Self { columns: titles.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row: one cell a column, each with its style.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = (String, Style)>) {
        self.rows.push(Row::Cells(cells.into_iter().collect()));
    }

    /// Adds a remark on the row above.
    pub(super) fn note(&mut self, text: &str) {
        self.rows.push(Row::Note(text.to_owned()));
    }

    /// The table as lines that fit. Where the columns cannot stand side by side, each row is told in words.
    pub(super) fn render(&self, look: Look) -> String {
        let Some(widths) = self.widths(look.width) else { return self.told(look) };
        let titles: Vec<_> = self.columns.iter().map(|column| (column.title.to_owned(), DIM)).collect();
        let mut text = self.line(&titles, &widths, look);
        for row in &self.rows {
            match row {
                Row::Cells(cells) => text += &self.line(cells, &widths, look),
                // A remark stands under the second column.
                Row::Note(note) => text += &note_lines(note, INDENT + GAP + widths[0], look),
            }
        }
        text
    }

    /// Each row as its name, and below it the other cells with their titles.
    fn told(&self, look: Look) -> String {
        // Of two columns of words, the first only says of what kind the second is.
        let names = if self.columns.get(1).is_some_and(|column| !column.right) { 2 } else { 1 };
        let mut text = String::new();
        for row in &self.rows {
            match row {
                Row::Cells(cells) => {
                    let (name, rest) = cells.split_at(names.min(cells.len()));
                    let style = name.first().map_or(PLAIN, |(_, style)| *style);
                    let name: Vec<_> = name.iter().map(|(cell, _)| cell.as_str()).collect();
                    text += &indented(&wrap(&name.join(" "), look.width.saturating_sub(INDENT)), INDENT, style, look);
                    let titled = rest.iter().zip(&self.columns[names..]).filter(|((cell, _), _)| !cell.is_empty());
                    let titled = titled.map(|((cell, _), column)| format!("{} {cell}", column.title));
                    let phrases = titled.collect::<Vec<_>>().join(",\n");
                    text += &indented(&fill(phrases.lines(), look.width.saturating_sub(TOLD)), TOLD, PLAIN, look);
                }
                Row::Note(note) => text += &note_lines(note, TOLD, look),
            }
        }
        text
    }

    /// The natural widths, then the widest made narrower until the table fits; none if words would have to be cut.
    fn widths(&self, width: usize) -> Option<Vec<usize>> {
        let of_columns = |measure: fn(&str, bool) -> usize| -> Vec<usize> {
            let mut widths: Vec<_> = self.columns.iter().map(|column| measure(column.title, false)).collect();
            for row in &self.rows {
                let Row::Cells(cells) = row else { continue };
                for ((width, (cell, _)), column) in widths.iter_mut().zip(cells).zip(&self.columns) {
                    *width = (*width).max(measure(cell, column.right));
                }
            }
            widths
        };
        let mut widths = of_columns(|cell, _| cell.chars().count());
        // A figure keeps its unit.
        let least = of_columns(|cell, right| {
            if right && cell.contains(|letter: char| letter.is_ascii_digit()) {
                cell.chars().count()
            } else {
                longest_word(cell)
            }
        });
        let available = width.saturating_sub(INDENT + GAP * widths.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > available {
            let narrowable =
                widths.iter_mut().zip(&least).filter(|(width, least)| **width > (**least).min(LONGEST_WORD));
            *narrowable.max()?.0 -= 1;
        }
        Some(widths)
    }

    fn line(&self, cells: &[(String, Style)], widths: &[usize], look: Look) -> String {
        let wrapped: Vec<_> = cells.iter().zip(widths).map(|((cell, _), &width)| wrap(cell, width)).collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        let mut text = String::new();
        for y in 0..height {
            let mut line = " ".repeat(INDENT);
            let mut pending = 0;
            for (x, column) in self.columns.iter().enumerate() {
                let cell = wrapped.get(x).and_then(|lines| lines.get(y)).map_or("", String::as_str);
                let style = cells.get(x).map_or(PLAIN, |(_, style)| *style);
                let rest = widths[x].saturating_sub(cell.chars().count());
                let (before, after) = if column.right { (rest, 0) } else { (0, rest) };
                // Spaces wait until something follows them, so that no line ends in spaces.
                if cell.is_empty() {
                    pending += rest + GAP;
                } else {
                    line += &" ".repeat(pending + before);
                    line += &look.style(style, cell);
                    pending = after + GAP;
                }
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// What a column of words needs at least.
fn longest_word(text: &str) -> usize {
    text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0).min(LONGEST_WORD)
}

fn note_lines(note: &str, indent: usize, look: Look) -> String {
    // A server's log lines are lines.
    let lines: Vec<_> = note.lines().flat_map(|line| wrap(line, look.width.saturating_sub(indent))).collect();
    indented(&lines, indent, DIM, look)
}

fn indented(lines: &[String], indent: usize, style: Style, look: Look) -> String {
    lines.iter().fold(String::new(), |text, line| text + &" ".repeat(indent) + &look.style(style, line) + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_wide_ones_wrap() {
        let mut table = Table::new(&["name", ">figure", "remark"]);
        table.row([("A".to_owned(), PLAIN), ("5".to_owned(), PLAIN), ("word ".repeat(40), PLAIN)]);
        table.row([("longer".to_owned(), PLAIN), (String::new(), PLAIN), ("short".to_owned(), PLAIN)]);
        table.note("a remark");
        let plain = table.render(Look::plain());
        assert!(plain.lines().all(|line| line.chars().count() <= 110), "{plain}");
        assert!(plain.starts_with("  name    figure  remark\n  A            5  word word"), "{plain}");
        assert!(plain.contains("\n  longer          short\n"), "{plain}");
        assert!(plain.ends_with("\n          a remark\n"), "{plain}");
    }

    /// Too narrow for words side by side, a table tells the same in lines of their own.
    #[test]
    fn a_row_that_finds_no_room_is_told_in_words() {
        let mut table = Table::new(&["status", "check", ">measured", ">samples", "where"]);
        let cells = ["PASS", "unavailability <= 3s", "1,234.567 s", "14,109", "master_kill.ron:25"];
        table.row(cells.map(|cell| (cell.to_owned(), PLAIN)));
        table.note("a remark");
        let narrow = "  status  check              measured  samples  where\n  \
                        PASS    unavailability  1,234.567 s   14,109  master_kill.ron:25\n          \
                                <= 3s\n          a remark\n";
        assert_eq!(table.render(Look::new(false, 66)), narrow);
        let told = "  PASS unavailability <= 3s\n      measured 1,234.567 s, samples 14,109,\n      \
                    where master_kill.ron:25\n      a remark\n";
        assert_eq!(table.render(Look::new(false, 45)), told);
    }

    #[test]
    fn colour_moves_nothing() {
        let mut table = Table::new(&["a", "b"]);
        table.row([("x".to_owned(), DIM), ("y".to_owned(), PLAIN)]);
        let coloured = anstream::adapter::strip_str(&table.render(Look::new(true, 110))).to_string();
        assert_eq!(coloured, table.render(Look::plain()));
    }
}
