//! Limits of definitions and SQL files.

use std::time::Duration;

pub use protocol::KEY_BYTES_MAX;

/// Half of a payload, because the states pass the definition's text together with the load request.
pub const DEFINITION_BYTES_MAX: usize = protocol::PAYLOAD_BYTES_MAX / 2;

/// PostgreSQL allows 1,600 columns, fewer of wide types. `_load_id` is one of them.
/// <https://www.postgresql.org/docs/current/limits.html>
pub const COLUMNS_MAX: usize = 1_500;

/// The columns of `key`: PostgreSQL's limit for the columns of an index.
/// <https://www.postgresql.org/docs/current/limits.html>
pub const KEY_COLUMNS_MAX: usize = 32;

/// PostgreSQL truncates longer identifiers without an error.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// The length of a pipeline's or dataset's name, which is ASCII.
pub const LABEL_BYTES_MAX: usize = 63;

/// <https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-NUMERIC-DECIMAL>
pub const NUMERIC_PRECISION_MAX: u16 = 1_000;

/// Characters. <https://www.postgresql.org/docs/current/datatype-character.html>
pub const VARCHAR_LENGTH_MAX: u32 = 10_485_760;

/// The work to find a key that two templates share, in pairs of positions. Beyond it the check reports no shared key.
pub const OVERLAP_PAIRS_MAX: usize = 100_000;

/// The length of a CSV delimiter.
pub const DELIMITER_CHARS_MAX: usize = 8;

/// [`DELIMITER_CHARS_MAX`] characters of UTF-8.
pub const DELIMITER_BYTES_MAX: usize = 4 * DELIMITER_CHARS_MAX;

/// The default of `csv.quoted_lines`.
pub const QUOTED_LINES_DEFAULT: u32 = 1_000;

/// The default of `rejects.max_ratio`.
pub const REJECTS_RATIO_DEFAULT: f64 = 0.1;

/// The longest `wait` for a data file after its trigger.
pub const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// The default of `wait`.
pub const WAIT_DEFAULT: Duration = Duration::from_secs(10 * 60);

/// The size of an SQL file.
pub const SQL_BYTES_MAX: usize = 1024 * 1024;

/// The number of errors reported for one SQL file.
pub const SQL_ERRORS_MAX: usize = 20;

/// The longest `deadline` of an incomplete run.
pub const DEADLINE_MAX: Duration = Duration::from_secs(31 * 24 * 3600);
