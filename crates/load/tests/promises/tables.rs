use protocol::{FailureName, LoadOutcome};

use crate::fixture::{DEFINITION, KEY, LoadFixture, check_failure, orders};

const KEEP_ALL: &str = "on_new_version = \"append\"\n";

async fn with_table(columns: &str) -> LoadFixture {
    let fixture = LoadFixture::new().await;
    let statement = format!("create schema staging; create table staging.orders ({columns})");
    fixture.client.batch_execute(&statement).await.unwrap();
    fixture
}

#[tokio::test]
async fn missing_table_is_created_as_declared() {
    let fixture = LoadFixture::new().await;
    fixture.load(&fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]))).await.unwrap();
    let columns = "select string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod),
                                               case when attnotnull then 'not null' end), ', ' order by attnum)
                   from pg_attribute where attrelid = 'staging.orders'::regclass and attnum > 0";
    assert_eq!(
        fixture.text(columns).await.unwrap(),
        "order_id integer not null, customer text, amount numeric(10,2), _load_id bigint not null"
    );
    let row = "select concat_ws('|', order_id, customer, amount, _load_id) from staging.orders";
    assert_eq!(fixture.text(row).await.unwrap(), "1|ann|1.50|1");
    let ledger = "select concat_ws('|', pipeline, dataset, bucket, key, version_id, table_name, bytes, outcome,
                                   started_at <= committed_at) from penstock.load";
    assert_eq!(fixture.text(ledger).await.unwrap(), format!("shop|orders|landing|{KEY}|v1|staging.orders|36|Loaded|t"));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_loads_create_one_table() {
    let fixture = LoadFixture::new().await;
    for answer in fixture.load_days_at_once(20).await {
        assert_eq!(answer.unwrap().outcome, LoadOutcome::Loaded);
    }
    assert_eq!(fixture.count("staging.orders").await, 20);
}

#[tokio::test]
async fn table_without_lineage_is_loaded() {
    let fixture =
        with_table("amount numeric(10,2), order_id integer, customer varchar, note text, at date default now()").await;
    let append = format!("{DEFINITION}{KEEP_ALL}");
    let report = fixture.load_as(&append, &fixture.bucket.put(KEY, Some("v1"), orders(&["ann", "bob"]))).await.unwrap();
    assert_eq!(report.rows_loaded, 2);
    assert_eq!(fixture.customers().await, "ann,bob");
    assert_eq!(fixture.count("staging.orders where at = current_date and note is null").await, 2);
}

#[tokio::test]
async fn table_mismatch_names_all_differences() {
    let check = async |columns: &str, says: &str| {
        let fixture = with_table(columns).await;
        let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]));
        let error = fixture.fail(DEFINITION, &object).await;
        check_failure(&error, FailureName::TableMismatch, says);
    };
    check(
        "order_id bigint, customer varchar(9), _load_id bigint",
        "staging.orders: column order_id is bigint, expected integer; \
         column customer is character varying(9), expected text; \
         column amount numeric(10,2) is missing",
    )
    .await;
    check(
        "order_id integer, customer text, amount numeric(10,2)",
        "staging.orders: column _load_id bigint is missing, which on_new_version = \"replace\" or a reload requires",
    )
    .await;
    check(
        "order_id integer, customer text, amount numeric(10,2), _load_id integer",
        "staging.orders: column _load_id is integer, expected bigint",
    )
    .await;
    check(
        "order_id integer, customer text not null, amount numeric(10,2), _load_id bigint, region text not null",
        "column customer is not null in the table, but nullable in the dataset; \
         column region is not in the dataset, but it is not null and has no default",
    )
    .await;
    check(
        "order_id integer, customer text generated always as ('x') stored, amount numeric(10,2), _load_id bigint",
        "column customer is generated",
    )
    .await;
}

#[tokio::test]
async fn view_is_a_table_mismatch() {
    let fixture = LoadFixture::new().await;
    fixture.client.batch_execute("create schema staging; create view staging.orders as select 1 as x").await.unwrap();
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]));
    check_failure(
        &fixture.load(&object).await.unwrap_err(),
        FailureName::TableMismatch,
        "staging.orders: the relation is not a table",
    );
}

#[tokio::test]
async fn constraint_violation_names_row_and_key() {
    let columns = "order_id integer primary key, customer text, amount numeric(10,2), _load_id bigint";
    let fixture = with_table(columns).await;
    let definition = DEFINITION;
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]) + "1,secret,2.00\n");
    let error = fixture.fail(definition, &object).await;
    let says = "(constraint orders_pkey of table orders): Key (order_id)=(1) already exists.; at row 2 of the file";
    check_failure(&error, FailureName::DatabaseRefused, says);
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn rows_dropped_by_a_trigger_fail_the_load() {
    let fixture = with_table("order_id integer, customer text, amount numeric(10,2), _load_id bigint").await;
    fixture
        .client
        .batch_execute(
            "create function drop_it() returns trigger language plpgsql as 'begin return null; end';
             create trigger drop_some before insert on staging.orders
             for each row when (new.customer = 'bob') execute function drop_it()",
        )
        .await
        .unwrap();
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann", "bob"]));
    let error = fixture.fail(DEFINITION, &object).await;
    check_failure(&error, FailureName::DatabaseRefused, "stored 1 of 2 rows");
}

#[tokio::test]
async fn unknown_types_take_values_as_text() {
    let create = "create schema fx; create type fx.colour as enum ('red', 'green');
        create domain fx.code as text check (value ~ '^[A-Z]+$');
        create table fx.t (id int, ip inet, tags text[], cc char(2), at timestamp(3), colour fx.colour, code fx.code,
                           _load_id bigint)";
    let columns = "columns.id = \"integer\"\ncolumns.ip = \"text\"\ncolumns.tags = \"text\"\n
        columns.cc = \"varchar(2)\"\ncolumns.at = \"timestamp\"\ncolumns.colour = \"text\"\ncolumns.code = \"text\"\n";
    let file = "id,ip,tags,cc,at,colour,code\n1,10.0.0.1,\"{a,b}\",de,2024-01-01 10:00:00.1234,red,AB\n2,,,,,,\n";
    let rows =
        "select string_agg(concat_ws(' ', id, host(ip), tags[2], cc, at, colour, code), ', ' order by id) from fx.t";
    for more in [columns, "", "write = \"replace\"\n", "evolve = \"add\"\n"] {
        let definition = format!("[datasets.orders]\nsource = \"raw/t.csv\"\ntable = \"fx.t\"\n{more}");
        let fixture = LoadFixture::new().await;
        fixture.client.batch_execute(create).await.unwrap();
        let object = fixture.bucket.put("raw/t.csv", Some("v1"), file);
        fixture.load_as(&definition, &object).await.unwrap();
        let expected = "1 10.0.0.1 b de 2024-01-01 10:00:00.123 red AB, 2";
        assert_eq!(fixture.text(rows).await.unwrap(), expected, "{more}");
        for (wrong, column) in [("10.0.0.1", "ip"), ("red", "colour"), (",AB", "code")] {
            let wrong = file.replace(wrong, if column == "code" { ",ab" } else { "x" });
            let object = fixture.bucket.put("raw/t.csv", Some("v2"), wrong);
            let error = fixture.load_as(&definition, &object).await.unwrap_err();
            check_failure(&error, FailureName::DatabaseRefused, column);
        }
        assert_eq!(fixture.text(rows).await.unwrap(), expected, "{more}");
    }
}

#[tokio::test]
async fn inferred_columns_take_values_of_default_columns() {
    let create =
        "create schema fx; create table fx.t (id serial primary key, status text default 'new', ip inet, name text,
                                                      _load_id bigint)";
    let rows = "select string_agg(concat_ws(' ', id, status, host(ip), name), ', ' order by id desc) from fx.t";
    for more in ["", "extra = \"ignore\"\n", "evolve = \"add\"\n"] {
        let definition = format!("[datasets.orders]\nsource = \"raw/*.csv\"\ntable = \"fx.t\"\n{more}");
        let fixture = LoadFixture::new().await;
        fixture.client.batch_execute(create).await.unwrap();
        let object = fixture.bucket.put("raw/a.csv", Some("v1"), "id,status,ip,name\n700,paid,10.0.0.1,x\n");
        fixture.load_as(&definition, &object).await.unwrap();
        assert_eq!(fixture.text(rows).await.unwrap(), "700 paid 10.0.0.1 x", "{more}");
        let object = fixture.bucket.put("raw/b.csv", Some("v1"), "ip,name\n10.0.0.2,y\n");
        fixture.load_as(&definition, &object).await.unwrap();
        assert_eq!(fixture.text(rows).await.unwrap(), "700 paid 10.0.0.1 x, 1 new 10.0.0.2 y", "{more}");
    }
}

#[tokio::test]
async fn identity_key_is_upserted() {
    let create = "create schema fx; create table fx.t (id bigint generated always as identity primary key, name text,
                                                      _load_id bigint)";
    let definition = "[datasets.orders]\nsource = \"raw/*.csv\"\ntable = \"fx.t\"\nwrite = \"upsert\"\nkey = [\"id\"]
columns.id = \"bigint not null\"\ncolumns.name = \"text\"\n";
    let fixture = LoadFixture::new().await;
    fixture.client.batch_execute(create).await.unwrap();
    for (key, file) in [("raw/a.csv", "id,name\n7,a\n8,b\n"), ("raw/b.csv", "id,name\n8,c\n9,d\n")] {
        let object = fixture.bucket.put(key, Some("v1"), file);
        fixture.load_as(definition, &object).await.unwrap();
    }
    let rows = "select string_agg(concat(id, name), ' ' order by id) from fx.t";
    assert_eq!(fixture.text(rows).await.unwrap(), "7a 8c 9d");
}
