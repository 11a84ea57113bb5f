use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{count, folder, with_stack};

const ROWS: &str = "select count(*) from real.interrupted join penstock.load on load_id = _load_id where key = 'interrupted/killed.csv'";

/// SIGKILL during COPY leaves no visible row, and the state machine's retry loads the file.
#[test]
fn killed_loader_leaves_no_rows() {
    with_stack(async |stack| {
        let body =
            std::fs::read(folder("../.local/test-data/flights.csv")).expect("flights.csv: `make test` fetches it");
        let database = stack.database().await;
        let key = "interrupted/killed.csv";
        stack.put(key, body).await;
        let session = kill_copying_loader(&database).await;
        let session = session.expect("the loader ended before the test could kill it");
        wait_for_end_of_session(&database, session).await;
        if database.query_opt("select 1 from pg_tables where schemaname = 'real'", &[]).await.unwrap().is_some() {
            assert_eq!(count(&database, ROWS).await, 0);
        }
        let execution = stack.next_execution(key, &[]).await;
        assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
        assert_eq!(count(&database, ROWS).await, 336_776);
        assert_eq!(stack.notices(&execution, 0).await.len(), 0, "this pipeline has no success notices");
    });
}

/// Kills the loader once it has copied rows. Returns its session's process id.
async fn kill_copying_loader(database: &tokio_postgres::Client) -> Option<i32> {
    let copying = "select pid, a.client_port from pg_stat_progress_copy c join pg_stat_activity a using (pid)
                   where c.relid = to_regclass('real.interrupted') and c.tuples_processed > 20000";
    for _ in 0..6000 {
        if let Some(row) = database.query_opt(copying, &[]).await.unwrap() {
            let is_killed = owner_of_local_port(row.get(1)).is_some_and(kill);
            return is_killed.then(|| row.get(0));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    None
}

fn kill(process: u32) -> bool {
    Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap().success()
}

/// Waits for this session and not for COPY in general: the retry copies into the same table a second later.
async fn wait_for_end_of_session(database: &tokio_postgres::Client, session: i32) {
    for _ in 0..1000 {
        let found = database.query_opt("select from pg_stat_activity where pid = $1", &[&session]).await.unwrap();
        if found.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("PostgreSQL has not ended the session of the killed loader");
}

/// Finds the local process that holds the client's end of a connection, in `/proc`.
fn owner_of_local_port(port: i32) -> Option<u32> {
    let inode = socket_inode(port)?;
    let socket = format!("socket:[{inode}]");
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let id: u32 = process.file_name().to_str()?.parse().ok()?;
        let descriptors = std::fs::read_dir(process.path().join("fd")).ok()?;
        let holds =
            descriptors.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == Path::new(&socket)));
        holds.then_some(id)
    })
}

fn socket_inode(port: i32) -> Option<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let local = format!(":{port:04X}");
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(1)?.ends_with(&local)).then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    })
}
