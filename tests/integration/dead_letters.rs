use serde_json::{Value, json};
use test_support::Stack;

use crate::command::penstock;
use crate::dead_letter_queue::DeadLetterQueue;
use crate::silent_bucket::{put_silently, silent_bucket};
use crate::with_stack;

fn letters(stack: &Stack, queue: &DeadLetterQueue) -> Vec<Value> {
    let output = penstock(stack, &[("DEAD_LETTER_QUEUE_URL", &queue.url)], &["dead-letters", "--json"]);
    assert!(output.succeeded, "{output:?}");
    output.json().as_array().unwrap().clone()
}

#[test]
fn dead_letters_are_listed_and_kept() {
    with_stack(async |stack| {
        silent_bucket(stack).await;
        let queue = DeadLetterQueue::new(stack, "letters-listed").await;
        assert_eq!(letters(stack, &queue), [Value::Null; 0]);
        for n in 0..25 {
            let event = json!({"bucket": "b", "key": format!("listed/{n}.csv")});
            queue.send(stack, &event.to_string()).await;
        }
        for _ in 0..2 {
            let listed = letters(stack, &queue);
            assert_eq!(listed.len(), 25);
            assert!(listed.iter().all(|letter| letter["attributes"]["ERROR_CODE"] == "NO_PERMISSIONS"), "{listed:?}");
            assert!(listed.iter().any(|letter| letter["event"]["key"] == "listed/24.csv"), "{listed:?}");
        }
    });
}

#[test]
fn redriven_dead_letter_starts_once() {
    with_stack(async |stack| {
        silent_bucket(stack).await;
        let queue = DeadLetterQueue::new(stack, "letters-redriven").await;
        let others = [("DEAD_LETTER_QUEUE_URL", queue.url.as_str())];
        let event = put_silently(stack, "rows/redriven.csv", "id\n1\n2\n").await;
        queue.send(stack, &event.to_string()).await;
        let redriven_before = queue.send(stack, &event.to_string()).await;
        // An earlier redrive started this execution and died before it deleted the letter.
        let earlier = stack.step_functions.start_execution().state_machine_arn(stack.env("STATE_MACHINE_ARN"));
        let earlier = earlier.name(format!("redrive-{redriven_before}")).input(event.to_string()).send().await.unwrap();
        // Wait for its end: while it runs, StartExecution with the same name and input returns the same execution.
        let first = stack.ended(&earlier.execution_arn).await;
        let invalid = queue.send(stack, "no event at all").await;

        let output = penstock(stack, &others, &["dead-letters", "--redrive", "--json"]);
        assert!(!output.succeeded, "one letter is not an event: {output:?}");
        let redriven = output.json();
        let redriven = redriven.as_array().unwrap();
        let started: Vec<&str> = redriven.iter().filter_map(|it| it["execution"].as_str()).collect();
        assert_eq!((redriven.len(), started.len()), (3, 1), "{redriven:?}");
        assert_eq!((first.outcome(), stack.ended(started[0]).await.outcome()), ("Loaded", "AlreadyLoaded"));

        let left = letters(stack, &queue);
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(left[0]["id"], invalid.as_str());
        assert!(penstock(stack, &others, &["dead-letters", "--drop", &invalid]).succeeded);
        assert!(!penstock(stack, &others, &["dead-letters", "--drop", &invalid]).succeeded);
        assert!(letters(stack, &queue).is_empty());
    });
}
