use formats::Reject;

use crate::Differences;
use crate::case::{Case, ExpectedReject, ExpectedResult, ExpectedRows};
use crate::result::{CaseResult, reject_summary};

/// Characters of a value or row that a difference shows.
const SHOWN_CHARS_MAX: usize = 200;

pub(crate) fn with_expected(expected: &ExpectedResult, result: &CaseResult) -> Differences {
    match (expected, result) {
        (ExpectedResult::Failure(expected), CaseResult::Failure { name, message }) => {
            if expected.failure == *name && message.contains(&expected.message) {
                return Differences::new();
            }
            vec![format!("  expected {}: …{}…\n  actual   {name}: {message}", expected.failure, expected.message)]
        }
        (ExpectedResult::Failure(expected), rows @ CaseResult::Rows { .. }) => {
            vec![format!("  expected {}: …{}…\n  actual   {}", expected.failure, expected.message, rows.summary())]
        }
        (ExpectedResult::Rows(expected), failure @ CaseResult::Failure { .. }) => {
            let (loaded, rejected) = (expected.loaded.len(), expected.rejected.len());
            vec![format!("  expected {loaded} loaded, {rejected} rejected\n  actual   {}", failure.summary())]
        }
        (ExpectedResult::Rows(expected), CaseResult::Rows { loaded, rejected, counts }) => {
            let mut differences = Differences::new();
            let counted = (counts.rows_read, counts.rows_loaded, counts.rows_rejected);
            let seen = (loaded.len() + rejected.len(), loaded.len(), rejected.len());
            let seen = (seen.0 as u64, seen.1 as u64, seen.2 as u64);
            if counted != seen {
                differences.push(format!("  counted (read, loaded, rejected) {counted:?}, which are {seen:?}"));
            }
            differences.extend(of_loaded(expected, loaded));
            differences.extend(of_rejected(expected, rejected));
            differences
        }
    }
}

fn of_loaded(expected: &ExpectedRows, loaded: &[crate::case::TextRow]) -> Differences {
    pairs(&expected.loaded, loaded)
        .filter(|(_, expected, actual)| expected != actual)
        .map(|(index, expected, actual)| {
            let (expected, actual) = (shown(&expected), shown(&actual));
            format!("  row {}: expected {expected}\n  row {}: actual     {actual}", index + 1, index + 1)
        })
        .collect()
}

fn of_rejected(expected: &ExpectedRows, rejected: &[Reject]) -> Differences {
    let agree = |expected: Option<&ExpectedReject>, actual: Option<&Reject>| match (expected, actual) {
        (Some(expected), Some(actual)) => {
            expected.line == actual.line && expected.column == actual.column && actual.reason.contains(&expected.reason)
        }
        _ => false,
    };
    pairs(&expected.rejected, rejected)
        .filter(|(_, expected, actual)| !agree(*expected, *actual))
        .map(|(_, expected, actual)| {
            let expected = expected.map_or("nothing".to_owned(), |expected| {
                let column = expected.column.as_ref().map(|column| format!(", column {column}")).unwrap_or_default();
                format!("line {}{column}: …{}…", expected.line, expected.reason)
            });
            format!(
                "  reject: expected {expected}\n  reject: actual   {}",
                actual.map_or("nothing".to_owned(), reject_summary)
            )
        })
        .collect()
}

/// Pairs two lists up to the end of the longer one.
fn pairs<'a, A, B>(left: &'a [A], right: &'a [B]) -> impl Iterator<Item = (usize, Option<&'a A>, Option<&'a B>)> {
    (0..left.len().max(right.len())).map(|index| (index, left.get(index), right.get(index)))
}

/// Checks line, byte offset and raw record of each reject against the file.
pub(crate) fn with_the_file(case: &Case, rejected: &[Reject]) -> Differences {
    let magic = [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd"];
    let is_compressed = magic.iter().any(|magic| case.input.starts_with(magic));
    // Offsets count bytes of the UTF-8 text. Rejects of Parquet have no offset.
    if is_compressed || case.format == protocol::Format::Parquet || case.dataset.encoding != pipeline::Encoding::Utf8 {
        return Differences::new();
    }
    let line_end = match case.dataset.csv.line_end {
        pipeline::LineEnd::Lf => b'\n',
        pipeline::LineEnd::Cr => b'\r',
    };
    let has_right_position = |reject: &Reject| {
        let (before, from) = case.input.split_at_checked(usize::try_from(reject.byte_offset).ok()?)?;
        let line = 1 + before.iter().filter(|byte| **byte == line_end).count() as u64;
        (reject.line == line && from.starts_with(&reject.raw)).then_some(())
    };
    rejected
        .iter()
        .filter(|reject| has_right_position(reject).is_none())
        .map(|reject| {
            let raw = String::from_utf8_lossy(&reject.raw);
            let (place, raw) = (reject.byte_offset, shown(&raw));
            format!("  reject: {} is not at byte {place}: {raw}", reject_summary(reject))
        })
        .collect()
}

fn shown(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
