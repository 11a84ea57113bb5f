//! What was not seen through: events that wait in the dead-letter queue, files that are to go their way once more, and
//! the proof that none was lost.

mod by_version;
mod dead_letters;
mod definitions;
mod foresee;
mod judge;
mod landing;
mod ledger;
mod queue;
mod reconcile;
mod replay;
mod start;
mod traces;

use aws_sdk_s3::primitives::DateTime as AwsDateTime;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::{Error, Result};

pub(crate) use dead_letters::{Request as DeadLettersRequest, dead_letters};
pub(crate) use reconcile::{ReconcileOptions, reconcile};
pub(crate) use replay::{ReplayOptions, Which, replay};

/// Calls to one service that are under way at once.
const CONCURRENCY: usize = 16;

fn to_chrono(time: &AwsDateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}

/// An address without which the command cannot work.
fn required<'a>(address: Option<&'a String>, name: &'static str) -> Result<&'a str> {
    address.map(String::as_str).ok_or_else(|| Error::NotSet { file: "the stack's addresses".to_owned(), name })
}

/// To the second, as people read it.
fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
