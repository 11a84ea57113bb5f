//! Time, CPU and memory of one run, and medians of paired runs, which other load on the machine affects equally.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{ProcessStat, peak_mb};
use crate::server::PostgresServer;

#[derive(Clone, Copy, Default)]
pub(crate) struct Resources {
    pub(crate) wall_s: f64,
    pub(crate) client_cpu_s: f64,
    pub(crate) server_cpu_s: f64,
    pub(crate) peak_mb: f64,
}

impl Resources {
    pub(crate) fn total_cpu_s(&self) -> f64 {
        self.client_cpu_s + self.server_cpu_s
    }

    pub(crate) fn beyond(&self, other: &Self) -> Self {
        Self {
            wall_s: self.wall_s - other.wall_s,
            client_cpu_s: self.client_cpu_s - other.client_cpu_s,
            server_cpu_s: self.server_cpu_s - other.server_cpu_s,
            peak_mb: self.peak_mb,
        }
    }

    pub(crate) fn divided_by(&self, parts: usize) -> Self {
        let parts = parts as f64;
        Self {
            wall_s: self.wall_s / parts,
            client_cpu_s: self.client_cpu_s / parts,
            server_cpu_s: self.server_cpu_s / parts,
            peak_mb: self.peak_mb,
        }
    }

    /// Runs a program and waits for its end.
    pub(crate) fn by(mut command: Command, server: &PostgresServer) -> Result<Self, String> {
        let ended_children = || ProcessStat::of(std::process::id()).map_or(f64::NAN, |stat| stat.ended_children_cpu_s);
        let (server_before, client_before) = (server.cpu_s(), ended_children());
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let (process, ended) = (child.id(), AtomicBool::new(false));
        let (output, peak_mb) = thread::scope(|scope| {
            let peak = scope.spawn(|| highest_peak_mb(process, &ended));
            let output = child.wait_with_output();
            ended.store(true, Ordering::Relaxed);
            (output, peak.join().unwrap_or(f64::NAN))
        });
        let wall_s = started.elapsed().as_secs_f64();
        let output = output.map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let (client_cpu_s, server_cpu_s) = (ended_children() - client_before, server.cpu_s() - server_before);
        Ok(Self { wall_s, client_cpu_s, server_cpu_s, peak_mb })
    }
}

/// Samples the peak memory while the process runs, because /proc loses it at the end.
fn highest_peak_mb(process: u32, ended: &AtomicBool) -> f64 {
    let mut highest = f64::NAN;
    while !ended.load(Ordering::Relaxed) {
        highest = peak_mb(process).unwrap_or(highest);
        thread::sleep(Duration::from_millis(20));
    }
    highest
}

/// Runs of Penstock and of another tool, in pairs that follow each other directly.
#[derive(Default)]
pub(crate) struct PairedRuns(Vec<(Resources, Resources)>);

impl PairedRuns {
    pub(crate) async fn measure(
        rounds: usize,
        mut ours: impl AsyncFnMut(usize) -> Resources,
        mut theirs: impl AsyncFnMut(usize) -> Resources,
    ) -> Self {
        let mut pairs = Vec::new();
        for round in 0..rounds {
            // Alternate the order, so that neither side always runs first.
            if round % 2 == 0 {
                let first = ours(round).await;
                pairs.push((first, theirs(round).await));
            } else {
                let first = theirs(round).await;
                pairs.push((ours(round).await, first));
            }
        }
        Self(pairs)
    }

    pub(crate) fn ours(&self, figure: impl Fn(&Resources) -> f64) -> f64 {
        median(self.0.iter().map(|(ours, _)| figure(ours)).collect())
    }

    pub(crate) fn theirs(&self, figure: impl Fn(&Resources) -> f64) -> f64 {
        median(self.0.iter().map(|(_, theirs)| figure(theirs)).collect())
    }

    /// Returns the median of the pairs' ratios, ours over theirs.
    pub(crate) fn ratio(&self, figure: impl Fn(&Resources) -> f64) -> f64 {
        median(self.0.iter().map(|(ours, theirs)| figure(ours) / figure(theirs)).collect())
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
