use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::error_chain;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the stack on this machine. `Display` says what happened and where; [`Error::what_to_do`] gives the
/// remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} is not inside a checkout of Penstock", .0.display())]
    NotAProject(PathBuf),
    #[error("{} does not exist", .0.display())]
    ToolMissing(PathBuf),
    #[error("{} does not exist", .0.display())]
    BinaryMissing(PathBuf),
    #[error("cannot {action} {}: {source}", .path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("another `penstock` command uses {}", .0.display())]
    Busy(PathBuf),
    #[error("cannot run {}: {source}", .program.display())]
    CannotRun { program: PathBuf, source: io::Error },
    #[error("{name} ended during its start ({status}){}", last_lines(.log))]
    EndedEarly { name: &'static str, status: String, log: PathBuf },
    #[error("{name} was not ready after {} s{}", .waited.as_secs(), last_lines(.log))]
    NotReady { name: &'static str, waited: Duration, log: PathBuf },
    #[error("{name} ended while the stack was in use{}", last_lines(.log))]
    EndedLater { name: &'static str, log: PathBuf },
    #[error("`{command}` failed ({status})\n{output}")]
    CommandFailed { command: String, status: String, output: String },
    #[error("PostgreSQL refuses to run as root, and /etc/passwd has no user `nobody` to run it as")]
    NoUnprivilegedUser,
    #[error("{operation}: {message}")]
    Aws { operation: String, message: String },
    #[error("no stack is up in {}", .0.display())]
    NoStack(PathBuf),
    #[error("{file}: {name} is not set")]
    NotSet { file: String, name: &'static str },
    #[error("unknown emulator EMULATOR={0:?}; expected `ministack` or `localstack`")]
    UnknownEmulator(String),
    #[error("{0}")]
    Unexpected(String),
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Returns the remedy, a sentence that starts with a verb. `None` if the message needs none.
    pub fn what_to_do(&self) -> Option<String> {
        let text = match self {
            Self::NotAProject(_) => "run the command inside a checkout, or set PENSTOCK_HOME to one".to_owned(),
            Self::ToolMissing(_) => "run `make setup`".to_owned(),
            Self::BinaryMissing(_) => "run `cargo build --workspace` or `make up`".to_owned(),
            Self::File { .. } => {
                "check that the path exists, that you own it, and that the disk is not full".to_owned()
            }
            Self::Busy(state) => format!(
                "wait until it has finished, or use another stack with `--state DIR` (this one is {})",
                state.display()
            ),
            Self::CannotRun { .. } => {
                "check that the program is installed and executable; `make setup` installs it".to_owned()
            }
            Self::EndedEarly { log, .. } | Self::NotReady { log, .. } | Self::EndedLater { log, .. } => {
                format!("read {}, then try again", log.display())
            }
            Self::CommandFailed { .. } => {
                "correct the reported error, then run the same command again; it continues where it stopped".to_owned()
            }
            Self::NoUnprivilegedUser => {
                "run as an ordinary user, or set DATABASE_URL to your own PostgreSQL".to_owned()
            }
            Self::Aws { .. } => "check that the stack is up (`penstock up` starts it), and read its addresses again: \
                                 `. .local/env`"
                .to_owned(),
            Self::NoStack(_) => {
                "run `make up`; for a stack in AWS, set LANDING_BUCKET and STATE_MACHINE_ARN".to_owned()
            }
            Self::NotSet { .. } => "run `penstock up` again, which writes it".to_owned(),
            Self::UnknownEmulator(_) => "unset EMULATOR to use ministack".to_owned(),
            Self::Unexpected(_) | Self::Interrupted => return None,
        };
        Some(text)
    }

    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// Wraps an error of the AWS SDK. `operation` says what was tried, such as "listing the executions".
    pub fn aws<E: std::error::Error>(operation: impl Into<String>) -> impl FnOnce(E) -> Self {
        let operation = operation.into();
        move |error| Self::Aws { operation, message: error_chain(&error) }
    }
}

/// Returns the end of a log for a message, because the reason is usually there.
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
