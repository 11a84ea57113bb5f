//! A secret stays a secret, whatever goes wrong: the real binary fails in every way that knows one, and all that it
//! says is searched.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use protocol::FailureName;
use test_support::runtime_api::{Function, InvocationOutcome};

use crate::fixture::{DEFINITION, KEY, LoadFixture, orders, request};

const CANARY: &str = "s3cr3t-canary-7c1f";

/// The loader with its standard error in its log: a panic's message goes there.
fn binary() -> PathBuf {
    let script = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("loader-{}", std::process::id()));
    let loader = env!("CARGO_BIN_EXE_loader");
    std::fs::write(&script, format!("#!/bin/sh\nexec '{loader}' 2>&1\n")).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    script
}

/// Loads one file with this setting, and gives the answer after searching it and the log for the secret.
fn load(fixture: &LoadFixture, version: &str, name: &str, value: &str) -> InvocationOutcome {
    let object = fixture.bucket.put(KEY, Some(version), orders(&["ann"]) + "x,bad,1\n");
    let environment = [
        (name, value),
        ("AWS_ENDPOINT_URL", &fixture.bucket.endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", CANARY),
        ("AWS_SESSION_TOKEN", CANARY),
        ("LOG_LEVEL", "debug"),
    ];
    let mut loader = Function::start(binary(), &environment);
    let payload = serde_json::to_vec(&request(DEFINITION, &object)).unwrap();
    let answer = loader.invoke(payload, Duration::from_secs(60));
    let log = loader.logs().join("\n");
    assert!(!log.is_empty(), "{value}: nothing was logged");
    for (what, text) in [("answer", format!("{answer:?}")), ("log", log)] {
        let at = text.find(CANARY).map(|at| text[at.saturating_sub(200)..].chars().take(400).collect::<String>());
        assert_eq!(at, None, "the {what} with {name}={value} tells the secret");
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_is_in_no_response_log_or_row() {
    let fixture = LoadFixture::new().await;
    let (_, place) = fixture.database.url.rsplit_once('@').unwrap();
    let fails = |name: &str, value: &str| {
        let answer = tokio::task::block_in_place(|| load(&fixture, "v1", name, value));
        let failure = answer.error_type().and_then(FailureName::parse);
        let by_name = failure.is_some_and(|name| name != FailureName::InternalError);
        assert!(by_name, "{name}={value}: {answer:?}");
    };
    for url in [
        format!("postgres://postgres:{CANARY}@{place}"),
        format!("postgres://nobody:{CANARY}@{place}"),
        format!("postgres://postgres:{CANARY}@127.0.0.1:1/nowhere"),
        format!("postgres://postgres:{CANARY}@127.0.0.1:port/nowhere"),
        format!("postgres://postgres:{CANARY}@127.0.0.1/nowhere?unknown={CANARY}"),
        format!("postgres://postgres:{CANARY}@[::1/nowhere"),
        format!("postgres://postgres:{CANARY}%zz@127.0.0.1/nowhere"),
        format!("mysql://root:{CANARY}@127.0.0.1/nowhere"),
        format!("host=127.0.0.1 port=1 user=postgres password='{CANARY}"),
        CANARY.to_owned(),
    ] {
        fails("DATABASE_URL", &url);
        fixture.bucket.keep_secret(&url);
        fails("DATABASE_SECRET_ARN", "arn:secret");
    }
    for secret in [
        format!(r#"{{"url": "postgres://postgres:{CANARY}@127.0.0.1:1/x""#),
        format!(r#"{{"url": "postgres://postgres:{CANARY}@127.0.0.1:1/x", "ca": "{CANARY}"}}"#),
        format!(r#"{{"url": "postgres://postgres:{CANARY}@127.0.0.1:1/x", "{CANARY}": 1}}"#),
        format!(r#"{{"username": "postgres", "password": "{CANARY}", "host": "127.0.0.1", "port": 1, "dbname": "x"}}"#),
        format!(r#"{{"username": "postgres", "password": "{CANARY}"}}"#),
        format!(r#"{{"username": "postgres", "password": ["{CANARY}"], "host": "127.0.0.1"}}"#),
        format!(r#""{CANARY}""#),
    ] {
        fixture.bucket.keep_secret(&secret);
        fails("DATABASE_SECRET_ARN", "arn:secret");
    }

    let role = format!("canary_{}", std::process::id());
    let with_password = format!("create role {role} login superuser password '{CANARY}'");
    fixture.client.batch_execute(&with_password).await.unwrap();
    let url = format!("postgres://{role}:{CANARY}@{place}");
    let report = tokio::task::block_in_place(|| load(&fixture, "v2", "DATABASE_URL", &url)).answer();
    assert_eq!((&report["outcome"], &report["rows_rejected"]), (&"Loaded".into(), &1.into()));
    let tables = "select string_agg(format('select row_to_json(t)::text as row from penstock.%I as t', tablename),
                                    ' union all ')
                  from pg_tables where schemaname = 'penstock'";
    let tables = fixture.text(tables).await.unwrap();
    let rows = fixture.text(&format!("select string_agg(row, ' ') from ({tables}) as every")).await.unwrap();
    assert!(rows.contains("x,bad,1") && !rows.contains(CANARY), "{rows}");
}
