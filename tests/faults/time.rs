use std::time::{Duration, Instant};

use protocol::{FailureName, LoadOutcome};
use test_support::runtime_api::Outcome;
use tokio::task::block_in_place;

use crate::ground::{Bucket, Ground, check_failure, orders, report, request};
use crate::pick;
use crate::tap::{Fault, Tap};

const ROWS: usize = 60_000;

/// The driver kills a function that is not back in time, and this one answers.
pub(crate) async fn a_load_gives_up_before_the_lambda_ends() -> String {
    let ground = Ground::new().await;
    let tap = Tap::to(ground.storage.address);
    // Of 45 s the margin is the whole 20 s; of a short time it is a fifth.
    let time = Duration::from_secs(pick(10, 45) as u64);
    let body = orders(ROWS, "late");
    let after_bytes = body.len() / 2;
    let request = request(&ground.storage.put(Bucket::Plain, "faults/late.csv", body).await);
    tap.arm(Fault::Hold { after_bytes });
    let mut loader = ground.loader_through(tap.address);
    let started = Instant::now();
    let outcome = loader.load_within(time, &request);
    let left = time.saturating_sub(started.elapsed());
    check_failure(&outcome, FailureName::DeadlineExceeded);
    tap.release();
    ground.seen.wait_for_no_copy().await;
    assert_eq!(ground.seen.rows_of("late").await, 0);
    assert_eq!(report(loader.load(&request)).rows_loaded, ROWS as u64);
    ground.seen.has_exactly(ROWS, "late").await;
    ground.seen.keeps_its_invariants().await;
    format!(
        "of {} s, DeadlineExceeded came {:.1} s before the end; 0 rows, then exact",
        time.as_secs(),
        left.as_secs_f64()
    )
}

pub(crate) async fn a_frozen_rival_is_not_waited_for() -> String {
    let ground = Ground::new().await;
    let tap = Tap::to(ground.storage.address);
    let mut rival = ground.warm(ground.loader()).await;
    let body = orders(ROWS, "frozen");
    let after_bytes = body.len() / 2;
    let request = request(&ground.storage.put(Bucket::Plain, "faults/frozen.csv", body).await);
    tap.arm(Fault::Hold { after_bytes });
    let frozen = ground.loader_through(tap.address);
    let process = frozen.process();
    let load = frozen.begin(&request);
    block_in_place(|| tap.wait_until_met());
    ground.seen.wait_for_copy().await;
    process.freeze();
    tap.release();
    let started = Instant::now();
    let outcome = rival.load(&request);
    let waited = started.elapsed();
    process.thaw();
    check_failure(&outcome, FailureName::LoadInProgress);
    assert_eq!(report(load.await.unwrap().1).outcome, LoadOutcome::Loaded);
    let mut another = request.clone();
    another.execution = None;
    assert_eq!(report(rival.load(&another)).outcome, LoadOutcome::AlreadyLoaded);
    ground.seen.has_exactly(ROWS, "frozen").await;
    ground.seen.keeps_its_invariants().await;
    format!("LoadInProgress after {:.1} s; thawed, the first loads, and the second finds it", waited.as_secs_f64())
}

/// Frozen it cannot give up by itself: Lambda's time-out ends it.
pub(crate) async fn a_loader_killed_at_its_time_out_leaves_no_row() -> String {
    let ground = Ground::new().await;
    let tap = Tap::to(ground.storage.address);
    let time = Duration::from_secs(5);
    let body = orders(ROWS, "timed out");
    let after_bytes = body.len() / 2;
    let request = request(&ground.storage.put(Bucket::Plain, "faults/timed-out.csv", body).await);
    tap.arm(Fault::Hold { after_bytes });
    let loader = ground.loader_through(tap.address);
    let process = loader.process();
    let load = loader.begin_within(time, &request);
    block_in_place(|| tap.wait_until_met());
    ground.seen.wait_for_copy().await;
    process.freeze();
    assert_eq!(load.await.unwrap().1, Outcome::TimedOut);
    tap.release();
    ground.seen.wait_for_no_copy().await;
    assert_eq!(ground.seen.rows_of("timed out").await, 0);
    assert_eq!(report(ground.loader().load(&request)).rows_loaded, ROWS as u64);
    ground.seen.has_exactly(ROWS, "timed out").await;
    ground.seen.keeps_its_invariants().await;
    format!("frozen, and ended after {} s: 0 rows, then exact", time.as_secs())
}
