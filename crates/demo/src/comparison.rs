//! Compares a demo with planned failures with one without.

use std::collections::BTreeMap;

use crate::checksums::TableChecksum;
use crate::output::{Output, heading};
use crate::planned_failures::{KINDS, PlannedFailure};
use crate::result::DemoResult;

/// Prints the planned failures that occurred and compares the tables. Returns false if they differ.
pub(crate) fn print_comparison(seed: u32, calm: &DemoResult, failing: &DemoResult, output: &Output) -> bool {
    heading(output, &format!("Planned failures of seed {seed}"));
    let totals = print_counts(&failing.failures, output);

    heading(output, "Tables without and with failures");
    let mut is_same = calm.tables.len() == failing.tables.len() && !failing.failures.is_empty();
    let compare = |without: &TableChecksum| {
        let with = failing.tables.iter().find(|it| it.table == without.table);
        let is_equal = with == Some(without);
        is_same &= is_equal;
        let with = with.map(|it| it.md5.clone()).unwrap_or_default();
        vec![without.table.clone(), without.md5.clone(), with, if is_equal { "same" } else { "DIFFERENT" }.to_owned()]
    };
    let rows: Vec<Vec<String>> = calm.tables.iter().map(compare).collect();
    output.table(&["table", "without", "with", ""], &rows);
    is_same &= failing.is_as_expected();
    let kinds: Vec<String> = KINDS.iter().zip(&totals).map(|(kind, total)| format!("{total} {kind}")).collect();
    output.line(&format!(
        "\nseed {seed}: {} planned failures ({}) in {:.1} s; {}",
        failing.failures.len(),
        kinds.join(", "),
        failing.duration.as_secs_f64(),
        if is_same { "the tables are the same" } else { "the tables or other results DIFFER" }
    ));
    is_same
}

/// Prints the number of failures per state and kind. Returns the totals per kind.
fn print_counts(failures: &[PlannedFailure], output: &Output) -> [i64; KINDS.len()] {
    let mut by_state: BTreeMap<&str, [i64; KINDS.len()]> = BTreeMap::new();
    let mut totals = [0; KINDS.len()];
    for failure in failures {
        let Some(kind) = failure.kind() else { continue };
        by_state.entry(&failure.state).or_default()[kind] += 1;
        totals[kind] += 1;
    }
    let cells = |name: &str, counts: &[i64]| {
        std::iter::once(name.to_owned()).chain(counts.iter().map(|count| output.grouped(*count))).collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<String>> = by_state.iter().map(|(state, counts)| cells(state, counts)).collect();
    rows.push(cells("all", &totals));
    output.table(&[&["state"], &KINDS[..]].concat(), &rows);
    totals
}
