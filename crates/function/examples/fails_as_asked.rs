//! Answers, fails or panics as its payload says, for the tests of this crate.

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
    /// A file to create. It shows that the work was done, even without an answer.
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
struct RequestedFailure(FailureName);

impl fmt::Display for RequestedFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("requested failure\nin two lines")
    }
}

impl std::error::Error for RequestedFailure {}

impl Failure for RequestedFailure {
    fn name(&self) -> FailureName {
        self.0
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    let limit = env_config::required::<u32>("LIMIT").map_err(InvalidConfiguration::from);
    serve_with(limit, async |limit, request: Request, invocation| {
        #[allow(clippy::panic, reason = "the payload requests a panic")]
        if let Some(message) = request.panic_with {
            panic!("{message}");
        }
        if let Some(name) = request.fail_as {
            return Err(RequestedFailure(FailureName::parse(&name).unwrap_or(FailureName::InternalError)));
        }
        if let Some(mark) = request.mark {
            std::fs::write(mark, "").map_err(|_| RequestedFailure(FailureName::InternalError))?;
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
