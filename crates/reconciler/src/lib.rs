//! Finds files of the landing bucket that were missed: S3 or EventBridge lost their event, or they failed and the notice
//! could not be sent. The state machine starts them; this function starts nothing.

mod config;
mod error;
pub mod limits;
mod reconciler;
pub mod response;

pub use config::Config;
pub use error::ReconcilerError;
pub use postgres::DatabaseAddress;
pub use reconciler::Reconciler;
