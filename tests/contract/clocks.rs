//! Which of two versions is the newer one is never asked of a clock: so no function looks at one.

use std::fs;
use std::path::{Path, PathBuf};

/// The ways to a wall clock. `Instant` only measures how long something took.
const CLOCKS: [&str; 4] = ["Utc::now", "Local::now", "SystemTime::now", "Timestamp::now"];
/// Lambda tells the end of an invocation as a time of day.
const DEADLINE: &str = "function/src/invocation.rs";
/// How old a file is, so that one whose event may still come is left alone. No order is taken from it.
const AGE: &str = "reconciler/src/reconciler.rs";
/// Not in a function.
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

/// The sources below a folder that name a clock.
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
