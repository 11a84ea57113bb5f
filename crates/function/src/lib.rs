//! Runs a function on Lambda: decodes the payload, calls the handler, catches panics, and answers each failure under its
//! name. It is the only crate that knows the Lambda runtime.

mod config;
mod decode;
mod failure_reply;
mod fault;
mod invocation;
mod serve;
pub mod telemetry;

pub use config::InvalidConfiguration;
pub use decode::{InvalidInput, decode};
pub use invocation::{DEADLINE_MARGIN, Deadline, Invocation};
pub use lambda_runtime::Error;
pub use serve::{serve, serve_with};
