//! CPU and memory of processes, from the kernel:
//! <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>

use std::fs;

/// `USER_HZ`, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct ProcessStat {
    pub(crate) parent: u32,
    pub(crate) own_cpu_s: f64,
    /// CPU of the ended children that the process has waited for.
    pub(crate) ended_children_cpu_s: f64,
}

impl ProcessStat {
    pub(crate) fn of(process: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The second field is the program's name, which may contain spaces and parentheses.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let seconds = |first: usize| -> Option<f64> {
            let ticks: u64 = fields.get(first)?.parse::<u64>().ok()? + fields.get(first + 1)?.parse::<u64>().ok()?;
            Some(ticks as f64 / TICKS_PER_SECOND)
        };
        Some(Self { parent: fields.get(1)?.parse().ok()?, own_cpu_s: seconds(11)?, ended_children_cpu_s: seconds(13)? })
    }
}

/// Returns the figures of all processes of the machine.
pub(crate) fn stats() -> impl Iterator<Item = ProcessStat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| ProcessStat::of(entry.file_name().to_str()?.parse().ok()?))
}

/// Returns the peak memory of a running process.
pub(crate) fn peak_mb(process: u32) -> Option<f64> {
    memory_mb(process, "VmHWM:")
}

/// Returns the current memory of a running process.
pub(crate) fn resident_mb(process: u32) -> Option<f64> {
    memory_mb(process, "VmRSS:")
}

/// Reads a line of <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>.
fn memory_mb(process: u32, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
