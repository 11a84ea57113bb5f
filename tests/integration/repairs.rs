//! Exports rejects, corrects them and loads the repairs, with the command line.

use std::fs;

use serde_json::{Value, json};
use test_support::Stack;

use crate::command::penstock;
use crate::{count, with_stack};

/// Loads the file and exports its rejects. Returns the load's id and the path of the export.
async fn exported(stack: &Stack, folder: &tempfile::TempDir, key: &str, body: impl Into<Vec<u8>>) -> (String, String) {
    let dropped = stack.drop_file(key, body).await;
    let load = dropped.report()["load_id"].to_string();
    let listed = penstock(stack, &[], &["rejects", &load]);
    assert!(
        listed.stdout.contains(&format!("to correct and load them: penstock rejects {load} --export")),
        "{listed:?}"
    );
    let ending = if key.ends_with(".csv") { "csv" } else { "jsonl" };
    let file = folder.path().join(format!("repaired.{ending}")).display().to_string();
    let exported = penstock(stack, &[], &["rejects", &load, "--export", &file]);
    assert!(exported.succeeded && exported.stdout.contains(&format!("penstock repair {load} {file}")), "{exported:?}");
    (load, file)
}

#[test]
fn csv_rejects_are_exported_and_repaired() {
    with_stack(async |stack| {
        let folder = tempfile::tempdir().unwrap();
        let key = "people/repaired.csv";
        let rows = "joined,id,name\n2024-05-01,1,Ann\n,two,Bob\nyesterday,3,\"E,ve\"\n";
        let (load, file) = exported(stack, &folder, key, rows).await;
        assert_eq!(fs::read_to_string(&file).unwrap(), "joined,id,name\n,two,Bob\nyesterday,3,\"E,ve\"\n");
        let reasons = fs::read_to_string(format!("{file}.reasons.csv")).unwrap();
        assert!(reasons.contains("\n2,3,3,\"id\",\"not an integer\",,\",two,Bob\"\n"), "{reasons}");
        let again = penstock(stack, &[], &["rejects", &load, "--export", &file]);
        assert!(!again.succeeded, "the existing file was overwritten: {again:?}");

        // Correct one of the two rejects first.
        fs::write(&file, "joined,id,name\n,2,Bob\nyesterday,3,\"E,ve\"\n").unwrap();
        let repaired = penstock(stack, &[], &["repair", &load, &file]);
        assert!(
            repaired.succeeded && repaired.stdout.contains("to correct the rejects: penstock rejects "),
            "{repaired:?}"
        );
        let database = stack.database().await;
        let second = format!("select max(load_id) from penstock.load where repairs = {load}");
        let second = count(&database, &second).await.to_string();
        assert!(repaired.stdout.contains(&format!("load {second} repairs load {load}")), "{repaired:?}");
        fs::write(&file, "id,name,joined\n3,\"E,ve\",2024-05-03\n").unwrap();
        let last = penstock(stack, &[], &["repair", &second, &file, "--json"]).json();
        assert_eq!(
            (&last[0]["outcome"], &last[0]["report"]["repairs"]),
            (&json!("Loaded"), &json!(second.parse::<i64>().unwrap()))
        );

        let traced = format!(
            "with recursive traced as (
                 select load_id from penstock.load where load_id = {load}
                 union all select load.load_id from penstock.load join traced on load.repairs = traced.load_id)
             select count(*) from people.csv join traced on load_id = _load_id"
        );
        assert_eq!(count(&database, &traced).await, 3);
        let listed = penstock(stack, &[], &["rejects", &load]);
        assert!(
            listed.stdout.contains(&format!("repaired by load {second}: 1 rows of _penstock/repairs/people/csv/")),
            "{listed:?}"
        );
        let load_id: Value = load.parse::<i64>().unwrap().into();
        assert_eq!(stack.notices_with("repairs", &load_id, 1).await.len(), 1);

        let again = penstock(stack, &[], &["repair", &second, &file, "--json"]).json();
        assert_eq!(again[0]["outcome"], "AlreadyLoaded");
        let key_of = format!("select key from penstock.load where load_id = {second}");
        let repair_key: String = database.query_one(&key_of, &[]).await.unwrap().get(0);
        let dry_run = penstock(stack, &[], &["replay", "--key", &repair_key, "--dry-run", "--json"]);
        assert!(dry_run.stdout.contains("\"already_loaded\"") && dry_run.stdout.contains("people/csv"), "{dry_run:?}");
        let reconciled = penstock(stack, &[], &["reconcile", "--prefix", "_penstock/repairs/people/csv/", "--json"]);
        assert_eq!(reconciled.json()["open"], json!([]), "{reconciled:?}");

        // The corrected whole file replaces the load and its repairs.
        let whole = stack.drop_file(key, "id,name,joined\n1,Ann,\n2,Bob,\n").await;
        assert_eq!(count(&database, &traced).await, 0);
        let late = penstock(stack, &[], &["repair", &second, &file]);
        let says = format!("the rows of load {load} were replaced by load {}", whole.report()["load_id"]);
        assert!(!late.succeeded && late.stderr.contains("NotRepairable") && late.stderr.contains(&says), "{late:?}");
    });
}

#[test]
fn json_rejects_are_repaired_as_lines() {
    with_stack(async |stack| {
        let folder = tempfile::tempdir().unwrap();
        let rows = "[{\"id\": 1, \"name\": \"Ann\"},\n {\"id\": \"two\",\n  \"name\": \"B\\nob\"}]";
        let (load, file) = exported(stack, &folder, "people/repaired.json", rows).await;
        assert_eq!(fs::read_to_string(&file).unwrap(), "{\"id\": \"two\",   \"name\": \"B\\nob\"}\n");
        fs::write(&file, "{\"id\": 2, \"name\": \"B\\nob\"}\n").unwrap();
        let repaired = penstock(stack, &[], &["repair", &load, &file]);
        assert!(repaired.succeeded, "{repaired:?}");
        let rows = format!(
            "select count(*) from people.json join penstock.load on load_id = _load_id
             where load_id = {load} or repairs = {load} and name = E'B\\nob'"
        );
        assert_eq!(count(&stack.database().await, &rows).await, 2);
    });
}

#[test]
fn parquet_rejects_are_repaired_as_lines() {
    with_stack(async |stack| {
        let folder = tempfile::tempdir().unwrap();
        let key = "people/repaired.parquet";
        let (load, file) = exported(stack, &folder, key, include_bytes!("people-one-without-id.parquet")).await;
        let refused = "{\"id\":null,\"name\":\"Bo\\nb\",\"joined\":\"2024-05-02\"}\n";
        assert_eq!(fs::read_to_string(&file).unwrap(), refused);
        fs::write(&file, refused.replace("null", "2")).unwrap();
        let repaired = penstock(stack, &[], &["repair", &load, &file]);
        assert!(repaired.succeeded, "{repaired:?}");
        let rows = format!(
            "select count(*) from people.parquet join penstock.load on load_id = _load_id
             where load_id = {load} or repairs = {load} and (name, joined) = (E'Bo\\nb', '2024-05-02')"
        );
        assert_eq!(count(&stack.database().await, &rows).await, 3);
    });
}
