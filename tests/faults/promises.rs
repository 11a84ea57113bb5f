//! The promises and the tests that prove them: tests of this suite, and tests elsewhere that `make test` runs.

use std::path::Path;

use libtest_mimic::Failed;

use crate::proofs;

/// Prefix of the figure of a test that could not run on this machine.
pub(crate) const SKIPPED: &str = "skipped: ";

/// Number, fault, and the tests outside this suite as file and name.
type Promise = (u8, &'static str, &'static [(&'static str, &'static str)]);

const PROMISES: [Promise; 23] = [
    (
        1,
        "the loader is killed during a load",
        &[("tests/integration/killed_loader.rs", "killed_loader_leaves_no_rows")],
    ),
    (
        2,
        "the same event a hundred times at once",
        &[("tests/integration/duplicates.rs", "hundred_deliveries_of_one_event_load_once")],
    ),
    (
        3,
        "events out of order",
        &[("crates/load/tests/promises/versions.rs", "older_version_never_overwrites_a_newer_one")],
    ),
    (
        4,
        "the object is overwritten between event and read",
        &[("crates/load/tests/promises/storage.rs", "only_the_version_in_the_event_is_read")],
    ),
    (
        5,
        "PostgreSQL stops, restarts, is cut off",
        &[("crates/load/tests/promises/database.rs", "broken_session_is_replaced_at_the_next_load")],
    ),
    (6, "S3 returns 500 or 503", &[]),
    (7, "S3 sends slowly, or stops", &[]),
    (
        8,
        "a body is truncated or corrupt with a 200",
        &[("crates/load/tests/promises/storage.rs", "failed_download_leaves_nothing")],
    ),
    (
        9,
        "the loader fails between COMMIT and its reply",
        &[("crates/load/tests/promises/duplicates.rs", "lost_reply_is_repeated_from_the_ledger")],
    ),
    (10, "SNS is down", &[]),
    (
        11,
        "the function's timeout is near",
        &[("crates/load/tests/promises/database.rs", "load_gives_up_before_its_time_limit")],
    ),
    (
        12,
        "a frozen loader holds the claim",
        &[("crates/load/tests/promises/database.rs", "concurrent_load_of_one_key_fails_fast")],
    ),
    (
        13,
        "one 10 GB line, or a 10 GB file",
        &[
            ("crates/load/tests/memory/main.rs", "memory_does_not_grow_with_the_file"),
            ("crates/formats/src/tests/limits.rs", "endless_line_does_not_grow_memory"),
        ],
    ),
    (14, "a decompression bomb", &[("crates/formats/src/tests/limits.rs", "decompressed_size_is_limited")]),
    (15, "a thousand files at once", &[("tests/integration/duplicates.rs", "hundred_files_at_once_all_load")]),
    (16, "the database's disk is full", &[]),
    (
        17,
        "clocks disagree",
        &[
            ("tests/contract/clocks.rs", "functions_do_not_read_wall_clocks"),
            ("crates/protocol/src/object.rs", "sequencers_order_by_value"),
        ],
    ),
    (18, "hostile names", &[("tests/integration/formats.rs", "special_characters_in_key_load")]),
    (
        19,
        "keys with space, plus, percent or non-ASCII characters",
        &[
            ("tests/integration/formats.rs", "special_characters_in_key_load"),
            ("crates/protocol/src/event/tests.rs", "special_characters_decode_alike_in_every_shape"),
        ],
    ),
    (
        20,
        "Penstock's own output would load again",
        &[
            ("crates/pipeline/src/catalog/tests.rs", "outputs_that_are_inputs_are_errors"),
            ("tests/contract/template.rs", "no_role_writes_to_the_landing_bucket"),
        ],
    ),
    (21, "malformed data", &[("tests/corpus/main.rs", "corpus_files_give_expected_results")]),
    (
        22,
        "an empty data file, or a header without rows",
        &[
            ("tests/integration/failures.rs", "unloadable_file_fails_with_one_notice"),
            ("tests/integration/formats.rs", "header_only_file_loads_zero_rows"),
        ],
    ),
    (
        23,
        "an event cannot start its state machine",
        &[
            ("tests/contract/template.rs", "undelivered_event_is_kept_and_raises_an_alarm"),
            ("tests/integration/dead_letters.rs", "redriven_dead_letter_starts_once"),
        ],
    ),
];

/// Checks that every promise has a test and that every named test exists.
pub(crate) fn check() -> Result<(), Failed> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (number, fault, elsewhere) in PROMISES {
        if elsewhere.is_empty() && !proofs().any(|proof| proof.promises.contains(&number)) {
            return Err(format!("promise {number} ({fault}) has no test").into());
        }
        for (file, name) in elsewhere {
            let text = std::fs::read_to_string(project.join(file)).map_err(|error| format!("{file}: {error}"))?;
            if !text.contains(&format!("fn {name}(")) {
                return Err(format!("promise {number} ({fault}): {file} has no test {name}").into());
            }
        }
    }
    Ok(())
}

/// Prints the table of promises with the measured figures.
pub(crate) fn print(figures: &[(&str, String)]) {
    println!("\n| # | what goes wrong | test | figure | result |\n|--:|---|---|---|---|");
    for (number, fault, elsewhere) in PROMISES {
        for proof in proofs().filter(|proof| proof.promises.contains(&number)) {
            let (figure, result) = match figures.iter().find(|(name, _)| *name == proof.name) {
                Some((_, figure)) if figure.starts_with(SKIPPED) => (figure.as_str(), "skipped"),
                Some((_, figure)) => (figure.as_str(), "pass"),
                None => ("", "FAIL"),
            };
            println!("| {number} | {fault} | {} | {figure} | {result} |", proof.name);
        }
        for (file, name) in elsewhere {
            println!("| {number} | {fault} | {name} | {file} | by `make test` |");
        }
    }
}
