use std::path::{Path, PathBuf};
use std::time::Duration;

use definitions::DefinitionsError;
use local_stack::Error as StackError;
use protocol::error_chain;
use reconciliation::ReconciliationError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of a command. `Display` says what happened and where; [`Error::what_to_do`] gives the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Demo(#[from] demo::Error),
    #[error("{message}")]
    NotForgotten { message: String, remedy: String },
    #[error("{operation}: {message}")]
    Database { operation: &'static str, message: String },
    #[error("{0}")]
    Definitions(String),
    #[error("{}: {source}", .path.display())]
    ChaosPlan { path: PathBuf, source: fault_plan::InvalidPlan },
    #[error("{file}: cannot choose a key: {reason}")]
    NoKey { file: String, reason: String },
    #[error("there is no pipeline {name}")]
    NoSuchPipeline { name: String, known: Vec<String> },
    #[error("there is no dataset {name}")]
    NoSuchDataset { name: String, known: Vec<String> },
    #[error("the database is unknown: neither DATABASE_URL nor DATABASE_SECRET_ARN is set, and no stack is up")]
    NoDatabase,
    #[error("there is no load {0}")]
    NoSuchLoad(i64),
    #[error("run {0} does not exist")]
    NoSuchRun(i64),
    #[error("load {0} has no rejects")]
    NoRejects(i64),
    #[error("the header of load {load_id} was not recorded, so its rejects cannot be exported as a CSV file")]
    NoHeader { load_id: i64, file: String },
    #[error("{file}: {reason}")]
    NotARepair { file: String, reason: String },
    #[error("{file}: {reason}")]
    NotInferred { file: String, reason: String },
    #[error("AWS_ENDPOINT_URL is set to {0}, so this command would not reach AWS")]
    NotAws(String),
    #[error("no execution started for {keys} within {} s", .waited.as_secs())]
    NotStarted { keys: String, waited: Duration },
    #[error("{0}")]
    Unexpected(String),
}

impl Error {
    /// Returns the remedy, a sentence that starts with a verb. `None` if the message needs none.
    pub fn what_to_do(&self) -> Option<String> {
        let text = match self {
            Self::Stack(error) => return error.what_to_do(),
            Self::Demo(error) => return error.what_to_do(),
            Self::Database { .. } => {
                "check that PostgreSQL is up and that DATABASE_URL is right; `penstock up` starts \
                                      the database of the stack, and `. .local/env` sets its URL"
                    .to_owned()
            }
            Self::NoDatabase => "run `make up`; for a stack in AWS, set one of the two variables".to_owned(),
            Self::NotForgotten { remedy, .. } => remedy.clone(),
            Self::NoSuchLoad(_) => "list the loads with `penstock loads`".to_owned(),
            Self::NoSuchRun(_) => "list the runs with `penstock runs`".to_owned(),
            Self::NoRejects(_) => "list the loads and their rejects with `penstock loads`".to_owned(),
            Self::NoHeader { load_id, file } => format!(
                "list the rejects with `penstock rejects {load_id}`, and write them to a file below the header of {file}"
            ),
            Self::NotARepair { .. } => {
                "name the file after its format: .csv, .tsv, .jsonl, .json or .parquet".to_owned()
            }
            Self::Definitions(_) => "correct these files and try again; nothing was uploaded".to_owned(),
            Self::ChaosPlan { .. } => "correct the plan and try again; nothing was deployed".to_owned(),
            Self::NoKey { .. } => "set the key with --key".to_owned(),
            Self::NoSuchDataset { known, .. } | Self::NoSuchPipeline { known, .. } if known.is_empty() => {
                "load a file first, with `penstock drop FILE`".to_owned()
            }
            Self::NoSuchDataset { known, .. } | Self::NoSuchPipeline { known, .. } => {
                format!("use one of {}", known.join(", "))
            }
            Self::NotInferred { .. } => {
                "correct the file, describe it with --delimiter or --null, or declare the columns yourself".to_owned()
            }
            Self::NotAws(_) => {
                "open a new shell, or unset AWS_ENDPOINT_URL and the other variables of `.local/env`".to_owned()
            }
            Self::NotStarted { .. } => {
                "run `penstock dead-letters`, and read the log of the emulator in `.local/log`".to_owned()
            }
            Self::Unexpected(_) => return None,
        };
        Some(text)
    }

    pub(crate) fn is_interrupt(&self) -> bool {
        matches!(self, Self::Stack(StackError::Interrupted) | Self::Demo(demo::Error::Stack(StackError::Interrupted)))
    }

    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let error = StackError::file(action, path);
        move |source| error(source).into()
    }

    /// Wraps an error of the AWS SDK. `operation` says what was tried, such as "listing the executions".
    pub(crate) fn aws<E: std::error::Error>(operation: impl Into<String>) -> impl FnOnce(E) -> Self {
        let error = StackError::aws(operation);
        move |source| error(source).into()
    }

    pub(crate) fn database<E: std::error::Error>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Database { operation, message: error_chain(&error) }
    }
}

impl From<ReconciliationError> for Error {
    fn from(error: ReconciliationError) -> Self {
        match error {
            ReconciliationError::Definitions(DefinitionsError::Storage(error))
            | ReconciliationError::Storage(error) => {
                StackError::Aws { operation: format!("{} {}", error.operation, error.at), message: error.reason }.into()
            }
            ReconciliationError::Definitions(error) => Self::Definitions(error.to_string()),
            ReconciliationError::Database(error) => Self::database("reading the ledger")(error),
            ReconciliationError::Executions { doing, reason } => {
                StackError::Aws { operation: doing, message: reason }.into()
            }
        }
    }
}
