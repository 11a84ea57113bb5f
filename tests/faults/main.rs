//! Fault tests: each injects a fault and checks a promise of `promises.rs`. They run real function processes against a
//! real PostgreSQL and an emulator of S3.
//!
//! `make test-faults` runs the long form. Without `FAULTS=full` the counts are small. An argument selects tests by part of
//! their name. `FAULTS_FILES` sets the size of a burst, `FAULTS_SEED` replays a trace. At the end the suite prints a table
//! of all promises, with the measured figure or the test elsewhere that proves the promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test without its servers fails")]

mod burst;
mod commit;
mod deliveries;
mod disk;
mod environment;
mod fault_plan;
mod fault_proxy;
mod hostile_names;
mod killed;
mod microburst;
mod model;
mod outage;
mod promises;
mod size;
mod storage_errors;
mod timeouts;
mod traces;
mod transforms;
mod versions;
mod whole_stack;

use std::io::Write;
use std::process::ExitCode;
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

/// One runtime for all tests: the connections of shared clients end with the runtime that opened them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Tests mostly wait, so more of them run than the machine has cores.
const TESTS_AT_ONCE: usize = 6;

/// A test of this suite, with the promises that it proves. `run` returns the measured figure.
struct Proof {
    promises: &'static [u8],
    name: &'static str,
    run: fn() -> String,
}

macro_rules! proofs {
    ($($promises:tt $module:ident::$name:ident;)*) => {
        [$(Proof {
            promises: &$promises,
            name: stringify!($name),
            run: || RUNTIME.block_on($module::$name()),
        }),*]
    };
}

fn proofs() -> impl Iterator<Item = Proof> {
    proofs! {
        [10] whole_stack::undeliverable_notice_is_recorded_in_execution;
        [1, 11] whole_stack::crashing_function_sends_one_notice;
        [10] whole_stack::denied_role_sends_one_notice;
        [23] whole_stack::undelivered_event_is_redriven_once;
        [15] burst::burst_accounts_for_every_file;
        [1, 9] fault_plan::only_planned_failures_occur;
        [7] storage_errors::stalled_body_fails_before_lambda_timeout;
        [1] killed::loader_killed_at_any_point_leaves_no_rows;
        [2] deliveries::concurrent_deliveries_load_once;
        [15] deliveries::burst_uses_one_connection_per_loader;
        [3, 17] versions::any_order_of_versions_keeps_highest_sequencer;
        [4] versions::overwritten_object_never_mixes_versions;
        [5] outage::database_stop_during_load_is_retried;
        [5] transforms::database_stop_during_transform_is_retried;
        [1] transforms::killed_transformer_leaves_nothing;
        [9] transforms::lost_commit_reply_runs_transforms_once;
        [6] storage_errors::storage_errors_are_retried_then_reported;
        [6] storage_errors::resolver_retries_storage_errors_then_reports;
        [7] storage_errors::slow_body_loads_completely;
        [8] storage_errors::corrupt_body_is_never_committed;
        [8] storage_errors::corrupt_body_is_transient;
        [9] commit::lost_commit_reply_is_answered_from_ledger;
        [11] timeouts::load_fails_before_lambda_timeout;
        [1, 11] timeouts::loader_killed_at_timeout_leaves_no_rows;
        [12] timeouts::load_behind_frozen_claim_fails_fast;
        [13] size::endless_record_fails_at_limit;
        [14] size::decompression_bomb_fails_at_limit;
        [18, 19] hostile_names::hostile_names_are_plain_values;
        [16] disk::full_disk_rolls_back_and_recovers;
        [1, 2, 3, 9] model::every_interleaving_keeps_invariants;
        [1, 2, 3, 9] traces::loader_matches_the_model;
    }
    .into_iter()
}

/// Returns `full` when `FAULTS=full` is set, else `short`.
fn pick(short: usize, full: usize) -> usize {
    if std::env::var("FAULTS").is_ok_and(|form| form == "full") { full } else { short }
}

/// Figures of the tests that passed, by test name.
static FIGURES: Mutex<Vec<(&str, String)>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TESTS_AT_ONCE);
    let runs_all = !arguments.list && arguments.filter.is_none() && arguments.skip.is_empty();
    let trials = proofs().map(trial).chain([Trial::test("every_promise_has_a_test", promises::check)]).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if runs_all {
        promises::print(&FIGURES.lock().unwrap());
    }
    conclusion.exit_code()
}

fn trial(Proof { promises, name, run }: Proof) -> Trial {
    Trial::test(name, move || {
        let started = Instant::now();
        let figure = format!("{} ({:.1} s)", run(), started.elapsed().as_secs_f64());
        let numbers: Vec<String> = promises.iter().map(u8::to_string).collect();
        writeln!(std::io::stdout(), "promise {}: {figure}", numbers.join(", "))?;
        FIGURES.lock().unwrap().push((name, figure));
        Ok(())
    })
}
