//! Compares the loader with other tools: one server, one run, interleaved pairs, medians.
//!
//! Standard output is the benchmarks page, standard error shows the progress. `make bench` sets `PYTHON`, `PGLOADER` and
//! `FUNCTIONS` (a folder of release binaries). Options:
//! - `BENCH_MB`: size of the largest file in MB (1000)
//! - `BENCH_ONLY`: sections to run, of copy, lineage, formats, rejects, files, huge and python
//! - `BENCH_BEFORE`: folder with an earlier build of the loader, for the section files
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench without its environment fails")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "figures may be rounded")]

mod conversion;
mod file_server;
mod files;
mod generated_rows;
mod peers;
mod penstock;
mod process;
mod report;
mod resources;
mod sections;
mod server;
mod streamed;

use std::path::{Path, PathBuf};
use std::process::Command;

use file_server::FileServer;
use files::BenchFiles;
use peers::Peers;
use penstock::Penstock;
use report::{BenchReport, load_average, machine};
use server::PostgresServer;

/// The environment of all sections.
struct Bench {
    server: PostgresServer,
    penstock: Penstock,
    penstock_before: Option<Penstock>,
    peers: Peers,
    files: BenchFiles,
}

const LARGE_MB: u64 = 1000;

#[tokio::main]
async fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project");
    let large_mb = std::env::var("BENCH_MB").map_or(LARGE_MB, |text| text.parse().expect("BENCH_MB is a number"));
    let functions = PathBuf::from(std::env::var_os("FUNCTIONS").expect("FUNCTIONS is not set: use `make bench`"));

    let files = BenchFiles::new(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench"), large_mb);
    let bucket = FileServer::start(&files.folder).expect("start the bucket");
    let database = test_support::database().await;
    let server = PostgresServer::connect(&database.url, database.connect().await).await;
    let loader = |folder: PathBuf| Penstock::new(folder.join("loader"), &bucket, &server);
    let penstock = loader(functions);
    let penstock_before = std::env::var_os("BENCH_BEFORE").map(|folder| loader(folder.into()));
    let peers = Peers::find(&root, &server.url);
    let mut about = about(&root, &server, &peers).await;
    let bench = Bench { server, penstock, penstock_before, peers, files };

    let mut report = BenchReport::new();
    sections::run(&bench, &mut report).await;
    about.push(format!("load average at the end: {}; other programs slowed both sides", load_average()));
    report.print(&about);
}

async fn about(root: &Path, server: &PostgresServer, peers: &Peers) -> Vec<String> {
    let commit = Command::new("git").arg("-C").arg(root).args(["describe", "--always", "--dirty"]).output();
    let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let mut about = vec![
        machine(),
        format!("Penstock {} ({commit}), PostgreSQL {}", env!("CARGO_PKG_VERSION"), server.version().await),
    ];
    about.extend(peers.versions());
    about.push(command());
    about.push(format!(
        "every figure is the median of {} pairs on the same server. The two runs of a pair follow each other directly. A ratio \
         is the median of the pairs' ratios, Penstock's figure over the other's. Each load starts a process, so its time \
         includes the cold start. A checksum over the table verifies that both sides loaded the same rows",
        sections::ROUNDS
    ));
    about
}

/// Returns the command of this run, without the path of the earlier build.
fn command() -> String {
    let set = |name: &'static str| std::env::var(name).ok().map(|value| (name, value));
    let typed = ["BENCH_ONLY", "BENCH_MB"].into_iter().filter_map(set).map(|(name, value)| format!("{name}={value} "));
    let before = set("BENCH_BEFORE").map(|(name, _)| format!("{name}=EARLIER_BUILD "));
    format!("`{}make bench`", typed.chain(before).collect::<String>())
}
