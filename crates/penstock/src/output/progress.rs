//! Progress on stderr: a spinner or a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use local_stack::StepReporter;

use crate::output::failure::FAILURE_MARK;
use crate::output::terminal::red;

const TICK: Duration = Duration::from_millis(100);

/// Shows progress on stderr.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    terminal: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { terminal: stderr().is_terminal() }
    }

    /// Starts a step of unknown length. A step that is dropped without [`ProgressStep::done`] disappears from the terminal.
    pub(crate) fn step(self, what: impl Into<String>) -> ProgressStep {
        let what = what.into();
        let bar = if self.terminal { spinner(&what) } else { ProgressBar::hidden() };
        ProgressStep { what, started: Instant::now(), bar, terminal: self.terminal, last: String::new() }
    }

    /// Starts to count items up to `total`.
    pub(crate) fn count(self, what: &'static str, total: usize) -> ItemCount {
        let bar = if self.terminal { counter(what, total) } else { ProgressBar::hidden() };
        ItemCount { what, bar, total, done: 0, failed: 0, terminal: self.terminal }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// A step of unknown length.
#[derive(Debug)]
pub(crate) struct ProgressStep {
    what: String,
    started: Instant,
    bar: ProgressBar,
    terminal: bool,
    last: String,
}

impl ProgressStep {
    /// Shows the current state, if it has changed.
    pub(crate) fn show(&mut self, state: &str) {
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

    /// Ends the step with one line that stays.
    pub(crate) fn done(self, result: &str) {
        self.bar.finish_and_clear();
        let mark = if self.terminal { "✓ " } else { "" };
        eprintln!("{mark}{:<28} {result} ({:.1} s)", self.what, self.started.elapsed().as_secs_f64());
    }
}

impl Drop for ProgressStep {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A count of finished items.
#[derive(Debug)]
pub(crate) struct ItemCount {
    what: &'static str,
    bar: ProgressBar,
    total: usize,
    done: usize,
    failed: usize,
    terminal: bool,
}

impl ItemCount {
    /// Counts one more finished item and shows `line` for it.
    pub(crate) fn add(&mut self, line: &str) {
        self.done += 1;
        self.bar.inc(1);
        if self.terminal {
            self.bar.set_message(line.to_owned());
        } else {
            eprintln!("[{:>3}/{}] {line}", self.done, self.total);
        }
    }

    /// Counts one more finished item that has failed.
    pub(crate) fn fail(&mut self, line: &str) {
        self.failed += 1;
        self.add(line);
    }

    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
        let Self { what, done, total, failed, .. } = self;
        if self.terminal && failed > 0 {
            anstream::eprintln!("{} {what} {done} of {total}, {failed} failed", red(FAILURE_MARK));
        } else if self.terminal {
            eprintln!("✓ {what} {done} of {total}");
        }
    }
}

/// Shows the steps of `Stack::up`.
pub(crate) struct StackSteps {
    progress: Progress,
    step: Option<ProgressStep>,
}

impl StackSteps {
    pub(crate) fn new(progress: Progress) -> Self {
        Self { progress, step: None }
    }
}

impl StepReporter for StackSteps {
    fn started(&mut self, step: &str) {
        self.step = Some(self.progress.step(step));
    }

    fn done(&mut self, result: &str) {
        if let Some(step) = self.step.take() {
            step.done(result);
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
