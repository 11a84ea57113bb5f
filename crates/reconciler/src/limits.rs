//! Every limit of the reconciler, units last.

/// Files in one response; the next execution reports the rest. After an outage of days, this bounds how many files start at
/// once.
pub const MISSED_MAX: usize = 200;
/// Size of the response as JSON: a quarter of a payload. The state machine adds the ARN of an execution to each file,
/// and all of them must fit a notice.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024;
