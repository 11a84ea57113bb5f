use contracts::{LoadOutcome, LoadReport};
use futures_util::future::join_all;

use crate::ground::{Bucket, Ground, Loader, orders, report, request};
use crate::pick;

const DELIVERIES: usize = 100;
const ROWS: usize = 500;

/// Each process answers several deliveries, one after the other; the first of all processes come at once.
pub(crate) async fn concurrent_deliveries_of_one_event_load_once() -> String {
    let ground = Ground::new().await;
    let processes = pick(10, DELIVERIES);
    let object = ground.storage.put(Bucket::Plain, "faults/hundred.csv", orders(ROWS, "hundred")).await;
    let loaders: Vec<Loader> = (0..processes).map(|_| ground.loader()).collect();

    let deliver = |(number, mut loader): (usize, Loader)| {
        let mut request = request(&object);
        let rounds = DELIVERIES / processes;
        tokio::task::spawn_blocking(move || {
            let answer = |round: usize| {
                request.execution = Some(format!("arn:aws:states:::execution:process-file:{number}-{round}"));
                report(loader.load(&request))
            };
            (0..rounds).map(answer).collect::<Vec<LoadReport>>()
        })
    };
    let reports: Vec<LoadReport> =
        join_all(loaders.into_iter().enumerate().map(deliver)).await.into_iter().flat_map(Result::unwrap).collect();

    let of = |outcome| reports.iter().filter(|report| report.outcome == outcome).count();
    assert_eq!((of(LoadOutcome::Loaded), of(LoadOutcome::AlreadyLoaded)), (1, DELIVERIES - 1));
    assert!(reports.iter().all(|report| report.rows_loaded == ROWS as u64 && report.load_id == reports[0].load_id));
    ground.seen.has_exactly(ROWS, "hundred").await;
    ground.seen.keeps_its_invariants().await;
    format!("{DELIVERIES} deliveries to {processes} processes: 1 Loaded, {} AlreadyLoaded, 0 errors", DELIVERIES - 1)
}
