//! Logs as JSON, one fact per line.

use std::panic;

use tracing::error;
use tracing_subscriber::EnvFilter;

/// Starts logging as JSON lines on standard output, at `LOG_LEVEL` (default `info`) and above.
///
/// A panic is logged only by its location. Its message may quote a file, and is part of the answer.
pub fn init() {
    let level = std::env::var("LOG_LEVEL").unwrap_or_default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter(&level))
        .finish();
    // A second call, as in tests, keeps the first subscriber.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string);
            error!(location, "panicked");
        }));
    }
}

/// Falls back to `info`: an invalid level must not silence the logs.
fn filter(level: &str) -> EnvFilter {
    let level = if level.is_empty() { "info" } else { level };
    // The runtime would log a failure with its message. `serve` has logged it without.
    let quiet = "lambda_runtime::layers::panic=off";
    EnvFilter::try_new(format!("{level},{quiet}")).unwrap_or_else(|_| EnvFilter::new(format!("info,{quiet}")))
}
