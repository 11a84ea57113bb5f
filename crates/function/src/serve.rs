use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use protocol::{Class, Failure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::{Instrument, error, error_span, info, warn};

use crate::config::InvalidConfiguration;
use crate::decode::Payload;
use crate::fault;
use crate::refusal::Refusal;
use crate::{Deadline, Error, Invocation};

/// Answers invocations until Lambda ends the process. For functions that need nothing at hand.
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

/// Answers invocations until Lambda ends the process, each with what was made at cold start.
///
/// A failed setup is answered to every invocation, under its own name: Lambda itself would only say that the process
/// went away. So a setup reads configuration and builds clients; what may be down for a while belongs in the handler.
///
/// # Errors
/// When the runtime's API cannot be spoken to. A handler's failure is an answer and no error here.
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
    let setup = setup.map(Arc::new).map_err(|failure| Refusal::of(&failure));
    let chaos = fault::is_switched_on().map_err(|failure| Refusal::of(&failure));
    let answer = |mut event: LambdaEvent<Payload>| {
        let invocation = invocation(&event.context, &event.payload);
        // At the highest level, so that no LOG_LEVEL takes the execution out of the lines that are left.
        let span = error_span!("invocation", request_id = invocation.request_id, execution = invocation.execution);
        let answer = async {
            let state = setup.clone()?;
            let planned = if chaos.clone()? { event.payload.take_fault() } else { Ok(None) };
            let planned = planned.map_err(|failure| Refusal::of(&failure))?;
            let work = async {
                let request = event.payload.decode().map_err(|failure| Refusal::of(&failure))?;
                let response = handler(state, request, invocation).await.map_err(|failure| Refusal::of(&failure))?;
                serde_json::to_value(response).map_err(|error| Refusal::internal("the answer is not JSON", &error))
            };
            // Boxed, or futures inside of futures would be more than the compiler looks through.
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

/// Runs one invocation to its answer, panics included, and logs that once.
///
/// The message stays out of the log: it may quote what stands in a file. It goes to the state machine, whose history
/// and notice carry it.
async fn recorded(answer: impl Future<Output = Result<Value, Refusal>>) -> Result<Value, Diagnostic> {
    let started = Instant::now();
    // Nothing that a panic may have left half done is looked at again but the clients, which mend themselves.
    let answer =
        AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|panic| Err(Refusal::panicked(panic.as_ref())));
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match &answer {
        Ok(_) => info!(duration_ms, "finished"),
        Err(Refusal { name, .. }) => match name.class() {
            Class::Transient => warn!(duration_ms, failure.name = %name, failure.class = "transient", "failed"),
            Class::Permanent => error!(duration_ms, failure.name = %name, failure.class = "permanent", "failed"),
        },
    }
    answer.map_err(Diagnostic::from)
}
