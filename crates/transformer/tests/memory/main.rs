//! Memory does not grow with an export. This test runs in its own process, so that it measures nothing else.

// A panic fails the test. This test uses only a part of the stage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

#[path = "../promises/bucket.rs"]
mod bucket;
#[path = "../promises/stage.rs"]
mod stage;

use stage::Stage;

const GROWTH_MIB_MAX: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn export_memory_is_independent_of_its_size() {
    let rows_of_a_kib = "select repeat(md5(number::text), 32) from generate_series(1, :run_id * 12000) as number";
    let export = |key: &str| format!("[[exports]]\nquery = \"{rows_of_a_kib}\"\nto = \"{key}\"\n");
    let stage = Stage::new(&(export("out.csv") + &export("out.parquet")), &[]).await;
    stage.bucket.forget_parts();
    // The first export includes one-time costs: the HTTP client, buffers, thread stacks.
    let rows_before = rows(&stage).await;
    let (before_mib, bytes_before) = (peak_mib(), stage.bucket.bytes_written());
    for _ in 0..3 {
        stage.set("Skipped", None, &[]).await;
    }
    let rows = rows(&stage).await;
    let growth_mib = peak_mib() - before_mib;

    assert_eq!((rows_before, rows), (12_000, 60_000));
    let written_mib = (stage.bucket.bytes_written() - bytes_before) / 1024 / 1024;
    assert!(growth_mib <= GROWTH_MIB_MAX, "{growth_mib} MiB more for an export of {written_mib} MiB");
}

async fn rows(stage: &Stage) -> u64 {
    let run_id = stage.set("Ready", None, &["orders"]).await;
    let report = stage.run(run_id).await.unwrap();
    assert_eq!(report.exports[0].rows, report.exports[1].rows);
    report.exports[0].rows
}

fn peak_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}
