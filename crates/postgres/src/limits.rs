//! Every limit of a session, units last.

use std::time::Duration;

/// From the first packet to a session that can be used, TLS and password included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Migrating is short, and every function that starts meanwhile waits for it.
pub const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// After this long PostgreSQL ends the session of a function that froze between two statements, and frees its locks.
pub const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
/// How often PostgreSQL, from 14 on and where Linux can tell it, looks whether the function that waits for a statement
/// still lives: without it a killed one's statement runs to its end, with all its locks.
pub const CLIENT_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How long after its own time a transaction may live: PostgreSQL 17 and later end it then.
pub const TRANSACTION_OVERTIME: Duration = Duration::from_secs(5);
/// SQL texts that a session keeps prepared; most are the ledger's own, and each table adds a few.
pub const STATEMENTS_KEPT_MAX: usize = 200;
