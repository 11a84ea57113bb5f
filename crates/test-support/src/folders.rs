use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Creates a folder of this test process. Removes the folders of processes that have ended, because a killed process
/// leaves its folders behind.
pub fn scratch_folder(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let all = std::env::temp_dir().join("penstock-tests");
    std::fs::create_dir_all(&all).expect("create the folder of all test servers");
    for old in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        let process_runs = PathBuf::from("/proc").join(old.file_name()).exists();
        if !process_runs {
            let _ = std::fs::remove_dir_all(old.path());
        }
    }
    let folder =
        all.join(std::process::id().to_string()).join(format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(&folder).expect("create a folder for this test's servers");
    folder
}

/// Returns the path of a program of this build. Tests run from `target/<profile>/deps`.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let binary = profile.join(name);
    assert!(binary.exists(), "{} is not built: run `cargo build --workspace` first", binary.display());
    binary
}
