//! Files with a record, or with decompressed content, over the limits.

use std::io::Write;
use std::process::{Command, Stdio};

use protocol::{Compression, FailureName, LoadRequest};

use crate::environment::{Bucket, Environment, check_failure, load_report, orders, request};

const MIB: usize = 1024 * 1024;
const RECORD_MIB: usize = 24;
const BOMB_MIB: usize = 128;
/// Limit for the loader's peak memory, far below the size of the inputs' content.
const MEMORY_MIB_MAX: usize = 160;

pub(crate) async fn endless_record_fails_at_limit() -> String {
    let environment = Environment::new().await;
    let body = format!("order_id,customer\n1,\"{}", "x".repeat(RECORD_MIB * MIB));
    let request = request(&environment.storage.put(Bucket::Plain, "faults/endless.csv", body).await);
    let peak_mib = check_limit(&environment, &request, FailureName::RecordTooLarge).await;
    format!("RecordTooLarge for a record of {RECORD_MIB} MiB; peak memory {peak_mib} MiB")
}

pub(crate) async fn decompression_bomb_fails_at_limit() -> String {
    let environment = Environment::new().await;
    let bomb = gzip(BOMB_MIB);
    let kib = bomb.len() / 1024;
    let mut request = request(&environment.storage.put(Bucket::Plain, "faults/bomb.csv", bomb).await);
    request.compression = Compression::Gzip;
    let peak_mib = check_limit(&environment, &request, FailureName::DecompressionLimit).await;
    format!("DecompressionLimit for {kib} KiB that decompress to {BOMB_MIB} MiB; peak memory {peak_mib} MiB")
}

/// Checks the failure, and that the same process then loads a valid file. Returns the peak memory in MiB.
async fn check_limit(environment: &Environment, request: &LoadRequest, name: FailureName) -> usize {
    let mut loader = environment.loader();
    check_failure(&loader.load(request), name);
    let peak_mib = loader.process().peak_mib();
    assert!(peak_mib <= MEMORY_MIB_MAX, "{peak_mib} MiB");
    assert_eq!(environment.session.count("penstock.load").await, 0);
    let good = environment.storage.put(Bucket::Plain, "faults/after.csv", orders(10, "after")).await;
    assert_eq!(load_report(loader.load(&crate::environment::request(&good))).rows_loaded, 10);
    environment.session.check_invariants().await;
    peak_mib
}

/// Compresses a header and `mib` rows of 1 MiB each with the program `gzip`.
fn gzip(mib: usize) -> Vec<u8> {
    let mut gzip =
        Command::new("gzip").args(["-9", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = gzip.stdin.take().unwrap();
    let writing = std::thread::spawn(move || {
        input.write_all(b"order_id,customer\n").unwrap();
        let row = format!("1,{}\n", "x".repeat(MIB - 3));
        (0..mib).for_each(|_| input.write_all(row.as_bytes()).unwrap());
    });
    let output = gzip.wait_with_output().unwrap();
    writing.join().unwrap();
    output.stdout
}
