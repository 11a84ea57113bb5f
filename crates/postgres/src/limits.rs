//! Limits of a session, with the unit at the end of each name.

use std::time::Duration;

/// The longest time to open a session, TLS and password included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a function waits while another one migrates. A migration is short.
pub const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// PostgreSQL ends a session that is idle in a transaction for this long. So a frozen function loses its locks.
pub const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
/// How often PostgreSQL checks during a statement if its client is connected (PostgreSQL 14 or later, on Linux). Without
/// this check, the statement of a killed function runs to its end and keeps its locks.
pub const CLIENT_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How long a transaction may exceed its planned time. PostgreSQL 17 or later ends it then.
pub const TRANSACTION_OVERTIME: Duration = Duration::from_secs(5);
/// Prepared statements that a session keeps. Most belong to the ledger; each table adds a few.
pub const STATEMENTS_KEPT_MAX: usize = 200;
