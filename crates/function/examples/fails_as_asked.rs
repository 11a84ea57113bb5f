//! Answers, fails or panics as its payload asks: what the shell's tests drive as a real binary.

use std::fmt;
use std::path::PathBuf;

use function::{InvalidConfiguration, serve_with, telemetry};
use protocol::{Failure, FailureName};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default)]
    execution: Option<String>,
    count: u32,
    #[serde(default)]
    fail_as: Option<String>,
    #[serde(default)]
    panic_with: Option<String>,
    /// A file to make: that the work was done, for whoever gets no answer.
    #[serde(default)]
    mark: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Response {
    execution: Option<String>,
    request_id: String,
    remaining_ms: u128,
    count: u32,
    limit: u32,
}

#[derive(Debug)]
struct AsAsked(FailureName);

impl fmt::Display for AsAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as asked\nin two lines")
    }
}

impl std::error::Error for AsAsked {}

impl Failure for AsAsked {
    fn name(&self) -> FailureName {
        self.0
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    let limit = env_config::required::<u32>("LIMIT").map_err(InvalidConfiguration::from);
    serve_with(limit, async |limit, request: Request, invocation| {
        #[allow(clippy::panic, reason = "a panic is what is asked for")]
        if let Some(words) = request.panic_with {
            panic!("{words}");
        }
        if let Some(name) = request.fail_as {
            return Err(AsAsked(FailureName::parse(&name).unwrap_or(FailureName::InternalError)));
        }
        if let Some(mark) = request.mark {
            std::fs::write(mark, "").map_err(|_| AsAsked(FailureName::InternalError))?;
        }
        Ok(Response {
            execution: invocation.execution.filter(|execution| Some(execution) == request.execution.as_ref()),
            request_id: invocation.request_id,
            remaining_ms: invocation.deadline.remaining().as_millis(),
            count: request.count,
            limit: *limit,
        })
    })
    .await
}
