//! What runs, written down before it runs, so that any later command can stop exactly that.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::emulator::{self, RunningEmulator};
use super::env_file::replace;
use super::postgres::{self, RunningPostgres};
use super::processes::ProcessId;
use crate::{Error, Result};

/// As [`StateDir::stop_all`] calls it.
pub const POSTGRES: &str = "PostgreSQL";

const LOCK: &str = "lock";

/// The folder that holds all of one stack: data, logs, addresses, and what runs.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

/// What runs of a stack.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Running {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) postgres: Option<RunningPostgres>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) emulator: Option<RunningEmulator>,
}

impl Running {
    pub(crate) fn any(&self) -> bool {
        let postgres = self.postgres.as_ref().map(|it| &it.process);
        let emulator = self.emulator.as_ref().map(|it| &it.process);
        postgres.into_iter().chain(emulator).any(ProcessId::is_running)
    }
}

/// Held while a command changes what runs; freed by the kernel when that command dies.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "holding the file is holding the lock")] File);

impl StateDir {
    pub fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(Error::file("make", path))?;
        let path = path.canonicalize().map_err(Error::file("find", path))?;
        fs::create_dir_all(path.join("log")).map_err(Error::file("make", &path))?;
        Ok(Self(path))
    }

    /// Whether the folder is one of ours, and not any folder.
    pub(crate) fn is_one(path: &Path) -> bool {
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

    pub(crate) fn lock(&self) -> Result<Lock> {
        let path = self.0.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::file("open", &path))?;
        file.try_lock().map_err(|_| Error::Busy(self.0.clone()))?;
        Ok(Lock(file))
    }

    /// Empty when nothing was written down yet.
    pub(crate) fn running(&self) -> Result<Running> {
        let path = self.file();
        if !path.exists() {
            return Ok(Running::default());
        }
        let text = fs::read(&path).map_err(Error::file("read", &path))?;
        serde_json::from_slice(&text).map_err(|error| Error::file("read", &path)(error.into()))
    }

    pub(crate) fn record(&self, change: impl FnOnce(&mut Running)) -> Result<()> {
        let mut running = self.running()?;
        change(&mut running);
        let path = self.file();
        let text = serde_json::to_vec_pretty(&running).map_err(|error| Error::file("write", &path)(error.into()))?;
        replace(&path, &text)
    }

    /// Stops what was written down, and no other process. Says what it stopped.
    pub(crate) fn stop_all(&self) -> Result<Vec<&'static str>> {
        let running = self.running()?;
        let mut stopped = Vec::new();
        // The emulator first: its functions use the database.
        if let Some(emulator) = &running.emulator {
            if emulator.process.is_running() {
                stopped.push("emulator");
            }
            emulator::stop_recorded(emulator);
        }
        if let Some(postgres) = &running.postgres {
            if postgres.process.is_running() {
                stopped.push(POSTGRES);
            }
            postgres::stop_recorded(postgres);
        }
        self.remove_addresses()?;
        remove_if_there(&self.file())?;
        Ok(stopped)
    }

    /// Removes `env`: nobody is to use what is not there.
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
    fn one_command_at_a_time_in_a_state_folder() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let lock = state.lock().unwrap();
        assert!(matches!(StateDir::open(folder.path()).unwrap().lock(), Err(Error::Busy(_))));
        drop(lock);
        state.lock().unwrap();
    }

    #[test]
    fn stopping_nothing_is_fine_and_so_is_stopping_twice() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        assert!(state.stop_all().unwrap().is_empty());
        assert!(state.stop_all().unwrap().is_empty());
    }
}
