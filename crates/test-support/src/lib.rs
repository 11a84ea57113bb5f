//! What tests stand on: real servers, started once a test process, gone when it ends. A dev-dependency only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test whose server cannot be started has nothing to say"
)]

mod database;
mod events;
pub mod runtime_api;
mod stack;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub use database::{TestDatabase, database};
pub use events::Events;
pub use stack::{Execution, Notice, OTHER_BUCKET, Stack};

/// A new folder of this test process; those of processes that have ended are removed on the way, for a process that
/// is killed cannot tidy up after itself.
pub fn scratch_folder(what: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let all = std::env::temp_dir().join("penstock-tests");
    std::fs::create_dir_all(&all).expect("create the folder of test servers");
    for old in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        let process_lives = PathBuf::from("/proc").join(old.file_name()).exists();
        if !process_lives {
            let _ = std::fs::remove_dir_all(old.path());
        }
    }
    let folder =
        all.join(std::process::id().to_string()).join(format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(&folder).expect("create a folder for this test's servers");
    folder
}

/// A program of this build: tests run from `target/<profile>/deps`.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let binary = profile.join(name);
    assert!(binary.exists(), "{} is not built: run `cargo build --workspace` first", binary.display());
    binary
}
