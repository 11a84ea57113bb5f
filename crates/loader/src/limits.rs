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
/// Migrating is short, and every loader that starts meanwhile waits for it.
pub const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// After this long PostgreSQL ends the session of a loader that froze between two statements, and frees its claim.
pub const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
/// How long COMMIT may take; part of [`DEADLINE_MARGIN`].
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long after its deadline a load's transaction may live: PostgreSQL 17 and later end it then.
pub const TRANSACTION_OVERTIME: Duration = Duration::from_secs(5);

/// How long S3 may be silent: before its answer, and between two chunks of a body.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Tries of one S3 request, the first included.
pub const STORAGE_ATTEMPTS_MAX: u32 = 4;

/// Chunks of the object that wait for the parser. S3 sends chunks of up to some 100 KiB.
pub const CHUNKS_IN_FLIGHT_MAX: usize = 16;
/// Blocks of rows that wait for PostgreSQL, each of about `rows::limits::COPY_BLOCK_BYTES`.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 8;
/// Rejects are written in batches of about this size.
pub const REJECT_BATCH_BYTES: usize = 1024 * 1024;
/// Rejects that a report or a message shows; the table has all of them.
pub const REJECTS_SHOWN_MAX: usize = 5;
/// Differences between table and dataset that a message names.
pub const DIFFERENCES_SHOWN_MAX: usize = 10;
