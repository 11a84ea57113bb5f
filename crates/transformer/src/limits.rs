//! Every limit of the transformer, units last.

use std::time::Duration;

/// How long a statement of a pipeline waits for a lock.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a statement on the ledger waits for a row lock.
pub const LEDGER_LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// A run waits for the other runs of its pipeline for this part of its time: one half.
pub const TURN_DIVISOR: u32 = 2;
/// How long we wait for an answer after PostgreSQL's own time limit; part of the deadline's margin.
pub const ANSWER_OVERTIME: Duration = Duration::from_secs(1);
/// How long COMMIT may take; part of the deadline's margin.
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);

/// The sweep fails a claimed run after this time if no session works on it. It is four times the longest Lambda.
pub const CLAIM_AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// The sweep starts a complete run that no execution has claimed for this time.
pub const READY_AGE_MAX: Duration = Duration::from_secs(10 * 60);
/// Runs that one sweep fails, and runs that it starts: its result must fit a payload. The next sweep handles the rest.
pub const SWEPT_MAX: i64 = 50;

/// Length of PostgreSQL's message in ours: it may quote a whole row.
pub const MESSAGE_CHARS_MAX: usize = 3_000;

/// Rows of a row group in a Parquet file.
pub const ROW_GROUP_ROWS_MAX: usize = 50_000;
/// Size of a row group in memory.
pub const ROW_GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Memory of one value beside its bytes.
pub const VALUE_OVERHEAD_BYTES: usize = 40;
