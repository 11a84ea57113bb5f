use std::time::{Duration, Instant};

use protocol::{FailureName, LoadOutcome};
use test_support::runtime_api::InvocationOutcome;
use tokio::task::block_in_place;

use crate::environment::{Bucket, Environment, check_failure, load_report, orders, request};
use crate::fault_proxy::{FaultProxy, ProxyFault};
use crate::pick;

const ROWS: usize = 60_000;

/// The driver kills a function at its timeout. This one replies before.
pub(crate) async fn load_fails_before_lambda_timeout() -> String {
    let environment = Environment::new().await;
    let proxy = FaultProxy::before(environment.storage.address);
    // The loader keeps a margin of 20 s, or a fifth of a short timeout.
    let time = Duration::from_secs(pick(10, 45) as u64);
    let body = orders(ROWS, "late");
    let after_bytes = body.len() / 2;
    let request = request(&environment.storage.put(Bucket::Plain, "faults/late.csv", body).await);
    proxy.arm(ProxyFault::Stall { after_bytes });
    let mut loader = environment.loader_through(proxy.address);
    let started = Instant::now();
    let outcome = loader.load_within(time, &request);
    let left = time.saturating_sub(started.elapsed());
    check_failure(&outcome, FailureName::DeadlineExceeded);
    proxy.release();
    environment.session.wait_for_no_copy().await;
    assert_eq!(environment.session.count_rows("late").await, 0);
    assert_eq!(load_report(loader.load(&request)).rows_loaded, ROWS as u64);
    environment.session.check_rows(ROWS, "late").await;
    environment.session.check_invariants().await;
    format!("timeout of {} s: DeadlineExceeded {:.1} s before it; 0 rows, then all", time.as_secs(), left.as_secs_f64())
}

pub(crate) async fn load_behind_frozen_claim_fails_fast() -> String {
    let environment = Environment::new().await;
    let proxy = FaultProxy::before(environment.storage.address);
    let mut second = environment.warm(environment.loader()).await;
    let body = orders(ROWS, "frozen");
    let after_bytes = body.len() / 2;
    let request = request(&environment.storage.put(Bucket::Plain, "faults/frozen.csv", body).await);
    proxy.arm(ProxyFault::Stall { after_bytes });
    let frozen = environment.loader_through(proxy.address);
    let process = frozen.process();
    let load = frozen.begin(&request);
    block_in_place(|| proxy.wait_for_fault());
    environment.session.wait_for_copy().await;
    process.freeze();
    proxy.release();
    let started = Instant::now();
    let outcome = second.load(&request);
    let waited = started.elapsed();
    process.thaw();
    check_failure(&outcome, FailureName::LoadInProgress);
    assert_eq!(load_report(load.await.unwrap().1).outcome, LoadOutcome::Loaded);
    let mut other_execution = request.clone();
    other_execution.execution = None;
    assert_eq!(load_report(second.load(&other_execution)).outcome, LoadOutcome::AlreadyLoaded);
    environment.session.check_rows(ROWS, "frozen").await;
    environment.session.check_invariants().await;
    format!(
        "LoadInProgress after {:.1} s; once resumed, the first load commits and the second is AlreadyLoaded",
        waited.as_secs_f64()
    )
}

/// A frozen process cannot stop by itself, so Lambda's timeout kills it.
pub(crate) async fn loader_killed_at_timeout_leaves_no_rows() -> String {
    let environment = Environment::new().await;
    let proxy = FaultProxy::before(environment.storage.address);
    let time = Duration::from_secs(5);
    let body = orders(ROWS, "timed-out");
    let after_bytes = body.len() / 2;
    let request = request(&environment.storage.put(Bucket::Plain, "faults/timed-out.csv", body).await);
    proxy.arm(ProxyFault::Stall { after_bytes });
    let loader = environment.loader_through(proxy.address);
    let process = loader.process();
    let load = loader.begin_within(time, &request);
    block_in_place(|| proxy.wait_for_fault());
    environment.session.wait_for_copy().await;
    process.freeze();
    assert_eq!(load.await.unwrap().1, InvocationOutcome::TimedOut);
    proxy.release();
    environment.session.wait_for_no_copy().await;
    assert_eq!(environment.session.count_rows("timed-out").await, 0);
    assert_eq!(load_report(environment.loader().load(&request)).rows_loaded, ROWS as u64);
    environment.session.check_rows(ROWS, "timed-out").await;
    environment.session.check_invariants().await;
    format!("frozen and killed after {} s: 0 rows, then all", time.as_secs())
}
