use unicode_width::UnicodeWidthStr;

use crate::output::failure::FAILURE_MARK;
use crate::output::line::print_line;
use crate::output::terminal::{cut, red, width};

/// Longer columns of text are shortened to this width before a column is left out.
const TEXT_COLUMNS_MIN: usize = 28;
/// Width of the space between two columns.
const GAP: usize = 2;

/// Prints aligned columns on stdout. Columns of numbers are aligned to the right. On a terminal, long texts are shortened
/// to its width.
pub(crate) fn print_table(header: &[&str], rows: &[Vec<String>]) {
    print_fitted_table(header, rows, &[]);
}

/// As [`print_table`]. On a narrow terminal, the columns `spare` are left out, the first of them first.
pub(crate) fn print_fitted_table(header: &[&str], rows: &[Vec<String>], spare: &[&str]) {
    for line in lines(header, rows, spare, width()) {
        print_line(&line);
    }
}

struct Column<'a> {
    name: &'a str,
    cells: Vec<&'a str>,
    width: usize,
    is_number: bool,
}

impl Column<'_> {
    fn width_min(&self) -> usize {
        if self.is_number { self.width } else { self.width.min(self.name.width().max(TEXT_COLUMNS_MIN)) }
    }

    fn padded(&self, text: &str) -> String {
        let text = cut(text, self.width);
        let pad = " ".repeat(self.width.saturating_sub(text.width()));
        let text = if text.starts_with(FAILURE_MARK) { red(&text) } else { text };
        if self.is_number { format!("{pad}{text}") } else { format!("{text}{pad}") }
    }
}

fn lines(header: &[&str], rows: &[Vec<String>], spare: &[&str], width: Option<usize>) -> Vec<String> {
    let mut columns: Vec<Column<'_>> = header
        .iter()
        .enumerate()
        .map(|(index, &name)| {
            let cells: Vec<&str> = rows.iter().map(|row| row[index].as_str()).collect();
            let width = cells.iter().chain([&name]).map(|cell| cell.width()).max().unwrap_or(0);
            let is_number = !rows.is_empty() && cells.iter().all(|cell| cell.is_empty() || is_number(cell));
            Column { name, cells, width, is_number }
        })
        .collect();
    if let Some(width) = width {
        fit(&mut columns, spare, width);
    }
    let line = |texts: Vec<String>| texts.join("  ").trim_end().to_owned();
    let head = line(columns.iter().map(|column| column.padded(column.name)).collect());
    let rule = line(columns.iter().map(|column| "─".repeat(column.width)).collect());
    let row = |index: usize| line(columns.iter().map(|column| column.padded(column.cells[index])).collect());
    [head, rule].into_iter().chain((0..rows.len()).map(row)).collect()
}

/// Leaves out columns, and shortens the widest columns of text, until the table has this width.
fn fit(columns: &mut Vec<Column<'_>>, spare: &[&str], width: usize) {
    let gaps = |columns: &[Column<'_>]| GAP * columns.len().saturating_sub(1);
    for name in spare {
        if columns.iter().map(Column::width_min).sum::<usize>() + gaps(columns) <= width {
            break;
        }
        columns.retain(|column| column.name != *name);
    }
    let room = width.saturating_sub(gaps(columns));
    while columns.iter().map(|column| column.width).sum::<usize>() > room {
        let shortens = |column: &&mut Column<'_>| !column.is_number && column.width > column.name.width();
        let Some(widest) = columns.iter_mut().filter(shortens).max_by_key(|column| column.width) else { break };
        widest.width -= 1;
    }
}

/// Returns true for `12,345`, `-0.5` and `1.2 s`, and false for a date.
fn is_number(cell: &str) -> bool {
    let number = cell.split(' ').next().unwrap_or_default();
    let digits = number.strip_prefix('-').unwrap_or(number);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn columns_are_aligned_by_display_width() {
        let rows = |cell: &str| vec![row(&[cell, "10"]), row(&["long", "7"])];
        let all = |header: &[&str], rows: &[Vec<String>]| lines(header, rows, &[], None);
        assert_eq!(all(&["file", "rows"], &rows("é")), ["file  rows", "────  ────", "é       10", "long     7"]);
        assert_eq!(all(&["file", "rows"], &rows("水")), ["file  rows", "────  ────", "水      10", "long     7"]);
        assert_eq!(all(&["file"], &[]), ["file", "────"]);
    }

    #[test]
    fn table_fits_the_terminal() {
        let rows = [row(&["raw_data/stocks/2026-11-30/stocks.csv", "HeaderMismatch", "1,000", "0.3 s"])];
        let header = ["file", "outcome", "rows", "time"];
        for width in [30, 40, 50, 60, 80, 120] {
            for line in lines(&header, &rows, &["time"], Some(width)) {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
        let wide = lines(&header, &rows, &["time"], Some(80));
        assert_eq!(wide[2], "raw_data/stocks/2026-11-30/stocks.csv  HeaderMismatch  1,000  0.3 s");
        let narrow = lines(&header, &rows, &["time"], Some(50));
        assert_eq!(narrow[2], "…ocks/2026-11-30/stocks.csv  HeaderMismatch  1,000");
    }

    #[test]
    fn failure_is_red_in_a_table() {
        let text = &lines(&["outcome", "rows"], &[row(&["✗ EmptyFile", "0"])], &[], None)[2];
        assert!(text.starts_with('\u{1b}'), "{text:?}");
        assert_eq!(anstream::adapter::strip_str(text).to_string(), "✗ EmptyFile     0");
    }
}
