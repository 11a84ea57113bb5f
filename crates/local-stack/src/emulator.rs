//! The AWS emulator: starts without Docker and without a token.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::network::{answers, free_port};
use crate::processes::{Lifetime, Process, ProcessId, Program, StopSignal};
use crate::project::Project;

/// The region of every emulated resource.
pub const REGION: &str = "us-east-1";
/// Access key and secret key; the emulators accept any.
pub const CREDENTIAL: &str = "test";

const HEALTH: &str = "/_localstack/health";
const NAME: &str = "emulator";
const PORT_TRIES: u32 = 3;
/// Functions that run at the same time. Each one is a process on this machine. Further invocations are throttled, and
/// the state machines retry them. An AWS account has the same kind of limit (1,000).
const FUNCTIONS_AT_ONCE: u32 = 50;

/// The emulators that can replace AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmulatorKind {
    #[default]
    Ministack,
    Localstack,
}

impl EmulatorKind {
    /// Reads the environment variable `EMULATOR`. The default is ministack.
    pub fn from_env() -> Result<Self> {
        match std::env::var("EMULATOR") {
            Ok(name) if !name.is_empty() => name.parse(),
            _ => Ok(Self::default()),
        }
    }

    /// Returns how long the start may take. LocalStack may have to install itself first.
    fn ready_timeout(self) -> Duration {
        match self {
            Self::Ministack => Duration::from_secs(60),
            Self::Localstack => Duration::from_secs(300),
        }
    }
}

impl FromStr for EmulatorKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "ministack" => Ok(Self::Ministack),
            "localstack" => Ok(Self::Localstack),
            _ => Err(Error::UnknownEmulator(name.to_owned())),
        }
    }
}

impl fmt::Display for EmulatorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ministack => "ministack",
            Self::Localstack => "localstack",
        })
    }
}

/// A running emulator. Dropping it stops the emulator and its functions. They also stop when the process that started
/// them is killed. Nothing is kept: the next start is empty.
#[derive(Debug)]
pub struct Emulator {
    process: Process,
    kind: EmulatorKind,
    port: u16,
}

/// The record of an emulator that an earlier command started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunningEmulator {
    pub(crate) process: ProcessId,
    pub(crate) kind: EmulatorKind,
    pub(crate) port: u16,
}

impl Emulator {
    /// Starts an empty emulator on a free port, with its files in `folder`. Blocks until it answers, about two seconds
    /// for ministack.
    pub fn start(folder: &Path, kind: EmulatorKind) -> Result<Self> {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        Self::start_recorded(folder, &folder.join("emulator.log"), kind, Lifetime::WithCaller, "", |_| Ok(()))
    }

    /// `bucket_seed` determines the names of the buckets. The ledger of a database knows a file by its bucket.
    pub(crate) fn start_recorded(
        folder: &Path,
        log: &Path,
        kind: EmulatorKind,
        lifetime: Lifetime,
        bucket_seed: &str,
        mut record: impl FnMut(RunningEmulator) -> Result<()>,
    ) -> Result<Self> {
        let project = Project::find()?;
        let files = empty_folder(&folder.join("files"))?;
        let program_of = |port| match kind {
            EmulatorKind::Ministack => ministack(&project, port, &files, log, bucket_seed),
            EmulatorKind::Localstack => localstack(&project, port, &files, log),
        };
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::start_on(free_port()?, &program_of, kind, lifetime, &mut record) {
                Err(Error::EndedEarly { .. }) if tries < PORT_TRIES => {}
                started => return started,
            }
        }
    }

    fn start_on(
        port: u16,
        program_of: &impl Fn(u16) -> Result<Program>,
        kind: EmulatorKind,
        lifetime: Lifetime,
        record: &mut impl FnMut(RunningEmulator) -> Result<()>,
    ) -> Result<Self> {
        let program = program_of(port)?;
        let mut process =
            Process::start(&program, lifetime, |id| record(RunningEmulator { process: id.clone(), kind, port }))?;
        let ready = process.wait_until(kind.ready_timeout(), || answers(port, HEALTH));
        if ready.is_err() {
            process.stop();
        }
        ready.map(|()| Self { process, kind, port })
    }

    /// Returns the emulator that an earlier command started, if it still runs and answers.
    pub(crate) fn from_record(log: &Path, running: RunningEmulator) -> Option<Self> {
        let RunningEmulator { process, kind, port } = running;
        let process = Process::from_record(NAME, process, StopSignal::Terminate, log.to_owned())?;
        answers(port, HEALTH).then_some(Self { process, kind, port })
    }

    /// Returns the value of `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    pub fn kind(&self) -> EmulatorKind {
        self.kind
    }

    pub fn stop(&mut self) {
        self.process.stop();
    }

    pub(crate) fn check_alive(&mut self) -> Result<()> {
        self.process.check_alive()
    }
}

/// Stops the recorded emulator. Does nothing if it has ended.
pub(crate) fn stop_recorded(running: &RunningEmulator) {
    running.process.stop_group(StopSignal::Terminate);
}

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Returns the environment of a program that uses the emulator. It hides the user's real account.
pub(crate) fn emulator_variables(endpoint: &str) -> Vec<(&'static str, OsString)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoint.into()),
        ("AWS_REGION", REGION.into()),
        ("AWS_DEFAULT_REGION", REGION.into()),
        ("AWS_ACCESS_KEY_ID", CREDENTIAL.into()),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL.into()),
        ("AWS_SESSION_TOKEN", "".into()),
        ("AWS_CONFIG_FILE", "/dev/null".into()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ("NO_PROXY", "127.0.0.1,localhost".into()),
        ("no_proxy", "127.0.0.1,localhost".into()),
    ]
}

fn ministack(project: &Project, port: u16, files: &Path, log: &Path, bucket_seed: &str) -> Result<Program> {
    let mut env = emulator_variables(&endpoint(port));
    env.extend([
        ("GATEWAY_PORT", OsString::from(port.to_string())),
        ("BIND_HOST", "127.0.0.1".into()),
        ("LAMBDA_EXECUTOR", "local".into()),
        ("LAMBDA_ACCOUNT_CONCURRENCY", FUNCTIONS_AT_ONCE.to_string().into()),
        ("MINISTACK_REGION", REGION.into()),
        ("BUCKET_NAME_SEED", bucket_seed.into()),
        ("TMPDIR", files.into()),
    ]);
    Ok(Program {
        name: NAME,
        path: project.tool("python")?,
        args: vec![start_script(project, "ministack")?.into()],
        env,
        user: None,
        stop: StopSignal::Terminate,
        log: log.to_owned(),
    })
}

/// Returns the script that starts the emulator and corrects its differences from AWS.
fn start_script(project: &Project, kind: &str) -> Result<PathBuf> {
    let path = project.root().join("tests").join(kind).join("start");
    if path.exists() { Ok(path) } else { Err(Error::ToolMissing(path)) }
}

fn localstack(project: &Project, port: u16, files: &Path, log: &Path) -> Result<Program> {
    let path = start_script(project, "localstack")?;
    let args = ["--port".into(), port.to_string().into(), "--state".into(), files.into()];
    Ok(Program {
        name: NAME,
        path,
        args: args.into(),
        env: vec![("NO_PROXY", "127.0.0.1,localhost".into()), ("no_proxy", "127.0.0.1,localhost".into())],
        user: None,
        stop: StopSignal::Terminate,
        log: log.to_owned(),
    })
}

fn empty_folder(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Error::file("empty", folder))?;
    }
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    folder.canonicalize().map_err(Error::file("find", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulator_starts_and_stops() {
        let folder = tempfile::tempdir().unwrap();
        let emulator = Emulator::start(folder.path(), EmulatorKind::Ministack).unwrap();
        let port = emulator.port;
        assert!(answers(port, HEALTH));
        drop(emulator);
        assert!(!answers(port, HEALTH));
    }

    #[test]
    fn unknown_emulator_name_is_rejected() {
        assert_eq!("localstack".parse::<EmulatorKind>().unwrap(), EmulatorKind::Localstack);
        assert!("LocalStack".parse::<EmulatorKind>().is_err());
    }
}
