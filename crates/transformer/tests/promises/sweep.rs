use protocol::{RunFailure, Sweep};

use crate::stage::{Stage, shop_run};

const OVERDUE: &str = "update penstock.run set deadline_at = '2024-05-01T04:00:00Z'";

#[tokio::test]
async fn overdue_run_fails_with_its_missing_datasets() {
    let stage = Stage::new("", &[]).await;
    let run_id = stage.set("Waiting", Some(1), &["orders"]).await;
    assert_eq!(stage.sweep("arn:early").await, Sweep { failed: vec![], unclaimed: vec![] }, "no deadline has passed");
    stage.client.execute(OVERDUE, &[]).await.unwrap();
    let sweep = stage.sweep("arn:a").await;
    let [failed] = sweep.failed.as_slice() else { panic!("{sweep:?}") };
    let RunFailure { name, message } = &failed.failure;
    let says = "shop 2024-04-30T22:00:00Z (run 1): datasets not loaded before the deadline 2024-05-01T04:00:00Z: reviews\nWhat to do: have";
    assert_eq!((name.as_str(), &failed.run), ("RunIncomplete", &shop_run(run_id)));
    assert!(message.starts_with(says), "{message}");
    assert_eq!((failed.inputs.len(), failed.run_date.to_string().as_str()), (1, "2024-05-01"));

    // A retry of the same execution returns the same runs, another execution none.
    assert_eq!(stage.sweep("arn:a").await, sweep);
    assert_eq!(stage.sweep("arn:b").await.failed, []);
}

#[tokio::test]
async fn locked_period_is_left_to_the_next_sweep() {
    let stage = Stage::new("", &[]).await;
    stage.set("Waiting", Some(1), &["orders"]).await;
    stage.client.execute(OVERDUE, &[]).await.unwrap();
    stage.client.batch_execute("begin; select from penstock.run for update").await.unwrap();
    assert_eq!(stage.sweep("arn:a").await.failed, []);
    stage.client.batch_execute("commit").await.unwrap();
    assert_eq!(stage.sweep("arn:b").await.failed.len(), 1);
}

#[tokio::test]
async fn dataset_of_an_earlier_attempt_is_not_missing() {
    let stage = Stage::new("", &[]).await;
    stage.set("Failed", Some(1), &["reviews"]).await;
    stage.set("Waiting", Some(2), &[]).await;
    stage.client.execute(OVERDUE, &[]).await.unwrap();
    let sweep = stage.sweep("arn:a").await;
    assert!(sweep.failed[0].failure.message.contains(": orders\n"), "{sweep:?}");
}

#[tokio::test]
async fn interrupted_run_fails_and_working_run_continues() {
    let stage = Stage::new("", &[]).await;
    let run_id = stage.ready().await;
    let claimed = "update penstock.run set state = 'Running', execution_arn = 'arn:dead',
                                           claimed_at = now() - interval '61 minutes'";
    stage.client.execute(claimed, &[]).await.unwrap();
    let lock = format!("begin; select pg_advisory_xact_lock(hashtextextended('penstock run', {run_id}))");
    stage.client.batch_execute(&lock).await.unwrap();
    assert_eq!(stage.sweep("arn:a").await.failed, [], "a session works on the run");
    stage.client.batch_execute("commit").await.unwrap();
    let sweep = stage.sweep("arn:b").await;
    let failure = &sweep.failed[0].failure;
    assert_eq!(failure.name, "RunInterrupted");
    assert!(failure.message.contains("the execution arn:dead ended without closing the run"), "{}", failure.message);
    assert_eq!(stage.state(run_id).await, "Failed");
}

#[tokio::test]
async fn unclaimed_complete_run_is_reported() {
    let stage = Stage::new("", &[]).await;
    let run_id = stage.ready().await;
    stage.client.execute("update penstock.run set started_at = now() - interval '1 day'", &[]).await.unwrap();
    assert_eq!(stage.sweep("arn:a").await.unclaimed, [], "its last load is recent");
    stage.client.execute("update penstock.load set committed_at = now() - interval '11 minutes'", &[]).await.unwrap();
    assert_eq!(stage.sweep("arn:b").await.unclaimed, [shop_run(run_id)]);
    assert_eq!(stage.state(run_id).await, "Ready");
}
