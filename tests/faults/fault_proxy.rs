//! A TCP proxy that passes every byte on, until it meets the place where it is to interfere.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// How long a test waits for its fault to happen before it gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A simple query of PostgreSQL's protocol, and the server's word that it is done.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const COMMIT: &[u8] = b"Q\0\0\0\x0bcommit\0";
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

/// How a gzip begins; its flags follow. <https://www.rfc-editor.org/rfc/rfc1952#section-2.3>
const GZIP: &[u8] = b"\x1f\x8b\x08";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyFault {
    /// After so many bytes of one connection, counted from now, the server is silent until [`FaultProxy::release`].
    Hold { after_bytes: usize },
    /// The first gzip that passes has flags that no gzip has.
    DamageGzip,
    /// COMMIT never arrives, and the connection ends.
    LoseCommit,
    /// COMMIT is done; instead of the answer comes the connection's end.
    LoseAnswer,
    /// COMMIT is done; nothing is heard of it until [`FaultProxy::release`], which ends the connection.
    HoldAnswer,
}

pub(crate) struct FaultProxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    upstream: SocketAddr,
    /// Meets one connection, and is gone then.
    fault: Option<ProxyFault>,
    /// How many faults there were: connections that stay open begin to count anew with each.
    faults: usize,
    is_met: bool,
    is_held: bool,
}

impl FaultProxy {
    pub(crate) fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { upstream, fault: None, faults: 0, is_met: false, is_held: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let upstream = accepting.state.lock().unwrap().upstream;
                // A server that is down shows as a connection that ends at once.
                if let Ok(server) = TcpStream::connect(upstream) {
                    join(&accepting, &client, &server);
                }
            }
        });
        Self { address, shared }
    }

    /// One before a PostgreSQL server, and the URL that leads through it.
    pub(crate) fn to_database(url: &str) -> (Self, String) {
        let (user, place) = url.rsplit_once('@').unwrap();
        let (server, database) = place.split_once('/').unwrap();
        let proxy = Self::to(server.parse().unwrap());
        let url = format!("{user}@{}/{database}", proxy.address);
        (proxy, url)
    }

    /// Where connections lead from now on.
    pub(crate) fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.state.lock().unwrap().upstream = upstream;
    }

    pub(crate) fn arm(&self, fault: ProxyFault) {
        let mut state = self.shared.state.lock().unwrap();
        (state.fault, state.is_met, state.is_held) = (Some(fault), false, true);
        state.faults += 1;
    }

    /// Blocks until the armed fault has happened.
    pub(crate) fn wait_for_fault(&self) {
        let state = self.shared.state.lock().unwrap();
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, |state| !state.is_met).unwrap();
        assert!(!waited.1.timed_out(), "the fault has not happened");
    }

    pub(crate) fn release(&self) {
        self.shared.state.lock().unwrap().is_held = false;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn armed(&self) -> Option<ProxyFault> {
        self.state.lock().unwrap().fault
    }

    fn faults(&self) -> usize {
        self.state.lock().unwrap().faults
    }

    fn meet(&self) {
        let mut state = self.state.lock().unwrap();
        (state.fault, state.is_met) = (None, true);
        self.changed.notify_all();
    }

    fn wait_while_held(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| state.is_held).unwrap());
    }
}

/// Two threads that end when either side does, or the fault ends both.
fn join(shared: &Arc<Shared>, client: &TcpStream, server: &TcpStream) {
    let commits = Arc::new(AtomicBool::new(false));
    for way in [upwards, downwards] {
        let (shared, commits) = (Arc::clone(shared), Arc::clone(&commits));
        let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            way(&shared, &commits, &client, &server);
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }
}

/// What the client says. `None` from reading is its end.
fn upwards(shared: &Shared, commits: &AtomicBool, mut client: &TcpStream, mut server: &TcpStream) {
    while let Some(said) = read(&mut client) {
        let about_commit = shared
            .armed()
            .filter(|fault| matches!(fault, ProxyFault::DropCommit | ProxyFault::DropReply | ProxyFault::HoldReply));
        if let (Some(fault), Some(at)) = (about_commit, find(&said, COMMIT)) {
            if fault == ProxyFault::DropCommit {
                let _ = server.write_all(&said[..at]);
                return shared.meet();
            }
            commits.store(true, Ordering::Relaxed);
        }
        if server.write_all(&said).is_err() {
            return;
        }
    }
}

/// What the server answers.
fn downwards(shared: &Shared, commits: &AtomicBool, mut client: &TcpStream, mut server: &TcpStream) {
    let (mut bytes, mut counted_for, mut unheard) = (0, 0, Vec::new());
    while let Some(mut said) = read(&mut server) {
        if counted_for != shared.faults() {
            (bytes, counted_for) = (0, shared.faults());
        }
        if commits.load(Ordering::Relaxed) {
            unheard.extend(said);
            if find(&unheard, COMMITTED).is_some() {
                let holds = shared.armed() == Some(ProxyFault::HoldReply);
                shared.meet();
                if holds {
                    shared.wait_while_held();
                }
                return;
            }
            continue;
        }
        if shared.armed() == Some(ProxyFault::CorruptGzip)
            && let Some(flags) = find(&said, GZIP).and_then(|at| said.get_mut(at + GZIP.len()))
        {
            *flags = 0xff;
            shared.meet();
        }
        let mut rest = said.as_slice();
        if let Some(ProxyFault::Stall { after_bytes }) = shared.armed()
            && bytes + rest.len() > after_bytes
        {
            let (before, after) = rest.split_at(after_bytes.saturating_sub(bytes));
            let _ = client.write_all(before);
            shared.meet();
            shared.wait_while_held();
            rest = after;
        }
        bytes += said.len();
        if client.write_all(rest).is_err() {
            return;
        }
    }
}

fn read(from: &mut &TcpStream) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 64 * 1024];
    let length = from.read(&mut buffer).ok().filter(|length| *length > 0)?;
    buffer.truncate(length);
    Some(buffer)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
