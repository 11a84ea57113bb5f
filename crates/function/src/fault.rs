//! Injects the planned fault of an attempt. Handlers know nothing of it.

use std::time::Duration;

use protocol::{FailureName, Fault};
use serde_json::Value;
use tracing::warn;

use crate::config::InvalidConfiguration;
use crate::failure_reply::FailureReply;

/// The template sets it to `on` in a stack with a fault plan. In other stacks a fault is an unknown field.
const SWITCH: &str = "CHAOS";

/// Returns true in a stack with a fault plan.
pub(crate) fn is_switched_on() -> Result<bool, InvalidConfiguration> {
    Ok(env_config::optional::<String>(SWITCH)?.is_some_and(|switch| switch == "on"))
}

/// Does the work under a fault, if there is one, and logs the fault.
pub(crate) async fn under(
    fault: Option<Fault>,
    work: impl Future<Output = Result<Value, FailureReply>>,
) -> Result<Value, FailureReply> {
    let Some(fault) = fault else { return work.await };
    warn!(?fault, "injecting a planned fault");
    match fault {
        Fault::Transient => Err(planned(FailureName::RandomFailure)),
        Fault::Permanent => Err(planned(FailureName::PlannedFailure)),
        Fault::Slow { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            work.await
        }
        Fault::CrashBefore => crash(),
        Fault::CrashAfter => {
            // The result is lost, as after a crash.
            let _ = work.await;
            crash()
        }
    }
}

fn planned(name: FailureName) -> FailureReply {
    FailureReply { name, message: "failed by the fault plan of the stack".to_owned() }
}

/// Ends the process without destructors: connections break as they do when Lambda ends a process.
fn crash() -> ! {
    std::process::exit(1)
}
