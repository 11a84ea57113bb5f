//! How large things may be.

use std::time::Duration;

pub use protocol::KEY_BYTES_MAX;

/// The text of a definition travels with every load between the states, in a payload that also holds the rest.
pub const DEFINITION_BYTES_MAX: usize = protocol::PAYLOAD_BYTES_MAX / 2;

/// PostgreSQL allows 1,600, fewer of wide types, and `_load_id` is one of them.
/// <https://www.postgresql.org/docs/current/limits.html>
pub const COLUMNS_MAX: usize = 1_500;

/// Of a key by which rows are upserted; PostgreSQL's index over it takes no more.
/// <https://www.postgresql.org/docs/current/limits.html>
pub const KEY_COLUMNS_MAX: usize = 32;

/// PostgreSQL cuts longer identifiers off without an error.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// Of a pipeline's or dataset's name; all ASCII.
pub const LABEL_BYTES_MAX: usize = 63;

/// <https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-NUMERIC-DECIMAL>
pub const NUMERIC_PRECISION_MAX: u16 = 1_000;

/// Characters. <https://www.postgresql.org/docs/current/datatype-character.html>
pub const VARCHAR_LENGTH_MAX: u32 = 10_485_760;

/// Pairs of places in two file names that are looked at to see whether both can be the same; past it nobody looks.
pub const OVERLAP_PAIRS_MAX: usize = 100_000;

/// How long a data file may come after its trigger.
pub const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// The same, when nothing is declared.
pub const WAIT_DEFAULT: Duration = Duration::from_secs(10 * 60);

/// Of one SQL file.
pub const SQL_BYTES_MAX: usize = 1024 * 1024;

/// Of one SQL file are named; more show when these are corrected.
pub const SQL_ERRORS_MAX: usize = 20;

/// How long an incomplete set may wait.
pub const DEADLINE_MAX: Duration = Duration::from_secs(31 * 24 * 3600);
