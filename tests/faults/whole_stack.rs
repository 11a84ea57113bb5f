//! The whole stack with a failing part: topic, function, role or state machine.

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
    Stack::start(&Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/pipelines")).await
}

/// The stack of the tests that repair their damage. They run one at a time.
async fn shared_stack() -> MutexGuard<'static, Stack> {
    static STACK: OnceCell<Mutex<Stack>> = OnceCell::const_new();
    STACK.get_or_init(async || Mutex::new(stack().await)).await.lock().await
}

/// Runs the AWS CLI and returns its JSON.
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

/// Runs `penstock` and returns its JSON, whatever its exit code.
fn penstock(stack: &Stack, arguments: &[&str]) -> Value {
    let output = block_in_place(|| stack.penstock(arguments));
    let printed = serde_json::from_slice(&output.stdout);
    printed.unwrap_or_else(|error| panic!("penstock {arguments:?}: {error}: {output:?}"))
}

/// Returns key and status of each open file, from `penstock reconcile`.
fn open_files(stack: &Stack) -> Vec<(String, String)> {
    let reconciled = penstock(stack, &["reconcile", "--grace", "0", "--json"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let open = reconciled["open"].as_array().unwrap();
    open.iter().map(|it| (text(&it["key"]), text(&it["status"]))).collect()
}

/// Checks that every object is in a final state. Returns the counts by status.
pub(crate) fn check_nothing_is_open(stack: &Stack) -> Value {
    let output = block_in_place(|| stack.penstock(&["reconcile", "--grace", "0", "--json"]));
    let reconciled: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(
        (&reconciled["open"], &reconciled["unknown"], output.status.success()),
        (&json!([]), &json!([]), true),
        "{output:?}"
    );
    reconciled["statuses"].clone()
}

pub(crate) async fn count(stack: &Stack, query: &str) -> i64 {
    stack.database().await.query_one(query, &[]).await.unwrap().get(0)
}

/// Returns the key's committed rows. A missing table has none.
async fn count_rows(stack: &Stack, key: &str) -> i64 {
    if count(stack, "select count(*) from pg_tables where schemaname = 'people' and tablename = 'csv'").await == 0 {
        return 0;
    }
    let rows = "select count(*) from people.csv join penstock.load on load_id = _load_id where key = $1";
    stack.database().await.query_one(rows, &[&key]).await.unwrap().get(0)
}

/// Both executions end as usual. Only their notices are missing, and the executions record that.
pub(crate) async fn undeliverable_notice_is_recorded_in_execution() -> String {
    let stack = shared_stack().await;
    aws(&stack, &["sns", "delete-topic", "--topic-arn", stack.env("TOPIC_ARN")]);
    let (loaded, failed) =
        tokio::join!(stack.drop_file("people/unnoticed.csv", GOOD), stack.drop_file("people/unnoticed-bad.csv", BAD));

    assert_eq!(loaded.outcome(), "Loaded", "{loaded:?}");
    assert_eq!(loaded.report()["rows_loaded"], 2);
    let notice = &loaded.output["notice"];
    assert_eq!(notice["sent"], false, "{loaded:?}");
    assert!(notice["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{loaded:?}");
    assert_eq!(count_rows(&stack, "people/unnoticed.csv").await, 2);

    assert_eq!(failed.error.as_deref(), Some("HeaderMismatch"), "{failed:?}");
    let cause = failed.cause.unwrap_or_default();
    assert!(cause.contains("The notice of this failure could not be sent"), "{cause}");
    assert!(cause.contains("joined"), "{cause}");

    // Only a failure must be noticed: `reconcile` lists it, and its notice is sent once the topic exists.
    assert_eq!(open_files(&stack), [("people/unnoticed-bad.csv".to_owned(), "unnoticed".to_owned())]);
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
    "without the topic a load stays Loaded and a failure keeps its name; both executions record the unsent notice; with \
     the topic again, `reconcile --start` sends the failure's notice"
        .to_owned()
}

/// Programs that end at every call, in each way that Lambda distinguishes.
const CRASHES: [(&str, &str); 3] = [
    ("killed for its memory", "#!/bin/sh\nkill -KILL $$\n"),
    ("exits", "#!/bin/sh\nexit 1\n"),
    ("times out", "#!/bin/sh\nexec sleep 60\n"),
];

pub(crate) async fn crashing_function_sends_one_notice() -> String {
    let stack = stack().await;
    let functions = aws(&stack, &["lambda", "list-functions", "--query", "Functions[].FunctionName"]);
    let loader = functions.as_array().unwrap().iter().filter_map(Value::as_str).find(|name| name.contains("oader"));
    let loader = loader.expect("a loader among the functions");
    aws(&stack, &["lambda", "update-function-configuration", "--function-name", loader, "--timeout", "2"]);
    let crashes = &CRASHES[..pick(1, CRASHES.len())];
    let mut names = Vec::new();
    for (number, (crash, bootstrap)) in crashes.iter().enumerate() {
        replace_code(&stack, loader, bootstrap);
        let key = format!("people/crashed-{number}.csv");
        let execution = stack.drop_file(&key, GOOD).await;
        assert!(!execution.succeeded, "{crash}: {execution:?}");
        assert_eq!(stack.notices(&execution, 1).await.len(), 1, "{crash}");
        assert_eq!(count_rows(&stack, &key).await, 0, "{crash}");
        names.push(format!("{crash}: {}", execution.error.unwrap_or_default()));
    }
    check_nothing_is_open(&stack);
    format!("a loader that always crashes ({}): 0 rows, one notice each, nothing open", names.join(", "))
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

/// The state machine's role may not call a function. The test names a function of another account, which the emulator
/// refuses with the error name of Step Functions. The machine retries that for a minute, so only the long form waits.
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
    "LoadFile denied: Lambda.AWSLambdaException, 0 rows, one notice; once allowed, `replay` loads the file".to_owned()
}

/// The rule's state machine does not exist, as after a failed deployment. The test has its own stack, because deleting a
/// state machine deletes its executions.
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
    let mut waiting = open_files(&stack);
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
        "{} events without a state machine wait in the dead-letter queue with the reason; `dead-letters --redrive` starts \
         each once",
        keys.len()
    )
}

/// Waits until the queue holds this many letters, and returns them.
async fn dead_letters(stack: &Stack, count: usize) -> Vec<Value> {
    for _ in 0..POLLS_MAX {
        let letters = penstock(stack, &["dead-letters", "--json"]);
        if letters.as_array().is_some_and(|letters| letters.len() == count) {
            return letters.as_array().unwrap().clone();
        }
        tokio::time::sleep(POLL).await;
    }
    panic!("the dead-letter queue does not hold {count} events");
}
