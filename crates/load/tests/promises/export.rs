use crate::fixture::{DEFINITION, KEY, LoadFixture, orders};

const EXPORT: &str = "rejects.export = \"rejects/{date:%Y-%m-%d}/{load_id}.csv\"\n";

#[tokio::test]
async fn rejects_are_exported_as_csv() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{EXPORT}");
    let file = orders(&["ann"]) + "two,\"b,ob\",1.00\n3,eve\n";
    let object = fixture.bucket.put(KEY, Some("v1"), file);
    assert_eq!(fixture.load_as(&definition, &object).await.unwrap().rows_rejected, 2);
    let exported = "load_id,line,last_line,byte_offset,column,reason,raw\n\
                    1,3,3,36,order_id,\"not an integer\",\"two,\"\"b,ob\"\",1.00\"\n\
                    1,4,4,52,,\"2 fields, but the header has 3\",\"3,eve\"\n";
    assert_eq!(fixture.bucket.get("rejects/2024-03-01/1.csv").unwrap(), exported);

    let clean = fixture.bucket.put(KEY, Some("v2"), orders(&["ann", "bob"]));
    fixture.load_as(&definition, &clean).await.unwrap();
    assert_eq!(fixture.bucket.get("rejects/2024-03-01/2.csv"), None);
}

#[tokio::test]
async fn failed_reject_export_undoes_nothing() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{EXPORT}");
    fixture.bucket.refuse_puts("rejects/2024-03-01/1.csv");
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]) + "x,bad,1\n");
    assert_eq!(fixture.load_as(&definition, &object).await.unwrap().rows_rejected, 1);
    assert_eq!(fixture.count("penstock.reject").await, 1);
    assert_eq!(fixture.customers().await, "ann");
    // The session can be used for the next load.
    let next = fixture.bucket.put(KEY, Some("v2"), orders(&["bob"]));
    fixture.load_as(&definition, &next).await.unwrap();
    assert_eq!(fixture.customers().await, "bob");
}

#[tokio::test]
async fn large_reject_export_is_one_object() {
    const ROWS: usize = 4_000;
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{EXPORT}");
    let mut file = orders(&["ann"]);
    for number in 0..ROWS {
        file.push_str(&format!("bad,{number:05000},1.00\n"));
    }
    const { assert!(ROWS * 5_000 > 2 * object_store::PART_BYTES) };
    let report = fixture.load_as(&definition, &fixture.bucket.put(KEY, Some("v1"), file)).await.unwrap();
    assert_eq!(report.rows_rejected, ROWS as u64);
    let exported = fixture.bucket.get("rejects/2024-03-01/1.csv").unwrap();
    assert_eq!(exported.lines().count(), ROWS + 1);
    assert!(exported.ends_with(&format!("{:05000},1.00\"\n", ROWS - 1)));
}
