use protocol::{FailureName, RejectSample};

use crate::fixture::{DEFINITION, KEY, LoadFixture, check_failure, orders};

#[tokio::test]
async fn rejects_are_stored_with_line_and_reason() {
    let fixture = LoadFixture::new().await;
    let mut file = orders(&["ann"]).into_bytes();
    file.extend_from_slice(b"two,bob,1.00\n3,\"e\nve\",1.005\n4,caf\xE9,1.00\n5,zoe\n6,fay,6.00\n");
    let object = fixture.bucket.put(KEY, Some("v1"), file);
    let report = fixture.load(&object).await.unwrap();
    assert_eq!((report.rows_read, report.rows_loaded, report.rows_rejected), (6, 2, 4));
    assert_eq!(fixture.customers().await, "ann,fay");

    let sample = |line: u64, column: Option<&str>, reason: &str| RejectSample {
        line,
        last_line: None,
        column: column.map(str::to_owned),
        reason: reason.to_owned(),
    };
    let places: Vec<_> = report.first_rejects.iter().map(|reject| (reject.line, reject.column.as_deref())).collect();
    assert_eq!(places, [(3, Some("order_id")), (4, Some("amount")), (6, Some("customer")), (7, None)]);
    assert_eq!(report.first_rejects[0], sample(3, Some("order_id"), "not an integer"));
    assert_eq!(report.first_rejects[1].last_line, Some(5));

    let kept = fixture
        .client
        .query(r#"select load_id, last_line, byte_offset, byte_length, raw from penstock.reject order by line"#, &[])
        .await
        .unwrap();
    let raws: Vec<&str> = kept.iter().map(|row| row.get("raw")).collect();
    assert_eq!(raws, ["two,bob,1.00", "3,\"e\nve\",1.005", "4,caf\\xE9,1.00", "5,zoe"]);
    assert!(kept.iter().all(|row| row.get::<_, i64>("load_id") == report.load_id));
    let numbers = |name: &str| kept.iter().map(|row| row.get::<_, i64>(name)).collect::<Vec<_>>();
    assert_eq!(numbers("last_line"), [3, 5, 6, 7]);
    assert_eq!(numbers("byte_offset"), [36, 49, 64, 76]);
    assert_eq!(numbers("byte_length"), [12, 14, 11, 5]);
}

#[tokio::test]
async fn file_with_too_many_rejects_loads_nothing() {
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann", "bob", "eve"]) + "x,bad,1\n4,bad,x\n");

    let by_rows = format!("{DEFINITION}\nrejects.max_rows = 1\n");
    let error = fixture.fail(&by_rows, &object).await;
    check_failure(&error, FailureName::TooManyRejects, "more than 1 rejected lines, the limit in `rejects.max_rows`");
    check_failure(
        &error,
        FailureName::TooManyRejects,
        "first rejects: line 5, column order_id: not an integer; line 6, column amount: ",
    );

    let by_ratio = DEFINITION.replace("max_ratio = 1.0", "max_ratio = 0.39");
    let error = fixture.fail(&by_ratio, &object).await;
    check_failure(
        &error,
        FailureName::TooManyRejects,
        "2 rejected lines and 3 loaded rows, the limit is `rejects.max_ratio = 0.39`",
    );

    let just = DEFINITION.replace("max_ratio = 1.0", "max_ratio = 0.4\nrejects.max_rows = 2");
    assert_eq!(fixture.load_as(&just, &object).await.unwrap().rows_rejected, 2);
}

#[tokio::test]
async fn default_limit_is_a_tenth_of_the_lines() {
    let fixture = LoadFixture::new().await;
    let default = DEFINITION.replace("rejects.max_ratio = 1.0\n", "");
    let nine = orders(&["ann", "bob", "eve", "fay", "gus", "kim", "lee", "mia", "zoe"]);
    let object = fixture.bucket.put(KEY, Some("v1"), nine.clone() + "x,bad,1\ny,bad,1\n");
    let error = fixture.fail(&default, &object).await;
    let says = "2 rejected lines and 9 loaded rows, the limit is `rejects.max_ratio = 0.1`";
    check_failure(&error, FailureName::TooManyRejects, says);
    let object = fixture.bucket.put(KEY, Some("v2"), nine + "x,bad,1\n");
    assert_eq!(fixture.load_as(&default, &object).await.unwrap().rows_rejected, 1);
}

#[tokio::test]
async fn file_of_rejects_alone_fails_with_any_limit() {
    let fixture = LoadFixture::new().await;
    for write in ["", "write = \"replace\"\nallow_empty = true\n", "write = \"upsert\"\nkey = [\"order_id\"]\n"] {
        let definition = format!("{DEFINITION}{write}");
        let object = fixture.bucket.put(KEY, Some("v1"), orders(&[]) + "x,bad,1\ny,bad,1\n");
        let error = fixture.fail(&definition, &object).await;
        check_failure(&error, FailureName::TooManyRejects, "all 2 rows were rejected; first rejects: line 2, column");
    }
}

#[tokio::test]
async fn all_batches_of_rejects_share_one_transaction() {
    const ROWS: usize = 40_000;
    let fixture = LoadFixture::new().await;
    let mut file = orders(&[]);
    for number in 0..ROWS {
        let bad = if number % 2 == 0 { "" } else { "x" };
        file.push_str(&format!("{number}{bad},{number:064},1.00\n"));
    }
    let object = fixture.bucket.put(KEY, Some("v1"), file.clone());
    let report = fixture.load(&object).await.unwrap();
    assert_eq!(report.rows_rejected, 20_000);
    assert_eq!(report.first_rejects.len(), load::limits::REJECTS_SHOWN_MAX);
    assert_eq!(fixture.count("penstock.reject").await, 20_000);
    assert_eq!(fixture.count("(select distinct customer from staging.orders) as kept").await, 20_000);

    // The same file with a malformed end. The rejects before it roll back too.
    let fixture = LoadFixture::new().await;
    let broken = fixture.bucket.put(KEY, Some("v1"), file + "1,\"never closed\n");
    let error = fixture.fail(DEFINITION, &broken).await;
    check_failure(&error, FailureName::MalformedFile, "line 40002");
}
