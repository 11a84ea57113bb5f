//! Logs as JSON, one fact a line.

use std::panic;

use tracing::error;
use tracing_subscriber::EnvFilter;

/// Everything that is logged from here on is one JSON line on standard output, at `LOG_LEVEL` (default `info`) and
/// above. A panic is logged by its place alone: its words may quote a file, and go with the answer.
pub fn init() {
    let level = std::env::var("LOG_LEVEL").unwrap_or_default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter(&level))
        .finish();
    // A second call, as in tests, keeps the first one's subscriber.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            error!(place, "panicked");
        }));
    }
}

/// A level that cannot be read must not silence the logs.
fn filter(level: &str) -> EnvFilter {
    let level = if level.is_empty() { "info" } else { level };
    // The runtime logs a failed answer with its message; the shell has logged it already, without.
    let quiet = "lambda_runtime::layers::panic=off";
    EnvFilter::try_new(format!("{level},{quiet}")).unwrap_or_else(|_| EnvFilter::new(format!("info,{quiet}")))
}
