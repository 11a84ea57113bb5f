//! Hostile names as keys and as column names, through the binary of every function.

use std::time::Duration;

use pipeline::Definition;
use protocol::{Compression, FailureName, Format, LoadRequest, ObjectRef};
use serde_json::{Value, json};
use test_support::runtime_api::{Function, InvocationOutcome};
use test_support::{Stack, binary};

use crate::silent_bucket::{SILENT_BUCKET, put_silently, silent_bucket};
use crate::{count, with_stack};

const TIMEOUT: Duration = Duration::from_secs(60);

fn hostile_names() -> Vec<String> {
    let sixty_four = "x".repeat(64);
    [
        "\"; drop table silent.bystander; --",
        "'; drop table silent.bystander; --",
        "x'); drop schema silent cascade; --",
        "../../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "..\\..\\windows",
        "nul\0byte",
        "control\u{1}\u{7f}",
        "line\nfeed\r",
        "back\\slash \\N \\. \\x00",
        "right\u{202e}vsc.to-left",
        "\u{feff}mark",
        "p\u{0430}ypal",
        "e\u{0301}",
        "\u{e9}",
        "🦀",
        "$(reboot) `reboot` ${HOME} %s %n",
        "{batch} {date:%Y} *",
        " space ",
        "_load_id",
        sixty_four.as_str(),
    ]
    .map(str::to_owned)
    .to_vec()
}

struct Functions {
    check: Function,
    resolve: Function,
    fail: Function,
    load: Function,
}

impl Functions {
    fn start(stack: &Stack) -> Self {
        let names = [
            "AWS_ENDPOINT_URL",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "DATABASE_URL",
            "LANDING_BUCKET",
            "DEFINITIONS_BUCKET",
        ];
        let environment = names.map(|name| (name, stack.env(name)));
        let start = |name: &str| Function::start(binary(name), &environment);
        Self {
            check: start("check-file-extension"),
            resolve: start("trigger-resolver"),
            fail: start("random-failure-generator"),
            load: start("loader"),
        }
    }
}

/// Creates the table that no name may drop. Two tests create it at once, and `if not exists` alone does not prevent a
/// unique violation then.
const BYSTANDER: &str = "select pg_advisory_xact_lock(hashtext('silent.bystander'));
                         create schema if not exists silent;
                         create table if not exists silent.bystander (x integer)";

fn call(function: &mut Function, payload: &Value) -> InvocationOutcome {
    tokio::task::block_in_place(|| function.invoke(payload.to_string(), TIMEOUT))
}

/// Returns the function's result. None when it failed by a name with a remedy.
fn result(name: &str, outcome: InvocationOutcome) -> Option<Value> {
    let failure = outcome.error_type().and_then(FailureName::parse);
    match outcome {
        InvocationOutcome::Ok(result) => Some(result),
        failed => {
            let has_remedy =
                failure.is_some_and(|it| !matches!(it, FailureName::InternalError | FailureName::InvalidInput));
            assert!(has_remedy, "{name:?}: {failed:?}");
            None
        }
    }
}

#[test]
fn hostile_key_is_a_plain_value() {
    with_stack(async |stack| {
        silent_bucket(stack).await;
        let database = stack.database().await;
        database.batch_execute(BYSTANDER).await.unwrap();
        let mut functions = Functions::start(stack);
        let mut loaded = 0;
        for name in hostile_names() {
            let key = format!("rows/{name}.csv");
            // No HTTP client sends the byte 0, but an event may hold it.
            let event = if name.contains('\0') {
                json!({"bucket": SILENT_BUCKET, "key": key, "etag": "e", "size_bytes": 5, "event_time": "2024-05-01T00:00:00Z"})
            } else {
                put_silently(stack, &key, "id\n1\n").await
            };
            let no_failure = json!({"execution": name, "attempt": 1, "seed": 1, "failure_rate": 0.0});
            assert!(result(&name, call(&mut functions.fail, &no_failure)).is_some());

            let Some(checked) = result(&name, call(&mut functions.check, &event)) else {
                panic!("check-file-extension failed for {name:?}")
            };
            assert_eq!(checked["object"]["key"], key);
            let Some(resolved) = result(&name, call(&mut functions.resolve, &checked)) else { continue };
            if resolved["decision"] == "ignored" {
                continue;
            }
            assert_eq!(resolved["load"]["object"]["key"], key);
            let Some(report) = result(&name, call(&mut functions.load, &resolved["load"])) else { continue };
            let row = "select key from penstock.load where load_id = $1";
            let row = database.query_one(row, &[&report["load_id"].as_i64()]).await.unwrap();
            assert_eq!(row.get::<_, String>(0), key);
            loaded += 1;
        }
        assert!(loaded > 12, "only {loaded} were loaded");
        assert_eq!(count(&database, "select count(*) from silent.bystander").await, 0);
    });
}

#[test]
fn hostile_column_name_is_a_plain_value() {
    with_stack(async |stack| {
        silent_bucket(stack).await;
        let database = stack.database().await;
        database.batch_execute(BYSTANDER).await.unwrap();
        let mut functions = Functions::start(stack);
        let (mut rescued, mut inferred) = (0, 0);
        for (n, name) in hostile_names().into_iter().enumerate() {
            let object = put_object(stack, &format!("inside/{n}.csv"), &name).await;
            let rescues = "table = \"silent.rescued\"\nextra = \"rescue\"\ncolumns.id = \"integer\"";
            if let Some(report) = result(&name, call(&mut functions.load, &request(&object, rescues))) {
                let rescued_value = "select _rescued ->> $1 from silent.rescued where _load_id = $2";
                let row = database.query_one(rescued_value, &[&name, &report["load_id"].as_i64()]).await.unwrap();
                assert_eq!(row.get::<_, Option<String>>(0).as_deref(), Some("v"), "{name:?}");
                rescued += 1;
            }
            let infers = format!("table = \"silent.inferred_{n}\"");
            inferred += i32::from(result(&name, call(&mut functions.load, &request(&object, &infers))).is_some());
        }
        assert!(rescued > 10 && inferred > 10, "{rescued} rescued, {inferred} inferred");
        assert_eq!(count(&database, "select count(*) from silent.bystander").await, 0);
    });
}

/// Writes a file with this name as its second column.
async fn put_object(stack: &Stack, key: &str, name: &str) -> ObjectRef {
    let body = format!("id,\"{}\"\n1,v\n", name.replace('"', "\"\""));
    let event = put_silently(stack, key, &body).await;
    match protocol::Event::decode(&event).unwrap() {
        protocol::Event::ObjectCreated(object) => object,
        test @ protocol::Event::Test { .. } => panic!("{test}"),
    }
}

fn request(object: &ObjectRef, dataset: &str) -> Value {
    let definition = format!("[datasets.d]\nsource = \"s3://{SILENT_BUCKET}/inside/{{n}}.csv\"\n{dataset}\n");
    let hash = Definition::parse("inside", "pipeline.toml", &definition).unwrap().hash;
    let request = LoadRequest {
        execution: None,
        pipeline: "inside".to_owned(),
        dataset: "d".to_owned(),
        object: object.clone(),
        format: Format::Csv,
        compression: Compression::None,
        logical_at: "2024-05-01T00:00:00Z".parse().unwrap(),
        scheduled_at: None,
        actual_at: None,
        definition,
        definition_hash: hash,
        notify_success: false,
        repairs: None,
        reloads: None,
    };
    serde_json::to_value(request).unwrap()
}
