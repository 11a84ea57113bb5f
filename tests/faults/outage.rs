use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use local_stack::Postgres;
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

/// A PostgreSQL server of one test, which can stop and restart behind one address.
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

    /// Stops the server, or terminates the sessions in `view`, which has a column `pid`.
    pub(crate) async fn end(&mut self, stop: Stop, session: &DatabaseSession, view: &str) {
        match stop {
            Stop::Server(signal) => self.stop(signal),
            Stop::Backend => session.run(&format!("select pg_terminate_backend(pid) from {view}")).await,
        }
    }

    /// Sends the signal to the postmaster and waits for its end:
    /// <https://www.postgresql.org/docs/current/server-shutdown.html>
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

    /// Starts the server again. After SIGKILL, old backends may still hold the shared memory, so it retries.
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

/// A way to end a session that is at work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    Server(Signal),
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
    for (name, stop) in STOPS {
        let body = orders(ROWS, name);
        let after_bytes = body.len() / 2;
        let request = request(&storage.put(Bucket::Plain, &format!("faults/{name}.csv"), body).await);
        proxy.arm(ProxyFault::Stall { after_bytes });
        let load = loader.begin(&request);
        block_in_place(|| proxy.wait_for_fault());
        let session = server.session().await;
        session.wait_for_copy().await;
        server.end(stop, &session, "pg_stat_progress_copy").await;
        proxy.release();
        let outcome;
        (loader, outcome) = load.await.unwrap();
        check_failure(&outcome, FailureName::DatabaseUnavailable);
        if let Stop::Server(_) = stop {
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
    format!("{names} during a load of {ROWS} rows: DatabaseUnavailable, 0 rows, then the retry loads all")
}
