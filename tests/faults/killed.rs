use protocol::LoadOutcome;
use test_support::runtime_api::Outcome;

use crate::ground::{Bucket, Ground, orders, report, request};
use crate::pick;
use crate::tap::{Fault, Tap};

const ROWS: usize = 60_000;

pub(crate) async fn a_loader_killed_anywhere_leaves_no_row_and_the_retry_loads_all() -> String {
    let ground = Ground::new().await;
    let tap = Tap::to(ground.storage.address);
    let points = pick(6, 50);
    let mut warm = ground.warm(ground.loader()).await;
    for point in 1..=points {
        let customer = format!("killed-{point}");
        let body = orders(ROWS, &customer);
        let after_bytes = body.len() * point / (points + 1);
        let object = ground.storage.put(Bucket::Plain, &format!("faults/{customer}.csv"), body).await;

        tap.arm(Fault::Hold { after_bytes });
        let loader = ground.loader_through(tap.address);
        let process = loader.process();
        let load = loader.begin(&request(&object));
        tokio::task::block_in_place(|| tap.wait_until_met());
        ground.seen.wait_for_copy().await;
        process.kill();
        let (_, outcome) = load.await.unwrap();
        assert_eq!(outcome, Outcome::Exited);
        assert_eq!(ground.seen.rows_of(&customer).await, 0, "right after the kill at point {point}");
        tap.release();
        ground.seen.wait_for_no_copy().await;
        assert_eq!(ground.seen.rows_of(&customer).await, 0, "after the kill at point {point}");

        let retried = report(warm.load(&request(&object)));
        assert_eq!((retried.outcome, retried.rows_loaded), (LoadOutcome::Loaded, ROWS as u64));
        ground.seen.has_exactly(ROWS, &customer).await;
    }
    ground.seen.keeps_its_invariants().await;
    format!("killed at {points} points of a load of {ROWS} rows: 0 rows seen each time, then exactly {ROWS}")
}
