//! No function reads a wall clock: the order of versions must not depend on clocks.

use std::fs;
use std::path::{Path, PathBuf};

/// Functions that read a wall clock. `Instant` only measures durations.
const CLOCKS: [&str; 4] = ["Utc::now", "Local::now", "SystemTime::now", "Timestamp::now"];
/// Lambda gives the deadline of an invocation as a time of day.
const DEADLINE: &str = "function/src/invocation.rs";
/// The reconciler ignores young files, whose event may still arrive. It derives no order from their age.
const AGE: &str = "reconciler/src/reconciler.rs";
/// Crates that are not part of a function.
const ELSEWHERE: [&str; 4] = ["demo", "local-stack", "penstock", "test-support"];

#[test]
fn functions_do_not_read_wall_clocks() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut readers = Vec::new();
    for folder in entries(&crates).filter(|path| !ELSEWHERE.iter().any(|name| path.ends_with(name))) {
        collect(&folder.join("src"), &mut readers);
    }
    let mut readers: Vec<&Path> = readers.iter().map(|path| path.strip_prefix(&crates).unwrap()).collect();
    readers.sort_unstable();
    assert_eq!(readers, [DEADLINE, AGE].map(Path::new));
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
}

/// Collects the sources of a folder that read a clock.
fn collect(folder: &Path, readers: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        if path.is_dir() {
            collect(&path, readers);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            if CLOCKS.iter().any(|clock| text.contains(clock)) {
                readers.push(path);
            }
        }
    }
}
