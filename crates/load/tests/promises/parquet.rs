//! Parquet files, which are read from their end and then in ranges.

use std::sync::Arc;

use load::LoadError;
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use protocol::{FailureName, Format, LoadReport, ObjectRef};

use crate::bucket::DownloadFault;
use crate::fixture::{DEFINITION, LoadFixture, check_failure, in_a_minute, request};

const KEY: &str = "raw/2024-03-01/orders.csv";
const SCHEMA: &str = "message orders {
    required int32 order_id;
    optional binary customer (string);
    optional int32 amount (decimal(9,2));
}";

/// Returns a file with orders 1, 2, 3, … . The amount of an order is its number in cents.
fn orders(orders: i32, orders_per_group: i32) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_dictionary_enabled(false).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    for first in (1..=orders).step_by(orders_per_group.try_into().unwrap()) {
        let ids: Vec<i32> = (first..=orders.min(first + orders_per_group - 1)).collect();
        let names: Vec<ByteArray> = ids.iter().map(|id| format!("customer {id:0>50}").as_str().into()).collect();
        let levels = vec![1; ids.len()];
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&names, Some(&levels), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&ids, Some(&levels), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

async fn load(fixture: &LoadFixture, definition: &str, object: &ObjectRef) -> Result<LoadReport, LoadError> {
    let mut request = request(definition, object);
    request.format = Format::Parquet;
    fixture.loader.load(&request, in_a_minute()).await
}

async fn fail(fault: DownloadFault, body: Vec<u8>) -> LoadError {
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put_with(fault, KEY, None, body);
    let error = load(&fixture, DEFINITION, &object).await.expect_err("a load that fails");
    fixture.nothing_is_left().await;
    error
}

#[tokio::test]
async fn parquet_file_needs_few_requests() {
    let fixture = LoadFixture::new().await;
    let check = async |count: i32, per_group: i32, gets_max: usize| {
        let object = fixture.bucket.put(&format!("raw/2024-03-01/{count}"), Some("v1"), orders(count, per_group));
        let before = fixture.bucket.gets();
        let report = load(&fixture, DEFINITION, &object).await.unwrap();
        assert_eq!((report.rows_read, report.rows_rejected), (u64::try_from(count).unwrap(), 0));
        let gets = fixture.bucket.gets() - before;
        assert!(gets <= gets_max, "{gets} requests for {count} rows");
        let query = format!(
            "select concat_ws(' ', count(*), sum(order_id), sum(amount), max(customer)) from staging.orders
             where _load_id = {}",
            report.load_id
        );
        let (sum, last) = (i64::from(count) * i64::from(count + 1) / 2, format!("{count:0>50}"));
        let expected = format!("{count} {sum} {}.{:02} customer {last}", sum / 100, sum % 100);
        assert_eq!(fixture.text(&query).await.unwrap(), expected);
    };
    // The first request returns the whole file.
    check(100, 30, 1).await;
    // Two hundred row groups of 3.4 MB.
    check(50_000, 250, 3).await;
    // One row group of 13 MB, read by column in blocks.
    check(200_000, 200_000, 8).await;
}

#[tokio::test]
async fn parquet_rejects_have_row_number_and_json() {
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put(KEY, Some("v1"), orders(10, 2));
    let report = load(&fixture, &DEFINITION.replace("numeric(10,2)", "numeric(10,1)"), &object).await.unwrap();
    assert_eq!((report.rows_loaded, report.rows_rejected), (1, 9));
    assert_eq!((report.first_rejects[0].line, report.first_rejects[0].column.as_deref()), (1, Some("amount")));
    let raw = fixture.text("select raw from penstock.reject where line = 5").await.unwrap();
    assert!(
        raw.starts_with(r#"{"order_id":5,"customer":"customer 000"#) && raw.ends_with(r#""amount":0.05}"#),
        "{raw}"
    );
}

#[tokio::test]
async fn parquet_schema_determines_the_columns() {
    let fixture = LoadFixture::new().await;
    let definition = "[datasets.orders]\nsource = \"raw/{date:%Y-%m-%d}/orders.csv\"\ntable = \"staging.orders\"\n";
    let object = fixture.bucket.put(KEY, Some("v1"), orders(3, 3));
    assert_eq!(load(&fixture, definition, &object).await.unwrap().rows_loaded, 3);
    let types = "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
                 from pg_attribute where attrelid = 'staging.orders'::regclass and attnum > 0";
    let expected = "order_id integer, customer text, amount numeric(9,2), _load_id bigint";
    assert_eq!(fixture.text(types).await.unwrap(), expected);
}

#[tokio::test]
async fn failed_range_request_leaves_nothing() {
    let file = orders(50_000, 10_000);
    let check = async |fault: DownloadFault, name: FailureName, says: &str| {
        check_failure(&fail(fault, file.clone()).await, name, says);
    };
    check(DownloadFault::Truncated, FailureName::ObjectCorrupted, "the download failed after ").await;
    check(DownloadFault::Stalled, FailureName::StorageStalled, "S3 sent nothing for 2 s").await;
    check(DownloadFault::ReplacedMeanwhile, FailureName::ObjectReplaced, "its etag has changed").await;
    check(DownloadFault::Refused(503, "SlowDown"), FailureName::StorageUnavailable, "simulated SlowDown").await;
}

#[tokio::test]
async fn malformed_parquet_file_fails_by_name() {
    let file = orders(1000, 100);
    let check = async |body: &[u8], name: FailureName, says: &str| {
        check_failure(&fail(DownloadFault::None, body.to_vec()).await, name, says);
    };
    check(b"", FailureName::EmptyFile, KEY).await;
    check(&file[..file.len() / 2], FailureName::MalformedFile, "it was cut off").await;
    check(b"order_id,customer,amount\n1,ann,1.50\n", FailureName::MalformedFile, "not a Parquet file").await;
}
