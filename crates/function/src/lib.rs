//! The one crate that knows the Lambda runtime. A function's `main` makes its clients and hands over a closure; here
//! the payload is decoded, the closure called, a panic caught, and every failure answered under its own name.

mod config;
mod decode;
mod fault;
mod invocation;
mod refusal;
mod serve;
pub mod telemetry;

pub use config::InvalidConfiguration;
pub use decode::{InvalidInput, decode};
pub use invocation::{DEADLINE_MARGIN, Deadline, Invocation};
pub use lambda_runtime::Error;
pub use serve::{serve, serve_with};
