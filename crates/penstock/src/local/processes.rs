//! Child processes that never outlive their reason: those of a test or a demo die with it, even when it is killed,
//! and those of `up` are written down before they run, so that `down` finds them whatever happened.

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

use crate::{Error, Result, interrupt};

pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);

/// Waits for a line on stdin before it becomes the program: until its process is written down, nothing runs.
const DETACHED: &str = r#"trap '' HUP; read -r go && [ "$go" = go ] && exec "$@" </dev/null"#;

/// As above, then stays the program's parent and stops it when stdin ends: also when the caller was killed.
/// The trap is a handler and not an ignored signal, because children inherit ignored ones.
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

/// One process and no other: a process id that was given out again has another start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pid: u32,
    started: String,
}

impl ProcessId {
    /// `None` when there is no such process, or it has ended and only waits to be reaped.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let started = if Path::new("/proc/self/stat").exists() { start_in_proc(pid) } else { start_by_ps(pid) };
        started.map(|started| Self { pid, started })
    }

    pub(crate) fn is_running(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Ends the process and its group: by `signal`, and by force after [`STOP_TIMEOUT`]. Another process that
    /// has the same id by now is left alone.
    pub(crate) fn stop_group(&self, signal: StopSignal) {
        if !self.is_running() {
            return;
        }
        self.signal_group(signal.into());
        let end = Instant::now() + STOP_TIMEOUT;
        while self.is_running() && Instant::now() < end {
            thread::sleep(POLL);
        }
        // Also when it ended in time: its children have no reason to stay.
        self.signal_group(Signal::KILL);
        while self.is_running() {
            thread::sleep(POLL);
        }
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // Gone already is what was wanted.
            let _gone = kill_process_group(pid, signal);
        }
    }
}

/// Field 22 is the start in clock ticks since boot; the boot id keeps it apart from a start after a reboot.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn start_in_proc(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (state, start) = parse_proc_stat(&stat)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    (!matches!(state, "Z" | "X")).then(|| format!("{start}@{}", boot.trim()))
}

/// The program's name stands in parentheses and may itself hold spaces and parentheses: count from the last one.
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

/// How a program wants to be asked to stop.
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

/// How long a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// No longer than the calling process, however that ends.
    WithCaller,
    /// Until `down`.
    UntilStopped,
}

/// Who to run as; only root may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// What to run.
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

/// A running program. Dropping it stops it when it lives with its caller.
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
    /// Started here; the open stdin keeps it alive.
    Attached { child: Child, _stdin: ChildStdin },
    /// Started here, to stay.
    Detached(Child),
    /// Started by an earlier command.
    Found,
}

impl Process {
    /// Starts `program` in a process group of its own, once `record` has written down which process it will be.
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

    /// A process that an earlier command wrote down, if it still runs.
    pub(crate) fn found(name: &'static str, id: ProcessId, stop: StopSignal, log: PathBuf) -> Option<Self> {
        id.is_running().then_some(Self { name, id, stop, log, handle: Handle::Found })
    }

    /// Polls until `ready`, and fails as soon as the process has ended or somebody asks to stop.
    pub(crate) fn wait_until(&mut self, timeout: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let end = Instant::now() + timeout;
        loop {
            interrupt::check()?;
            // Asked first: whoever answers on the port may be somebody else.
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
            Handle::Found if self.id.is_running() => Ok(()),
            Handle::Found => Err(Error::EndedLater { name, log }),
        }
    }

    /// Fails when the program, ready before, has ended since.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        self.check_running().map_err(|_| Error::EndedLater { name: self.name, log: self.log.clone() })
    }

    pub(crate) fn stop(&mut self) {
        self.id.stop_group(self.stop);
        if let Handle::Attached { child, .. } | Handle::Detached(child) = &mut self.handle {
            // Reaps it; it has ended by now.
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
