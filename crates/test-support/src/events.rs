use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::stack::{Execution, Stack};

const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// A subscription to the stack's event bus, through a rule and a queue.
#[derive(Debug)]
pub struct Events {
    sqs: aws_sdk_sqs::Client,
    queue: String,
    received: Mutex<Vec<Value>>,
}

impl Events {
    /// Creates a queue and a rule that sends all events of Penstock to it. The rule is created with the AWS CLI, to avoid a
    /// further client crate.
    pub async fn subscribe(stack: &Stack) -> Self {
        let name = "penstock-tests-events";
        let sqs = stack.sqs.clone();
        let queue = sqs.create_queue().queue_name(name).send().await.expect("create queue").queue_url;
        let queue = queue.expect("the queue's URL");
        let arn = QueueAttributeName::QueueArn;
        let attributes = sqs.get_queue_attributes().queue_url(&queue).attribute_names(arn.clone()).send().await;
        let arn = attributes.expect("read queue").attributes.and_then(|mut all| all.remove(&arn)).expect("its ARN");
        let bus = stack.env("EVENT_BUS_NAME");
        let pattern = json!({"source": ["penstock"]}).to_string();
        let target = json!([{"Id": "queue", "Arn": arn}]).to_string();
        stack.aws(&["events", "put-rule", "--event-bus-name", bus, "--name", name, "--event-pattern", &pattern]);
        stack.aws(&["events", "put-targets", "--event-bus-name", bus, "--rule", name, "--targets", &target]);
        Self { sqs, queue, received: Mutex::default() }
    }

    /// Waits for `count` events of this execution. Returns type and detail of each.
    pub async fn of(&self, execution: &Execution, count: usize) -> Vec<(String, Value)> {
        let deadline = Instant::now() + ARRIVAL_TIMEOUT;
        loop {
            let mut received = self.received.lock().await;
            self.receive(&mut received).await;
            let of_this = received.iter().filter(|event| event["detail"]["execution"] == execution.arn.as_str());
            let typed =
                |event: &Value| (event["detail-type"].as_str().unwrap_or_default().to_owned(), event["detail"].clone());
            let found: Vec<_> = of_this.map(typed).collect();
            if found.len() >= count {
                return found;
            }
            assert!(Instant::now() < deadline, "{} events of {count} from {}", found.len(), execution.arn);
            drop(received);
            tokio::time::sleep(POLL).await;
        }
    }

    async fn receive(&self, received: &mut Vec<Value>) {
        let request = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        for message in request.send().await.expect("receive events").messages.unwrap_or_default() {
            let handle = message.receipt_handle.expect("receipt handle");
            self.sqs.delete_message().queue_url(&self.queue).receipt_handle(handle).send().await.expect("delete event");
            received.push(serde_json::from_str(&message.body.unwrap_or_default()).expect("an event"));
        }
    }
}

impl Stack {
    /// Runs the AWS CLI of `.venv` against the stack.
    pub(crate) fn aws(&self, words: &[&str]) {
        let project = local_stack::Project::find().expect("the project");
        let variables = self.environment.iter().filter(|(name, _)| name.starts_with("AWS_"));
        let program = project.tool("aws").expect("the AWS CLI");
        let output = Command::new(program).args(words).envs(variables).output().expect("run aws");
        assert!(output.status.success(), "aws {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
