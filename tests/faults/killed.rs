use protocol::LoadOutcome;
use test_support::runtime_api::InvocationOutcome;

use crate::environment::{Bucket, Environment, load_report, orders, request};
use crate::fault_proxy::{FaultProxy, ProxyFault};
use crate::pick;

const ROWS: usize = 60_000;

pub(crate) async fn loader_killed_at_any_point_leaves_no_rows() -> String {
    let environment = Environment::new().await;
    let proxy = FaultProxy::before(environment.storage.address);
    let points = pick(6, 50);
    let mut warm = environment.warm(environment.loader()).await;
    for point in 1..=points {
        let customer = format!("killed-{point}");
        let body = orders(ROWS, &customer);
        let after_bytes = body.len() * point / (points + 1);
        let object = environment.storage.put(Bucket::Plain, &format!("faults/{customer}.csv"), body).await;

        proxy.arm(ProxyFault::Stall { after_bytes });
        let loader = environment.loader_through(proxy.address);
        let process = loader.process();
        let load = loader.begin(&request(&object));
        tokio::task::block_in_place(|| proxy.wait_for_fault());
        environment.session.wait_for_copy().await;
        process.kill();
        let (_, outcome) = load.await.unwrap();
        assert_eq!(outcome, InvocationOutcome::Exited);
        assert_eq!(
            environment.session.count_rows(&customer).await,
            0,
            "before PostgreSQL ended the session, point {point}"
        );
        proxy.release();
        environment.session.wait_for_no_copy().await;
        assert_eq!(
            environment.session.count_rows(&customer).await,
            0,
            "after PostgreSQL ended the session, point {point}"
        );

        let retried = load_report(warm.load(&request(&object)));
        assert_eq!((retried.outcome, retried.rows_loaded), (LoadOutcome::Loaded, ROWS as u64));
        environment.session.check_rows(ROWS, &customer).await;
    }
    environment.session.check_invariants().await;
    format!("killed at {points} points of a load of {ROWS} rows: 0 rows each time, then exactly {ROWS}")
}
