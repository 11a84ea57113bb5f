use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args};
use futures_util::{StreamExt, stream};
use local_stack::{AwsClients, StackEnv};
use protocol::Event;
use reconciliation::CONCURRENCY;
use reconciliation::dead_letters::{DeadLetterQueue, HeldMessage};
use serde::Serialize;
use serde_json::Value;

use crate::context::{Context, required};
use crate::error::{Error, Result};
use crate::output::{Progress, print_json, print_line, print_table, utc_rfc3339};
use crate::recovery::{ExecutionStart, interruptible, start_execution};

/// List or redrive the events in the dead-letter queue
///
/// These events could not start their execution. The queue keeps them for 14 days. Listing removes nothing.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("action").args(["show", "redrive", "drop"])))]
pub(crate) struct DeadLettersArgs {
    /// Print complete events with all their attributes
    #[arg(long)]
    show: bool,
    /// Start the execution of each event, then remove the event from the queue
    #[arg(long)]
    redrive: bool,
    /// Remove one event from the queue without starting its execution
    #[arg(long, value_name = "ID")]
    drop: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One event of the dead-letter queue, with the reason of EventBridge.
///
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html#eb-rule-dlq>
#[derive(Debug, Serialize)]
struct DeadLetter {
    id: String,
    sent_at: Option<DateTime<Utc>>,
    /// The object, or the pipeline of a run.
    about: String,
    /// `ERROR_CODE`, `ERROR_MESSAGE`, `RULE_ARN`, `TARGET_ARN` and others.
    attributes: BTreeMap<String, String>,
    /// A string if the event is not JSON.
    event: Value,
    #[serde(skip)]
    body: String,
    #[serde(skip)]
    is_object_event: bool,
}

/// Returns false if an event could not be redriven, or if the event to drop is not in the queue.
pub(crate) async fn run(args: DeadLettersArgs, context: &Context) -> Result<bool> {
    let env = context.stack_env()?;
    let clients = AwsClients::of(&env).await;
    let url = required(env.dead_letter_queue_url.as_ref(), "DEAD_LETTER_QUEUE_URL")?;
    let queue = DeadLetterQueue { sqs: &clients.sqs, url };
    let held = interruptible(queue.hold_all()).await?;
    if let Some(id) = &args.drop {
        return drop_event(&queue, &held, id).await;
    }
    if args.redrive {
        return redrive(&clients, &env, &queue, &held, args.json).await;
    }
    queue.release(&held).await?;
    let letters: Vec<DeadLetter> = held.iter().map(DeadLetter::of).collect();
    print(&letters, args.show, args.json)?;
    Ok(true)
}

async fn drop_event(queue: &DeadLetterQueue<'_>, held: &[HeldMessage], id: &str) -> Result<bool> {
    let (chosen, others): (Vec<&HeldMessage>, Vec<&HeldMessage>) = held.iter().partition(|held| held.id == id);
    queue.release(others).await?;
    for held in &chosen {
        delete(queue, held).await?;
        print_line(&format!("dropped {id}: {}", DeadLetter::of(held).about));
    }
    if chosen.is_empty() {
        eprintln!("the dead-letter queue has no event {id}");
    }
    Ok(!chosen.is_empty())
}

#[derive(Debug, Serialize)]
struct RedriveResult {
    id: String,
    about: String,
    /// ARN of the execution. `None` if the event stays in the queue or an earlier redrive started its execution.
    execution: Option<String>,
    /// Why the event stays in the queue.
    stays: Option<String>,
}

async fn redrive(
    clients: &AwsClients,
    env: &StackEnv,
    queue: &DeadLetterQueue<'_>,
    held: &[HeldMessage],
    json: bool,
) -> Result<bool> {
    let mut count = Progress::new().count("events", held.len());
    let mut redriving = stream::iter(held)
        .map(async |held| (held, redrive_one(clients, queue, held, &env.state_machine_arn).await))
        .buffer_unordered(CONCURRENCY);
    let (mut redriven, mut staying) = (Vec::new(), Vec::new());
    while let Some((held, done)) = redriving.next().await {
        count.add(&done.about);
        if done.stays.is_some() {
            staying.push(held);
        }
        redriven.push(done);
    }
    count.finish();
    queue.release(staying.iter().copied()).await?;
    if json {
        print_json(&redriven)?;
    } else {
        for it in &redriven {
            let how = match (&it.stays, &it.execution) {
                (Some(reason), _) => format!("stays in the queue: {reason}"),
                (None, Some(execution)) => format!("started {execution}"),
                (None, None) => "an earlier redrive started its execution".to_owned(),
            };
            print_line(&format!("{}: {how}", it.about));
        }
        print_line(&format!("{} of {} redriven", redriven.len() - staying.len(), redriven.len()));
    }
    Ok(staying.is_empty())
}

/// Starts the execution, then deletes the event. An interruption in between is safe: the execution is named after the
/// message, and Step Functions starts one execution per name.
async fn redrive_one(
    clients: &AwsClients,
    queue: &DeadLetterQueue<'_>,
    held: &HeldMessage,
    machine: &str,
) -> RedriveResult {
    let letter = DeadLetter::of(held);
    let redriven = async {
        let machine = letter.machine(machine).map_err(Error::Unexpected)?;
        let name = Some(format!("redrive-{}", held.id));
        let (about, input) = (letter.about.clone(), letter.body.clone());
        let started = start_execution(clients, ExecutionStart { about, machine, name, input }).await?;
        delete(queue, held).await.map(|()| started.execution)
    };
    let (execution, stays) = match redriven.await {
        Ok(execution) => (execution, None),
        Err(error) => (None, Some(error.to_string())),
    };
    RedriveResult { id: letter.id, about: letter.about, execution, stays }
}

async fn delete(queue: &DeadLetterQueue<'_>, held: &HeldMessage) -> Result<()> {
    let deleted = queue.sqs.delete_message().queue_url(queue.url).receipt_handle(&held.receipt).send().await;
    deleted.map(drop).map_err(Error::aws("deleting a message of the dead-letter queue"))
}

impl DeadLetter {
    fn of(held: &HeldMessage) -> Self {
        let event = serde_json::from_str(&held.body).unwrap_or_else(|_| Value::String(held.body.clone()));
        let about = match Event::decode(&event) {
            Ok(event) => event.to_string(),
            Err(_) => match event["detail"]["run"]["pipeline"].as_str() {
                Some(pipeline) => format!("a run of {pipeline}"),
                None => "an unrecognized event".to_owned(),
            },
        };
        let (id, sent_at) = (held.id.clone(), held.sent_at);
        Self {
            id,
            sent_at,
            about,
            attributes: held.attributes.clone(),
            event,
            body: held.body.clone(),
            is_object_event: held.object().is_some(),
        }
    }

    /// Returns the state machine that the event starts. For a file, it is `process-file` of this stack. For another event,
    /// it is the target of the rule, which must be in the account and region of this stack.
    fn machine(&self, process_file: &str) -> Result<String, String> {
        if self.is_object_event {
            return Ok(process_file.to_owned());
        }
        if self.event["source"] != "penstock" {
            return Err("no state machine of this stack accepts this event; remove it with --drop".to_owned());
        }
        let is_in_this_stack = |target: &&String| match (target.rsplit_once(':'), process_file.rsplit_once(':')) {
            (Some((place, _)), Some((ours, _))) => place == ours,
            _ => false,
        };
        let target = self.attributes.get("TARGET_ARN").filter(is_in_this_stack);
        target
            .cloned()
            .ok_or_else(|| "its TARGET_ARN is not a state machine in the account and region of this stack".to_owned())
    }

    fn reason(&self) -> String {
        let attribute = |name: &str| self.attributes.get(name).map_or("", String::as_str);
        [attribute("ERROR_CODE"), attribute("ERROR_MESSAGE")].join(" ").trim().to_owned()
    }
}

fn print(letters: &[DeadLetter], whole: bool, json: bool) -> Result<()> {
    if json {
        return print_json(letters);
    }
    if letters.is_empty() {
        print_line("the dead-letter queue is empty");
        return Ok(());
    }
    if whole {
        for letter in letters {
            print_json(letter)?;
        }
        return Ok(());
    }
    let cells = |letter: &DeadLetter| {
        vec![
            letter.id.clone(),
            letter.sent_at.map(utc_rfc3339).unwrap_or_default(),
            letter.about.clone(),
            letter.reason(),
        ]
    };
    print_table(&["id", "since", "event of", "reason"], &letters.iter().map(cells).collect::<Vec<_>>());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: &str = "arn:aws:states:eu-central-1:1:stateMachine:penstock-process-file";

    fn letter(body: &Value, target: Option<&str>) -> DeadLetter {
        let target = target.map(|target| ("TARGET_ARN".to_owned(), target.to_owned()));
        DeadLetter::of(&HeldMessage {
            body: body.to_string(),
            attributes: target.into_iter().collect(),
            ..HeldMessage::default()
        })
    }

    #[test]
    fn event_starts_the_machine_of_its_rule() {
        fn check(body: &Value, target: Option<&str>, expected: Result<&str, &str>) {
            let found = letter(body, target).machine(OURS);
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{body} {target:?}");
        }
        let created = json!({
            "detail-type": "Object Created", "source": "aws.s3",
            "detail": {"bucket": {"name": "b"}, "object": {"key": "k"}},
        });
        let ended = json!({"detail-type": "Run Succeeded", "source": "penstock", "detail": {"run": {"pipeline": "p"}}});
        let follower = "arn:aws:states:eu-central-1:1:stateMachine:penstock-run-pipeline";
        let nowhere = Err("its TARGET_ARN is not a state machine in the account and region of this stack");
        check(&created, None, Ok(OURS));
        check(&created, Some("arn:aws:states:eu-central-1:1:stateMachine:gone"), Ok(OURS));
        check(&ended, Some(follower), Ok(follower));
        check(&ended, Some("arn:aws:states:eu-central-1:2:stateMachine:of-another-account"), nowhere);
        check(&ended, Some("arn:aws:lambda:eu-central-1:1:function:f"), nowhere);
        check(&ended, None, nowhere);
        let unknown = Err("no state machine of this stack accepts this event; remove it with --drop");
        check(&json!({"source": "aws.ec2"}), Some(follower), unknown);
        check(&json!("not JSON"), Some(follower), unknown);
    }

    #[test]
    fn event_is_described_by_its_object_or_run() {
        fn check(body: &Value, expected: &str) {
            assert_eq!(letter(body, None).about, expected);
        }
        check(&json!({"bucket": "b", "key": "a b"}), "s3://b/a b");
        check(&json!({"source": "penstock", "detail": {"run": {"pipeline": "retail"}}}), "a run of retail");
        check(&json!({}), "an unrecognized event");
    }
}
