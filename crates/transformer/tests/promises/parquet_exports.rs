use ::parquet::basic::Compression;
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use protocol::FailureName;

use crate::stage::{Stage, check_failure};

const KEY: &str = "export/out.parquet";

fn export(query: &str) -> String {
    format!("[[exports]]\nquery = \"\"\"{query}\"\"\"\nto = \"{KEY}\"\n")
}

async fn written(stage: &Stage) -> SerializedFileReader<bytes::Bytes> {
    let run_id = stage.ready().await;
    let report = stage.run(run_id).await.unwrap();
    let body = stage.bucket.get(KEY).unwrap();
    assert_eq!(report.exports[0].bytes, body.len() as u64);
    let reader = SerializedFileReader::new(bytes::Bytes::from(body)).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), i64::try_from(report.exports[0].rows).unwrap());
    reader
}

/// Exports a query and compares the rows of the file.
async fn check(query: &str, expected: &[&str]) {
    let stage = Stage::new(&export(query), &[]).await;
    let reader = written(&stage).await;
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    assert_eq!(rows, expected, "{query}");
}

#[tokio::test]
async fn parquet_values_are_exact() {
    check(
        "select true as b, 1::int2 as i2, -2 as i4, 9223372036854775807 as i8, 1.5::float4 as f4, 0.1::float8 as f8",
        &["{b: true, i2: 1, i4: -2, i8: 9223372036854775807, f4: 1.5, f8: 0.1}"],
    )
    .await;
    check(
        "select n::numeric(9,2) as small, n::numeric(18,2) as medium, n::numeric(38,2) as large, n as free
         from (values (-1234567.89), (0), (null)) as v (n)",
        &[
            "{small: -1234567.89, medium: -1234567.89, large: -1234567.89, free: \"-1234567.89\"}",
            "{small: 0.00, medium: 0.00, large: 0.00, free: \"0\"}",
            "{small: null, medium: null, large: null, free: null}",
        ],
    )
    .await;
    check(
        r#"select 'ü'::text as t, ''::varchar(3) as v, '{"a": 1}'::jsonb as j, '[1]'::json as k"#,
        &["{t: \"ü\", v: \"\", j: \"{\"a\": 1}\", k: \"[1]\"}"],
    )
    .await;
    check(
        "select :run_date as d, '0001-01-01'::date as early, '10:20:30.000004'::time as t,
                '1969-12-31 23:59:59.5'::timestamp as s, '2024-05-01T00:00:00+02'::timestamptz as z",
        &["{d: 2024-05-01, early: 0001-01-01, t: 10:20:30.000004, \
            s: 1969-12-31 23:59:59.500000 +00:00, z: 2024-04-30 22:00:00.000000 +00:00}"],
    )
    .await;
    check("select '00112233-4455-6677-8899-aabbccddeeff'::uuid as u from generate_series(1, 0)", &[]).await;
}

#[tokio::test]
async fn row_groups_are_bounded() {
    let query = "select number, repeat(md5(number::text), 32768) as filler from generate_series(1, 40) as number";
    let stage = Stage::new(&export(query), &[]).await;
    let reader = written(&stage).await;
    let groups: Vec<_> = reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(groups, [16, 16, 8]);
    assert_eq!(reader.metadata().row_group(0).column(1).compression(), Compression::SNAPPY);
    let mut rows = reader.get_row_iter(None).unwrap();
    assert!(rows.nth(39).unwrap().unwrap().to_string().starts_with("{number: 40, filler: \"d645920e395fedad7bbbed0e"));
}

#[tokio::test]
async fn unsupported_parquet_value_is_named() {
    let check = async |query: &str, says: &str| {
        let stage = Stage::new(&export(query), &[]).await;
        let run_id = stage.ready().await;
        let error = stage.run(run_id).await.unwrap_err();
        check_failure(&error, FailureName::ExportFailed, &format!("s3://curated/{KEY}: {says}"));
        assert_eq!(stage.bucket.get(KEY), None);
    };
    let cast = "cast it to text in a query";
    check("select '1 day'::interval as i", &format!("column i: Parquet cannot store the type interval; {cast}")).await;
    check("select array[1] as a", &format!("column a: Parquet cannot store the type _int4; {cast}")).await;
    check("select 1 as a, 2 as a", "two columns have the name a").await;
    check("select 'infinity'::date as d", "column d: Parquet cannot store infinity as a time").await;
    check("select '-infinity'::timestamptz as z", "column z: Parquet cannot store infinity as a time").await;
    check("select 'NaN'::numeric(5,2) as n", "column n: Parquet cannot store NaN as a decimal").await;
    check("select 1 / 0 as n", "ERROR 22012: division by zero").await;
}
