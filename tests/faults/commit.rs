use protocol::{FailureName, LoadOutcome};
use test_support::runtime_api::InvocationOutcome;
use tokio::task::block_in_place;

use crate::environment::{Bucket, Environment, LoaderProcess, check_failure, load_report, orders, request};
use crate::fault_proxy::{FaultProxy, ProxyFault};

const ROWS: usize = 5_000;

pub(crate) async fn lost_commit_reply_is_answered_from_ledger() -> String {
    let environment = Environment::new().await;
    let (proxy, url) = FaultProxy::before_database(&environment.database.url);
    let start_loader = || LoaderProcess::start(&format!("http://{}", environment.storage.address), &url);
    let mut loader = environment.warm(start_loader()).await;

    let mut check = async |fault: ProxyFault, is_committed: bool| {
        let customer = format!("{fault:?}");
        let object =
            environment.storage.put(Bucket::Plain, &format!("faults/{customer}.csv"), orders(ROWS, &customer)).await;
        let request = request(&object);
        proxy.arm(fault);
        check_failure(&loader.load(&request), FailureName::DatabaseUnavailable);
        let expected = if is_committed { ROWS } else { 0 };
        assert_eq!(environment.session.count_rows(&customer).await, i64::try_from(expected).unwrap(), "{fault:?}");
        let retried = load_report(loader.load(&request));
        assert_eq!((retried.outcome, retried.rows_loaded), (LoadOutcome::Loaded, ROWS as u64), "{fault:?}");
        environment.session.check_rows(ROWS, &customer).await;
    };
    check(ProxyFault::DropCommit, false).await;
    check(ProxyFault::DropReply, true).await;

    // Kill the loader after PostgreSQL committed and before the loader reads the reply.
    let object = environment.storage.put(Bucket::Plain, "faults/unread.csv", orders(ROWS, "unread")).await;
    let mut request = request(&object);
    proxy.arm(ProxyFault::HoldReply);
    let process = loader.process();
    let load = loader.begin(&request);
    block_in_place(|| proxy.wait_for_fault());
    process.kill();
    assert_eq!(load.await.unwrap().1, InvocationOutcome::Exited);
    proxy.release();
    environment.session.check_rows(ROWS, "unread").await;
    let mut other_loader = environment.loader();
    let retried = load_report(other_loader.load(&request));
    assert_eq!((retried.outcome, retried.rows_loaded), (LoadOutcome::Loaded, ROWS as u64));
    request.execution = Some("arn:aws:states:::execution:process-file:another".to_owned());
    assert_eq!(load_report(other_loader.load(&request)).outcome, LoadOutcome::AlreadyLoaded);
    environment.session.check_rows(ROWS, "unread").await;
    environment.session.check_invariants().await;
    "COMMIT dropped, its reply dropped, loader killed between COMMIT and reply: the retry reports Loaded with the same counts, no row twice"
        .to_owned()
}
