use std::time::{Duration, Instant};

use local_stack::{AwsClients, TopicMessage, interrupt, take_messages};

use crate::error::Result;
use crate::files::ExecutionResult;
use crate::output::{Output, heading};
use crate::runs::Run;

/// Longest time from the end of an execution to the arrival of its notice.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The queue counts as empty if no notice has arrived for this long.
const QUIET: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(200);

/// Receives all notices. Waits until at least one has arrived per notice state of the files and per ended run: both
/// example pipelines announce their runs.
pub(crate) async fn receive(
    clients: &AwsClients,
    queue: &str,
    executions: &[&ExecutionResult],
    runs: &[Run],
) -> Result<Vec<TopicMessage>> {
    let states = executions.iter().flat_map(|execution| &execution.states);
    let ended = |run: &&Run| ["Succeeded", "Failed"].contains(&run.state.as_str());
    let expected = states.filter(|state| state.starts_with("Notify")).count() + runs.iter().filter(ended).count();
    let deadline = Instant::now() + TIMEOUT;
    let mut last_arrival = Instant::now();
    let mut notices = Vec::new();
    loop {
        let batch = take_messages(&clients.sqs, queue).await?;
        if !batch.is_empty() {
            last_arrival = Instant::now();
        }
        notices.extend(batch);
        let is_complete = notices.len() >= expected && last_arrival.elapsed() > QUIET;
        if is_complete || Instant::now() > deadline {
            return Ok(notices);
        }
        interrupt::sleep(POLL).await?;
    }
}

/// Prints the subjects of all notices in their order of arrival, and the complete notice of the retail run.
pub(crate) fn print(notices: &[TopicMessage], output: &Output) {
    heading(output, "Notices");
    for notice in notices {
        output.line(&notice.subject);
    }
    if let Some(notice) =
        notices.iter().find(|notice| notice.subject.starts_with("Run retail ") && notice.subject.contains(" succeeded"))
    {
        heading(output, &notice.subject);
        output.line(&notice.message);
    }
}
