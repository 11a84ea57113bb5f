//! Forgets a file with its repair, and keeps the ledger.

use std::fs;

use serde_json::json;
use test_support::Stack;

use crate::command::penstock;
use crate::{count, with_stack};

/// Returns the number of versions of all keys with a prefix.
async fn versions(stack: &Stack, bucket: &str, prefix: &str) -> usize {
    let listed = stack.s3.list_object_versions().bucket(bucket).prefix(prefix).send().await.unwrap();
    listed.versions().len()
}

#[test]
fn forgotten_file_leaves_no_row_reject_or_object() {
    with_stack(async |stack| {
        let (landing, curated) = (stack.env("LANDING_BUCKET"), stack.env("CURATED_BUCKET"));
        let database = stack.database().await;
        let key = "forgotten/a.csv";
        let dropped = stack.drop_file(key, "id,name\n1,Ann\ntwo,Bob\n").await;
        let load = dropped.report()["load_id"].to_string();
        stack.drop_file("forgotten/b.csv", "id,name\n3,Eve\n").await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("repaired.csv").display().to_string();
        fs::write(&file, "id,name\n2,Bob\n").unwrap();
        let repaired = penstock(stack, &[], &["repair", &load, &file]);
        assert!(repaired.succeeded, "{repaired:?}");
        let repairs = format!("_penstock/repairs/forgotten/people/{load}/");
        let kept = async || {
            (
                count(&database, "select count(*) from forgotten.people").await,
                count(&database, &format!("select count(*) from penstock.reject where load_id = {load}")).await,
                versions(stack, curated, "rejects/forgotten/a-").await,
                versions(stack, landing, key).await,
                versions(stack, landing, &repairs).await,
            )
        };
        assert_eq!(kept().await, (3, 1, 1, 1, 1));

        let dry_run = penstock(stack, &[], &["forget", key, "--object"]);
        let says = ["would delete 2 rows and 1 rejects", "nothing was deleted; --yes deletes"];
        assert!(dry_run.succeeded && says.iter().all(|says| dry_run.stdout.contains(says)), "{dry_run:?}");
        assert_eq!(kept().await, (3, 1, 1, 1, 1));

        let forgotten = penstock(stack, &[("USER", "ann")], &["forget", key, "--yes", "--json"]);
        assert!(forgotten.succeeded, "{forgotten:?}");
        assert_eq!(kept().await, (1, 0, 0, 1, 1));
        let recorded = format!(
            "select count(*) from penstock.load
             where (load_id = {load} or repairs = {load}) and forgotten_at is not null and forgotten_by like 'ann as %'"
        );
        assert_eq!(count(&database, &recorded).await, 2);

        let objects = penstock(stack, &[], &["forget", key, "--object", "--yes"]);
        assert!(objects.succeeded && objects.stdout.contains(&format!("deleted s3://{landing}/{key}")), "{objects:?}");
        assert_eq!(kept().await, (1, 0, 0, 0, 0));
        let listed = penstock(stack, &[], &["loads", "--pipeline", "forgotten", "--objects", "--json"]).json();
        let of_key = |key: &str| listed.as_array().unwrap().iter().find(|load| load["key"] == key).cloned().unwrap();
        assert_eq!((&of_key(key)["outcome"], &of_key(key)["object_exists"]), (&json!("Forgotten"), &json!(false)));
        assert_eq!(of_key("forgotten/b.csv")["object_exists"], true);
        let nothing = penstock(stack, &[], &["forget", "forgotten/never-there.csv"]);
        assert!(!nothing.succeeded && nothing.stderr.contains("was never loaded"), "{nothing:?}");
    });
}
