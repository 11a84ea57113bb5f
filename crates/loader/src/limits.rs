//! Every limit of the loader, units last.

use std::time::Duration;

/// What is left of the Lambda's time when a load gives up: enough to roll back, answer and be notified about.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(20);
/// Of a time so short that [`DEADLINE_MARGIN`] would eat half of it, one part in this many is the margin.
pub const SHORT_DEADLINE_MARGIN_DIVISOR: u32 = 5;

/// From the first packet to a session that can be used, TLS and password included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a load waits for a rival that holds its claim.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a load waits for others to replace or merge into the same table: a frozen one is ended before that, by
/// [`IDLE_IN_TRANSACTION_TIMEOUT`].
pub const TABLE_LOCK_TIMEOUT: Duration = Duration::from_secs(120);
/// Migrating is short, and every loader that starts meanwhile waits for it.
pub const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// After this long PostgreSQL ends the session of a loader that froze between two statements, and frees its claim.
pub const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
/// SQL texts that a session keeps prepared; most are the ledger's own, and each table adds a few.
pub const STATEMENTS_KEPT_MAX: usize = 200;
/// How long COMMIT may take; part of [`DEADLINE_MARGIN`].
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long after its deadline a load's transaction may live: PostgreSQL 17 and later end it then.
pub const TRANSACTION_OVERTIME: Duration = Duration::from_secs(5);

/// How long S3 may be silent: before its answer, and between two chunks of a body.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Tries of one S3 request, the first included.
pub const STORAGE_ATTEMPTS_MAX: u32 = 4;

/// What comes first of a file that is read from its end; most footers are shorter.
pub const END_BYTES: u64 = 64 * 1024;

/// Chunks of the object that wait for the parser, each of up to 400 KiB; the socket holds as much again.
pub const CHUNKS_IN_FLIGHT_MAX: usize = 2;
/// Blocks of rows that wait for PostgreSQL, each of about `rows::limits::COPY_BLOCK_BYTES`.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 4;
/// Rejects are written in batches of about this size.
pub const REJECT_BATCH_BYTES: usize = 1024 * 1024;
/// Rejects of one load that are kept. Past it the load fails, whatever the dataset allows: more help nobody.
pub const REJECTS_KEPT_MAX: u64 = 1_000_000;
/// Exported rejects leave in parts of this size; S3 takes no smaller ones, but for the last.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub const EXPORT_PART_BYTES: usize = 8 * 1024 * 1024;
/// What of the deadline exporting rejects leaves to the answer.
pub const EXPORT_MARGIN: Duration = Duration::from_secs(2);
/// Rejects that a report or a message shows; the table has all of them.
pub const REJECTS_SHOWN_MAX: usize = 5;
/// Differences between table and dataset that a message names.
pub const DIFFERENCES_SHOWN_MAX: usize = 10;
