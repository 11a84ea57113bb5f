//! The status of every object version in the landing bucket, from the ledger, the executions of `process-file` and the
//! dead-letter queue. `penstock reconcile` prints it; the reconciler function starts what was missed.

pub mod dead_letters;
mod error;
pub mod executions;
mod files;
pub mod landing;
pub mod ledger;
mod limits;
mod status;
mod time;
mod version_map;

pub use error::ReconciliationError;
pub use executions::FileExecution;
pub use files::{ExecutionIndex, FileVersion, LedgerIndex, Records};
pub use landing::ListedVersion;
pub use limits::CONCURRENCY;
pub use status::FileStatus;
pub use version_map::VersionMap;
