//! Rounding to microseconds, and local times as instants.

use chrono::{DateTime, LocalResult, TimeZone};
use pipeline::{Rounding, ValueOptions};

use super::temporal::{EPOCH_DAYS_FROM_UNIX, MICROS_PER_DAY};
use crate::reject::RejectReason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TemporalType {
    Date,
    Time,
    Timestamp,
    TimestampTz,
}

/// Microseconds from 1970-01-01 to 2000-01-01.
pub(crate) const EPOCH_MICROS_FROM_UNIX: i64 = EPOCH_DAYS_FROM_UNIX as i64 * MICROS_PER_DAY;

/// Divides by `divisor`, which is positive. Truncation goes to the past, as cutting the digits of a timestamp does.
pub(crate) fn rounded(value: i128, divisor: i128, round: Rounding) -> Result<i64, RejectReason> {
    let (whole, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    let whole = match round {
        _ if rest == 0 => whole,
        Rounding::Reject => return Err(RejectReason::FinerThanMicroseconds),
        Rounding::HalfUp if rest >= divisor - rest => whole + 1,
        Rounding::Truncate | Rounding::HalfUp => whole,
    };
    i64::try_from(whole).map_err(|_| RejectReason::NoSuchDate)
}

/// Returns the instant of a local time in the column's time zone. Both are microseconds since 2000-01-01.
pub(crate) fn local_instant(local: i64, options: &ValueOptions) -> Result<i64, RejectReason> {
    let timezone = options.timezone.ok_or(RejectReason::MissingOffset)?;
    let unix = local.checked_add(EPOCH_MICROS_FROM_UNIX).and_then(DateTime::from_timestamp_micros);
    let unix = unix.ok_or(RejectReason::NoSuchDate)?;
    match timezone.from_local_datetime(&unix.naive_utc()) {
        LocalResult::Single(instant) => Ok(instant.timestamp_micros() - EPOCH_MICROS_FROM_UNIX),
        LocalResult::Ambiguous(..) => Err(RejectReason::RepeatedLocalTime { timezone: timezone.to_string() }),
        LocalResult::None => Err(RejectReason::NoSuchLocalTime { timezone: timezone.to_string() }),
    }
}
