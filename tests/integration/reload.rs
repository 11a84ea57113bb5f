//! Loads files again after their definition was corrected.

use aws_sdk_s3::primitives::ByteStream;
use serde_json::json;

use crate::command::penstock;
use crate::{folder, with_stack};

#[test]
fn corrected_definition_reloads_its_files() {
    with_stack(async |stack| {
        let database = stack.database().await;
        let rows = async || -> String {
            let query = "select coalesce(string_agg(id || ' ' || coalesce(day::text, '-') || ' ' || key, ', '
                                                    order by key, id), '')
                         from changed.days join penstock.load on load_id = _load_id";
            database.query_one(query, &[]).await.unwrap().get(0)
        };
        // The format takes the day for the month.
        let file = "id,day\n1,02/01/2024\n2,31/01/2024\n";
        let first = stack.drop_file("changed/a.csv", file).await;
        assert_eq!((first.outcome(), &first.report()["rows_rejected"]), ("Loaded", &json!(1)), "{first:?}");
        stack.drop_file("changed/b.csv", "id,day\n3,03/01/2024\n").await;
        assert_eq!(rows().await, "1 2024-02-01 changed/a.csv, 3 2024-03-01 changed/b.csv");

        let path = folder("integration/pipelines/changed/pipeline.toml");
        let corrected = std::fs::read_to_string(path).unwrap().replace("%m/%d", "%d/%m");
        let put = stack.s3.put_object().bucket(stack.env("DEFINITIONS_BUCKET")).key("pipelines/changed/pipeline.toml");
        put.body(ByteStream::from(corrected.into_bytes())).send().await.unwrap();

        // The same content again is not loaded, and the reason names the command.
        let same = stack.drop_file("changed/a.csv", file).await;
        assert_eq!(same.outcome(), "AlreadyLoaded", "{same:?}");
        let reason = same.output["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("`penstock reload changed/a.csv`"), "{same:?}");
        let dry_run = penstock(stack, &[], &["replay", "--key", "changed/a.csv", "--dry-run", "--json"]).json();
        let reason = dry_run[0]["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("`penstock reload changed/a.csv`"), "{dry_run}");

        let dry_run = penstock(stack, &[], &["reload", "changed/a.csv", "--dry-run", "--json"]).json();
        assert_eq!((&dry_run[0]["would"], &dry_run[0]["rows"]), (&json!("reload"), &json!(1)), "{dry_run}");
        assert_eq!(dry_run[0]["load_id"], first.report()["load_id"]);
        assert_eq!(rows().await, "1 2024-02-01 changed/a.csv, 3 2024-03-01 changed/b.csv");

        let reloaded = penstock(stack, &[], &["reload", "changed/a.csv", "--json"]);
        assert!(reloaded.succeeded, "{reloaded:?}");
        let result = &reloaded.json()[0];
        assert_eq!((&result["outcome"], &result["rows_loaded"]), (&json!("Loaded"), &json!(2)), "{result}");
        assert_eq!(rows().await, "1 2024-01-02 changed/a.csv, 2 2024-01-31 changed/a.csv, 3 2024-03-01 changed/b.csv");

        // The event of the reload again changes nothing.
        let described = stack.step_functions.describe_execution().execution_arn(result["execution"].as_str().unwrap());
        let input = described.send().await.unwrap().input.unwrap();
        let again = stack.step_functions.start_execution().state_machine_arn(stack.env("STATE_MACHINE_ARN"));
        let again = again.input(input).send().await.unwrap();
        assert_eq!(stack.ended(&again.execution_arn).await.outcome(), "AlreadyLoaded");
        assert_eq!(rows().await, "1 2024-01-02 changed/a.csv, 2 2024-01-31 changed/a.csv, 3 2024-03-01 changed/b.csv");

        let all = penstock(stack, &[], &["reload", "--dataset", "changed/days"]);
        assert!(all.succeeded && all.stdout.contains("2 of 2 reloaded"), "{all:?}");
        assert_eq!(rows().await, "1 2024-01-02 changed/a.csv, 2 2024-01-31 changed/a.csv, 3 2024-01-03 changed/b.csv");
        let reconciled = penstock(stack, &[], &["reconcile", "--prefix", "changed/", "--json"]).json();
        assert_eq!(reconciled["open"], json!([]), "{reconciled}");
        let nothing = penstock(stack, &[], &["reload", "changed/never-there.csv"]);
        assert!(!nothing.succeeded && nothing.stderr.contains("no such file is loaded"), "{nothing:?}");
    });
}
