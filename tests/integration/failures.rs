use test_support::Stack;

use crate::runs::events;
use crate::{RUNTIME, count, folder, with_stack};

/// Checks that the file fails by this name, with one notice that has the name, the key and the remedy.
async fn check(stack: &Stack, key: &str, body: &str, failure: &str, message: &str) {
    let execution = stack.drop_file(key, body).await;
    assert!(!execution.succeeded, "{key}: {execution:?}");
    assert_eq!(execution.error.as_deref(), Some(failure), "{key}: {execution:?}");
    let cause = execution.cause.clone().unwrap_or_default();
    assert!(cause.contains(message), "{key}: the cause is {cause}");
    let notices = stack.notices(&execution, 1).await;
    assert_eq!(notices.len(), 1, "{key}: {notices:?}");
    let notice = &notices[0];
    assert!(notice.subject.contains(" was not loaded (") && notice.subject.contains(failure), "{key}: {notice:?}");
    assert_eq!(notice.body["failure"]["name"], failure, "{key}: {notice:?}");
    assert_eq!(notice.body["object"]["key"], key, "{key}: {notice:?}");
    let remedy = notice.body["what_to_do"].as_str().unwrap_or_default();
    assert!(!remedy.is_empty(), "{key}: {notice:?}");
    let query = "select name, message, remedy, bucket from penstock.failure where execution_arn = $1 and key = $2";
    let recorded = stack.database().await.query_one(query, &[&execution.arn, &key]).await.unwrap();
    let recorded = |column: usize| recorded.get::<_, String>(column);
    assert_eq!((recorded(0).as_str(), recorded(2).as_str()), (failure, remedy), "{key}");
    assert!(recorded(1).contains(message), "{key}: {}", recorded(1));
    assert_eq!(recorded(3), stack.env("LANDING_BUCKET"));
}

#[test]
fn unloadable_file_fails_with_one_notice() {
    with_stack(async |stack| {
        check(stack, "people/scan.pdf", "%PDF", "UnsupportedFormat", "scan.pdf").await;
        check(stack, "people/empty.csv", "", "EmptyFile", "empty.csv").await;
        check(stack, "people/missing-column.csv", "id,name\n1,Ann\n", "HeaderMismatch", "joined").await;
        check(stack, "unknown/dataset.csv", "id\n1\n", "NoDataset", "unknown/dataset.csv").await;
        check(stack, "people/quote.csv", "id,name,joined\n1,\"Ann,\n", "MalformedFile", "line 2").await;
        check(stack, "people/not-an-array.json", "7", "MalformedFile", "array").await;
    });
}

#[test]
fn failed_file_sends_an_event() {
    with_stack(async |stack| {
        let events = events(stack).await;
        let execution = stack.drop_file("people/event.csv", "id,name\n1,Ann\n").await;
        let sent = events.of(&execution, 1).await;
        let [(kind, detail)] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!((kind.as_str(), &detail["failure"]["name"]), ("Load Failed", &"HeaderMismatch".into()));
        assert_eq!((&detail["dataset"], &detail["key"]), (&"csv".into(), &"people/event.csv".into()));
        assert!(detail["what_to_do"].as_str().is_some_and(|text| text.contains("--key people/event.csv")), "{detail}");
    });
}

/// Every attempt of RecordFailure fails, so the transformer cannot record the failure.
#[test]
fn unrecorded_failure_still_sends_its_notice() {
    RUNTIME.block_on(async {
        let plan = "[[failures]]\nstate = \"RecordFailure\"\nfault = \"permanent\"";
        let stack = Stack::start_under(&folder("integration/pipelines"), plan).await;
        let execution = stack.drop_file("people/unrecorded.csv", "id,name\n1,Ann\n").await;
        assert_eq!(execution.error.as_deref(), Some("HeaderMismatch"), "{execution:?}");
        assert_eq!(stack.notices(&execution, 1).await.len(), 1);
        assert_eq!(count(&stack.database().await, "select count(*) from penstock.failure").await, 0);
    });
}

#[test]
fn marker_objects_are_ignored_without_notice() {
    with_stack(async |stack| {
        for key in ["people/folder/", "people/_SUCCESS"] {
            let execution = stack.drop_file(key, "").await;
            assert_eq!(execution.outcome(), "Ignored", "{key}: {execution:?}");
            assert!(execution.output["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{execution:?}");
            assert_eq!(stack.notices(&execution, 0).await.len(), 0, "{key}");
        }
    });
}

#[test]
fn rejects_have_line_column_and_reason() {
    with_stack(async |stack| {
        let body = "id,name,joined\n1,Ann,2024-02-30\n2,Bob,2024-02-28\nx,Eve,\n,Dan,\n";
        let execution = stack.drop_file("people/refused.csv", body).await;
        assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
        let report = execution.report();
        assert_eq!(
            (&report["rows_read"], &report["rows_loaded"], &report["rows_rejected"]),
            (&4.into(), &1.into(), &3.into())
        );
        let query = "select line, \"column\", reason, raw from penstock.reject where load_id = $1 order by line";
        let load = report["load_id"].as_i64().unwrap();
        let rejects = stack.database().await.query(query, &[&load]).await.unwrap();
        let rejects: Vec<(i64, String, String)> =
            rejects.iter().map(|row| (row.get(0), row.get(1), row.get(3))).collect();
        assert_eq!(
            rejects,
            [
                (2, "joined".to_owned(), "1,Ann,2024-02-30".to_owned()),
                (4, "id".to_owned(), "x,Eve,".to_owned()),
                (5, "id".to_owned(), ",Dan,".to_owned()),
            ]
        );
        assert!(stack.notices(&execution, 1).await[0].subject.contains("3 rejected"));
    });
}

#[test]
fn too_many_rejects_load_nothing() {
    with_stack(async |stack| {
        check(stack, "strict/bad.csv", "id,name\n1,a\nx,b\ny,c\n", "TooManyRejects", "line 3").await;
        let database = stack.database().await;
        assert_eq!(count(&database, "select count(*) from penstock.load where key = 'strict/bad.csv'").await, 0);
        let accepted = stack.drop_file("strict/accepted.csv", "id,name\n1,a\n2,b\n3,c\nx,d\n").await;
        assert_eq!(accepted.outcome(), "Loaded", "{accepted:?}");
        assert_eq!(count(&database, "select count(*) from people.strict").await, 3);
    });
}
