//! Limits of a load, with the unit at the end of each name.

use std::time::Duration;

/// How long a load waits for another load of the same key.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a load waits for other loads that replace or merge rows of the same table. PostgreSQL ends a frozen one
/// earlier, after [`postgres::limits::IDLE_IN_TRANSACTION_TIMEOUT`].
pub const TABLE_LOCK_TIMEOUT: Duration = Duration::from_secs(120);
/// How long COMMIT may take. It is shorter than `function::DEADLINE_MARGIN`.
pub const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long S3 may send nothing: before its response, and between two chunks of a body.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The first read of a file that is parsed from its end. Most footers are shorter.
pub const END_BYTES: u64 = 64 * 1024;

/// Chunks of the object that wait for the parser. Each has up to 400 KiB; the socket holds as much again.
pub const CHUNKS_IN_FLIGHT_MAX: usize = 2;
/// The most that is still read after the parser rejected a file, to verify the checksum of the object.
pub const CHECKSUM_READ_AFTER_ERROR_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Blocks of rows that wait for PostgreSQL. Each has about `formats::limits::COPY_BLOCK_BYTES`.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 4;
/// Rejects are written in batches of about this size.
pub const REJECT_BATCH_BYTES: usize = 1024 * 1024;
/// Rejects that one load keeps. A load with more rejects fails, whatever the dataset allows.
pub const REJECTS_KEPT_MAX: u64 = 1_000_000;
/// The part of the remaining time that the export of rejects leaves for the response.
pub const EXPORT_MARGIN: Duration = Duration::from_secs(2);
/// Rejects that a report or a message shows. `penstock.reject` has all of them.
pub const REJECTS_SHOWN_MAX: usize = 5;
/// A longer header is not kept with the rejects.
pub const HEADER_KEPT_BYTES_MAX: usize = 256 * 1024;
/// Differences between table and dataset that a message shows.
pub const DIFFERENCES_SHOWN_MAX: usize = 10;
