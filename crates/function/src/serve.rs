use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, Runtime, service_fn};
use protocol::{Failure, FailureClass};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::{Instrument, error, error_span, info, warn};

use crate::config::InvalidConfiguration;
use crate::decode::Payload;
use crate::failure_reply::FailureReply;
use crate::fault;
use crate::invocation::{Deadline, Invocation};

/// Answers invocations until Lambda ends the process. For functions without clients.
pub async fn serve<Request, Response, E, Answer>(handler: impl Fn(Request, Invocation) -> Answer) -> Result<(), Error>
where
    Request: DeserializeOwned,
    Response: Serialize,
    E: Failure,
    Answer: Future<Output = Result<Response, E>>,
{
    let nothing: Result<(), InvalidConfiguration> = Ok(());
    serve_with(nothing, |_, request, invocation| handler(request, invocation)).await
}

/// Answers invocations until Lambda ends the process. `setup` is the result of the cold start.
///
/// A failed setup is the answer to every invocation: if the process ended, Lambda would only report that it exited.
/// So the setup reads configuration and builds clients, and the handler connects to services that may be down.
///
/// # Errors
/// If the runtime's API fails. A handler's failure is an answer, not an error.
pub async fn serve_with<State, SetupError, Request, Response, E, Answer>(
    setup: Result<State, SetupError>,
    handler: impl Fn(Arc<State>, Request, Invocation) -> Answer,
) -> Result<(), Error>
where
    SetupError: Failure,
    Request: DeserializeOwned,
    Response: Serialize,
    E: Failure,
    Answer: Future<Output = Result<Response, E>>,
{
    let setup = setup.map(Arc::new).map_err(|failure| FailureReply::of(&failure));
    let chaos = fault::is_switched_on().map_err(|failure| FailureReply::of(&failure));
    let answer = |mut event: LambdaEvent<Payload>| {
        let invocation = invocation(&event.context, &event.payload);
        // At the highest level: every LOG_LEVEL then keeps the execution in the remaining lines.
        let span = error_span!("invocation", request_id = invocation.request_id, execution = invocation.execution);
        let answer = async {
            let state = setup.clone()?;
            let planned = if chaos.clone()? { event.payload.take_fault() } else { Ok(None) };
            let planned = planned.map_err(|failure| FailureReply::of(&failure))?;
            let work = async {
                let request = event.payload.decode().map_err(|failure| FailureReply::of(&failure))?;
                let response =
                    handler(state, request, invocation).await.map_err(|failure| FailureReply::of(&failure))?;
                serde_json::to_value(response)
                    .map_err(|error| FailureReply::internal("cannot encode the answer as JSON", &error))
            };
            // Boxed, because the nested future types exceed the compiler's limit.
            fault::under(planned, work.boxed_local()).await
        };
        recorded(answer).instrument(span)
    };
    Runtime::new(service_fn(answer)).run().await
}

fn invocation(context: &Context, payload: &Payload) -> Invocation {
    Invocation {
        request_id: context.request_id.clone(),
        execution: payload.execution(),
        deadline: Deadline::at_unix_ms(context.deadline),
    }
}

/// Runs one invocation, turns a panic into a failure, and logs the result once.
///
/// The log has no message, because a message may quote a file. The history of the execution and the notice have it.
async fn recorded(answer: impl Future<Output = Result<Value, FailureReply>>) -> Result<Value, Diagnostic> {
    let started = Instant::now();
    // A panic can leave only the clients in a bad state, and they reconnect.
    let answer = AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(FailureReply::panicked(panic.as_ref())));
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match &answer {
        Ok(_) => info!(duration_ms, "finished"),
        Err(FailureReply { name, .. }) => match name.class() {
            FailureClass::Transient => warn!(duration_ms, failure.name = %name, failure.class = "transient", "failed"),
            FailureClass::Permanent => error!(duration_ms, failure.name = %name, failure.class = "permanent", "failed"),
        },
    }
    answer.map_err(Diagnostic::from)
}
