use serde_json::{Value, json};
use test_support::Stack;

use crate::command::penstock;
use crate::dead_letter_queue::DeadLetterQueue;
use crate::silent_bucket::{SILENT_BUCKET, put_silently, silent_bucket};
use crate::{count, with_stack};

fn open_files(reconciled: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let open = reconciled["open"].as_array().unwrap().iter().map(|it| (text(&it["key"]), text(&it["status"])));
    let mut open: Vec<_> = open.collect();
    open.sort();
    open
}

async fn await_started(stack: &Stack, reconciled: &Value) {
    for started in reconciled["started"].as_array().unwrap() {
        stack.ended(started["execution"].as_str().unwrap()).await;
    }
}

#[test]
fn finished_files_are_accounted_for() {
    with_stack(async |stack| {
        let rows = "id,name,joined\n1,Ann,\n";
        stack.drop_file("people/reconciled.csv", rows).await;
        stack.drop_file("people/reconciled.csv", rows).await;
        stack.drop_file("people/reconciled.pdf", "%PDF").await;
        stack.drop_file("people/reconciled/", "").await;
        let output = penstock(stack, &[], &["reconcile", "--json"]);
        assert!(output.succeeded, "{output:?}");
        let reconciled = output.json();
        assert_eq!(reconciled["open"], json!([]));
        for status in ["loaded", "already loaded", "failed with a notice", "ignored"] {
            assert!(reconciled["statuses"][status].as_u64().is_some_and(|count| count > 0), "{status}: {reconciled}");
        }
    });
}

#[test]
fn missed_file_is_listed_and_started() {
    with_stack(async |stack| {
        silent_bucket(stack).await;
        let queue = DeadLetterQueue::new(stack, "letters-reconciled").await;
        let others = [("LANDING_BUCKET", SILENT_BUCKET), ("DEAD_LETTER_QUEUE_URL", queue.url.as_str())];
        let reconcile = |arguments: &[&str]| {
            let arguments = [&["reconcile", "--prefix", "rows/missed", "--grace", "0", "--json"], arguments].concat();
            penstock(stack, &others, &arguments)
        };
        put_silently(stack, "rows/missed-twice.csv", "id\n1\n").await;
        put_silently(stack, "rows/missed-twice.csv", "id\n2\n3\n").await;
        put_silently(stack, "rows/missed é+%.csv", "id\n4\n").await;
        let event = put_silently(stack, "rows/missed-letter.csv", "id\n5\n").await;
        queue.send(stack, &event.to_string()).await;

        let named = reconcile(&[]);
        assert!(!named.succeeded, "{named:?}");
        let status = |key: &str, status: &str| (format!("rows/missed{key}"), status.to_owned());
        let twice = status("-twice.csv", "missed");
        let letter = status("-letter.csv", "dead_letter");
        let expected = [status(" é+%.csv", "missed"), letter.clone(), twice.clone(), twice];
        assert_eq!(open_files(&named.json()), expected);

        let started = reconcile(&["--start"]);
        assert!(!started.succeeded, "the dead letter stays open: {started:?}");
        await_started(stack, &started.json()).await;
        assert_eq!(open_files(&reconcile(&[]).json()), [letter]);
        // Of two versions without events only the newer one starts: without events they have no sequencers to compare.
        let query =
            "select count(*) from silent.rows join penstock.load on load_id = _load_id where key like 'rows/missed%'";
        assert_eq!(count(&stack.database().await, query).await, 3);

        let redriven = penstock(stack, &others, &["dead-letters", "--redrive", "--json"]);
        stack.ended(redriven.json()[0]["execution"].as_str().unwrap()).await;
        assert_eq!(open_files(&reconcile(&[]).json()), []);
        assert_eq!(count(&stack.database().await, query).await, 4);
    });
}

#[test]
fn stopped_execution_is_listed_and_restarted() {
    with_stack(async |stack| {
        silent_bucket(stack).await;
        let others = [("LANDING_BUCKET", SILENT_BUCKET)];
        let event = put_silently(stack, "triggers/Succeeded_stopped.trig", "").await;
        let waiting = stack.start_execution(&event).await;
        stack.stop_waiting(&waiting).await;
        put_silently(stack, "late/stopped.csv", "id\n1\n").await;

        let prefix = "triggers/Succeeded_stopped";
        let arguments = ["reconcile", "--prefix", prefix, "--grace", "0", "--json", "--start"];
        let started = penstock(stack, &others, &arguments).json();
        let stopped = [(format!("{prefix}.trig"), "stopped".to_owned())];
        assert_eq!(open_files(&started), stopped);
        await_started(stack, &started).await;
        let after = penstock(stack, &others, &["reconcile", "--prefix", prefix, "--grace", "0", "--json"]).json();
        assert_eq!(open_files(&after), []);
        let query = "select count(*) from penstock.load where key = 'late/stopped.csv' and outcome = 'Loaded'";
        assert_eq!(count(&stack.database().await, query).await, 1);
    });
}
