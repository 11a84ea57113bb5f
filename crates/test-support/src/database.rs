use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use local_stack::Postgres;
use tokio_postgres::{Client, NoTls};

use crate::folders::scratch_folder;

/// A database for one test, on the server of `DATABASE_URL` or else on an embedded PostgreSQL.
///
/// The embedded server ends with the test process. On another server, dropping this handle drops the database.
#[derive(Debug)]
pub struct TestDatabase {
    pub url: String,
    name: String,
    server: String,
}

/// Creates a database for one test.
///
/// # Panics
/// When PostgreSQL cannot be started or reached.
pub async fn database() -> TestDatabase {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = server_url();
    let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    connect(&server).await.batch_execute(&format!("create database {name}")).await.expect("create database");
    TestDatabase { url: with_database(&server, &name), name, server }
}

impl TestDatabase {
    /// Opens a session for the test, beside those of the code under test.
    pub async fn connect(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for TestDatabase {
    /// Drops the database and ends its sessions. The embedded server needs no cleanup.
    fn drop(&mut self) {
        if Postgres::is_embedded(&self.server) {
            return;
        }
        let (server, statement) = (self.server.clone(), format!("drop database if exists {} with (force)", self.name));
        // Use a new thread, because this one may drive the test's runtime.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("build a runtime");
            runtime.block_on(async { connect(&server).await.batch_execute(&statement).await })
        });
        let _ = dropped.join();
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connect to PostgreSQL");
    tokio::spawn(connection);
    client
}

fn server_url() -> String {
    static EMBEDDED: LazyLock<Postgres> = LazyLock::new(|| {
        Postgres::start(&scratch_folder("postgres")).expect("start the embedded PostgreSQL; run `make setup` first")
    });
    std::env::var("DATABASE_URL").unwrap_or_else(|_| EMBEDDED.url())
}

fn with_database(server: &str, name: &str) -> String {
    let (base, query) =
        server.split_once('?').map_or((server, String::new()), |(base, query)| (base, format!("?{query}")));
    let scheme_end = base.find("://").map_or(0, |at| at + 3);
    let authority_end = base[scheme_end..].find('/').map_or(base.len(), |at| scheme_end + at);
    format!("{}/{name}{query}", &base[..authority_end])
}
