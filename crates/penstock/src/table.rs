//! Results on stdout: aligned columns for people, JSON for scripts.

use std::io::{ErrorKind, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::executions::Execution;
use crate::numbers::{duration, grouped};
use crate::{Error, Result};

pub(crate) fn print_json<T: Serialize + ?Sized>(value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value);
    say(&text.map_err(|error| Error::Unexpected(format!("cannot write JSON: {error}")))?);
    Ok(())
}

/// One line on stdout. A reader that has seen enough, such as `head`, ends the program and is no error.
pub(crate) fn say(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// Each file, the states it passed, and how it ended.
pub(crate) fn executions(executions: &[Execution]) {
    let now = Utc::now();
    let rows: Vec<_> = executions.iter().map(|execution| execution_cells(execution, now)).collect();
    print(&["file", "outcome", "rows", "rejected", "time", "states"], &rows);
}

/// Of one that runs, the state that it is in and the time since its start.
fn execution_cells(execution: &Execution, now: DateTime<Utc>) -> Vec<String> {
    let count = |count: fn(&protocol::LoadReport) -> u64| {
        execution.report.as_ref().map(|report| grouped(count(report))).unwrap_or_default()
    };
    let running = || format!("in {}…", execution.states.last().map_or("its first state", String::as_str));
    let elapsed = || (now - execution.started_at).num_milliseconds();
    vec![
        execution.key.clone(),
        execution.outcome.clone().unwrap_or_else(running),
        count(|report| report.rows_loaded),
        count(|report| report.rows_rejected),
        duration(execution.duration_ms.unwrap_or_else(elapsed)),
        way(&execution.states),
    ]
}

/// The states that do something: choices only show where the way led. A state entered again and again stands once.
fn way(states: &[String]) -> String {
    let mut way: Vec<(&str, usize)> = Vec::new();
    for state in states.iter().map(String::as_str).filter(|state| !state.starts_with("Choose")) {
        match way.iter_mut().find(|(name, _)| *name == state) {
            Some((_, times)) => *times += 1,
            None => way.push((state, 1)),
        }
    }
    let name = |(name, times): (&str, usize)| if times > 1 { format!("{name}×{times}") } else { name.to_owned() };
    way.into_iter().map(name).collect::<Vec<_>>().join(" → ")
}

/// Columns of numbers are aligned to the right.
pub(crate) fn print(header: &[&str], rows: &[Vec<String>]) {
    for line in lines(header, rows) {
        say(&line);
    }
}

fn lines(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let cell_width = |cell: &str| cell.chars().count();
    let column = |index: usize| rows.iter().map(move |row| row[index].as_str());
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(i, name)| column(i).chain([*name]).map(cell_width).max().unwrap_or(0))
        .collect();
    let numbers: Vec<bool> = (0..header.len())
        .map(|i| column(i).all(|cell| cell.is_empty() || is_number(cell)) && !rows.is_empty())
        .collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).zip(&numbers).map(|((cell, &width), &number)| {
            let pad = " ".repeat(width.saturating_sub(cell_width(cell)));
            if number { format!("{pad}{cell}") } else { format!("{cell}{pad}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    let head = [line(header.to_vec()), rule.join("  ")];
    head.into_iter().chain(rows.iter().map(|row| line(row.iter().map(String::as_str).collect()))).collect()
}

/// `12,345`, `-0.5`, `1.2 s`; a date is none.
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
    fn an_execution_under_way_tells_its_state_and_its_time_so_far() {
        let execution = Execution {
            arn: String::new(),
            key: "k".to_owned(),
            version_id: None,
            states: vec!["CheckFileExtension".to_owned(), "AwaitSource".to_owned()],
            outcome: None,
            failed: false,
            reason: None,
            report: None,
            started_at: "2024-05-01T09:00:00Z".parse().unwrap(),
            duration_ms: None,
        };
        let cells = execution_cells(&execution, "2024-05-01T09:01:05Z".parse().unwrap());
        assert_eq!(cells, ["k", "in AwaitSource…", "", "", "1 min 05 s", "CheckFileExtension → AwaitSource"]);
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["é".to_owned(), "10".to_owned()], vec!["long".to_owned(), "7".to_owned()]];
        assert_eq!(lines(&["file", "rows"], &rows), ["file  rows", "────  ────", "é       10", "long     7"]);
        assert_eq!(lines(&["file"], &[]), ["file", "────"]);
    }

    #[test]
    fn the_way_names_each_state_once() {
        fn check(states: &[&str], expected: &str) {
            let states: Vec<String> = states.iter().map(|&state| state.to_owned()).collect();
            assert_eq!(way(&states), expected);
        }
        check(&["CheckFileExtension", "ChooseByKind", "Ignored"], "CheckFileExtension → Ignored");
        check(&["A", "Wait", "A", "Wait", "A", "B"], "A×3 → Wait×2 → B");
        check(&[], "");
    }
}
