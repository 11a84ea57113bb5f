//! Child processes. Those of a test or a demo end with it, also when it is killed. Those of `up` are recorded before they
//! run, so `down` always finds them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::interrupt;

pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);

/// Waits for a line on stdin, then becomes the program. So the process is recorded before the program runs.
const DETACHED: &str = r#"trap '' HUP; read -r go && [ "$go" = go ] && exec "$@" </dev/null"#;

/// Waits for a line on stdin, then starts the program as a child and stops it when stdin ends. Stdin also ends when the
/// caller is killed. The trap is a handler, not an ignored signal, because children inherit ignored signals.
const ATTACHED: &str = r#"
read -r go && [ "$go" = go ] || exit 0
trap : TERM INT HUP
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ cat <&3 >/dev/null; kill -s "$0" "$child"; sleep 15; kill -s KILL "$child"; } &
exec 3<&-
while kill -s 0 "$child" 2>/dev/null; do wait "$child"; status=$?; done
kill -s TERM 0
exit "$status"
"#;

/// Identifies one process. The start time distinguishes it from a later process with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pid: u32,
    started: String,
}

impl ProcessId {
    /// Identifies a running process. `None` if it does not exist or has ended and is not reaped yet.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let started = if Path::new("/proc/self/stat").exists() { start_in_proc(pid) } else { start_by_ps(pid) };
        started.map(|started| Self { pid, started })
    }

    pub(crate) fn is_running(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Stops the process and its group with `signal`, and with SIGKILL after [`STOP_TIMEOUT`]. Never stops another
    /// process that has got the same id.
    pub(crate) fn stop_group(&self, signal: StopSignal) {
        if !self.is_running() {
            return;
        }
        self.signal_group(signal.into());
        let end = Instant::now() + STOP_TIMEOUT;
        while self.is_running() && Instant::now() < end {
            thread::sleep(POLL);
        }
        // Also if it ended in time, because its children may still run.
        self.signal_group(Signal::KILL);
        while self.is_running() {
            thread::sleep(POLL);
        }
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // An error means that the group has already ended.
            let _gone = kill_process_group(pid, signal);
        }
    }
}

/// Returns field 22, the start in clock ticks since boot, and the boot id, because ticks restart at a reboot.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn start_in_proc(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (state, start) = parse_proc_stat(&stat)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    (!matches!(state, "Z" | "X")).then(|| format!("{start}@{}", boot.trim()))
}

/// Returns the state and the start time. The program name is in parentheses and may contain spaces and parentheses, so
/// the fields are counted from the last parenthesis.
fn parse_proc_stat(stat: &str) -> Option<(&str, &str)> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?;
    Some((state, fields.nth(18)?))
}

fn start_by_ps(pid: u32) -> Option<String> {
    let output = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, start) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}

/// The signal that stops a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopSignal {
    Interrupt,
    Terminate,
}

impl From<StopSignal> for Signal {
    fn from(signal: StopSignal) -> Self {
        match signal {
            StopSignal::Interrupt => Self::INT,
            StopSignal::Terminate => Self::TERM,
        }
    }
}

/// How long a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until the calling process ends for any reason.
    WithCaller,
    /// Until `down`.
    UntilStopped,
}

/// The user to run as; only root may choose one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A program to start.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(&'static str, OsString)>,
    pub(crate) user: Option<User>,
    pub(crate) stop: StopSignal,
    pub(crate) log: PathBuf,
}

/// A running program. Dropping it stops the program if its lifetime is [`Lifetime::WithCaller`].
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    id: ProcessId,
    stop: StopSignal,
    log: PathBuf,
    handle: Handle,
}

#[derive(Debug)]
enum Handle {
    /// Started by this command. The program stops when `_stdin` is closed.
    Attached { child: Child, _stdin: ChildStdin },
    /// Started by this command, and runs on after it.
    Detached(Child),
    /// Started by an earlier command.
    Recorded,
}

impl Process {
    /// Starts `program` in its own process group after `record` has recorded the process.
    pub(crate) fn start(
        program: &Program,
        lifetime: Lifetime,
        record: impl FnOnce(&ProcessId) -> Result<()>,
    ) -> Result<Self> {
        let mut child = shell(program, lifetime)?.spawn().map_err(cannot_run("/bin/sh"))?;
        let mut stdin = child.stdin.take().ok_or_else(|| ended_early(program, &mut child))?;
        let id = ProcessId::of(child.id()).ok_or_else(|| ended_early(program, &mut child))?;
        record(&id)?;
        stdin.write_all(b"go\n").map_err(|_| ended_early(program, &mut child))?;
        let handle = match lifetime {
            Lifetime::WithCaller => Handle::Attached { child, _stdin: stdin },
            Lifetime::UntilStopped => Handle::Detached(child),
        };
        Ok(Self { name: program.name, id, stop: program.stop, log: program.log.clone(), handle })
    }

    /// Returns a process that an earlier command recorded, if it still runs.
    pub(crate) fn from_record(name: &'static str, id: ProcessId, stop: StopSignal, log: PathBuf) -> Option<Self> {
        id.is_running().then_some(Self { name, id, stop, log, handle: Handle::Recorded })
    }

    /// Polls until `ready` returns true. Fails when the process ends or a stop is requested.
    pub(crate) fn wait_until(&mut self, timeout: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let end = Instant::now() + timeout;
        loop {
            interrupt::check()?;
            // First, because another process may answer on the port.
            self.check_running()?;
            if ready() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(Error::NotReady { name: self.name, waited: timeout, log: self.log.clone() });
            }
            thread::sleep(POLL);
        }
    }

    fn check_running(&mut self) -> Result<()> {
        let (name, log) = (self.name, self.log.clone());
        match &mut self.handle {
            Handle::Attached { child, .. } | Handle::Detached(child) => match child.try_wait() {
                Ok(Some(status)) => Err(Error::EndedEarly { name, status: status.to_string(), log }),
                _ => Ok(()),
            },
            Handle::Recorded if self.id.is_running() => Ok(()),
            Handle::Recorded => Err(Error::EndedLater { name, log }),
        }
    }

    /// Fails if the program has ended since it was ready.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        self.check_running().map_err(|_| Error::EndedLater { name: self.name, log: self.log.clone() })
    }

    pub(crate) fn stop(&mut self) {
        self.id.stop_group(self.stop);
        if let Handle::Attached { child, .. } | Handle::Detached(child) = &mut self.handle {
            // Reap the process, which has ended.
            let _ended = child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.handle, Handle::Attached { .. }) {
            self.stop();
        }
    }
}

fn shell(program: &Program, lifetime: Lifetime) -> Result<Command> {
    let log =
        File::options().create(true).append(true).open(&program.log).map_err(Error::file("write", &program.log))?;
    let log_too = log.try_clone().map_err(Error::file("write", &program.log))?;
    let script = match lifetime {
        Lifetime::WithCaller => ATTACHED,
        Lifetime::UntilStopped => DETACHED,
    };
    let stop = match program.stop {
        StopSignal::Interrupt => "INT",
        StopSignal::Terminate => "TERM",
    };
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg(stop).arg(&program.path).args(&program.args);
    command.envs(program.env.iter().map(|(name, value)| (name, value)));
    command.current_dir("/").stdin(Stdio::piped()).stdout(log).stderr(log_too).process_group(0);
    if let Some(user) = program.user {
        command.uid(user.uid).gid(user.gid);
    }
    Ok(command)
}

fn cannot_run(program: &str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::CannotRun { program: program.into(), source }
}

fn ended_early(program: &Program, child: &mut Child) -> Error {
    let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
    Error::EndedEarly { name: program.name, status, log: program.log.clone() }
}

#[cfg(test)]
#[path = "processes_tests.rs"]
mod tests;
