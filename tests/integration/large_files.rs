//! Files of every format that need many reads, chunks or row groups.

use std::fs::File;
use std::process::Command;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use test_support::Stack;

use crate::with_stack;

/// About 100 MB as CSV.
const CSV_ROWS: i64 = 310_000;
/// About 20 MB as JSON.
const JSON_ROWS: i64 = 60_000;
const WORDS: i64 = 5;
const REPEATS: usize = 8;
const SCHEMA: &str = "message large { required int64 id; required binary text (string); }";

/// The text of a row. The checks compute it again in SQL.
fn text(id: i64) -> String {
    let word = |word| format!("{:x}", (id * WORDS + word) * 2_654_435_761 % 4_294_967_296);
    (0..WORDS).map(word).collect::<String>().repeat(REPEATS)
}

fn lines(header: &str, rows: i64, line: impl Fn(i64, String) -> String) -> Vec<u8> {
    let mut body = header.to_owned();
    (1..=rows).for_each(|id| body.push_str(&line(id, text(id))));
    body.into_bytes()
}

/// Rows in row groups of this size.
fn parquet(rows: i64, rows_per_group: usize) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_dictionary_enabled(false).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let ids: Vec<i64> = (1..=rows).collect();
    for ids in ids.chunks(rows_per_group) {
        let texts: Vec<ByteArray> = ids.iter().map(|id| text(*id).into_bytes().into()).collect();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(ids, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

/// Compresses with the program `gzip`, which shares no code with the loader.
fn gzip(body: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, body).unwrap();
    let output = Command::new("gzip").args(["-1", "-c"]).stdin(File::open(&file).unwrap()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Loads the file. Checks the ids, the length of all texts and the text of some rows.
async fn check(stack: &Stack, key: &str, dataset: &str, rows: i64, body: Vec<u8>) {
    let execution = stack.drop_file(key, body).await;
    assert_eq!(execution.outcome(), "Loaded", "{key}: {execution:?}");
    let report = execution.report();
    assert_eq!((&report["rows_loaded"], &report["rows_rejected"]), (&rows.into(), &0.into()), "{key}");
    let query = format!(
        "select count(*), count(distinct id), min(id), max(id), sum(length(text))::bigint,
                count(*) filter (where id % 997 = 0 and text <> (
                    select repeat(
                        string_agg(to_hex((id * {WORDS} + word) * 2654435761 % 4294967296), '' order by word), {REPEATS})
                    from generate_series(0, {WORDS} - 1) as word))
         from large.{dataset} where _load_id = {}",
        report["load_id"]
    );
    let row = stack.database().await.query_one(&query, &[]).await.unwrap();
    let found: [i64; 6] = std::array::from_fn(|column| row.get(column));
    let length: usize = (1..=rows).map(|id| text(id).len()).sum();
    assert_eq!(found, [rows, rows, 1, rows, i64::try_from(length).unwrap(), 0], "{key}");
}

#[test]
fn large_csv_loads_plain_gzip_and_zstd() {
    with_stack(async |stack| {
        let body = lines("id,text\n", CSV_ROWS, |id, text| format!("{id},{text}\n"));
        assert!(body.len() > 100_000_000, "{} bytes", body.len());
        check(stack, "large/rows.csv.gz", "gzip", CSV_ROWS, gzip(&body)).await;
        check(stack, "large/rows.csv.zst", "zstd", CSV_ROWS, zstd::encode_all(&body[..], 1).unwrap()).await;
        check(stack, "large/rows.csv", "csv", CSV_ROWS, body).await;
    });
}

#[test]
fn large_json_loads_as_lines_and_as_array() {
    with_stack(async |stack| {
        let object = |id: i64, text: String| format!("{{\"id\": {id}, \"text\": \"{text}\"}}\n");
        let body = lines("", JSON_ROWS, object);
        check(stack, "large/rows.jsonl", "jsonl", JSON_ROWS, body).await;
        let mut body = lines("[", JSON_ROWS, |id, text| format!("{},", object(id, text)));
        body.pop();
        body.push(b']');
        check(stack, "large/rows.json", "json", JSON_ROWS, body).await;
    });
}

/// A loader reads the end of the file first, then the row groups in parts of the object version.
#[test]
fn large_parquet_loads_many_row_groups() {
    with_stack(async |stack| {
        for (rows, rows_per_group) in [(2_000, 500), (60_000, 20_000)] {
            let body = parquet(rows, rows_per_group);
            assert!(body.len() > 4 * 64 * 1024, "{} bytes", body.len());
            check(stack, &format!("large/{rows}.parquet"), "parquet", rows, body).await;
        }
    });
}
