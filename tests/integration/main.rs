//! Integration tests of the whole stack on the emulator in `EMULATOR`: S3 events, function processes, PostgreSQL. All tests
//! share one stack, so each uses its own keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test without its stack fails")]

mod command;
mod command_line;
mod configuration;
mod dead_letter_queue;
mod dead_letters;
mod duplicates;
mod failures;
mod forget;
mod formats;
mod hostile_names;
mod killed_loader;
mod large_files;
mod missing_files;
mod notices;
mod real_data;
mod reconcile;
mod reconcile_machine;
mod reload;
mod repairs;
mod replay;
mod rerun;
mod runs;
mod sample_events;
mod silent_bucket;
mod triggers;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use test_support::Stack;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// One runtime for all tests: the connections of shared clients end with the runtime that opened them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static STACK: OnceCell<Stack> = OnceCell::const_new();

fn with_stack<F: Future>(test: impl FnOnce(&'static Stack) -> F) -> F::Output {
    RUNTIME.block_on(async {
        let stack = STACK.get_or_init(async || Stack::start(&folder("integration/pipelines")).await).await;
        test(stack).await
    })
}

fn folder(below_tests: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below_tests)
}

async fn count(database: &tokio_postgres::Client, query: &str) -> i64 {
    database.query_one(query, &[]).await.unwrap().get(0)
}
