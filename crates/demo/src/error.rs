use std::io;
use std::path::PathBuf;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the demo itself. A result that is not the expected one is no failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Stack(#[from] local_stack::Error),
    #[error("`penstock {arguments}` failed ({status})")]
    CommandFailed { arguments: String, status: String },
    #[error("`penstock {arguments}` printed invalid JSON: {source}")]
    InvalidJson { arguments: String, source: serde_json::Error },
    #[error("reading the tables: {0}")]
    Database(#[from] tokio_postgres::Error),
    #[error("{} exists and is not the state folder of a stack", .0.display())]
    NotAStateFolder(PathBuf),
    #[error("no execution of {0} started again")]
    NotReplayed(String),
}

impl Error {
    /// Returns the remedy, a sentence that starts with a verb. `None` if the message needs none.
    pub fn what_to_do(&self) -> Option<String> {
        let text = match self {
            Self::Stack(error) => return error.what_to_do(),
            Self::CommandFailed { .. } => "read its error above",
            Self::NotAStateFolder(_) => "move the folder away, or name another one with --state",
            Self::Database(_) => "run the demo again, and read `.local/demo/log/postgres.log`",
            Self::InvalidJson { .. } | Self::NotReplayed(_) => return None,
        };
        Some(text.to_owned())
    }

    pub(crate) fn cannot_run(program: PathBuf) -> impl FnOnce(io::Error) -> Self {
        move |source| local_stack::Error::CannotRun { program, source }.into()
    }
}
