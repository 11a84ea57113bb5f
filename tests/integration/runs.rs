//! Tests of runs: a complete set of files starts one run, with its transforms, exports, notices and events once each.

use serde_json::{Value, json};
use test_support::{Events, Execution, Stack};
use tokio::sync::OnceCell;

use crate::{count, with_stack};

const ORDERS: &str = "order_id,customer\n1,Ann\n2,Bob\n";
const LINES: &str = "order_id,product,quantity\n1,pen,2\n1,ink,1\n2,pen,1\n";
const PRICES: &str = "product,price\npen,1.50\nink,4.00\n";
const SET: [(&str, &str); 3] = [("orders", ORDERS), ("lines", LINES), ("prices", PRICES)];

static EVENTS: OnceCell<Events> = OnceCell::const_new();

pub(crate) async fn events(stack: &Stack) -> &'static Events {
    EVENTS.get_or_init(|| Events::subscribe(stack)).await
}

/// Drops the files of one day in this order. Returns their executions.
async fn drop_set(stack: &Stack, date: &str, order: [usize; 3]) -> Vec<Execution> {
    let mut executions = Vec::new();
    for (name, body) in order.map(|at| SET[at]) {
        let execution = stack.drop_file(&format!("daily/{date}/{name}.csv"), body).await;
        assert_eq!(execution.outcome(), "Loaded", "{name}: {execution:?}");
        executions.push(execution);
    }
    executions
}

async fn exported(stack: &Stack, key: &str) -> String {
    let object = stack.s3.get_object().bucket(stack.env("CURATED_BUCKET")).key(key).send().await.unwrap();
    String::from_utf8(object.body.collect().await.unwrap().to_vec()).unwrap()
}

/// Returns state, failure and execution of the pipeline's runs for a day, in the order of their attempts.
async fn ledger(stack: &Stack, pipeline: &str, date: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let query = "select state, failure, execution_arn from penstock.run
                 where pipeline = $1 and logical_at = $2::text::timestamptz order by attempt, run_id";
    let rows = stack.database().await.query(query, &[&pipeline, &format!("{date}T00:00:00Z")]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

fn states(runs: &[(String, Option<String>, Option<String>)]) -> Vec<&str> {
    runs.iter().map(|(state, ..)| state.as_str()).collect()
}

async fn check_set(stack: &Stack, date: &str, order: [usize; 3]) {
    let events = events(stack).await;
    let executions = drop_set(stack, date, order).await;
    let (last, first_two) = executions.split_last().unwrap();
    for execution in first_two {
        assert_eq!(execution.output.get("run"), None, "{execution:?}");
        assert_eq!(stack.notices(execution, 1).await.len(), 1);
        let sent = events.of(execution, 1).await;
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].0.as_str(), &sent[0].1["dataset"]), ("Load Committed", &execution.report()["dataset"]));
    }
    let ended = stack.run_started_by(last).await;
    let run = ended.report();
    assert_eq!((ended.outcome(), &run["run_date"]), ("Succeeded", &json!(date)), "{ended:?}");
    assert_eq!(run["inputs"].as_array().map(Vec::len), Some(3));
    assert_eq!(last.output["run"]["run"], run["run"]);

    let (name, _) = SET[order[2]];
    let of_the_file = stack.notices(last, 1).await;
    assert_eq!(of_the_file.len(), 1, "{of_the_file:?}");
    assert!(of_the_file[0].subject.starts_with(&format!("Loaded {name}.csv: ")), "{of_the_file:?}");
    let of_the_run = stack.notices(&ended, 1).await;
    let subjects: Vec<&str> = of_the_run.iter().map(|notice| notice.subject.as_str()).collect();
    assert_eq!(subjects, [format!("Run daily {date} succeeded: 3 datasets, 7 rows, 2 exports")]);
    assert_eq!(of_the_run[0].body["exports"], run["exports"]);
    let load_events = events.of(last, 1).await;
    assert_eq!(load_events.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["Load Committed"]);
    let run_events = events.of(&ended, 1).await;
    assert_eq!(run_events.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["Run Succeeded"]);
    assert_eq!((&run_events[0].1["run"], &run_events[0].1["exports"]), (&run["run"], &run["exports"]));

    let query = format!(
        "select count(*) from daily.totals where run_date = '{date}'
                         and (customer, amount) in (('Ann', 7.00), ('Bob', 1.50))"
    );
    assert_eq!(count(&stack.database().await, &query).await, 2);
    let customers = exported(stack, &format!("daily_export/{date}/customers.csv")).await;
    assert_eq!(customers, "customer,amount\nAnn,7.00\nBob,1.50\n");
    let totals = exported(stack, &format!("daily_export/{date}/totals.csv")).await;
    assert!(totals.starts_with("run_date,customer,amount\n"), "{totals}");
    assert!(totals.contains(&format!("{date},Ann,7.00\n")), "{totals}");
    let runs = ledger(stack, "daily", date).await;
    assert_eq!(runs, [("Succeeded".to_owned(), None, Some(ended.arn))]);
}

#[test]
fn files_in_any_order_start_one_run() {
    with_stack(async |stack| {
        check_set(stack, "2024-05-01", [0, 1, 2]).await;
        check_set(stack, "2024-05-02", [2, 0, 1]).await;
        check_set(stack, "2024-05-03", [1, 2, 0]).await;
    });
}

#[test]
fn second_set_of_files_is_skipped_until_forced() {
    with_stack(async |stack| {
        let date = "2024-05-04";
        let first = drop_set(stack, date, [0, 1, 2]).await.pop().unwrap();
        assert_eq!(stack.run_started_by(&first).await.outcome(), "Succeeded");
        let prices = "product,price\npen,2.00\nink,4.00\n";
        let again = stack.drop_file(&format!("daily/{date}/prices.csv"), prices).await;
        assert_eq!((again.outcome(), again.output.get("run")), ("Loaded", None), "{again:?}");
        assert_eq!(states(&ledger(stack, "daily", date).await), ["Succeeded", "Skipped"]);

        let start = |force: bool| json!({"pipeline": "daily", "at": format!("{date}T12:00:00"), "force": force});
        let run = async |force| stack.ended(&stack.start_machine("RUN_PIPELINE_ARN", &start(force)).await).await;
        let started = run(false).await;
        assert_eq!(started.outcome(), "Skipped", "{started:?}");
        assert!(started.output["reason"].as_str().is_some_and(|reason| reason.contains("--force")), "{started:?}");
        let forced = run(true).await;
        assert_eq!((forced.outcome(), &forced.report()["run_date"]), ("Succeeded", &json!(date)), "{forced:?}");
        assert_eq!(states(&ledger(stack, "daily", date).await), ["Succeeded", "Skipped", "Succeeded"]);
        let customers = exported(stack, &format!("daily_export/{date}/customers.csv")).await;
        assert_eq!(customers, "customer,amount\nAnn,8.00\nBob,2.00\n");
        assert_eq!(stack.notices(&forced, 1).await.len(), 1);
    });
}

#[test]
fn incomplete_run_fails_with_missing_datasets() {
    with_stack(async |stack| {
        let date = "2024-05-05";
        stack.drop_file(&format!("daily/{date}/orders.csv"), ORDERS).await;
        let start = json!({"pipeline": "daily", "at": format!("{date}T00:00:00")});
        let started = stack.ended(&stack.start_machine("RUN_PIPELINE_ARN", &start).await).await;
        assert_eq!(started.error.as_deref(), Some("RunIncomplete"), "{started:?}");
        let notices = stack.notices(&started, 1).await;
        assert_eq!(notices.len(), 1, "{notices:?}");
        let message = notices[0].body["failure"]["message"].as_str().unwrap();
        assert!(message.contains("lines") && message.contains("prices") && !message.contains("orders"), "{message}");
        assert_eq!(states(&ledger(stack, "daily", date).await), ["Waiting"]);
    });
}

#[test]
fn failed_transform_is_located_and_rolled_back() {
    with_stack(async |stack| {
        let loaded = stack.drop_file("broken/items.csv", "id\n1\n2\n").await;
        assert_eq!(loaded.outcome(), "Loaded", "{loaded:?}");
        let of_the_file = stack.notices(&loaded, 1).await;
        assert_eq!(of_the_file.len(), 1, "{of_the_file:?}");
        assert!(of_the_file[0].subject.starts_with("Loaded items.csv"), "{of_the_file:?}");
        let execution = stack.run_started_by(&loaded).await;
        assert_eq!(execution.error.as_deref(), Some("TransformFailed"), "{execution:?}");
        let notices = stack.notices(&execution, 1).await;
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert!(
            notices[0].subject.starts_with("Run broken ") && notices[0].subject.contains(" failed (TransformFailed): "),
            "{notices:?}"
        );
        let failure = &notices[0].body["failure"];
        assert_eq!(failure["name"], "TransformFailed");
        let message = failure["message"].as_str().unwrap();
        for part in ["pipelines/broken/broken.sql", "statement 2", "line 6", "no_such_column"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        let database = stack.database().await;
        assert_eq!(count(&database, "select count(*) from broken.items").await, 2, "the load stays");
        assert_eq!(count(&database, "select count(*) from pg_tables where tablename = 'made'").await, 0);
        let query = "select run_id, state, failure, failure_message from penstock.run where execution_arn = $1";
        let row = database.query_one(query, &[&execution.arn]).await.unwrap();
        assert_eq!((row.get(1), row.get(2)), ("Failed", Some("TransformFailed")));
        assert!(row.get::<_, &str>(3).starts_with(message), "{row:?}");

        let alarm = stack.followed_by(row.get(0)).await;
        assert_eq!(alarm.outcome(), "Succeeded", "{alarm:?}");
        assert_eq!(alarm.report()["run"]["pipeline"], "broken-alarm");
        assert_eq!(stack.notices(&alarm, 0).await.len(), 0, "this pipeline has no success notices");
        assert_eq!(count(&database, "select count(*) from broken.alarms").await, 1);
    });
}

#[test]
fn pipeline_runs_once_after_another_succeeds() {
    with_stack(async |stack| {
        let date = "2024-05-06";
        let last = drop_set(stack, date, [0, 1, 2]).await.pop().unwrap();
        let run = &last.output["run"]["run"];
        let followed = stack.followed_by(run["run_id"].as_i64().unwrap()).await;
        assert_eq!(followed.outcome(), "Succeeded", "{followed:?}");
        assert_eq!(followed.report()["run"]["pipeline"], "daily-report");
        assert_eq!(followed.report()["run"]["logical_at"], run["logical_at"]);
        let rows = format!("select coalesce(sum(customers), 0)::bigint from daily.report where run_date = '{date}'");
        assert_eq!(count(&stack.database().await, &rows).await, 2);

        // Deliver the same event a second time.
        let event = stack.step_functions.describe_execution().execution_arn(&followed.arn).send().await.unwrap().input;
        let event: Value = serde_json::from_str(&event.unwrap()).unwrap();
        let again = stack.ended(&stack.start_machine("RUN_PIPELINE_ARN", &event).await).await;
        assert_eq!(again.outcome(), "Skipped", "{again:?}");
        assert_eq!(count(&stack.database().await, &rows).await, 2);
        // No pipeline follows the report.
        let end = stack.followed_by(followed.report()["run"]["run_id"].as_i64().unwrap()).await;
        assert_eq!(end.outcome(), "Ignored", "{end:?}");
    });
}

#[test]
fn concurrent_last_files_start_one_run() {
    with_stack(async |stack| {
        for day in 1..=10 {
            let keys = ["left", "right"].map(|name| format!("pair/2024-06-{day:02}/{name}.csv"));
            tokio::join!(stack.put(&keys[0], "id\n1\n"), stack.put(&keys[1], "id\n1\n"));
        }
        for day in 1..=10 {
            let mut ran = 0;
            for name in ["left", "right"] {
                let execution = stack.next_execution(&format!("pair/2024-06-{day:02}/{name}.csv"), &[]).await;
                assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
                if execution.output.get("run").is_some() {
                    ran += usize::from(stack.run_started_by(&execution).await.outcome() == "Succeeded");
                }
            }
            assert_eq!(ran, 1, "2024-06-{day:02}");
        }
        let query =
            "select count(*) from (select run_date from pair.begun group by run_date having count(*) = 1) as once";
        assert_eq!(count(&stack.database().await, query).await, 10);
    });
}
