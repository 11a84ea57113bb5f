use std::process::Output;

use serde_json::Value;

use crate::with_stack;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn command_line_shows_runs_loads_and_rejects() {
    with_stack(async |stack| {
        let run = |more: &[&str]| stack.penstock(&[&["run", "daily", "--date", "2024-09-01"], more].concat());
        stack.drop_file("daily/2024-09-01/orders.csv", "order_id,customer\n1,Ann\n").await;
        let early = run(&[]);
        assert_eq!(early.status.code(), Some(1), "{early:?}");
        assert!(stdout(&early).starts_with("RunIncomplete: "), "{early:?}");
        assert!(
            stdout(&early).contains("\nwhat to do: have the producers write the datasets in the message"),
            "{early:?}"
        );
        let waiting = stdout(&stack.penstock(&["runs", "--pipeline", "daily"]));
        assert!(
            waiting.lines().any(|line| line.contains("2024-09-01T00:00Z") && line.contains("Waiting")),
            "{waiting}"
        );
        assert!(waiting.lines().any(|line| line.starts_with("daily/prices  period 2024-09-01T00:00Z")), "{waiting}");

        stack.drop_file("daily/2024-09-01/prices.csv", "product,price\npen,1.50\n").await;
        let lines = "order_id,product,quantity\n1,pen,2\n1,pen,many\n";
        let last = stack.drop_file("daily/2024-09-01/lines.csv", lines).await;
        assert_eq!(stack.run_started_by(&last).await.outcome(), "Succeeded");
        let again = run(&[]);
        assert!(again.status.success() && stdout(&again).starts_with("Skipped: "), "{again:?}");
        let forced = run(&["--force", "--json"]);
        let ended: Value = serde_json::from_slice(&forced.stdout).unwrap();
        assert_eq!((&ended["outcome"], &ended["report"]["run_date"]), (&"Succeeded".into(), &"2024-09-01".into()));

        let load = last.report()["load_id"].to_string();
        let rejects = stdout(&stack.penstock(&["rejects", &load]));
        assert!(rejects.contains("1 of 2 rows") && rejects.contains("1,pen,many"), "{rejects}");
        let loads = stdout(&stack.penstock(&["loads", "--pipeline", "daily", "--dataset", "lines"]));
        let run_id = ended["report"]["run"]["run_id"].to_string();
        assert!(loads.lines().any(|line| line.contains("2024-09-01/lines.csv") && line.ends_with(&run_id)), "{loads}");
    });
}

#[test]
fn command_line_shows_reason_and_remedy_of_failures() {
    with_stack(async |stack| {
        let folder = test_support::scratch_folder("failures");
        let file = folder.join("wrong.csv");
        std::fs::write(&file, "id,name\n1,Ann\n").unwrap();
        let key = "people/wrong-columns.csv";
        let dropped = stack.penstock(&["drop", file.to_str().unwrap(), "--key", key]);
        assert_eq!(dropped.status.code(), Some(1), "{dropped:?}");
        let check = |printed: &str, heading: &str| {
            for part in [
                heading,
                "\n  reason: the header does not match the dataset's columns: missing [\"joined\"]",
                "\n  what to do: correct the header",
                "`penstock replay --key people/wrong-columns.csv`",
            ] {
                assert!(printed.contains(part), "{part}: {printed}");
            }
            assert!(!printed.contains('\u{1b}'), "no colours in a pipe: {printed}");
        };
        check(&stdout(&dropped), "✗ people/wrong-columns.csv: HeaderMismatch");
        assert!(stdout(&dropped).contains("LoadFile → DescribeFailure → RecordFailure"), "{dropped:?}");
        check(&stdout(&stack.penstock(&["runs", "--failed"])), "✗ people/wrong-columns.csv: HeaderMismatch");
        check(&stdout(&stack.penstock(&["failures", "--key", key])), "file people/wrong-columns.csv: HeaderMismatch");

        let json = |more: &[&str]| -> Value {
            let printed = stack.penstock(&[&["failures", "--json", "--key", key], more].concat());
            serde_json::from_slice(&printed.stdout).unwrap_or_else(|error| panic!("{error}: {printed:?}"))
        };
        let failure = &json(&["--dataset", "people/csv", "--since", "2024-01-01"])[0];
        assert_eq!((&failure["name"], &failure["kind"]), (&"HeaderMismatch".into(), &"file".into()));
        assert_eq!(json(&["--since", "2999-01-01"]), Value::Array(Vec::new()));
        assert_eq!(json(&["--pipeline", "daily"]), Value::Array(Vec::new()));
    });
}

#[test]
fn loads_of_an_unknown_dataset_are_an_error() {
    with_stack(async |stack| {
        stack.drop_file("people/known.csv", "id,name,joined\n1,Ann,\n").await;
        let loads = stack.penstock(&["loads", "--dataset", "people/csv", "--limit", "1000"]);
        assert!(stdout(&loads).contains("people/known.csv"), "{loads:?}");
        let unknown = stack.penstock(&["loads", "--dataset", "people/cvs"]);
        assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
        let message = String::from_utf8(unknown.stderr).unwrap();
        assert!(message.contains("there is no dataset people/cvs") && message.contains("people/csv"), "{message}");
    });
}
