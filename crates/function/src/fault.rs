//! What a plan of failures wants of this attempt is done here, so that no handler knows of it.

use std::time::Duration;

use protocol::{FailureName, Fault};
use serde_json::Value;
use tracing::warn;

use crate::config::InvalidConfiguration;
use crate::refusal::Refusal;

/// Set to `on` by the template where the stack has a plan. Everywhere else a fault is a field that nobody knows.
const SWITCH: &str = "CHAOS";

/// Whether this function's stack has a plan of failures.
pub(crate) fn is_switched_on() -> Result<bool, InvalidConfiguration> {
    Ok(env_config::optional::<String>(SWITCH)?.is_some_and(|switch| switch == "on"))
}

/// Does the work under a fault, if there is one. The history of the execution has the fault already; the log says here
/// that it came.
pub(crate) async fn under(
    fault: Option<Fault>,
    work: impl Future<Output = Result<Value, Refusal>>,
) -> Result<Value, Refusal> {
    let Some(fault) = fault else { return work.await };
    warn!(?fault, "failing as planned");
    match fault {
        Fault::Transient => Err(planned(FailureName::RandomFailure)),
        Fault::Permanent => Err(planned(FailureName::PlannedFailure)),
        Fault::Slow { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            work.await
        }
        Fault::CrashBefore => crash(),
        Fault::CrashAfter => {
            // Whatever it came to: nobody is told.
            let _ = work.await;
            crash()
        }
    }
}

fn planned(name: FailureName) -> Refusal {
    Refusal { name, message: "failed as the stack's plan of failures asked".to_owned() }
}

/// Without an answer, and without a destructor: connections break as they do when Lambda ends a process.
fn crash() -> ! {
    std::process::exit(1)
}
