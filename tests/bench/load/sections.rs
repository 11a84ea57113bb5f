//! The measurements, one function for each section of the table.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use test_support::runtime_api::Function;

use crate::Bench;
use crate::conversion;
use crate::files::PARTS;
use crate::generated_rows::{Layout, ROWS_PER_BAD_ROW};
use crate::penstock::Penstock;
use crate::process::{ProcessStat, peak_mb, resident_mb};
use crate::report::{BenchReport, Threshold, megabytes, milliseconds, percent, times};
use crate::resources::{PairedRuns, Resources, median};
use crate::server::Lineage;
use crate::streamed::StreamedFile;

pub(crate) const ROUNDS: usize = 5;

pub(crate) async fn run(bench: &Bench, report: &mut BenchReport) {
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let wanted = |section: &str| only.is_empty() || only.split(',').any(|name| name == section);
    if wanted("copy") {
        copy(bench, report).await;
    }
    if wanted("lineage") {
        lineage(bench, report).await;
    }
    if wanted("formats") {
        formats(bench, report).await;
    }
    if wanted("rejects") {
        rejects(bench, report).await;
    }
    if wanted("files") {
        files(bench, report).await;
    }
    if wanted("huge") {
        huge(bench, report).await;
    }
    if wanted("python") {
        python(bench, report).await;
    }
}

impl Bench {
    async fn ours(&self, file: &str) -> Resources {
        self.server.reset(Lineage::Kept).await;
        self.penstock.load(&self.server, file).0
    }

    async fn theirs(&self, command: Command) -> Resources {
        self.server.reset(Lineage::Kept).await;
        self.run(command)
    }

    fn run(&self, command: Command) -> Resources {
        let program = command.get_program().display().to_string();
        Resources::by(command, &self.server).unwrap_or_else(|error| panic!("{program}: {error}"))
    }

    /// Panics when the two sides do not load the same rows.
    async fn check_same_rows(&self, what: &str, ours: &str, theirs: Command) {
        self.ours(ours).await;
        let our_rows = self.server.checksum().await;
        self.theirs(theirs).await;
        let their_rows = self.server.checksum().await;
        assert_eq!(our_rows, their_rows, "{what}: row count or checksum differs");
    }
}

async fn copy(bench: &Bench, report: &mut BenchReport) {
    let (large, small) = (bench.files.large_mb, bench.files.small_mb());
    let mut peaks = Vec::new();
    for mb in [small, large] {
        let file = bench.files.rows(mb, Layout::Csv);
        let psql = || bench.peers.copy(&bench.files.path(&file));
        bench.check_same_rows("psql", &file, psql()).await;
        let pairs =
            PairedRuns::measure(ROUNDS, async |_| bench.ours(&file).await, async |_| bench.theirs(psql()).await).await;
        let what = |figure: &str| format!("{mb} MB of CSV against psql \\copy: {figure}");
        let (fast, server, total) = match mb == large {
            true => (Threshold::AtLeast(1.5), Threshold::AtMost(0.65), Threshold::AtMost(0.9)),
            false => (Threshold::None, Threshold::None, Threshold::None),
        };
        let speed = 1.0 / pairs.ratio(|run| run.wall_s);
        report.add(&what("times as fast"), seconds(&pairs, |run| run.wall_s), speed, times, fast);
        let figure = |run: &Resources| run.server_cpu_s;
        report.add(&what("server CPU"), seconds(&pairs, figure), pairs.ratio(figure), times, server);
        report.add(
            &what("total CPU"),
            seconds(&pairs, Resources::total_cpu_s),
            pairs.ratio(Resources::total_cpu_s),
            times,
            total,
        );
        peaks.push(pairs.ours(|run| run.peak_mb));
        let theirs = pairs.theirs(|run| run.peak_mb);
        let peak = pairs.ours(|run| run.peak_mb);
        report.add(&what("peak memory"), format!("psql {theirs:.1} MB"), peak, megabytes, Threshold::AtMost(32.0));
    }
    growth(report, "CSV", &peaks, bench);
}

fn growth(report: &mut BenchReport, what: &str, peaks: &[f64], bench: &Bench) {
    let figures = format!("{:.1} MB, {:.1} MB", peaks[0], peaks[1]);
    let what = format!("peak memory at {} MB over {} MB: {what}", bench.files.large_mb, bench.files.small_mb());
    report.add(&what, figures, peaks[1] / peaks[0], times, Threshold::AtMost(1.2));
}

async fn lineage(bench: &Bench, report: &mut BenchReport) {
    let file = bench.files.rows(bench.files.small_mb(), Layout::Csv);
    let without = async |_| {
        bench.server.reset(Lineage::Left).await;
        bench.penstock.load(&bench.server, &file).0
    };
    let pairs = PairedRuns::measure(ROUNDS, async |_| bench.ours(&file).await, without).await;
    let cost = |figure: fn(&Resources) -> f64| 100.0 * (pairs.ratio(figure) - 1.0);
    report.add(
        "lineage column _load_id: cost in time",
        seconds(&pairs, |run| run.wall_s),
        cost(|run| run.wall_s),
        percent,
        Threshold::None,
    );
    let total = cost(Resources::total_cpu_s);
    report.add("… and in total CPU", seconds(&pairs, Resources::total_cpu_s), total, percent, Threshold::None);
}

async fn formats(bench: &Bench, report: &mut BenchReport) {
    let (large, small) = (bench.files.large_mb, bench.files.small_mb());
    let kinds: [(&str, &dyn Fn(u64) -> String); 2] =
        [("JSON Lines", &|mb| bench.files.rows(mb, Layout::JsonLines)), ("gzipped CSV", &|mb| bench.files.gzip(mb))];
    for (kind, file) in kinds {
        let csv = bench.files.path(&bench.files.rows(small, Layout::Csv));
        bench.check_same_rows(kind, &file(small), bench.peers.copy(&csv)).await;
        let path = bench.files.path(&file(small));
        let alone = async |_| conversion::convert(bench.penstock.dataset(), &path);
        let pairs = PairedRuns::measure(ROUNDS, async |_| bench.ours(&file(small)).await, alone).await;
        report.add(
            &format!("{kind}, rows of {small} MB: share of the speed of decompressing and parsing alone"),
            seconds(&pairs, |run| run.wall_s),
            1.0 / pairs.ratio(|run| run.wall_s),
            times,
            Threshold::AtLeast(0.9),
        );
        let binary = bench.files.path("ready.bin");
        conversion::write_binary(bench.penstock.dataset(), &path, &binary).expect("write a binary file");
        let ready = async |_| bench.theirs(bench.peers.copy_binary(&binary)).await;
        let pairs = PairedRuns::measure(ROUNDS, async |_| bench.ours(&file(small)).await, ready).await;
        report.add(
            &format!("{kind}, rows of {small} MB: share of the speed of PostgreSQL alone (binary tuples with psql)"),
            seconds(&pairs, |run| run.wall_s),
            1.0 / pairs.ratio(|run| run.wall_s),
            times,
            Threshold::None,
        );
        let mut large_peaks = Vec::new();
        for _ in 0..ROUNDS {
            large_peaks.push(bench.ours(&file(large)).await.peak_mb);
        }
        let peaks = [pairs.ours(|run| run.peak_mb), median(large_peaks)];
        let what = format!("{kind}, rows of {large} MB: peak memory");
        report.add(&what, String::new(), peaks[1], megabytes, Threshold::AtMost(32.0));
        growth(report, kind, &peaks, bench);
    }
    parquet(bench, report).await;
}

async fn parquet(bench: &Bench, report: &mut BenchReport) {
    let (large, small) = (bench.files.large_mb, bench.files.small_mb());
    let mut peaks = Vec::new();
    for mb in [small, large] {
        let (csv, parquet) = (bench.files.path(&bench.files.rows(mb, Layout::Csv)), format!("{mb}-mb.parquet"));
        bench.run(bench.peers.to_parquet(&csv, &bench.files.path(&parquet)));
        if mb == small {
            bench.check_same_rows("Parquet", &parquet, bench.peers.copy(&csv)).await;
        }
        let mut of_runs = Vec::new();
        for _ in 0..ROUNDS {
            of_runs.push(bench.ours(&parquet).await.peak_mb);
        }
        peaks.push(median(of_runs));
    }
    let what = format!("Parquet, rows of {large} MB: peak memory");
    report.add(&what, String::new(), peaks[1], megabytes, Threshold::AtMost(64.0));
}

async fn rejects(bench: &Bench, report: &mut BenchReport) {
    let small = bench.files.small_mb();
    let (good, bad) = (bench.files.rows(small, Layout::Csv), bench.files.rows(small, Layout::CsvWithBadRows));
    bench.server.reset(Lineage::Kept).await;
    let (_, loaded) = bench.penstock.load(&bench.server, &bad);
    assert_eq!(loaded.rows_rejected, loaded.rows_read.div_ceil(ROWS_PER_BAD_ROW));
    let pairs = PairedRuns::measure(ROUNDS, async |_| bench.ours(&bad).await, async |_| bench.ours(&good).await).await;
    let cost = 100.0 * (pairs.ratio(|run| run.wall_s) - 1.0);
    let what = format!("one bad row in {ROWS_PER_BAD_ROW}, {small} MB: cost");
    report.add(&what, seconds(&pairs, |run| run.wall_s), cost, percent, Threshold::AtMost(10.0));
}

/// Measures the overhead per file: the cost of many files beyond one file with the same rows.
async fn files(bench: &Bench, report: &mut BenchReport) {
    let mut now = WarmLoader::start(&bench.penstock);
    let mut before = bench.penstock_before.as_ref().map(WarmLoader::start);
    let (mut ours, mut theirs, mut earlier) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(now.per_file(bench).await);
        let our_rows = bench.server.checksum().await;
        theirs.push(psql_per_file(bench).await);
        assert_eq!(our_rows, bench.server.checksum().await, "small files: row count or checksum differs");
        if let Some(before) = &mut before {
            earlier.push(before.per_file(bench).await);
        }
    }
    let what = format!("{PARTS} files of 10 KB, one warm loader: overhead per file");
    let middle = |all: &[Resources], figure: fn(&Resources) -> f64| median(all.iter().map(figure).collect());
    for (unit, figure) in [("time", (|run| run.wall_s) as fn(&Resources) -> f64), ("total CPU", Resources::total_cpu_s)]
    {
        let psql = format!("psql, one session {:.2} ms", 1e3 * middle(&theirs, figure));
        report.add(&format!("{what}, {unit}"), psql, 1e3 * middle(&ours, figure), milliseconds, Threshold::None);
        if !earlier.is_empty() {
            let ratio = median(ours.iter().zip(&earlier).map(|(now, before)| figure(now) / figure(before)).collect());
            let figures = format!("{:.2} ms", 1e3 * middle(&earlier, figure));
            report.add(
                &format!("… {unit} compared with the earlier build"),
                figures,
                ratio,
                times,
                Threshold::AtMost(0.5),
            );
        }
    }
}

/// A loader process that loads many files.
struct WarmLoader<'a> {
    penstock: &'a Penstock,
    function: Function,
}

impl<'a> WarmLoader<'a> {
    fn start(penstock: &'a Penstock) -> Self {
        Self { penstock, function: penstock.start() }
    }

    async fn per_file(&mut self, bench: &Bench) -> Resources {
        let (parts, whole) = bench.files.parts();
        bench.server.reset(Lineage::Kept).await;
        let one = self.load(bench, &[whole]);
        bench.server.reset(Lineage::Kept).await;
        self.load(bench, &parts).beyond(&one).divided_by(PARTS)
    }

    fn load(&mut self, bench: &Bench, files: &[String]) -> Resources {
        let client_cpu_s =
            |function: &Function| ProcessStat::of(function.pid()).map_or(f64::NAN, |stat| stat.own_cpu_s);
        let before = (bench.server.cpu_s(), client_cpu_s(&self.function));
        let started = Instant::now();
        for file in files {
            self.penstock.load_with(&mut self.function, file);
        }
        Resources {
            wall_s: started.elapsed().as_secs_f64(),
            client_cpu_s: client_cpu_s(&self.function) - before.1,
            server_cpu_s: bench.server.cpu_s() - before.0,
            peak_mb: f64::NAN,
        }
    }
}

async fn psql_per_file(bench: &Bench) -> Resources {
    let (parts, whole) = bench.files.parts();
    let paths: Vec<PathBuf> = parts.iter().map(|part| bench.files.path(part)).collect();
    let one = bench.theirs(bench.peers.copy(&bench.files.path(&whole))).await;
    let many = bench.peers.copy_each(&bench.files.path("parts.sql"), &paths);
    bench.theirs(many).await.beyond(&one).divided_by(PARTS)
}

/// Loads a large generated file with a limit of the address space.
async fn huge(bench: &Bench, report: &mut BenchReport) {
    const MEMORY_MIB: u64 = 256;
    const SAMPLES_PER_SECOND: u64 = 4;
    let mb = 5 * bench.files.large_mb;
    let penstock = bench.penstock.within(&bench.files.folder, MEMORY_MIB).expect("write the loader's limits");
    bench.server.reset(Lineage::Kept).await;
    let mut function = penstock.start();
    let process = function.pid();
    let started = Instant::now();
    let (memory, loaded) = thread::scope(|scope| {
        let load = scope.spawn(|| penstock.load_with(&mut function, &StreamedFile::name(mb)));
        let mut memory = Vec::new();
        while !load.is_finished() {
            memory.extend(resident_mb(process));
            thread::sleep(Duration::from_millis(1000 / SAMPLES_PER_SECOND));
        }
        (memory, load.join().expect("the load"))
    });
    let took_s = started.elapsed().as_secs_f64();
    let rows = StreamedFile::new(mb).rows();
    assert_eq!((loaded.rows_loaded, loaded.rows_rejected), (rows, 0));
    assert_eq!(bench.server.checksum().await.0.unsigned_abs(), rows);
    let tenth = |number: usize| memory[(memory.len() - 1) * number / 10];
    let over_time: Vec<String> = (1..=10).map(|number| format!("{:.1}", tenth(number))).collect();
    report.add(
        &format!("{mb} MB of generated CSV within {MEMORY_MIB} MiB of address space: peak memory"),
        format!("{rows} rows in {took_s:.0} s; MB at each tenth of the time: {}", over_time.join(", ")),
        peak_mb(process).unwrap_or(f64::NAN),
        megabytes,
        Threshold::AtMost(32.0),
    );
}

async fn python(bench: &Bench, report: &mut BenchReport) {
    let (small, tiny) = (bench.files.small_mb(), bench.files.tiny_mb());
    let tools = [
        ("pandas read_csv + to_sql", "pandas_to_sql", tiny),
        ("pandas + psycopg2 copy_expert", "pandas_copy", small),
        ("polars write_database by ADBC", "polars_adbc", small),
    ];
    for (name, function, mb) in tools {
        let file = bench.files.rows(mb, Layout::Csv);
        let command = || bench.peers.python(function, &bench.files.path(&file));
        let wanted = if function == "pandas_to_sql" { Threshold::AtLeast(30.0) } else { Threshold::None };
        against(bench, report, name, mb, &command, wanted).await;
    }
    let script = bench.files.path("pgloader.load");
    let file = bench.files.path(&bench.files.rows(small, Layout::Csv));
    let command = || bench.peers.pgloader(&script, &file);
    match command() {
        Some(_) => against(bench, report, "pgloader", small, &|| command().expect("pgloader"), Threshold::None).await,
        None => report.left_out("pgloader", "not on this machine"),
    }
}

async fn against(
    bench: &Bench,
    report: &mut BenchReport,
    name: &str,
    mb: u64,
    command: &dyn Fn() -> Command,
    cpu_target: Threshold,
) {
    let file = bench.files.rows(mb, Layout::Csv);
    bench.check_same_rows(name, &file, command()).await;
    let pairs =
        PairedRuns::measure(ROUNDS, async |_| bench.ours(&file).await, async |_| bench.theirs(command()).await).await;
    let what = |figure: &str| format!("{mb} MB of CSV against {name}: {figure}");
    let times_less = |figure: fn(&Resources) -> f64| 1.0 / pairs.ratio(figure);
    let wall = times_less(|run| run.wall_s);
    report.add(&what("times as fast"), seconds(&pairs, |run| run.wall_s), wall, times, Threshold::AtLeast(1.0));
    let cpu = times_less(Resources::total_cpu_s);
    report.add(&what("times less total CPU"), seconds(&pairs, Resources::total_cpu_s), cpu, times, cpu_target);
    let (ours, theirs) = (pairs.ours(|run| run.peak_mb), pairs.theirs(|run| run.peak_mb));
    let memory = times_less(|run| run.peak_mb);
    let figures = format!("{ours:.1} MB, {theirs:.1} MB");
    report.add(&what("times less memory"), figures, memory, times, Threshold::AtLeast(1.0));
}

fn seconds(pairs: &PairedRuns, figure: impl Fn(&Resources) -> f64) -> String {
    format!("{:.2} s, {:.2} s", pairs.ours(&figure), pairs.theirs(&figure))
}
