//! Columns of text for the terminal.

use anstyle::Style;

use super::paint::{DIM, PLAIN, Paint, WIDTH, wrap};

const INDENT: usize = 2;
const GAP: usize = 2;
/// No column is narrowed below this, so that words stay readable.
const NARROWEST: usize = 10;

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

    /// The table as lines, none wider than [`WIDTH`] unless the columns' least widths are.
    pub(super) fn render(&self, paint: Paint) -> String {
        let widths = self.widths();
        let titles: Vec<_> = self.columns.iter().map(|column| (column.title.to_owned(), DIM)).collect();
        let mut text = self.line(&titles, &widths, paint);
        for row in &self.rows {
            match row {
                Row::Cells(cells) => text += &self.line(cells, &widths, paint),
                // A remark stands under the second column.
                Row::Note(note) => text += &note_lines(note, INDENT + GAP + widths[0], paint),
            }
        }
        text
    }

    /// The natural widths, then the widest made narrower until the table fits.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| column.title.chars().count()).collect();
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            for (width, (cell, _)) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let room = WIDTH.saturating_sub(INDENT + GAP * widths.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            match widths.iter_mut().max() {
                Some(widest) if *widest > NARROWEST => *widest -= 1,
                _ => break,
            }
        }
        widths
    }

    fn line(&self, cells: &[(String, Style)], widths: &[usize], paint: Paint) -> String {
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
                    line += &paint.style(style, cell);
                    pending = after + GAP;
                }
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

fn note_lines(note: &str, indent: usize, paint: Paint) -> String {
    let mut text = String::new();
    // A server's log lines are lines.
    for line in note.lines().flat_map(|line| wrap(line, WIDTH.saturating_sub(indent))) {
        text += &" ".repeat(indent);
        text += &paint.style(DIM, line);
        text.push('\n');
    }
    text
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
        let plain = table.render(Paint { colour: false });
        assert!(plain.lines().all(|line| line.chars().count() <= WIDTH), "{plain}");
        assert!(plain.starts_with("  name    figure  remark\n  A            5  word word"), "{plain}");
        assert!(plain.contains("\n  longer          short\n"), "{plain}");
        assert!(plain.ends_with("\n          a remark\n"), "{plain}");
    }

    #[test]
    fn colour_moves_nothing() {
        let mut table = Table::new(&["a", "b"]);
        table.row([("x".to_owned(), DIM), ("y".to_owned(), PLAIN)]);
        let coloured = anstream::adapter::strip_str(&table.render(Paint { colour: true })).to_string();
        assert_eq!(coloured, table.render(Paint { colour: false }));
    }
}
