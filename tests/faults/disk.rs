use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use protocol::FailureName;
use test_support::scratch_folder;

use crate::environment::{Bucket, LoaderProcess, check_failure, load_report, orders, request, storage};
use crate::outage::PostgresServer;
use crate::promises::SKIPPED;

const DISK: &str = "size=4m";
const LARGER_DISK: &str = "remount,size=64m";
/// These rows need more than 4 MiB in PostgreSQL.
const ROWS: usize = 200_000;

/// A file system in memory. Drop unmounts it, even when files are open.
struct Disk(PathBuf);

impl Disk {
    /// Mounts the file system. None when this user may not mount.
    fn mount() -> Option<Self> {
        let folder = scratch_folder("disk");
        let mounted = mount(&folder, &["-t", "tmpfs", "-o", DISK, "tmpfs"]);
        mounted.then_some(Self(folder))
    }

    fn grow(&self) {
        assert!(mount(&self.0, &["-o", LARGER_DISK]), "cannot enlarge the file system");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(at: &Path, arguments: &[&str]) -> bool {
    Command::new("mount").args(arguments).arg(at).output().is_ok_and(|output| output.status.success())
}

pub(crate) async fn full_disk_rolls_back_and_recovers() -> String {
    let Some(disk) = Disk::mount() else {
        return format!("{SKIPPED}only root may mount a file system");
    };
    let server = PostgresServer::start();
    let owner = std::fs::metadata(server.data()).unwrap();
    chown(&disk.0, Some(owner.uid()), Some(owner.gid())).unwrap();
    let session = server.session().await;
    session.run(&format!("create tablespace small location '{}'", disk.0.display())).await;
    session.run("alter database penstock set default_tablespace = small").await;

    let storage = storage().await;
    let request = request(&storage.put(Bucket::Plain, "faults/full-disk.csv", orders(ROWS, "full-disk")).await);
    let mut loader = LoaderProcess::start(&format!("http://{}", storage.address), &server.url);
    let outcome = loader.load(&request);
    check_failure(&outcome, FailureName::DatabaseUnavailable);
    assert!(format!("{outcome:?}").contains("53100"), "{outcome:?}");
    assert_eq!(session.count_rows("full-disk").await, 0);
    disk.grow();
    assert_eq!(load_report(loader.load(&request)).rows_loaded, ROWS as u64);
    session.check_rows(ROWS, "full-disk").await;
    session.check_invariants().await;
    format!("SQLSTATE 53100 on a disk of 4 MiB: DatabaseUnavailable, 0 rows; on a larger disk the retry loads {ROWS}")
}
