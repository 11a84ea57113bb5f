//! The state folder of a stack. It records each process before the process starts, so any later command can stop it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::emulator::{self, RunningEmulator};
use crate::error::{Error, Result};
use crate::files::replace;
use crate::postgres::{self, RunningPostgres};
use crate::processes::ProcessId;

/// The name of PostgreSQL in the result of [`StateDir::stop_all`].
pub const POSTGRES: &str = "PostgreSQL";

const LOCK: &str = "lock";

/// The folder of one stack: data, logs, addresses, and the record of its processes.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

/// The recorded processes of a stack.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RecordedProcesses {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) postgres: Option<RunningPostgres>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) emulator: Option<RunningEmulator>,
}

impl RecordedProcesses {
    pub(crate) fn any_runs(&self) -> bool {
        let postgres = self.postgres.as_ref().map(|it| &it.process);
        let emulator = self.emulator.as_ref().map(|it| &it.process);
        postgres.into_iter().chain(emulator).any(ProcessId::is_running)
    }
}

/// Held while a command changes the processes. The kernel releases it when the command ends.
#[derive(Debug)]
pub(crate) struct StateLock(#[expect(dead_code, reason = "holding the file is holding the lock")] File);

impl StateDir {
    /// Opens a state folder and creates it if it does not exist.
    pub fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(Error::file("create", path))?;
        let path = path.canonicalize().map_err(Error::file("find", path))?;
        fs::create_dir_all(path.join("log")).map_err(Error::file("create", &path))?;
        Ok(Self(path))
    }

    /// Returns true if the folder is a state folder.
    pub fn is_state_folder(path: &Path) -> bool {
        path.join(LOCK).is_file()
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    pub(crate) fn emulator(&self) -> PathBuf {
        self.0.join("emulator")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.0.join("log").join(format!("{name}.log"))
    }

    pub(crate) fn lock(&self) -> Result<StateLock> {
        let path = self.0.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::file("open", &path))?;
        file.try_lock().map_err(|_| Error::Busy(self.0.clone()))?;
        Ok(StateLock(file))
    }

    /// Reads the recorded processes; none if nothing was recorded yet.
    pub(crate) fn recorded(&self) -> Result<RecordedProcesses> {
        let path = self.file();
        if !path.exists() {
            return Ok(RecordedProcesses::default());
        }
        let text = fs::read(&path).map_err(Error::file("read", &path))?;
        serde_json::from_slice(&text).map_err(|error| Error::file("read", &path)(error.into()))
    }

    pub(crate) fn record(&self, change: impl FnOnce(&mut RecordedProcesses)) -> Result<()> {
        let mut recorded = self.recorded()?;
        change(&mut recorded);
        let path = self.file();
        let text = serde_json::to_vec_pretty(&recorded).map_err(|error| Error::file("write", &path)(error.into()))?;
        replace(&path, &text)
    }

    /// Stops the recorded processes and no others. Returns the names of those that it stopped.
    pub(crate) fn stop_all(&self) -> Result<Vec<&'static str>> {
        let recorded = self.recorded()?;
        let mut stopped = Vec::new();
        // First the emulator, because its functions use the database.
        if let Some(emulator) = &recorded.emulator {
            if emulator.process.is_running() {
                stopped.push("emulator");
            }
            emulator::stop_recorded(emulator);
        }
        if let Some(postgres) = &recorded.postgres {
            if postgres.process.is_running() {
                stopped.push(POSTGRES);
            }
            postgres::stop_recorded(postgres);
        }
        self.remove_addresses()?;
        remove_if_there(&self.file())?;
        Ok(stopped)
    }

    /// Removes `env`, so no command uses the addresses of a stopped stack.
    pub(crate) fn remove_addresses(&self) -> Result<()> {
        remove_if_there(&self.0.join("env"))
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.json")
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_lock_on_a_state_folder_fails() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let lock = state.lock().unwrap();
        assert!(matches!(StateDir::open(folder.path()).unwrap().lock(), Err(Error::Busy(_))));
        drop(lock);
        state.lock().unwrap();
    }

    #[test]
    fn stopping_an_empty_stack_twice_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        assert!(state.stop_all().unwrap().is_empty());
        assert!(state.stop_all().unwrap().is_empty());
    }
}
