use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use penstock::local::Postgres;
use protocol::{FailureName, LoadOutcome};
use rustix::process::{Pid, Signal, kill_process};
use test_support::scratch_folder;
use tokio::task::block_in_place;
use tokio_postgres::NoTls;

use crate::environment::{
    Bucket, DatabaseSession, LoaderProcess, check_failure, load_report, orders, request, storage,
};
use crate::fault_proxy::{FaultProxy, ProxyFault};

const ROWS: usize = 60_000;
const RESTARTS_MAX: u32 = 100;

/// A PostgreSQL of a test's own, to be stopped and started at one address.
pub(crate) struct PostgresServer {
    folder: PathBuf,
    running: Option<Postgres>,
    proxy: FaultProxy,
    pub(crate) url: String,
}

impl PostgresServer {
    pub(crate) fn start() -> Self {
        let folder = scratch_folder("postgres");
        let running = block_in_place(|| Postgres::start(&folder)).unwrap();
        let (proxy, url) = FaultProxy::before_database(&running.url());
        Self { folder, running: Some(running), proxy, url }
    }

    pub(crate) async fn session(&self) -> DatabaseSession {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        DatabaseSession::new(client)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Ends all sessions, or those that are found `among` the rows of a view with their process id.
    pub(crate) async fn end(&mut self, end: Stop, session: &DatabaseSession, among: &str) {
        match end {
            Stop::Server(signal) => self.stop(signal),
            Stop::Backend => session.run(&format!("select pg_terminate_backend(pid) from {among}")).await,
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
        self.proxy.set_upstream(address);
        self.running = Some(started);
    }
}

/// What ends a session in the middle of its work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    PostgresServer(Signal),
    Backend,
}

pub(crate) const STOPS: [(&str, Stop); 4] = [
    ("fast", Stop::Server(Signal::INT)),
    ("immediate", Stop::Server(Signal::QUIT)),
    ("SIGKILL", Stop::Server(Signal::KILL)),
    ("backend terminated", Stop::Backend),
];

pub(crate) async fn database_stop_during_load_is_retried() -> String {
    let mut server = PostgresServer::start();
    let storage = storage().await;
    let proxy = FaultProxy::before(storage.address);
    let mut loader = LoaderProcess::start(&format!("http://{}", proxy.address), &server.url);
    for (name, end) in STOPS {
        let body = orders(ROWS, name);
        let after_bytes = body.len() / 2;
        let request = request(&storage.put(Bucket::Plain, &format!("faults/{name}.csv"), body).await);
        proxy.arm(ProxyFault::Stall { after_bytes });
        let load = loader.begin(&request);
        block_in_place(|| proxy.wait_for_fault());
        let session = server.session().await;
        session.wait_for_copy().await;
        server.end(end, &session, "pg_stat_progress_copy").await;
        proxy.release();
        let outcome;
        (loader, outcome) = load.await.unwrap();
        check_failure(&outcome, FailureName::DatabaseUnavailable);
        if let Stop::Server(_) = end {
            check_failure(&loader.load(&request), FailureName::DatabaseUnavailable);
            server.restart();
        }
        let session = server.session().await;
        assert_eq!(session.count_rows(name).await, 0, "{name}");
        let retried = load_report(loader.load(&request));
        assert_eq!((retried.outcome, retried.rows_loaded), (LoadOutcome::Loaded, ROWS as u64), "{name}");
        session.check_rows(ROWS, name).await;
        session.check_invariants().await;
    }
    let names = STOPS.map(|(name, _)| name).join(", ");
    format!("{names} in the middle of {ROWS} rows: DatabaseUnavailable, 0 rows, the retry exact")
}
