//! What was not seen through: events that wait in the dead-letter queue, files that are to go their way once more, and
//! the proof that none was lost.

mod dead_letters;
mod definitions;
mod foresee;
mod ledger;
mod reconcile;
mod replay;
mod start;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::{Error, Result};

pub(crate) use dead_letters::{Request as DeadLettersRequest, dead_letters};
pub(crate) use reconcile::{ReconcileOptions, reconcile};
pub(crate) use replay::{ReplayOptions, Which, replay};

/// An address without which the command cannot work.
fn required<'a>(address: Option<&'a String>, name: &'static str) -> Result<&'a str> {
    address.map(String::as_str).ok_or_else(|| Error::NotSet { file: "the stack's addresses".to_owned(), name })
}

/// To the second, as people read it.
fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
