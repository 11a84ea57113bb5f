use pipeline::Definition;
use protocol::{FailureName, Format};

use crate::fixture::{DEFINITION, KEY, LoadFixture, check_failure, in_a_minute, orders, request};

const OTHER_KEY: &str = "raw/2024-03-02/orders.csv";
const INFERRED: &str = r#"
[datasets.orders]
source = "raw/{date:%Y-%m-%d}/orders.csv"
table = "staging.orders"
rejects.max_ratio = 1.0
"#;

/// Returns the columns of the table and their types.
async fn columns(fixture: &LoadFixture) -> String {
    let query = "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
                 from pg_attribute where attrelid = 'staging.orders'::regclass and attnum > 0 and not attisdropped";
    fixture.text(query).await.unwrap()
}

#[tokio::test]
async fn extra_columns_are_ignored_or_rescued() {
    let file = "order_id,customer,amount,colour,size\n1,ann,1.50,\"dark \"\"red\"\"\",\n2,bob,2.50,,\n";
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put(KEY, Some("v1"), file);
    check_failure(
        &fixture.fail(DEFINITION, &object).await,
        FailureName::HeaderMismatch,
        "unknown [\"colour\", \"size\"]",
    );

    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put(KEY, Some("v1"), file);
    fixture.load_as(&format!("{DEFINITION}extra = \"ignore\"\n"), &object).await.unwrap();
    assert_eq!(columns(&fixture).await, "order_id integer, customer text, amount numeric(10,2), _load_id bigint");
    assert_eq!(fixture.customers().await, "ann,bob");
    let rescue = format!("{DEFINITION}extra = \"rescue\"\n");
    let object = fixture.bucket.put(KEY, Some("v2"), file.replace("ann", "eve"));
    let error = fixture.load_as(&rescue, &object).await.unwrap_err();
    check_failure(
        &error,
        FailureName::TableMismatch,
        "column _rescued jsonb is missing, which extra = \"rescue\" requires",
    );

    for write in ["", "write = \"upsert\"\nkey = [\"order_id\"]\n"] {
        let fixture = LoadFixture::new().await;
        let object = fixture.bucket.put(KEY, Some("v1"), file);
        fixture.load_as(&format!("{rescue}{write}"), &object).await.unwrap();
        let expected = "order_id integer, customer text, amount numeric(10,2), _rescued jsonb, _load_id bigint";
        assert_eq!(columns(&fixture).await, expected);
        let rescued = "select string_agg(coalesce(_rescued::text, 'null'), ' ' order by order_id) from staging.orders";
        assert_eq!(fixture.text(rescued).await.unwrap(), r#"{"colour": "dark \"red\""} null"#);
    }
}

#[tokio::test]
async fn new_columns_are_added_in_the_load_transaction() {
    for write in ["", "write = \"replace\"\nallow_empty = true\n", "write = \"upsert\"\nkey = [\"order_id\"]\n"] {
        let fixture = LoadFixture::new().await;
        let definition = format!("{DEFINITION}evolve = \"add\"\n{write}");
        let check = async |key: &str, version: &str, file: &str, expected: &str| {
            fixture.load_as(&definition, &fixture.bucket.put(key, Some(version), file)).await.unwrap();
            let added = columns(&fixture).await;
            let added = added.strip_prefix("order_id integer, customer text, amount numeric(10,2), _load_id bigint");
            assert_eq!(added.unwrap(), expected, "{write}{file}");
        };
        check(KEY, "v1", &orders(&["ann"]), "").await;
        check(KEY, "v2", "size,order_id,customer,amount\n7,1,ann,1.50\n,2,bob,1\n", ", size smallint").await;
        // An existing column and a new one. Then neither.
        check(KEY, "v3", "order_id,customer,amount,at,size\n1,ann,1,2024-02-29,1\n", ", size smallint, at date").await;
        check(KEY, "v4", &orders(&["eve"]), ", size smallint, at date").await;
        // A file without rows shows no types.
        check(OTHER_KEY, "v1", "order_id,customer,amount,later\n", ", size smallint, at date").await;
        if write.is_empty() {
            assert_eq!(fixture.customers().await, "eve");
        }

        // A failed load adds no column.
        let broken = "order_id,customer,amount,more\n1,ann,1.50,1\n2,bob,2,3\nx,bad,1,1\n";
        let strict = format!("{definition}rejects.max_rows = 0\n");
        let error = fixture.load_as(&strict, &fixture.bucket.put(KEY, Some("v5"), broken)).await.unwrap_err();
        check_failure(&error, FailureName::TooManyRejects, "more than 0 rejected lines");
        assert!(!columns(&fixture).await.contains("more"));
        // A value outside the range of an added column is rejected: the type of a column never changes.
        let wide = "order_id,customer,amount,size\n1,ann,1.50,70000\n2,bob,1.50,1\n";
        let report = fixture.load_as(&definition, &fixture.bucket.put(KEY, Some("v6"), wide)).await.unwrap();
        assert_eq!(report.first_rejects[0].column.as_deref(), Some("size"));
    }
}

#[tokio::test]
async fn adding_columns_waits_briefly_for_a_busy_table() {
    let fixture = LoadFixture::new().await;
    fixture.load(&fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]))).await.unwrap();
    let reader = fixture.database.connect().await;
    reader.batch_execute("begin; lock table staging.orders in access share mode").await.unwrap();
    let definition = format!("{DEFINITION}evolve = \"add\"\n");
    let more = fixture.bucket.put(KEY, Some("v2"), "order_id,customer,amount,size\n1,eve,1.50,2\n");
    let error = fixture.load_as(&definition, &more).await.unwrap_err();
    check_failure(
        &error,
        FailureName::LoadInProgress,
        "staging.orders: a query used the table for 5 s, so columns could not be added",
    );
    reader.batch_execute("commit").await.unwrap();
    assert_eq!(fixture.customers().await, "ann");
    fixture.load_as(&definition, &more).await.unwrap();
    assert_eq!(fixture.customers().await, "eve");
}

#[tokio::test]
async fn columns_are_inferred_from_all_rows() {
    let fixture = LoadFixture::new().await;
    let mut file = "id,Order Date,price,ok,_load_id,note\n".to_owned();
    for number in 0..30_000 {
        file.push_str(&format!("{number},2024-02-29,1.5,true,7,\n"));
    }
    // Only the last row determines these types.
    file.push_str("70000,2024-03-01,10000000000.25,FALSE,x,\n");
    let report = fixture.load_as(INFERRED, &fixture.bucket.put(KEY, Some("v1"), file)).await.unwrap();
    assert_eq!((report.rows_loaded, report.rows_rejected), (30_001, 0));
    assert_eq!(
        columns(&fixture).await,
        "id integer, Order Date date, price numeric, ok boolean, column__load_id text, note text, _load_id bigint"
    );

    // From now on the table is the declaration, with the names in the files.
    let later = "note,ok,price,_load_id,Order Date,id\nx,true,1,y,2024-01-01,3000000000\nx,true,2,z,2024-01-01,1\n";
    let report = fixture.load_as(INFERRED, &fixture.bucket.put(OTHER_KEY, Some("v1"), later)).await.unwrap();
    assert_eq!((report.rows_loaded, report.rows_rejected), (1, 1));
    assert_eq!(fixture.count("staging.orders where column__load_id = 'z' and note = 'x'").await, 1);
    let more = fixture.bucket.put(OTHER_KEY, Some("v2"), "id,colour\n1,red\n");
    let error = fixture.load_as(INFERRED, &more).await.unwrap_err();
    check_failure(&error, FailureName::HeaderMismatch, "unknown [\"colour\"]");
    // A change of the table changes the declaration.
    fixture.client.batch_execute("alter table staging.orders alter column id type bigint").await.unwrap();
    let again = fixture.bucket.put(OTHER_KEY, Some("v3"), later.replace("3000000000", "4000000000"));
    assert_eq!(fixture.load_as(INFERRED, &again).await.unwrap().rows_rejected, 0);
}

#[tokio::test]
async fn first_file_without_rows_fails_by_name() {
    let fixture = LoadFixture::new().await;
    for body in ["id,name\n", "id,name\n1\n"] {
        let object = fixture.bucket.put(KEY, Some("v1"), body);
        check_failure(&fixture.fail(INFERRED, &object).await, FailureName::HeaderMismatch, "the file has no rows");
    }
}

#[tokio::test]
async fn json_columns_are_inferred_from_any_row() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{INFERRED}evolve = \"add\"\n");
    Definition::parse("shop", "pipeline.toml", &definition).unwrap();
    let load = async |version: &str, file: &str| {
        let mut request = request(&definition, &fixture.bucket.put(KEY, Some(version), file));
        request.format = Format::Jsonl;
        fixture.loader.load(&request, in_a_minute()).await.unwrap()
    };
    assert_eq!(load("v1", "{\"id\": 1}\n{\"id\": 2, \"tags\": [1]}\n").await.rows_loaded, 2);
    assert_eq!(columns(&fixture).await, "id smallint, tags jsonb, _load_id bigint");
    assert_eq!(load("v2", "{\"id\": 3}\n{\"at\": \"10:15:00\", \"id\": 4}\n").await.rows_loaded, 2);
    assert_eq!(columns(&fixture).await, "id smallint, tags jsonb, _load_id bigint, at time without time zone");
    let rows = "select string_agg(concat_ws(' ', id, tags, at), ',' order by id) from staging.orders";
    assert_eq!(fixture.text(rows).await.unwrap(), "3,4 10:15:00");
}

#[tokio::test]
async fn columns_come_from_the_key_and_the_object() {
    let definition = r#"
[datasets.orders]
source = "raw/{date:%Y-%m-%d}/{region}/*.csv"
table = "staging.orders"
columns.dt = { type = "date", from_key = "date" }
columns.order_id = "integer"
columns.region = { type = "text not null", from_key = "region" }
columns.line = { type = "bigint", from_line = true }
columns.file = { type = "text", from_object = "key" }
columns.version = { type = "text", from_object = "version_id" }
columns.modified = { type = "timestamptz", from_object = "last_modified" }
columns.customer = "text"
"#;
    for more in ["", "extra = \"rescue\"\n", "write = \"replace\"\n"] {
        let fixture = LoadFixture::new().await;
        let key = "raw/2024-05-01/eu/part-0.csv";
        let object = fixture.bucket.put(key, Some("v1"), "order_id,customer\n1,ann\nx,bad\n3,bob\n");
        let report = fixture.load_as(&format!("{definition}rejects.max_ratio = 1.0\n{more}"), &object).await.unwrap();
        assert_eq!((report.rows_loaded, report.rows_rejected), (2, 1));
        let rows = "select string_agg(concat_ws(' ', dt, order_id, region, line, file, version, customer,
                                                modified > '2000-01-01'), ', ' order by order_id) from staging.orders";
        let expected = format!("2024-05-01 1 eu 2 {key} v1 ann t, 2024-05-01 3 eu 4 {key} v1 bob t");
        assert_eq!(fixture.text(rows).await.unwrap().replace("true", "t"), expected);
        let columns = columns(&fixture).await;
        assert!(columns.starts_with("dt date, order_id integer, region text, line bigint, file text"), "{columns}");
    }
}

#[tokio::test]
async fn unfit_value_of_the_key_fails_the_file() {
    let definition = r#"
[datasets.orders]
source = "raw/{shop}/orders.csv"
table = "staging.orders"
columns.order_id = "integer"
columns.shop = { type = "integer", from_key = "shop" }
"#;
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put("raw/x/orders.csv", Some("v1"), "order_id\n1\n");
    let error = fixture.load_as(definition, &object).await.unwrap_err();
    check_failure(&error, FailureName::MalformedFile, "column shop in the file's key or properties: not an integer");
    let object = fixture.bucket.put("raw/7/orders.csv", Some("v1"), "order_id\n1\n");
    fixture.load_as(definition, &object).await.unwrap();
    assert_eq!(fixture.text("select concat(order_id, ' ', shop) from staging.orders").await.unwrap(), "1 7");
}
