//! Loads one file exactly once: ledger, rows, rejects and counts in one transaction of PostgreSQL.

mod config;
mod copy;
mod error;
mod export;
mod ledger;
pub mod limits;
mod loader;
mod locks;
mod merge;
mod ranges;
mod rejects;
mod relation;
mod repairs;
mod runs;
mod shape;
mod source;
mod target;

pub use config::Config;
pub use error::LoadError;
pub use loader::{Loader, TimeLeft};
