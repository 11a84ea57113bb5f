use protocol::{FailureName, LoadOutcome};
use test_support::runtime_api::Outcome;
use tokio::task::block_in_place;

use crate::ground::{Bucket, Ground, Loader, check_failure, orders, report, request};
use crate::tap::{Fault, Tap};

const ROWS: usize = 5_000;

pub(crate) async fn a_load_whose_reply_is_lost_is_answered_from_the_ledger() -> String {
    let ground = Ground::new().await;
    let (tap, url) = Tap::to_database(&ground.database.url);
    let through = || Loader::start(&format!("http://{}", ground.storage.address), &url);
    let mut loader = ground.warm(through()).await;

    let mut check = async |fault: Fault, is_committed: bool| {
        let customer = format!("{fault:?}");
        let object =
            ground.storage.put(Bucket::Plain, &format!("faults/{customer}.csv"), orders(ROWS, &customer)).await;
        let request = request(&object);
        tap.arm(fault);
        check_failure(&loader.load(&request), FailureName::DatabaseUnavailable);
        let seen = if is_committed { ROWS } else { 0 };
        assert_eq!(ground.seen.rows_of(&customer).await, i64::try_from(seen).unwrap(), "{fault:?}");
        let retried = report(loader.load(&request));
        assert_eq!((retried.outcome, retried.rows_loaded), (LoadOutcome::Loaded, ROWS as u64), "{fault:?}");
        ground.seen.has_exactly(ROWS, &customer).await;
    };
    check(Fault::LoseCommit, false).await;
    check(Fault::LoseAnswer, true).await;

    // Killed when PostgreSQL has committed, and nobody has been told.
    let object = ground.storage.put(Bucket::Plain, "faults/unheard.csv", orders(ROWS, "unheard")).await;
    let mut request = request(&object);
    tap.arm(Fault::HoldAnswer);
    let process = loader.process();
    let load = loader.begin(&request);
    block_in_place(|| tap.wait_until_met());
    process.kill();
    assert_eq!(load.await.unwrap().1, Outcome::Exited);
    tap.release();
    ground.seen.has_exactly(ROWS, "unheard").await;
    let mut another = ground.loader();
    let retried = report(another.load(&request));
    assert_eq!((retried.outcome, retried.rows_loaded), (LoadOutcome::Loaded, ROWS as u64));
    request.execution = Some("arn:aws:states:::execution:process-file:another".to_owned());
    assert_eq!(report(another.load(&request)).outcome, LoadOutcome::AlreadyLoaded);
    ground.seen.has_exactly(ROWS, "unheard").await;
    ground.seen.keeps_its_invariants().await;
    "COMMIT lost, its answer lost, killed between COMMIT and reply: the retry says Loaded with the same counts, 0 rows twice"
        .to_owned()
}
