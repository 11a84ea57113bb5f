//! Every limit of the reconciler, units last.

/// Files that one turn gives; the next takes the rest. Should a rule have been off for days, what starts at once stays
/// what database and functions can take.
pub const MISSED_MAX: usize = 200;
/// Of the answer, as JSON. A quarter of a payload: the machine adds the address of an execution to each file, and what
/// it makes of all of them must fit a notice.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
