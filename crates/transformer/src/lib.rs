//! Executes runs: the transforms in one transaction, then the exports. Also opens and closes runs, sweeps them, and
//! records awaited files.

mod awaited;
mod claimed_run;
mod close;
mod config;
mod error;
mod exports;
mod failures;
mod ledger;
pub mod limits;
mod open;
mod open_decision;
mod period_runs;
mod rerun;
mod sweep;
mod time_limit;
mod transformer;
mod transforms;

pub use config::Config;
pub use error::TransformError;
pub use postgres::{DatabaseAddress, InvalidConfig};
pub use transformer::{RunResponse, Transformer};
