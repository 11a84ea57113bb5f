use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::{count, with_stack};

const CSV: &str = "joined,id,name\n2024-02-29,1,Ann\n,2,\"O\"\"Hara, B.\"\n";

#[test]
fn csv_file_loads_its_rows() {
    with_stack(async |stack| {
        let execution = stack.drop_file("people/first.csv", CSV).await;
        assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
        assert_eq!(execution.report()["rows_loaded"], json!(2));
        let database = stack.database().await;
        let load: i64 = execution.report()["load_id"].as_i64().unwrap();
        let rows = database
            .query("select id, name, joined::text from people.csv where _load_id = $1 order by id", &[&load])
            .await
            .unwrap();
        let rows: Vec<(i32, Option<String>, Option<String>)> =
            rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        assert_eq!(
            rows,
            [(1, Some("Ann".to_owned()), Some("2024-02-29".to_owned())), (2, Some("O\"Hara, B.".to_owned()), None),]
        );
    });
}

#[test]
fn every_format_loads_the_same_rows() {
    with_stack(async |stack| {
        let json = r#"[{"id": 1, "name": "Ann", "joined": "2024-02-29"}, {"name": "O\"Hara, B.", "id": 2}]"#;
        let lines =
            "{\"id\": 1, \"name\": \"Ann\", \"joined\": \"2024-02-29\"}\n{\"name\": \"O\\\"Hara, B.\", \"id\": 2}\n";
        for (key, table, body) in [
            ("people/same.csv.gz", "people.gzip", gzip(CSV.as_bytes())),
            ("people/same.json", "people.json", json.as_bytes().to_vec()),
            ("people/same.jsonl", "people.jsonl", lines.as_bytes().to_vec()),
            ("people/same.parquet", "people.parquet", include_bytes!("people.parquet").to_vec()),
        ] {
            let execution = stack.drop_file(key, body).await;
            assert_eq!(execution.outcome(), "Loaded", "{key}: {execution:?}");
            let query = format!(
                "select count(*) from {table} where _load_id = {} and
                 (id, name, joined) is not distinct from (1, 'Ann', date '2024-02-29')
                 or (id, name, joined) is not distinct from (2, 'O\"Hara, B.', null::date)",
                execution.report()["load_id"]
            );
            assert_eq!(count(&stack.database().await, &query).await, 2, "{key}");
        }
    });
}

#[test]
fn header_only_file_loads_zero_rows() {
    with_stack(async |stack| {
        let execution = stack.drop_file("people/header-alone.csv", "id,name,joined\n").await;
        assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
        assert_eq!(execution.report()["rows_read"], json!(0));
    });
}

#[test]
fn special_characters_in_key_load() {
    with_stack(async |stack| {
        for key in [
            "people/a b.csv",
            "people/a+b.csv",
            "people/50%.csv",
            "people/a%20b.csv",
            "people/é ü 雪.csv",
            "people/x;'\"--.csv",
        ] {
            let body = format!("id,name,joined\n7,{},\n", "x".repeat(key.len()));
            let execution = stack.drop_file(key, body).await;
            assert_eq!(execution.outcome(), "Loaded", "{key}: {execution:?}");
            let database = stack.database().await;
            let row =
                database.query_one("select rows_loaded from penstock.load where key = $1", &[&key]).await.unwrap();
            assert_eq!(row.get::<_, i64>(0), 1, "{key}");
            assert_eq!(stack.notices(&execution, 1).await.len(), 1, "{key}");
        }
    });
}

/// Compresses with the program `gzip`, which shares no code with the loader.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(bytes).unwrap();
    gzip.wait_with_output().unwrap().stdout
}
