//! The whole stack, with something of it gone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::{Stack, scratch_folder};
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio::task::block_in_place;

use crate::pick;

const POLL: Duration = Duration::from_millis(250);
const POLLS_MAX: u32 = 240;
pub(crate) const GOOD: &str = "id,name,joined\n1,Ann,\n2,Bob,\n";
pub(crate) const BAD: &str = "id,name\n1,Ann\n";

pub(crate) async fn stack() -> Stack {
    Stack::start(&Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/pipelines"), 0.0).await
}

/// One for the tests that mend what they break, one after the other.
async fn shared_stack() -> MutexGuard<'static, Stack> {
    static STACK: OnceCell<Mutex<Stack>> = OnceCell::const_new();
    STACK.get_or_init(async || Mutex::new(stack().await)).await.lock().await
}

/// What the AWS CLI says, as an operator would ask.
fn aws(stack: &Stack, arguments: &[&str]) -> Value {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names = ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let output = block_in_place(|| {
        Command::new(project.join(".venv/bin/aws"))
            .args(arguments)
            .args(["--output", "json"])
            .envs(names.map(|name| (name, stack.env(name))))
            .env("AWS_DEFAULT_REGION", stack.env("AWS_REGION"))
            .output()
            .unwrap()
    });
    assert!(output.status.success(), "aws {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// What `penstock` prints as JSON, whether or not it found everything in order.
fn penstock(stack: &Stack, arguments: &[&str]) -> Value {
    let output = block_in_place(|| stack.penstock(arguments));
    let printed = serde_json::from_slice(&output.stdout);
    printed.unwrap_or_else(|error| panic!("penstock {arguments:?}: {error}: {output:?}"))
}

/// What is open, as key and standing, by the command that an operator would type.
fn open(stack: &Stack) -> Vec<(String, String)> {
    let told = penstock(stack, &["reconcile", "--grace", "0", "--json"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let open = told["open"].as_array().unwrap();
    open.iter().map(|it| (text(&it["key"]), text(&it["standing"]))).collect()
}

/// After whatever went wrong, no object is in any but a final state. Gives how many stand where.
pub(crate) fn check_nothing_is_open(stack: &Stack) -> Value {
    let output = block_in_place(|| stack.penstock(&["reconcile", "--grace", "0", "--json"]));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(
        (&told["open"], &told["unknown"], output.status.success()),
        (&json!([]), &json!([]), true),
        "{output:?}"
    );
    told["standings"].clone()
}

pub(crate) async fn count(stack: &Stack, query: &str) -> i64 {
    stack.database().await.query_one(query, &[]).await.unwrap().get(0)
}

/// Rows of a key that a reader sees now; a table that is not there yet has none.
async fn count_rows(stack: &Stack, key: &str) -> i64 {
    if count(stack, "select count(*) from pg_tables where schemaname = 'people' and tablename = 'csv'").await == 0 {
        return 0;
    }
    let rows = "select count(*) from people.csv join penstock.load on load_id = _load_id where key = $1";
    stack.database().await.query_one(rows, &[&key]).await.unwrap().get(0)
}

/// Both executions end as they would have; only the message is missing, and can be sent again from what they say.
pub(crate) async fn undeliverable_notice_is_recorded_in_execution() -> String {
    let stack = shared_stack().await;
    aws(&stack, &["sns", "delete-topic", "--topic-arn", stack.env("TOPIC_ARN")]);
    let (loaded, failed) =
        tokio::join!(stack.drop_file("people/unheard.csv", GOOD), stack.drop_file("people/unheard-bad.csv", BAD));

    assert_eq!(loaded.outcome(), "Loaded", "{loaded:?}");
    assert_eq!(loaded.report()["rows_loaded"], 2);
    let notice = &loaded.output["notice"];
    assert_eq!(notice["sent"], false, "{loaded:?}");
    assert!(notice["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{loaded:?}");
    assert_eq!(count_rows(&stack, "people/unheard.csv").await, 2);

    assert_eq!(failed.error.as_deref(), Some("HeaderMismatch"), "{failed:?}");
    let cause = failed.cause.unwrap_or_default();
    assert!(cause.contains("The notice of this failure could not be sent"), "{cause}");
    assert!(cause.contains("joined"), "{cause}");

    // Of the two only the failure has somebody to tell: it is named, and told once there is a topic again.
    assert_eq!(open(&stack), [("people/unheard-bad.csv".to_owned(), "unnoticed".to_owned())]);
    let topic = stack.env("TOPIC_ARN");
    aws(&stack, &["sns", "create-topic", "--name", topic.rsplit(':').next().unwrap()]);
    let queue = stack.env("NOTIFICATIONS_QUEUE_URL");
    let queue_arn =
        format!("arn:aws:sqs:{}:000000000000:{}", stack.env("AWS_REGION"), queue.rsplit('/').next().unwrap());
    let subscribe = ["sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint"];
    aws(&stack, &[&subscribe[..], &[&queue_arn]].concat());
    let started = penstock(&stack, &["reconcile", "--grace", "0", "--start", "--json"]);
    let again = stack.ended(started["started"][0]["execution"].as_str().unwrap()).await;
    assert_eq!(again.error.as_deref(), Some("HeaderMismatch"), "{again:?}");
    assert_eq!(stack.notices(&again, 1).await.len(), 1);
    check_nothing_is_open(&stack);
    "without its topic a load stays Loaded and a failure keeps its name; both executions say that no notice left; with it \
     again, `reconcile --start` sends the one that is owed"
        .to_owned()
}

/// A function that ends whenever it is called: every way in which Lambda sees it end.
const STOPS: [(&str, &str); 3] = [
    ("killed for its memory", "#!/bin/sh\nkill -KILL $$\n"),
    ("exits", "#!/bin/sh\nexit 1\n"),
    ("out of time", "#!/bin/sh\nexec sleep 60\n"),
];

pub(crate) async fn crashing_function_sends_one_notice() -> String {
    let stack = stack().await;
    let functions = aws(&stack, &["lambda", "list-functions", "--query", "Functions[].FunctionName"]);
    let loader = functions.as_array().unwrap().iter().filter_map(Value::as_str).find(|name| name.contains("oader"));
    let loader = loader.expect("a loader among the functions");
    aws(&stack, &["lambda", "update-function-configuration", "--function-name", loader, "--timeout", "2"]);
    let ends = &STOPS[..pick(1, STOPS.len())];
    let mut names = Vec::new();
    for (number, (end, bootstrap)) in ends.iter().enumerate() {
        replace_code(&stack, loader, bootstrap);
        let key = format!("people/ended-{number}.csv");
        let execution = stack.drop_file(&key, GOOD).await;
        assert!(!execution.succeeded, "{end}: {execution:?}");
        assert_eq!(stack.notices(&execution, 1).await.len(), 1, "{end}");
        assert_eq!(count_rows(&stack, &key).await, 0, "{end}");
        names.push(format!("{end}: {}", execution.error.unwrap_or_default()));
    }
    check_nothing_is_open(&stack);
    format!("a loader that always ends ({}): 0 rows, one notice each, nothing open", names.join(", "))
}

fn replace_code(stack: &Stack, function: &str, bootstrap: &str) {
    let folder: PathBuf = scratch_folder("function");
    let (file, zip) = (folder.join("bootstrap"), folder.join("function.zip"));
    std::fs::write(&file, bootstrap).unwrap();
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let zipped = Command::new("/bin/sh")
        .args(["-c", r#"chmod 755 "$1" && "$0" -m zipfile -c "$2" "$1""#])
        .args([python, file, zip.clone()])
        .status();
    assert!(zipped.unwrap().success());
    let zip = format!("fileb://{}", zip.display());
    aws(stack, &["lambda", "update-function-code", "--function-name", function, "--zip-file", &zip]);
}

/// The role that may not call a function: here a function of another account, which the emulator refuses by the name
/// that Step Functions has for it. Its patience with such a refusal is a minute, and kept in the long form only.
pub(crate) async fn denied_role_sends_one_notice() -> String {
    let stack = shared_stack().await;
    let machine = stack.env("STATE_MACHINE_ARN");
    let described = aws(&stack, &["stepfunctions", "describe-state-machine", "--state-machine-arn", machine]);
    let mut definition: Value = serde_json::from_str(described["definition"].as_str().unwrap()).unwrap();
    let loading = &mut definition["States"]["LoadFile"];
    let function = loading["Arguments"]["FunctionName"].as_str().unwrap().replace("000000000000", "111111111111");
    loading["Arguments"]["FunctionName"] = function.into();
    if pick(1, 0) == 1 {
        loading["Retry"] = json!([]);
    }
    let update = ["stepfunctions", "update-state-machine", "--state-machine-arn", machine, "--definition"];
    aws(&stack, &[&update[..], &[&definition.to_string()]].concat());

    let execution = stack.drop_file("people/refused.csv", GOOD).await;
    assert_eq!(execution.error.as_deref(), Some("Lambda.AWSLambdaException"), "{execution:?}");
    assert!(execution.cause.as_deref().is_some_and(|cause| cause.contains("not authorized")), "{execution:?}");
    assert_eq!(stack.notices(&execution, 1).await.len(), 1);
    assert_eq!(count_rows(&stack, "people/refused.csv").await, 0);
    check_nothing_is_open(&stack);

    let original = described["definition"].as_str().unwrap();
    aws(&stack, &[&update[..], &[original]].concat());
    let replayed = penstock(&stack, &["replay", "--key", "people/refused.csv", "--json"]);
    let replayed = stack.ended(replayed[0]["execution"].as_str().unwrap()).await;
    assert_eq!(replayed.outcome(), "Loaded", "{replayed:?}");
    assert_eq!(count_rows(&stack, "people/refused.csv").await, 2);
    check_nothing_is_open(&stack);
    "LoadFile refused: Lambda.AWSLambdaException, 0 rows, one notice; allowed again, `replay` loads the file".to_owned()
}

/// The rule finds no machine, as after a deployment that went wrong. A stack of its own: with a machine its executions go, and what they knew.
pub(crate) async fn undelivered_event_is_redriven_once() -> String {
    let stack = stack().await;
    let machine = stack.env("STATE_MACHINE_ARN");
    let described = aws(&stack, &["stepfunctions", "describe-state-machine", "--state-machine-arn", machine]);
    aws(&stack, &["stepfunctions", "delete-state-machine", "--state-machine-arn", machine]);
    let keys = ["people/waiting é+%.csv", "people/waiting-bad.csv"];
    for (key, body) in keys.into_iter().zip([GOOD, BAD]) {
        stack.put(key, body).await;
    }
    let letters = dead_letters(&stack, keys.len()).await;
    for letter in &letters {
        assert_eq!(letter["attributes"]["TARGET_ARN"], machine, "{letter}");
        assert_eq!(letter["event"]["detail-type"], "Object Created", "{letter}");
    }

    let text = |name: &str| described[name].as_str().unwrap();
    let create = ["stepfunctions", "create-state-machine", "--name", text("name"), "--role-arn", text("roleArn")];
    aws(&stack, &[&create[..], &["--definition", text("definition")]].concat());
    let mut waiting = open(&stack);
    waiting.sort();
    assert_eq!(waiting, keys.map(|key| (key.to_owned(), "dead_letter".to_owned())));

    let redriven = penstock(&stack, &["dead-letters", "--redrive", "--json"]);
    let mut ends = Vec::new();
    for letter in redriven.as_array().unwrap() {
        let execution = stack.ended(letter["execution"].as_str().unwrap()).await;
        ends.push(execution.error.clone().unwrap_or_else(|| execution.outcome().to_owned()));
    }
    ends.sort();
    assert_eq!(ends, ["HeaderMismatch", "Loaded"]);
    assert_eq!(penstock(&stack, &["dead-letters", "--json"]), json!([]));
    assert_eq!(count_rows(&stack, keys[0]).await, 2);
    check_nothing_is_open(&stack);
    format!(
        "{} events without a machine wait in the stack's queue, with the reason; `dead-letters --redrive` sees each through \
         once",
        keys.len()
    )
}

/// So many letters, once they are there.
async fn dead_letters(stack: &Stack, count: usize) -> Vec<Value> {
    for _ in 0..POLLS_MAX {
        let letters = penstock(stack, &["dead-letters", "--json"]);
        if letters.as_array().is_some_and(|letters| letters.len() == count) {
            return letters.as_array().unwrap().clone();
        }
        tokio::time::sleep(POLL).await;
    }
    panic!("{count} events were to wait in the dead-letter queue");
}
