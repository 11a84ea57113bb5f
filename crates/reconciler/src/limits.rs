//! Every limit of the reconciler, units last.

use std::time::Duration;

/// Files that one turn gives; the next takes the rest. Should a rule have been off for days, what starts at once stays
/// what database and functions can take.
pub const MISSED_MAX: usize = 200;
/// Of the answer, as JSON. A quarter of a payload: the machine adds the address of an execution to each file, and what
/// it makes of all of them must fit a notice.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How long a service may take to be connected to. Without a way out of a VPC nothing answers at all.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a service may be silent.
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);
