use std::time::Duration;

use crate::limits::{CLIENT_CHECK_INTERVAL, IDLE_IN_TRANSACTION_TIMEOUT, TRANSACTION_OVERTIME};

/// The settings of a transaction. Its time-outs release the locks of a function that froze or lost its network.
#[derive(Clone, Copy, Debug)]
pub struct Transaction {
    pub mode: Mode,
    /// How long one statement waits for a lock.
    pub lock_timeout: Duration,
    /// How long one statement may take. `None` where the caller's deadline ends the transaction.
    pub statement_timeout: Option<Duration>,
    /// The planned time of the whole transaction.
    pub time: Duration,
}

/// The rows that the statements of a transaction see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each statement sees the rows that are committed when it starts.
    ReadWrite,
    /// All statements see the same rows.
    Snapshot,
}

impl Transaction {
    /// Returns the statements that begin the transaction.
    pub fn begin(&self) -> String {
        let mode = match self.mode {
            Mode::ReadWrite => "read committed read write",
            Mode::Snapshot => "repeatable read read only",
        };
        let lock_ms = self.lock_timeout.as_millis();
        // PostgreSQL reads zero as no limit.
        let statement_ms = self.statement_timeout.map_or(0, |time| time.as_millis().max(1));
        let idle_ms = IDLE_IN_TRANSACTION_TIMEOUT.as_millis();
        let check_ms = CLIENT_CHECK_INTERVAL.as_millis();
        let transaction_ms = (self.time + TRANSACTION_OVERTIME).as_millis();
        format!(
            "begin isolation level {mode};
             set local lock_timeout = {lock_ms};
             set local statement_timeout = {statement_ms};
             set local idle_in_transaction_session_timeout = {idle_ms};
             set local tcp_keepalives_idle = 15;
             set local tcp_keepalives_interval = 5;
             set local tcp_keepalives_count = 3;
             select case when current_setting('server_version_num')::integer >= 170000
                         then set_config('transaction_timeout', '{transaction_ms}', true) end,
                    case when current_setting('server_version_num')::integer >= 140000 and version() like '%linux%'
                         then set_config('client_connection_check_interval', '{check_ms}', true) end"
        )
    }
}
