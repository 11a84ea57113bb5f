use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use definitions::DefinitionsError;
use protocol::error_chain;
use reconciliation::ReconciliationError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong on the laptop. `Display` says what and where; [`Error::what_to_do`] says what next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no Penstock project at or above {}", .0.display())]
    NotAProject(PathBuf),
    #[error("{} is missing", .0.display())]
    ToolMissing(PathBuf),
    #[error("{} is missing", .0.display())]
    BinaryMissing(PathBuf),
    #[error("cannot {doing} {}: {source}", .path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("another penstock is at work in {}", .0.display())]
    Busy(PathBuf),
    #[error("cannot run {}: {source}", .program.display())]
    CannotRun { program: PathBuf, source: io::Error },
    #[error("{name} ended while it was starting ({status}){}", last_lines(.log))]
    EndedEarly { name: &'static str, status: String, log: PathBuf },
    #[error("{name} was not ready after {} s{}", .waited.as_secs(), last_lines(.log))]
    NotReady { name: &'static str, waited: Duration, log: PathBuf },
    #[error("{name} ended while the stack was in use{}", last_lines(.log))]
    EndedLater { name: &'static str, log: PathBuf },
    #[error("`{command}` failed ({status})\n{output}")]
    CommandFailed { command: String, status: String, output: String },
    #[error("no user `nobody` in /etc/passwd to run PostgreSQL as, which refuses to run as root")]
    NoUnprivilegedUser,
    #[error("{what}: {message}")]
    Cloud { what: String, message: String },
    #[error("{what}: {message}")]
    Database { what: &'static str, message: String },
    #[error("{0}")]
    Definitions(String),
    #[error("{}: {source}", .path.display())]
    ChaosPlan { path: PathBuf, source: fault_plan::InvalidPlan },
    #[error("no stack is up in {}", .0.display())]
    NoStack(PathBuf),
    #[error("{file}: {name} is not set")]
    NotSet { file: String, name: &'static str },
    #[error("EMULATOR is {0:?}, which is neither `ministack` nor `localstack`")]
    UnknownEmulator(String),
    #[error("{file}: no key to upload it as: {reason}")]
    NoKey { file: String, reason: String },
    #[error("no dataset is called {0}")]
    NoSuchDataset(String, Vec<String>),
    #[error(
        "nothing says where the database is: neither DATABASE_URL nor DATABASE_SECRET_ARN is set, and no stack is up"
    )]
    NoDatabase,
    #[error("there is no load {0}")]
    NoSuchLoad(i64),
    #[error("load {0} refused no rows")]
    NothingRefused(i64),
    #[error("load {load_id} has no header kept to go before its records")]
    NoHeader { load_id: i64, file: String },
    #[error("{file}: {reason}")]
    NotARepair { file: String, reason: String },
    #[error("{file}: {reason}")]
    NotInferred { file: String, reason: String },
    #[error("AWS_ENDPOINT_URL is set: this would go to {0}, and not to AWS")]
    NotAws(String),
    #[error("{} exists and is not a stack's folder", .0.display())]
    NotOurs(PathBuf),
    #[error("no execution started for {keys} in {} s", .waited.as_secs())]
    NotStarted { keys: String, waited: Duration },
    #[error("{0}")]
    Unexpected(String),
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// One sentence for the person at the terminal; `None` where the message says it already.
    pub fn what_to_do(&self) -> Option<String> {
        let text = match self {
            Self::NotAProject(_) => "run it inside a checkout of Penstock, or set PENSTOCK_HOME to one".to_owned(),
            Self::ToolMissing(_) => "run `make setup`".to_owned(),
            Self::BinaryMissing(_) => "run `cargo build --workspace`, or `make up`, which does".to_owned(),
            Self::File { .. } => "check that the path exists, is yours, and that the disk is not full".to_owned(),
            Self::Busy(state) => format!(
                "wait for it to finish; several stacks can live side by side with `--state DIR` (this one is {})",
                state.display()
            ),
            Self::CannotRun { .. } => "check that the program is installed and executable; `make setup`".to_owned(),
            Self::EndedEarly { log, .. } | Self::NotReady { log, .. } | Self::EndedLater { log, .. } => {
                format!("read {}, then try again", log.display())
            }
            Self::CommandFailed { .. } => {
                "correct what it says, then run the same command again; it continues where it stopped".to_owned()
            }
            Self::NoUnprivilegedUser => {
                "run as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own".to_owned()
            }
            Self::Cloud { .. } => {
                "check that the stack is up (`penstock up` starts what is not), and that this shell has its addresses: \
                 `. .local/env` again after every start"
                    .to_owned()
            }
            Self::Database { .. } => {
                "check that PostgreSQL is up and DATABASE_URL is right: `penstock up` starts the stack's own, and \
                 `. .local/env` names it"
                    .to_owned()
            }
            Self::NoDatabase => "run `make up`, or set one of the two for a stack in AWS".to_owned(),
            Self::NoSuchLoad(_) => "`penstock loads` lists them".to_owned(),
            Self::NothingRefused(_) => "`penstock loads` tells which did".to_owned(),
            Self::NoHeader { load_id, file } => format!(
                "an older Penstock loaded it, or the header is too long: put that of {file} before the records that \
                 `penstock rejects {load_id}` lists"
            ),
            Self::NotARepair { .. } => "name it as it is written: .csv, .tsv, .jsonl, .json or .parquet".to_owned(),
            Self::Definitions(_) => "correct the files named here and try again; nothing was uploaded".to_owned(),
            Self::ChaosPlan { .. } => {
                "correct the plan as the message says and try again; nothing was deployed".to_owned()
            }
            Self::NoStack(_) => {
                "run `make up`, or set LANDING_BUCKET and STATE_MACHINE_ARN for a stack in AWS".to_owned()
            }
            Self::NotSet { .. } => "run `penstock up` again, which writes it".to_owned(),
            Self::UnknownEmulator(_) => "leave EMULATOR unset for ministack".to_owned(),
            Self::NoKey { .. } => "name the key with --key".to_owned(),
            Self::NoSuchDataset(_, known) => format!("name one of {}", known.join(", ")),
            Self::NotInferred { .. } => {
                "correct the file, say how it is written (--delimiter, --null), or declare the columns by hand"
                    .to_owned()
            }
            Self::NotAws(_) => {
                "unset AWS_ENDPOINT_URL and what else `.local/env` has set, or open a new shell".to_owned()
            }
            Self::NotOurs(_) => "move it away, or name another folder with --state".to_owned(),
            Self::NotStarted { .. } => {
                "look into the dead-letter queue (DEAD_LETTER_QUEUE_URL) and the emulator's log".to_owned()
            }
            Self::Unexpected(_) | Self::Interrupted => return None,
        };
        Some(text)
    }

    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    pub(crate) fn cloud(what: impl Into<String>) -> impl FnOnce(Chain) -> Self {
        let what = what.into();
        move |Chain(message)| Self::Cloud { what, message }
    }

    pub(crate) fn reconciliation(error: ReconciliationError) -> Self {
        match error {
            ReconciliationError::Definitions(DefinitionsError::Storage(error))
            | ReconciliationError::Storage(error) => {
                Self::Cloud { what: format!("{} {}", error.operation, error.at), message: error.reason }
            }
            ReconciliationError::Definitions(error) => {
                Self::Cloud { what: "reading the definitions bucket".to_owned(), message: error.to_string() }
            }
            ReconciliationError::Database(error) => Self::database("reading the ledger")(error.into()),
            ReconciliationError::Executions { doing, reason } => Self::Cloud { what: doing, message: reason },
        }
    }

    pub(crate) fn database(what: &'static str) -> impl FnOnce(Chain) -> Self {
        move |Chain(message)| Self::Database { what, message }
    }
}

/// An error with all that lies behind it: the outermost says only "service error" or "db error".
#[derive(Debug)]
pub(crate) struct Chain(String);

impl<E: std::error::Error> From<E> for Chain {
    fn from(error: E) -> Self {
        Self(error_chain(&error))
    }
}

/// The end of a log, for a message: most often the reason stands there.
fn last_lines(log: &Path) -> String {
    const LINES: usize = 8;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return String::new();
    }
    let from = lines.len().saturating_sub(LINES);
    format!("; its last lines:\n  {}", lines[from..].join("\n  "))
}
