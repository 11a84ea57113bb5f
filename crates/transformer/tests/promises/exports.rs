use protocol::FailureName;

use crate::stage::{Stage, check_failure};

const KEY: &str = "export/out.csv";

fn export(source: &str) -> String {
    format!("[[exports]]\n{source}\nto = \"{KEY}\"\n")
}

/// A query whose result is larger than two parts of an upload.
const LARGE: &str = "select number, repeat('x', 1000) as filler from generate_series(1, 20000) as number";

#[tokio::test]
async fn csv_export_follows_the_common_dialect() {
    let stage = Stage::new(&export("table = \"analytics.odd\""), &[]).await;
    stage
        .client
        .batch_execute(
            "create table analytics.odd (\"a b\" text, dropped int, n numeric(6,2), d date, _load_id bigint not null);
             alter table analytics.odd drop column dropped;
             insert into analytics.odd values ('say \"hi\", ünïcode', 1.50, '2024-05-01', 1), (null, null, null, 2),
                                              ('', 0, null, 3), (E'two\\nlines', -1, 'infinity', 4)",
        )
        .await
        .unwrap();
    let run_id = stage.ready().await;
    let report = stage.run(run_id).await.unwrap();
    let csv = "a b,n,d\n\"say \"\"hi\"\", ünïcode\",1.50,2024-05-01\n,,\n\"\",0.00,\n\"two\nlines\",-1.00,infinity\n";
    assert_eq!(stage.bucket.text(KEY).unwrap(), csv);
    assert_eq!((report.exports[0].rows, report.exports[0].bytes), (4, csv.len() as u64));
}

#[tokio::test]
async fn query_export_has_its_parameters() {
    let query = "query = \"select :run_date as day, :run_id as id -- and that is all\"";
    let stage = Stage::new(&export(query), &[]).await;
    let run_id = stage.ready().await;
    stage.run(run_id).await.unwrap();
    assert_eq!(stage.bucket.text(KEY).unwrap(), format!("day,id\n2024-05-01,{run_id}\n"));
}

#[tokio::test]
async fn large_export_is_one_object() {
    let stage = Stage::new(&export(&format!("query = \"{LARGE}\"")), &[]).await;
    let run_id = stage.ready().await;
    let report = stage.run(run_id).await.unwrap();
    let written = stage.bucket.text(KEY).unwrap();
    assert_eq!((report.exports[0].rows, report.exports[0].bytes), (20_000, written.len() as u64));
    assert!(written.len() > 2 * object_store::PART_BYTES);
    assert_eq!(written.lines().count(), 20_001);
    assert!(written.lines().last().unwrap().starts_with("20000,x"));
}

#[tokio::test]
async fn failed_export_leaves_no_object() {
    let check = async |query: &str, parts: usize, name: FailureName, says: &str| {
        let stage = Stage::new(&export(&format!("query = \"{query}\"")), &[]).await;
        stage.bucket.reject_above(KEY, parts);
        let run_id = stage.ready().await;
        let error = stage.run(run_id).await.unwrap_err();
        check_failure(&error, name, &format!("export of a query to s3://curated/{KEY}: {says}"));
        assert_eq!(stage.bucket.get(KEY), None);
        assert!(stage.bucket.is_aborted(KEY));
        assert_eq!(stage.text("select count(*)::text from penstock.run_export").await.unwrap(), "0");
    };
    check(LARGE, 1, FailureName::ExportFailed, "S3 answered 403 AccessDenied").await;
    let broken = LARGE.replace("number,", "1 / (19999 - number),");
    check(&broken, 9, FailureName::ExportFailed, "ERROR 22012: division by zero").await;
}

#[tokio::test]
async fn export_of_missing_table_fails() {
    let stage = Stage::new(&export("table = \"analytics.missing\""), &[]).await;
    let run_id = stage.ready().await;
    let error = stage.run(run_id).await.unwrap_err();
    check_failure(&error, FailureName::ExportFailed, "the table analytics.missing does not exist");
}
