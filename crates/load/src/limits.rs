//! Every limit of the loader, units last.

use std::time::Duration;

/// How long a load waits for a rival that holds its claim.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a load waits for others to replace or merge into the same table: a frozen one is ended before that, by
/// [`postgres::limits::IDLE_IN_TRANSACTION_TIMEOUT`].
pub const TABLE_LOCK_TIMEOUT: Duration = Duration::from_secs(120);
/// How long COMMIT may take; shorter than `function::DEADLINE_MARGIN`.
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long S3 may be silent: before its answer, and between two chunks of a body.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// What comes first of a file that is read from its end; most footers are shorter.
pub const END_BYTES: u64 = 64 * 1024;

/// Chunks of the object that wait for the parser, each of up to 400 KiB; the socket holds as much again.
pub const CHUNKS_IN_FLIGHT_MAX: usize = 2;
/// What is still read of an object that its parser has refused, to see whether its checksum fits.
pub const COMPARED_AFTER_REFUSAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Blocks of rows that wait for PostgreSQL, each of about `formats::limits::COPY_BLOCK_BYTES`.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 4;
/// Rejects are written in batches of about this size.
pub const REJECT_BATCH_BYTES: usize = 1024 * 1024;
/// Rejects of one load that are kept. Past it the load fails, whatever the dataset allows: more help nobody.
pub const REJECTS_KEPT_MAX: u64 = 1_000_000;
/// What of the deadline exporting rejects leaves to the answer.
pub const EXPORT_MARGIN: Duration = Duration::from_secs(2);
/// Rejects that a report or a message shows; the table has all of them.
pub const REJECTS_SHOWN_MAX: usize = 5;
/// A header that is longer is not kept beside the rejects.
pub const HEADER_KEPT_BYTES_MAX: usize = 256 * 1024;
/// Differences between table and dataset that a message names.
pub const DIFFERENCES_SHOWN_MAX: usize = 10;
