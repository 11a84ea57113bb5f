//! `penstock dead-letters`: events that could not start their machine.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use protocol::{Event, ObjectRef};
use reconciliation::CONCURRENCY;
use reconciliation::dead_letters::{DeadLetterQueue, HeldMessage};
use serde::Serialize;
use serde_json::Value;

use super::start::{Start, start};
use super::{required, shown};
use crate::cloud::Cloud;
use crate::local::StackEnv;
use crate::progress::Progress;
use crate::{Error, Result, interrupt, table};

/// What is to be done with the letters.
#[derive(Debug)]
pub(crate) enum Request {
    List,
    /// Events and reasons whole.
    Show,
    /// Start what they should have started, and take out those for which that worked.
    Redrive,
    /// Take this one out.
    Drop(String),
}

/// One event that waits, with the reason that EventBridge gives.
///
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html#eb-rule-dlq>
#[derive(Debug, Serialize)]
pub(super) struct DeadLetter {
    pub(super) id: String,
    pub(super) sent_at: Option<DateTime<Utc>>,
    /// The object, or the pipeline whose run ended.
    pub(super) about: String,
    /// `ERROR_CODE`, `ERROR_MESSAGE`, `RULE_ARN`, `TARGET_ARN` and what else came with it.
    pub(super) attributes: BTreeMap<String, String>,
    /// As text when it is not JSON.
    pub(super) event: Value,
    #[serde(skip)]
    body: String,
    #[serde(skip)]
    is_of_an_object: bool,
}

/// False when a letter could not be redriven, or there is none to drop.
pub(crate) async fn dead_letters(request: &Request, env: &StackEnv, json: bool, progress: Progress) -> Result<bool> {
    let cloud = Cloud::of(env).await;
    let queue = DeadLetterQueue {
        sqs: &cloud.sqs,
        url: required(env.dead_letter_queue_url.as_ref(), "DEAD_LETTER_QUEUE_URL")?,
    };
    let held = interrupt::unless_asked(queue.hold_all()).await?;
    match request {
        Request::List | Request::Show => {
            queue.release(&held).await.map_err(Error::reconciliation)?;
            let letters: Vec<DeadLetter> = held.iter().map(DeadLetter::of).collect();
            print(&letters, matches!(request, Request::Show), json)?;
            Ok(true)
        }
        Request::Drop(id) => {
            let (chosen, others): (Vec<&HeldMessage>, Vec<&HeldMessage>) = held.iter().partition(|held| held.id == *id);
            queue.release(others).await.map_err(Error::reconciliation)?;
            for held in &chosen {
                delete(&queue, held).await?;
                table::say(&format!("dropped {id}: {}", DeadLetter::of(held).about));
            }
            if chosen.is_empty() {
                eprintln!("no message {id} is in the dead-letter queue");
            }
            Ok(!chosen.is_empty())
        }
        Request::Redrive => redrive(&cloud, &queue, &held, &env.state_machine_arn, json, progress).await,
    }
}

/// The events of objects that wait in the queue; they stay there.
pub(super) async fn waiting(cloud: &Cloud, env: &StackEnv) -> Result<Vec<(ObjectRef, String)>> {
    let Some(url) = &env.dead_letter_queue_url else { return Ok(Vec::new()) };
    interrupt::unless_asked(DeadLetterQueue { sqs: &cloud.sqs, url }.objects()).await
}

#[derive(Debug, Serialize)]
struct Redriven {
    id: String,
    about: String,
    /// `None` when it stays in the queue, or had been started by an earlier redrive.
    execution: Option<String>,
    /// Why it stays.
    stays: Option<String>,
}

async fn redrive(
    cloud: &Cloud,
    queue: &DeadLetterQueue<'_>,
    held: &[HeldMessage],
    machine: &str,
    json: bool,
    progress: Progress,
) -> Result<bool> {
    let mut count = progress.count("letters", held.len());
    let mut under_way = stream::iter(held)
        .map(async |held| (held, redrive_one(cloud, queue, held, machine).await))
        .buffer_unordered(CONCURRENCY);
    let (mut redriven, mut staying) = (Vec::new(), Vec::new());
    while let Some((held, done)) = under_way.next().await {
        count.one(&done.about);
        if done.stays.is_some() {
            staying.push(held);
        }
        redriven.push(done);
    }
    count.finish();
    queue.release(staying.iter().copied()).await.map_err(Error::reconciliation)?;
    if json {
        table::print_json(&redriven)?;
    } else {
        for it in &redriven {
            let how = match (&it.stays, &it.execution) {
                (Some(reason), _) => format!("stays in the queue: {reason}"),
                (None, Some(execution)) => format!("started {execution}"),
                (None, None) => "was started by an earlier redrive".to_owned(),
            };
            table::say(&format!("{}: {how}", it.about));
        }
        table::say(&format!("{} of {} redriven", redriven.len() - staying.len(), redriven.len()));
    }
    Ok(staying.is_empty())
}

/// Starts first and deletes then. Dying in between does no harm: the name of the execution is the message's, and a name
/// starts once.
async fn redrive_one(cloud: &Cloud, queue: &DeadLetterQueue<'_>, held: &HeldMessage, machine: &str) -> Redriven {
    let letter = DeadLetter::of(held);
    let begun = async {
        let machine = letter.machine(machine).map_err(Error::Unexpected)?;
        let name = Some(format!("redrive-{}", held.id));
        let (about, input) = (letter.about.clone(), letter.body.clone());
        let started = start(cloud, Start { about, machine, name, input }).await?;
        delete(queue, held).await.map(|()| started.execution)
    };
    let (execution, stays) = match begun.await {
        Ok(execution) => (execution, None),
        Err(error) => (None, Some(error.to_string())),
    };
    Redriven { id: letter.id, about: letter.about, execution, stays }
}

async fn delete(queue: &DeadLetterQueue<'_>, held: &HeldMessage) -> Result<()> {
    let deleted = queue.sqs.delete_message().queue_url(queue.url).receipt_handle(&held.receipt).send().await;
    deleted.map(drop).map_err(|error| Error::cloud("deleting a message of the dead-letter queue")(error.into()))
}

impl DeadLetter {
    fn of(held: &HeldMessage) -> Self {
        let event = serde_json::from_str(&held.body).unwrap_or_else(|_| Value::String(held.body.clone()));
        let about = match Event::decode(&event) {
            Ok(event) => event.to_string(),
            Err(_) => match event["detail"]["run"]["pipeline"].as_str() {
                Some(pipeline) => format!("a run of {pipeline}"),
                None => "not an event that starts anything".to_owned(),
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
            is_of_an_object: held.object().is_some(),
        }
    }

    /// The machine that the event's rule starts: a file's is ours, whichever stack's rule it came from; another one is
    /// named by the rule's target, and must be beside ours.
    fn machine(&self, process_file: &str) -> Result<String, String> {
        if self.is_of_an_object {
            return Ok(process_file.to_owned());
        }
        if self.event["source"] != "penstock" {
            return Err("it is no event that a machine of this stack takes; --drop takes it out".to_owned());
        }
        let beside = |target: &&String| match (target.rsplit_once(':'), process_file.rsplit_once(':')) {
            (Some((place, _)), Some((ours, _))) => place == ours,
            _ => false,
        };
        let target = self.attributes.get("TARGET_ARN").filter(beside);
        target.cloned().ok_or_else(|| "its TARGET_ARN names no state machine beside this stack's".to_owned())
    }

    fn reason(&self) -> String {
        let attribute = |name: &str| self.attributes.get(name).map_or("", String::as_str);
        [attribute("ERROR_CODE"), attribute("ERROR_MESSAGE")].join(" ").trim().to_owned()
    }
}

fn print(letters: &[DeadLetter], whole: bool, json: bool) -> Result<()> {
    if json {
        return table::print_json(letters);
    }
    if letters.is_empty() {
        table::say("no event waits in the dead-letter queue");
        return Ok(());
    }
    if whole {
        for letter in letters {
            table::print_json(letter)?;
        }
        return Ok(());
    }
    let cells = |letter: &DeadLetter| {
        vec![letter.id.clone(), letter.sent_at.map(shown).unwrap_or_default(), letter.about.clone(), letter.reason()]
    };
    table::print(&["id", "since", "event of", "reason"], &letters.iter().map(cells).collect::<Vec<_>>());
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
    fn a_letter_goes_to_the_machine_of_its_rule() {
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
        let nowhere = Err("its TARGET_ARN names no state machine beside this stack's");
        check(&created, None, Ok(OURS));
        check(&created, Some("arn:aws:states:eu-central-1:1:stateMachine:gone"), Ok(OURS));
        check(&ended, Some(follower), Ok(follower));
        check(&ended, Some("arn:aws:states:eu-central-1:2:stateMachine:of-another-account"), nowhere);
        check(&ended, Some("arn:aws:lambda:eu-central-1:1:function:f"), nowhere);
        check(&ended, None, nowhere);
        let unknown = Err("it is no event that a machine of this stack takes; --drop takes it out");
        check(&json!({"source": "aws.ec2"}), Some(follower), unknown);
        check(&json!("not JSON"), Some(follower), unknown);
    }

    #[test]
    fn a_letter_says_what_it_is_about() {
        fn check(body: &Value, expected: &str) {
            assert_eq!(letter(body, None).about, expected);
        }
        check(&json!({"bucket": "b", "key": "a b"}), "s3://b/a b");
        check(&json!({"source": "penstock", "detail": {"run": {"pipeline": "retail"}}}), "a run of retail");
        check(&json!({}), "not an event that starts anything");
    }
}
