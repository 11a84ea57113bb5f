//! Every limit of the transformer, units last.

use std::time::Duration;

/// How long a statement waits for a lock that another session holds.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long our own short statements wait for a row that another session holds.
pub const LEDGER_LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// Of the time that a run has, one part in this many may pass until the pipeline's other runs are through.
pub const TURN_DIVISOR: u32 = 2;
/// How much later than PostgreSQL's own time-out we stop waiting for its answer; part of the deadline's margin.
pub const ANSWER_OVERTIME: Duration = Duration::from_secs(1);
/// How long COMMIT may take; part of the deadline's margin.
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);

/// A running run that nobody works on is taken for interrupted when its claim is so old. A Lambda lives a quarter of it.
pub const CLAIM_AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// A complete run that nobody has claimed for so long is told, for its execution died in between.
pub const READY_AGE_MAX: Duration = Duration::from_secs(10 * 60);
/// Runs that one sweep fails, and runs that it tells: what it gives must fit a payload. The next takes the rest.
pub const SWEPT_MAX: i64 = 50;

/// PostgreSQL's words in a message: they may quote a whole row.
pub const MESSAGE_CHARS_MAX: usize = 3_000;

/// A row group of a Parquet file ends at so many rows, or so many bytes in memory.
pub const ROW_GROUP_ROWS_MAX: usize = 50_000;
pub const ROW_GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a value costs in memory beside its bytes.
pub const VALUE_OVERHEAD_BYTES: usize = 40;
