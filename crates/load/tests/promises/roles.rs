//! `infra/roles.sql`: the rights that the roles have and do not have.

use load::Loader;
use postgres::DatabaseAddress;
use protocol::{FailureName, LoadOutcome};
use test_support::TestDatabase;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use crate::fixture::{DEFINITION, KEY, LoadFixture, check_failure, in_a_minute, loader_at, orders, request};

/// The tests share one server, and roles belong to the server. So each test has its own roles.
struct Roles {
    loader: String,
    transformer: String,
}

impl Roles {
    async fn make(fixture: &LoadFixture, test: &str) -> Self {
        let prefix = format!("{test}_{}", std::process::id());
        let sql = include_str!("../../../../infra/roles.sql").replace("penstock_", &format!("{prefix}_"));
        // Run the script twice, because it must be repeatable.
        fixture.client.batch_execute(&sql).await.unwrap();
        fixture.client.batch_execute(&sql).await.unwrap();
        let name = |role: &str| format!("{prefix}_{role}");
        for role in [name("loader"), name("transformer")] {
            fixture.client.batch_execute(&format!("alter role {role} password 'secret'")).await.unwrap();
        }
        Self { loader: name("loader"), transformer: name("transformer") }
    }
}

fn url(database: &TestDatabase, role: &str) -> String {
    let (_, place) = database.url.rsplit_once('@').unwrap();
    format!("postgres://{role}:secret@{place}")
}

async fn connect(database: &TestDatabase, role: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&url(database, role), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn loader(fixture: &LoadFixture, role: &str) -> Loader {
    loader_at(&fixture.bucket, DatabaseAddress::Url(url(&fixture.database, role)))
}

async fn check_refused(client: &Client, statement: &str) {
    let error = client.batch_execute(statement).await.expect_err(statement);
    assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}: {error:?}");
}

#[tokio::test]
async fn loader_role_loads_in_every_write_mode() {
    let fixture = LoadFixture::new().await;
    let roles = Roles::make(&fixture, "loads").await;
    let loader = loader(&fixture, &roles.loader);
    let key = "key = [\"order_id\"]\n";
    for (n, (table, write)) in
        [("appended", ""), ("replaced", "write = \"replace\"\n"), ("upserted", &format!("write = \"upsert\"\n{key}"))]
            .into_iter()
            .enumerate()
    {
        let definition = DEFINITION.replace("staging.orders", &format!("staging.{table}")) + write;
        let file = orders(&["ann", "bob"]) + "x,bad,1\n";
        let object = fixture.bucket.put(KEY, Some(&format!("v{n}")), file);
        let dataset = definition.replace("[datasets.orders]", &format!("[datasets.{table}]"));
        let mut request = request(&dataset, &object);
        request.dataset = table.to_owned();
        let report = loader.load(&request, in_a_minute()).await.unwrap();
        assert_eq!((report.outcome, report.rows_loaded, report.rows_rejected), (LoadOutcome::Loaded, 2, 1), "{table}");
    }
    let owners =
        "select string_agg(distinct tableowner, ',') from pg_tables where schemaname in ('penstock', 'staging')";
    assert_eq!(fixture.text(owners).await.unwrap(), roles.loader);
}

#[tokio::test]
async fn loader_role_reaches_no_other_schema() {
    let fixture = LoadFixture::new().await;
    let roles = Roles::make(&fixture, "reaches").await;
    let theirs = "create schema theirs;
                  create table theirs.orders (order_id integer not null, customer text, amount numeric(10,2), _load_id bigint not null);
                  insert into theirs.orders values (1, 'theirs', 1, 0);";
    fixture.client.batch_execute(theirs).await.unwrap();
    let loader = loader(&fixture, &roles.loader);
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]));
    for table in ["theirs.orders", "theirs.new", "nowhere.orders", "public.orders", "analytics.orders"] {
        for write in ["", "write = \"replace\"\n"] {
            let definition = DEFINITION.replace("staging.orders", table) + write;
            let error = loader.load(&request(&definition, &object), in_a_minute()).await.expect_err(table);
            check_failure(&error, FailureName::DatabaseRefused, "permission denied");
        }
    }
    assert_eq!(fixture.text("select string_agg(customer, ',') from theirs.orders").await.unwrap(), "theirs");
}

#[tokio::test]
async fn roles_have_only_the_rights_of_their_function() {
    let fixture = LoadFixture::new().await;
    let roles = Roles::make(&fixture, "cannot").await;
    let admin = "create schema theirs; create table theirs.kept (secret text); create table public.kept (secret text)";
    fixture.client.batch_execute(admin).await.unwrap();
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]));
    loader(&fixture, &roles.loader).load(&request(DEFINITION, &object), in_a_minute()).await.unwrap();

    let (loads, transforms) =
        (connect(&fixture.database, &roles.loader).await, connect(&fixture.database, &roles.transformer).await);
    for client in [&loads, &transforms] {
        for statement in [
            "create role intruder",
            "create database intruder",
            "create schema intruder",
            "create table public.intruder (x integer)",
            "alter role current_user createrole",
            "alter system set log_statement = 'all'",
            "select * from theirs.kept",
            "select secret from public.kept",
            "select rolpassword from pg_authid",
            "copy public.kept from program 'true'",
            "select pg_read_file('/etc/passwd')",
        ] {
            check_refused(client, statement).await;
        }
        // Only the owner of a table may drop it, and the message is different.
        for statement in ["drop table public.kept", "drop schema theirs", "truncate public.kept"] {
            check_refused(client, statement).await;
        }
    }
    for statement in [
        "insert into staging.orders values (1, 'x', 1, 1)",
        "delete from staging.orders",
        "drop table staging.orders",
        "delete from penstock.load",
        "drop table penstock.load",
        "create table staging.intruder (x integer)",
    ] {
        check_refused(&transforms, statement).await;
    }
    check_refused(&loads, "create table analytics.intruder (x integer)").await;
    let works = "create table analytics.totals as select customer, sum(amount) from staging.orders group by customer;
                 insert into penstock.run (pipeline, logical_at, state) values ('p', now(), 'Ready');
                 update penstock.run set state = 'Succeeded'";
    transforms.batch_execute(works).await.unwrap();
}
