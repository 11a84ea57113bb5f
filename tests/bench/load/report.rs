//! The table of results: measurement, target and verdict.

use std::fs;

pub(crate) struct BenchReport {
    lines: Vec<[String; 5]>,
}

const HEAD: [&str; 5] = ["measured", "figures", "result", "target", "verdict"];

/// The target of a result.
#[derive(Clone, Copy)]
pub(crate) enum Threshold {
    AtLeast(f64),
    AtMost(f64),
    /// For comparison only.
    None,
}

impl BenchReport {
    pub(crate) fn new() -> Self {
        Self { lines: vec![HEAD.map(str::to_owned), HEAD.map(|_| "---".to_owned())] }
    }

    /// Adds a line. `show` formats a number with its unit.
    pub(crate) fn add(
        &mut self,
        what: &str,
        figures: String,
        result: f64,
        show: impl Fn(f64) -> String,
        target: Threshold,
    ) {
        let (target, verdict) = match target {
            Threshold::AtLeast(wanted) => (format!("at least {}", show(wanted)), verdict(result >= wanted)),
            Threshold::AtMost(wanted) => (format!("at most {}", show(wanted)), verdict(result <= wanted)),
            Threshold::None => (String::new(), ""),
        };
        eprintln!("  {what}: {figures}; {}; {target} {verdict}", show(result));
        self.lines.push([what.to_owned(), figures, show(result), target, verdict.to_owned()]);
    }

    pub(crate) fn left_out(&mut self, what: &str, why: &str) {
        eprintln!("  {what}: {why}");
        self.lines.push([what.to_owned(), why.to_owned(), String::new(), String::new(), "left out".to_owned()]);
    }

    pub(crate) fn print(&self, about: &[String]) {
        println!("# Benchmarks\n");
        for line in about {
            println!("- {line}");
        }
        println!();
        let widths: Vec<usize> = (0..HEAD.len())
            .map(|column| self.lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        for line in &self.lines {
            let cells: Vec<_> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("| {} |", cells.join(" | "));
        }
    }
}

fn verdict(is_reached: bool) -> &'static str {
    if is_reached { "ahead" } else { "**behind**" }
}

pub(crate) fn times(value: f64) -> String {
    format!("{value:.2} ×")
}

pub(crate) fn megabytes(value: f64) -> String {
    format!("{value:.1} MB")
}

pub(crate) fn percent(value: f64) -> String {
    format!("{value:.1} %")
}

pub(crate) fn milliseconds(value: f64) -> String {
    format!("{value:.2} ms")
}

/// Returns processor, cores, memory and kernel version.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let memory = read("/proc/meminfo");
    let kib: f64 = memory.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(f64::NAN);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{}, {cores} cores, {:.0} GB of memory, Linux {}",
        model.trim_start_matches([' ', '\t', ':']),
        kib / 1e6,
        kernel.trim()
    )
}

/// Returns the load average of the last minute, this bench included.
pub(crate) fn load_average() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
}
