use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use protocol::{FailureName, LoadOutcome, LoadReport, LoadRequest};
use test_support::runtime_api::InvocationOutcome;

use crate::environment::{Bucket, Environment, LoaderProcess, load_report, orders, request};
use crate::pick;

const DELIVERIES: usize = 100;
const ROWS: usize = 500;
/// Fewer attempts than the state machine makes for LoadInProgress.
const ATTEMPTS_MAX: u32 = 20;

/// Each process handles several deliveries in turn. The first deliveries of all processes come at once.
pub(crate) async fn concurrent_deliveries_load_once() -> String {
    let environment = Environment::new().await;
    let processes = pick(10, DELIVERIES);
    let object = environment.storage.put(Bucket::Plain, "faults/hundred.csv", orders(ROWS, "hundred")).await;
    let loaders: Vec<LoaderProcess> = (0..processes).map(|_| environment.loader()).collect();

    let deliver = |(number, mut loader): (usize, LoaderProcess)| {
        let mut request = request(&object);
        let rounds = DELIVERIES / processes;
        tokio::task::spawn_blocking(move || {
            let load_round = |round: usize| {
                request.execution = Some(format!("arn:aws:states:::execution:process-file:{number}-{round}"));
                load_report(load_with_retries(&mut loader, &request))
            };
            (0..rounds).map(load_round).collect::<Vec<LoadReport>>()
        })
    };
    let reports: Vec<LoadReport> =
        join_all(loaders.into_iter().enumerate().map(deliver)).await.into_iter().flat_map(Result::unwrap).collect();

    let of = |outcome| reports.iter().filter(|report| report.outcome == outcome).count();
    assert_eq!((of(LoadOutcome::Loaded), of(LoadOutcome::AlreadyLoaded)), (1, DELIVERIES - 1));
    assert!(reports.iter().all(|report| report.rows_loaded == ROWS as u64 && report.load_id == reports[0].load_id));
    environment.session.check_rows(ROWS, "hundred").await;
    environment.session.check_invariants().await;
    format!("{DELIVERIES} deliveries to {processes} processes: 1 Loaded, {} AlreadyLoaded, 0 errors", DELIVERIES - 1)
}

/// Loads with retries, as the state machine does while another load holds the claim.
fn load_with_retries(loader: &mut LoaderProcess, request: &LoadRequest) -> InvocationOutcome {
    let is_in_progress =
        |outcome: &InvocationOutcome| outcome.error_type() == Some(FailureName::LoadInProgress.as_str());
    let mut attempts = (0..ATTEMPTS_MAX).map(|_| loader.load(request));
    attempts.find(|outcome| !is_in_progress(outcome)).expect("the other load ends")
}

/// The default of `LoaderConcurrency`. Lambda runs at most this many loaders, and the state machine retries the rest.
pub(crate) const LOADERS: usize = 20;
const PUTS_AT_ONCE: usize = 100;
const POLL: Duration = Duration::from_millis(20);

/// Returns `FAULTS_FILES` when it is set, else 1,000 in the long form.
pub(crate) fn burst_files(short: usize) -> usize {
    let given = std::env::var("FAULTS_FILES").ok();
    given.map_or(pick(short, 1_000), |files| files.parse().expect("FAULTS_FILES is a number"))
}

/// Loads many files at once: each free loader takes the next file, as in Lambda.
pub(crate) async fn burst_uses_one_connection_per_loader() -> String {
    let environment = Environment::new().await;
    let files = burst_files(200);
    let started = Instant::now();
    let put = async |number: usize| {
        // One file in ten is invalid.
        let body = if number.is_multiple_of(10) { "order_id\n1\n".to_owned() } else { orders(2, "burst") };
        request(&environment.storage.put(Bucket::Plain, &format!("faults/burst-{number}.csv"), body).await)
    };
    let requests: VecDeque<LoadRequest> =
        stream::iter(0..files).map(put).buffer_unordered(PUTS_AT_ONCE).collect().await;
    let dropped_in = started.elapsed();

    let waiting = Arc::new(Mutex::new(requests));
    let work = (0..LOADERS).map(|_| {
        let (mut loader, waiting) = (environment.loader(), Arc::clone(&waiting));
        tokio::task::spawn_blocking(move || {
            let next = || waiting.lock().unwrap().pop_front();
            std::iter::from_fn(next).map(|request| loader.load(&request)).collect::<Vec<InvocationOutcome>>()
        })
    });
    let mut work = Box::pin(join_all(work));
    let mut connections = 0;
    let outcomes: Vec<InvocationOutcome> = loop {
        tokio::select! {
            done = &mut work => break done.into_iter().flat_map(Result::unwrap).collect(),
            () = tokio::time::sleep(POLL) => {
                let sessions = "pg_stat_activity where datname = current_database()
                                and application_name = 'penstock-loader'";
                connections = connections.max(environment.session.count(sessions).await);
            }
        }
    };
    let bad = files.div_ceil(10);
    let refused = FailureName::HeaderMismatch.as_str();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.error_type() == Some(refused)).count(), bad);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, InvocationOutcome::Ok(_))).count(), files - bad);
    let loaded = i64::try_from(files - bad).unwrap();
    assert_eq!(environment.session.count("penstock.load where outcome = 'Loaded'").await, loaded);
    assert_eq!(environment.session.count_rows("burst").await, 2 * loaded);
    // A loader may open a session while PostgreSQL still ends the session of its failed load.
    assert!(connections <= 2 * i64::try_from(LOADERS).unwrap(), "{connections} connections");
    environment.session.check_invariants().await;
    format!(
        "{files} files dropped in {:.1} s: {loaded} loaded, {bad} failed by name, after {:.0} s; at most {connections} \
         connections for {LOADERS} loaders",
        dropped_in.as_secs_f64(),
        started.elapsed().as_secs_f64()
    )
}
