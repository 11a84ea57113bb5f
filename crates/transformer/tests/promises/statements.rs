use std::time::Duration;

use function::Deadline;
use protocol::{FailureName, RunRequest};

use crate::stage::{Stage, check_failure};

/// Executes a file that fails, and checks that nothing is committed.
async fn check(sql: &str, name: FailureName, says: &str) {
    let stage = Stage::with_sql(sql).await;
    let run_id = stage.ready().await;
    let error = stage.run(run_id).await.unwrap_err();
    check_failure(&error, name, says);
    assert_eq!(stage.tables().await, "");
    assert_eq!(stage.state(run_id).await, "Running", "the state machine closes it");
}

#[tokio::test]
async fn failed_statement_names_file_and_line() {
    check(
        "create table analytics.a (b int);\n\n-- about the next\nselect :run_date,\n       nothing\nfrom analytics.a;\n",
        FailureName::TransformFailed,
        "pipelines/shop/agg.sql: statement 2, line 5: ERROR 42703: column \"nothing\" does not exist",
    )
    .await;
    // PostgreSQL gives no position here, so the message has the first line of the statement.
    check(
        "create table analytics.a (b int primary key);\n\ninsert into analytics.a\nvalues (1), (1);",
        FailureName::TransformFailed,
        "statement 2, line 3: ERROR 23505: duplicate key value violates unique constraint \"a_pkey\"; \
         detail: Key (b)=(1) already exists.",
    )
    .await;
    check(
        "create table analytics.a (b int);\nselect lenght('a');",
        FailureName::TransformFailed,
        "line 2: ERROR 42883: function lenght(unknown) does not exist; hint: No function matches",
    )
    .await;
    check(
        "create table analytics.a (b int);\ndo $$ begin\n raise exception 'too few rows: %', 3; end $$;",
        FailureName::TransformFailed,
        "statement 2, line 2: ERROR P0001: too few rows: 3",
    )
    .await;
}

#[tokio::test]
async fn deferred_constraint_fails_at_commit() {
    check(
        "create table analytics.a (b int primary key, c int references analytics.a deferrable initially deferred);
         insert into analytics.a values (1, 2);",
        FailureName::TransformFailed,
        "pipelines/shop: COMMIT: ERROR 23503: insert or update on table \"a\" violates foreign key constraint",
    )
    .await;
}

#[tokio::test]
async fn long_database_message_is_cut() {
    check(
        "create table analytics.a (b int);\ndo $$ begin raise exception '%', repeat('x', 100000); end $$;",
        FailureName::TransformFailed,
        "xxx…",
    )
    .await;
}

#[tokio::test]
async fn held_lock_is_transient() {
    let stage =
        Stage::with_sql("set local lock_timeout = 50;\ncreate table analytics.b ();\nlock table analytics.held;").await;
    let run_id = stage.ready().await;
    stage.client.batch_execute("create table analytics.held ()").await.unwrap();
    stage.client.batch_execute("begin; lock table analytics.held").await.unwrap();
    let error = stage.run(run_id).await.unwrap_err();
    check_failure(&error, FailureName::RunInProgress, "pipelines/shop/agg.sql: statement 3, line 3: ERROR 55P03");
    stage.client.batch_execute("rollback").await.unwrap();
    stage.run(run_id).await.unwrap();
    assert_eq!(stage.tables().await, "b,held");
}

#[tokio::test]
async fn statement_stops_at_the_time_limit() {
    let stage = Stage::with_sql("create table analytics.a ();\nselect 1;\nselect pg_sleep(600);").await;
    let run_id = stage.ready().await;
    let request = RunRequest::Run { execution: "arn:one".to_owned(), run_id };
    let error = stage.transformer.respond(&request, Deadline::after(Duration::from_secs(2))).await.unwrap_err();
    let says = "pipelines/shop/agg.sql: statement 3, line 3: stopped after 1 s, before the time limit of the function";
    check_failure(&error, FailureName::DeadlineExceeded, says);
    // The session is closed. PostgreSQL needs a moment to notice.
    let others = "select count(*)::text from pg_stat_activity where datname = current_database()";
    while stage.text(others).await.unwrap() != "1" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stage.tables().await, "");
}

#[tokio::test]
async fn lost_server_is_transient() {
    let stage = Stage::with_sql("create table analytics.a ();\nselect pg_terminate_backend(pg_backend_pid());").await;
    let run_id = stage.ready().await;
    let error = stage.run(run_id).await.unwrap_err();
    check_failure(&error, FailureName::DatabaseUnavailable, "statement 2, line 2");
    assert_eq!(stage.tables().await, "");
}

#[tokio::test]
async fn reported_rows_are_changed_rows() {
    let stage = Stage::with_sql(
        "create table analytics.a as select * from generate_series(1, 5) as b;
         insert into analytics.a values (6), (7);
         update analytics.a set b = b + 1 where b > 5 returning b;
         with gone as (delete from analytics.a where b = 1 returning b) select * from gone;
         delete from analytics.a where b = 2;
         select * from analytics.a;
         do $$ begin perform 1; end $$;",
    )
    .await;
    let run_id = stage.ready().await;
    let report = stage.run(run_id).await.unwrap();
    assert_eq!(report.transforms[0].rows, 5 + 2 + 2 + 1);
}
