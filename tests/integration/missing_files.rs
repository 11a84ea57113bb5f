//! Expected files that have not arrived are listed by name.

use serde_json::json;

use crate::{count, with_stack};

#[test]
fn overdue_run_fails_with_missing_datasets() {
    with_stack(async |stack| {
        let first = stack.drop_file("late/2024-05-01/first.csv", "id\n1\n").await;
        assert_eq!((first.outcome(), first.output.get("run")), ("Loaded", None), "{first:?}");
        // The deadline is a second later by the database's clock. The stack's own sweep may run before this one.
        let database = stack.database().await;
        let sweep = async || {
            let sweep = stack.ended(&stack.start_machine("SWEEP_RUNS_ARN", &json!({})).await).await;
            assert!(sweep.succeeded, "{sweep:?}");
        };
        while count(&database, "select count(*) from penstock.run where pipeline = 'late' and state = 'Failed'").await
            == 0
        {
            sweep().await;
        }
        let run_id = count(&database, "select run_id from penstock.run where pipeline = 'late'").await;
        let run = json!({"run_id": run_id, "pipeline": "late", "logical_at": "2024-05-01T00:00:00Z"});
        stack.notices_with("run", &run, 1).await;
        sweep().await;
        let notices = stack.notices_with("run", &run, 1).await;
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert!(notices[0].subject.starts_with("Run late 2024-05-01 failed (RunIncomplete): "), "{notices:?}");
        let message = notices[0].body["failure"]["message"].as_str().unwrap();
        assert!(message.contains("second") && !message.contains("first,"), "{message}");
        let missing = "select count(*) from penstock.missing where pipeline = 'late'
                       and (dataset, logical_at) = ('second', timestamptz '2024-05-01T00:00:00Z')";
        assert_eq!(count(&database, missing).await, 1);

        let second = stack.drop_file("late/2024-05-01/second.csv", "id\n1\n").await;
        let run = stack.run_started_by(&second).await;
        assert_eq!(run.outcome(), "Succeeded", "{run:?}");
        assert_eq!(count(&database, missing).await, 0);
    });
}

#[test]
fn awaited_file_is_missing_until_it_arrives() {
    with_stack(async |stack| {
        let data = "raw_data/level/2021/08/01/level-2021-08-01-10:00:00.json";
        let trigger = "triggers/level/Succeeded_2021-08-01_10:00:00_2021-08-01_10:00:00.trig";
        let missing =
            format!("select count(*) from penstock.missing where key = '{data}' and trigger_key = '{trigger}'");
        // Load a file first, because the first load creates the ledger.
        stack.drop_file("people/before-the-level.csv", "id,name,joined\n1,Ann,\n").await;
        stack.put(trigger, "").await;
        let database = stack.database().await;
        while count(&database, &missing).await == 0 {
            assert_eq!(
                count(&database, "select count(*) from penstock.load where key like '%2021-08-01-10%'").await,
                0
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        stack.put(data, r#"[{"sensor": "north", "metres": 4.125}]"#).await;
        let execution = stack.next_execution(trigger, &[]).await;
        assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
        assert!(execution.states.iter().any(|state| state == "RecordAwaited"), "{execution:?}");
        assert_eq!(count(&database, &missing).await, 0);
    });
}
