use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use local_stack::interrupt;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Runs commands of the program `penstock` on one stack. Their progress and errors appear on stderr.
#[derive(Clone, Debug)]
pub(crate) struct Penstock {
    program: PathBuf,
    state: PathBuf,
}

/// A running command with JSON output.
pub(crate) struct JsonCommand {
    child: Child,
    arguments: String,
}

impl Penstock {
    pub(crate) fn new(program: &Path, state: &Path) -> Self {
        Self { program: program.to_owned(), state: state.to_owned() }
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--state").arg(&self.state).args(arguments);
        command
    }

    /// Runs a command with its output on stdout.
    pub(crate) fn show(&self, arguments: &[&str]) -> Result<()> {
        let status = self.command(arguments).status().map_err(Error::cannot_run(self.program.clone()))?;
        interrupt::check()?;
        if status.success() {
            return Ok(());
        }
        Err(Error::CommandFailed { arguments: arguments.join(" "), status: status.to_string() })
    }

    /// Runs a command and reads its JSON output. Exit status 1 with output is a result, such as that of a failed file.
    pub(crate) fn json<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T> {
        self.start_json(arguments)?.result()
    }

    /// Starts a command with JSON output.
    pub(crate) fn start_json<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<JsonCommand> {
        let mut command = self.command(arguments);
        let child = command.stdout(Stdio::piped()).spawn().map_err(Error::cannot_run(self.program.clone()))?;
        let name = arguments.first().map(|name| name.as_ref().to_string_lossy().into_owned());
        Ok(JsonCommand { child, arguments: name.unwrap_or_default() })
    }
}

impl JsonCommand {
    /// Waits for the end of the command and reads its output.
    pub(crate) fn result<T: DeserializeOwned>(self) -> Result<T> {
        let Self { child, arguments } = self;
        let output = child.wait_with_output().map_err(Error::cannot_run("penstock".into()))?;
        interrupt::check()?;
        if output.stdout.is_empty() {
            return Err(Error::CommandFailed { arguments, status: output.status.to_string() });
        }
        serde_json::from_slice(&output.stdout).map_err(|source| Error::InvalidJson { arguments, source })
    }
}
