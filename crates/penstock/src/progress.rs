use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(100);

/// Says what is under way, on stderr: a spinner or a bar on a terminal, plain lines elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    terminal: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self { terminal: stderr().is_terminal() }
    }

    /// A step that takes a while. Dropped without [`Step::done`], it leaves no trace on a terminal.
    pub(crate) fn step(self, what: impl Into<String>) -> Step {
        let what = what.into();
        let bar = if self.terminal { spinner(&what) } else { ProgressBar::hidden() };
        Step { what, started: Instant::now(), bar, terminal: self.terminal, last: String::new() }
    }

    /// A known number of things to wait for.
    pub(crate) fn count(self, what: &'static str, total: usize) -> Count {
        let bar = if self.terminal { counter(what, total) } else { ProgressBar::hidden() };
        Count { what, bar, total, done: 0, terminal: self.terminal }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) struct Step {
    what: String,
    started: Instant,
    bar: ProgressBar,
    terminal: bool,
    last: String,
}

impl Step {
    /// Says how far it is; saying the same again says nothing.
    pub(crate) fn now(&mut self, state: &str) {
        if self.last == state {
            return;
        }
        state.clone_into(&mut self.last);
        if self.terminal {
            self.bar.set_message(format!("{}: {state}", self.what));
        } else {
            eprintln!("{}: {state}", self.what);
        }
    }

    /// Replaces the spinner by one lasting line.
    pub(crate) fn done(self, how: &str) {
        self.bar.finish_and_clear();
        let mark = if self.terminal { "✓ " } else { "" };
        eprintln!("{mark}{:<28} {how} ({:.1} s)", self.what, self.started.elapsed().as_secs_f64());
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

pub(crate) struct Count {
    what: &'static str,
    bar: ProgressBar,
    total: usize,
    done: usize,
    terminal: bool,
}

impl Count {
    /// One more is done; `line` says which, and how.
    pub(crate) fn one(&mut self, line: &str) {
        self.done += 1;
        self.bar.inc(1);
        if self.terminal {
            self.bar.set_message(line.to_owned());
        } else {
            eprintln!("[{:>3}/{}] {line}", self.done, self.total);
        }
    }

    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
        if self.terminal {
            eprintln!("✓ {} {} of {}", self.what, self.done, self.total);
        }
    }
}

fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    bar.set_style(style(ProgressStyle::default_spinner(), "{spinner} {msg} {elapsed}"));
    bar.enable_steady_tick(TICK);
    bar
}

fn counter(what: &'static str, total: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX)).with_prefix(what);
    bar.set_style(style(ProgressStyle::default_bar(), "{prefix} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}"));
    bar.enable_steady_tick(TICK);
    bar
}

fn style(default: ProgressStyle, template: &str) -> ProgressStyle {
    default.clone().template(template).unwrap_or(default)
}
