use unicode_width::UnicodeWidthStr;

use crate::output::line::print_line;

/// Prints aligned columns on stdout. Columns of numbers are aligned to the right.
pub(crate) fn print_table(header: &[&str], rows: &[Vec<String>]) {
    for line in lines(header, rows) {
        print_line(&line);
    }
}

fn lines(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let column = |index: usize| rows.iter().map(move |row| row[index].as_str());
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(i, name)| column(i).chain([*name]).map(UnicodeWidthStr::width).max().unwrap_or(0))
        .collect();
    let numbers: Vec<bool> = (0..header.len())
        .map(|i| column(i).all(|cell| cell.is_empty() || is_number(cell)) && !rows.is_empty())
        .collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).zip(&numbers).map(|((cell, &width), &number)| {
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            if number { format!("{pad}{cell}") } else { format!("{cell}{pad}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    let head = [line(header.to_vec()), rule.join("  ")];
    head.into_iter().chain(rows.iter().map(|row| line(row.iter().map(String::as_str).collect()))).collect()
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

    #[test]
    fn columns_are_aligned_by_display_width() {
        let rows = |cell: &str| vec![vec![cell.to_owned(), "10".to_owned()], vec!["long".to_owned(), "7".to_owned()]];
        assert_eq!(lines(&["file", "rows"], &rows("é")), ["file  rows", "────  ────", "é       10", "long     7"]);
        assert_eq!(lines(&["file", "rows"], &rows("水")), ["file  rows", "────  ────", "水      10", "long     7"]);
        assert_eq!(lines(&["file"], &[]), ["file", "────"]);
    }
}
