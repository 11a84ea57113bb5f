use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use penstock::local::Postgres;
use protocol::{FailureName, LoadOutcome};
use rustix::process::{Pid, Signal, kill_process};
use test_support::scratch_folder;
use tokio::task::block_in_place;
use tokio_postgres::NoTls;

use crate::ground::{Bucket, Loader, Seen, check_failure, orders, report, request, storage};
use crate::tap::{Fault, Tap};

const ROWS: usize = 60_000;
const RESTARTS_MAX: u32 = 100;

/// A PostgreSQL of a test's own, to be stopped and started at one address.
pub(crate) struct Server {
    folder: PathBuf,
    running: Option<Postgres>,
    tap: Tap,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = scratch_folder("postgres");
        let running = block_in_place(|| Postgres::start(&folder)).unwrap();
        let (tap, url) = Tap::to_database(&running.url());
        Self { folder, running: Some(running), tap, url }
    }

    pub(crate) async fn seen(&self) -> Seen {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        Seen::by(client)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Ends all sessions, or those that are found `among` the rows of a view with their process id.
    pub(crate) async fn end(&mut self, end: End, seen: &Seen, among: &str) {
        match end {
            End::Server(signal) => self.stop(signal),
            End::Backend => seen.run(&format!("select pg_terminate_backend(pid) from {among}")).await,
        }
    }

    /// Ends the postmaster as this signal does: <https://www.postgresql.org/docs/current/server-shutdown.html>
    fn stop(&mut self, signal: Signal) {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster = Pid::from_raw(file.lines().next().unwrap().parse().unwrap()).unwrap();
        kill_process(postmaster, signal).unwrap();
        let stopped = PathBuf::from(format!("/proc/{}", postmaster.as_raw_nonzero()));
        block_in_place(|| {
            while stopped.exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            self.running = None;
        });
    }

    /// After SIGKILL the old backends may hold the memory for a moment, and a new server waits for them.
    pub(crate) fn restart(&mut self) {
        let started = block_in_place(|| {
            (0..RESTARTS_MAX).find_map(|_| {
                let started = Postgres::start(&self.folder);
                started.inspect_err(|_| std::thread::sleep(Duration::from_millis(100))).ok()
            })
        });
        let started = started.expect("PostgreSQL starts again");
        let address: SocketAddr = started.url().rsplit_once('@').unwrap().1.split_once('/').unwrap().0.parse().unwrap();
        self.tap.lead_to(address);
        self.running = Some(started);
    }
}

/// What ends a session in the middle of its work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Server(Signal),
    Backend,
}

pub(crate) const ENDS: [(&str, End); 4] = [
    ("fast", End::Server(Signal::INT)),
    ("immediate", End::Server(Signal::QUIT)),
    ("SIGKILL", End::Server(Signal::KILL)),
    ("backend terminated", End::Backend),
];

pub(crate) async fn a_database_that_stops_in_the_middle_of_a_load_is_waited_for() -> String {
    let mut server = Server::start();
    let storage = storage().await;
    let tap = Tap::to(storage.address);
    let mut loader = Loader::start(&format!("http://{}", tap.address), &server.url);
    for (name, end) in ENDS {
        let body = orders(ROWS, name);
        let after_bytes = body.len() / 2;
        let request = request(&storage.put(Bucket::Plain, &format!("faults/{name}.csv"), body).await);
        tap.arm(Fault::Hold { after_bytes });
        let load = loader.begin(&request);
        block_in_place(|| tap.wait_until_met());
        let seen = server.seen().await;
        seen.wait_for_copy().await;
        server.end(end, &seen, "pg_stat_progress_copy").await;
        tap.release();
        let outcome;
        (loader, outcome) = load.await.unwrap();
        check_failure(&outcome, FailureName::DatabaseUnavailable);
        if let End::Server(_) = end {
            check_failure(&loader.load(&request), FailureName::DatabaseUnavailable);
            server.restart();
        }
        let seen = server.seen().await;
        assert_eq!(seen.rows_of(name).await, 0, "{name}");
        let retried = report(loader.load(&request));
        assert_eq!((retried.outcome, retried.rows_loaded), (LoadOutcome::Loaded, ROWS as u64), "{name}");
        seen.has_exactly(ROWS, name).await;
        seen.keeps_its_invariants().await;
    }
    let names = ENDS.map(|(name, _)| name).join(", ");
    format!("{names} in the middle of {ROWS} rows: DatabaseUnavailable, 0 rows, the retry exact")
}
