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
