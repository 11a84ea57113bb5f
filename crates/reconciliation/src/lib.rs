//! Where each version of each object of a bucket stands: by what is committed, by what was started for it, and by what
//! waits in the dead-letter queue. For the command line, which prints it, and for the function that reconciles by itself.

mod by_version;
mod error;
mod judge;
mod judged;
pub mod landing;
pub mod ledger;
pub mod queue;
pub mod traces;

use aws_sdk_s3::primitives::DateTime as AwsDateTime;
use chrono::{DateTime, Utc};

pub use by_version::ByVersion;
pub use error::StandingError;
pub use judge::Standing;
pub use judged::{Executions, Judged, Known, Ledger, dead_letters};
pub use landing::Listed;
pub use traces::Trace;

/// Calls to one service that are under way at once.
pub const CONCURRENCY: usize = 16;

fn to_chrono(time: &AwsDateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}
