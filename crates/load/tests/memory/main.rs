//! Memory does not grow with the file. This test is a separate process, so that it measures nothing else.

// A panic is a failed test. The other tests use more of the fixture than this one.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

#[path = "../promises/bucket.rs"]
mod bucket;
#[path = "../promises/fixture.rs"]
mod fixture;

use fixture::{DEFINITION, KEY, LoadFixture, in_a_minute, request};
use protocol::Format;

const FILE_MIB: usize = 64;
const GROWTH_MIB_MAX: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_file() {
    let fixture = LoadFixture::new().await;
    let good = r#"{"order_id": 1, "customer": "somebody whose name takes some room", "amount": "1.50"}"#;
    let bad = good.replace("1.50", "1.505");
    let rows = format!("{good}\n{good}\n{good}\n{bad}\n").repeat(8);
    // The first load creates everything that stays: the TLS stack, buffers, thread stacks.
    load(&fixture, &rows, 1).await;

    let before_mib = peak_mib();
    let times = FILE_MIB * 1024 * 1024 / rows.len();
    let rows_loaded = load(&fixture, &rows, times).await;
    let growth_mib = peak_mib() - before_mib;

    assert_eq!(rows_loaded, times as u64 * 24);
    assert!(growth_mib <= GROWTH_MIB_MAX, "{growth_mib} MiB more for a file of {FILE_MIB} MiB");
}

async fn load(fixture: &LoadFixture, rows: &str, times: usize) -> u64 {
    let mut request = request(DEFINITION, &fixture.bucket.put_repeated(KEY, rows, times));
    request.format = Format::Jsonl;
    // The sequencer makes it another version: the bucket gives every object the same etag.
    request.object.sequencer = Some(format!("{times:x}"));
    let report = fixture.loader.load(&request, in_a_minute()).await.unwrap();
    assert_eq!(report.rows_loaded, 3 * report.rows_rejected);
    report.rows_loaded
}

fn peak_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}
