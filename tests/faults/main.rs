//! What can go wrong, made to happen: the promises of `promises.rs`, each kept by real processes against a real
//! PostgreSQL and an emulator that speaks S3.
//!
//! `make test-faults` is the long form; without `FAULTS=full` the counts are small. The table at the end has every
//! promise, with the figure that its test measured or the place where another test proves it. A name as argument runs
//! the tests that have it in theirs; `FAULTS_FILES` is the size of the burst, and `FAULTS_SEED` replays a trace.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test without its servers has nothing to say"
)]

mod burst;
mod commit;
mod deliveries;
mod disk;
mod ground;
mod killed;
mod machine;
mod microburst;
mod model;
mod names;
mod outage;
mod planned;
mod promises;
mod size;
mod storage;
mod tap;
mod time;
mod traces;
mod transforms;
mod versions;

use std::io::Write;
use std::process::ExitCode;
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

/// Connections of the shared clients belong to a runtime; a runtime a test would take them away with it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Most of a test's time is waiting, so more of them run than there are cores; many more would wait for one another.
const TESTS_AT_ONCE: usize = 6;

/// A test of this suite: which promises it proves, and a run of it, which gives its figure.
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
        [10] machine::what_sns_refuses_is_told_by_the_execution;
        [1, 11] machine::a_function_that_always_ends_raises_one_notice;
        [10] machine::a_machine_whose_role_is_refused_raises_one_notice;
        [23] machine::an_event_that_starts_nothing_waits_and_one_command_puts_it_back;
        [15] burst::every_file_of_a_burst_is_accounted_for;
        [1, 9] planned::what_is_planned_fails_as_planned_and_nothing_else_does;
        [7] storage::a_stalled_body_is_told_before_the_lambda_ends;
        [1] killed::a_loader_killed_anywhere_leaves_no_row_and_the_retry_loads_all;
        [2] deliveries::concurrent_deliveries_of_one_event_load_once;
        [15] deliveries::a_burst_of_files_needs_no_more_connections_than_loaders;
        [3, 17] versions::every_order_of_four_versions_ends_with_the_highest_sequencer;
        [4] versions::an_object_overwritten_before_it_is_read_is_never_a_mix;
        [5] outage::a_database_that_stops_in_the_middle_of_a_load_is_waited_for;
        [5] transforms::a_database_that_stops_in_the_middle_of_a_transform_is_waited_for;
        [1] transforms::a_transformer_killed_in_the_middle_leaves_nothing_and_the_retry_runs_all;
        [9] transforms::a_run_whose_commit_is_unheard_transforms_nothing_twice;
        [6] storage::a_storage_that_refuses_is_asked_again_and_then_named;
        [6] storage::a_resolver_whose_storage_refuses_asks_again_and_names_it;
        [7] storage::a_slow_body_is_read_to_its_end;
        [8] storage::a_body_that_is_not_the_stored_one_is_never_committed;
        [8] storage::damage_that_makes_a_file_unreadable_is_not_the_files;
        [9] commit::a_load_whose_reply_is_lost_is_answered_from_the_ledger;
        [11] time::a_load_gives_up_before_the_lambda_ends;
        [1, 11] time::a_loader_killed_at_its_time_out_leaves_no_row;
        [12] time::a_frozen_rival_is_not_waited_for;
        [13] size::a_record_without_end_is_stopped_at_its_limit;
        [14] size::a_decompression_bomb_is_stopped_at_its_limit;
        [18, 19] names::poisoned_names_are_only_ever_names;
        [16] disk::a_full_disk_is_rolled_back_and_recovers;
        [1, 2, 3, 9] model::every_interleaving_of_the_protocol_keeps_its_invariants;
        [1, 2, 3, 9] traces::the_loader_does_what_the_model_says;
    }
    .into_iter()
}

/// `short` in the ordinary form, `full` in the long one.
fn pick(short: usize, full: usize) -> usize {
    if std::env::var("FAULTS").is_ok_and(|form| form == "full") { full } else { short }
}

/// What each test that passed has measured.
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
