//! A TCP proxy that forwards every byte until a test injects a fault.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// How long a test waits for its fault to occur.
const FAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// The simple query `commit` of PostgreSQL's protocol, and the server's CommandComplete message.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const COMMIT: &[u8] = b"Q\0\0\0\x0bcommit\0";
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

/// The first bytes of a gzip member. The next byte holds its flags.
/// <https://www.rfc-editor.org/rfc/rfc1952#section-2.3>
const GZIP: &[u8] = b"\x1f\x8b\x08";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyFault {
    /// Stops the server's stream after this many bytes of one connection, until [`FaultProxy::release`]. Bytes count
    /// from [`FaultProxy::arm`].
    Stall { after_bytes: usize },
    /// Sets invalid flags in the first gzip header that passes.
    CorruptGzip,
    /// Drops COMMIT and closes the connection.
    DropCommit,
    /// Forwards COMMIT, drops the reply and closes the connection.
    DropReply,
    /// Forwards COMMIT and withholds the reply. [`FaultProxy::release`] closes the connection.
    HoldReply,
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
    /// Affects one connection, once.
    fault: Option<ProxyFault>,
    /// Number of faults armed so far. An open connection restarts its byte count at each.
    faults: usize,
    has_occurred: bool,
    is_held: bool,
}

impl FaultProxy {
    /// Starts a proxy in front of a server.
    pub(crate) fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { upstream, fault: None, faults: 0, has_occurred: false, is_held: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let upstream = accepting.state.lock().unwrap().upstream;
                // When the server is down, the client sees a connection that closes at once.
                if let Ok(server) = TcpStream::connect(upstream) {
                    forward(&accepting, &client, &server);
                }
            }
        });
        Self { address, shared }
    }

    /// Starts a proxy in front of a PostgreSQL server. Returns the URL through the proxy.
    pub(crate) fn before_database(url: &str) -> (Self, String) {
        let (user, address) = url.rsplit_once('@').unwrap();
        let (server, database) = address.split_once('/').unwrap();
        let proxy = Self::before(server.parse().unwrap());
        let url = format!("{user}@{}/{database}", proxy.address);
        (proxy, url)
    }

    /// Sets the server of new connections.
    pub(crate) fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.state.lock().unwrap().upstream = upstream;
    }

    /// Injects the fault into the next connection that it applies to.
    pub(crate) fn arm(&self, fault: ProxyFault) {
        let mut state = self.shared.state.lock().unwrap();
        (state.fault, state.has_occurred, state.is_held) = (Some(fault), false, true);
        state.faults += 1;
    }

    /// Blocks until the armed fault has occurred.
    pub(crate) fn wait_for_fault(&self) {
        let state = self.shared.state.lock().unwrap();
        let waited = self.shared.changed.wait_timeout_while(state, FAULT_TIMEOUT, |state| !state.has_occurred).unwrap();
        assert!(!waited.1.timed_out(), "the fault did not occur in time");
    }

    /// Ends a stall or a withheld reply.
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

    fn mark_occurred(&self) {
        let mut state = self.state.lock().unwrap();
        (state.fault, state.has_occurred) = (None, true);
        self.changed.notify_all();
    }

    fn wait_while_held(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| state.is_held).unwrap());
    }
}

/// Forwards both directions in two threads. Both end when one side closes or a fault closes the connection.
fn forward(shared: &Arc<Shared>, client: &TcpStream, server: &TcpStream) {
    let commits = Arc::new(AtomicBool::new(false));
    for direction in [forward_requests, forward_replies] {
        let (shared, commits) = (Arc::clone(shared), Arc::clone(&commits));
        let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            direction(&shared, &commits, &client, &server);
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }
}

/// Forwards the client's bytes to the server.
fn forward_requests(shared: &Shared, commits: &AtomicBool, mut client: &TcpStream, mut server: &TcpStream) {
    while let Some(bytes) = read(&mut client) {
        let commit_fault = shared
            .armed()
            .filter(|fault| matches!(fault, ProxyFault::DropCommit | ProxyFault::DropReply | ProxyFault::HoldReply));
        if let (Some(fault), Some(at)) = (commit_fault, find(&bytes, COMMIT)) {
            if fault == ProxyFault::DropCommit {
                let _ = server.write_all(&bytes[..at]);
                return shared.mark_occurred();
            }
            commits.store(true, Ordering::Relaxed);
        }
        if server.write_all(&bytes).is_err() {
            return;
        }
    }
}

/// Forwards the server's bytes to the client.
fn forward_replies(shared: &Shared, commits: &AtomicBool, mut client: &TcpStream, mut server: &TcpStream) {
    let (mut forwarded, mut counted_for, mut withheld) = (0, 0, Vec::new());
    while let Some(mut bytes) = read(&mut server) {
        if counted_for != shared.faults() {
            (forwarded, counted_for) = (0, shared.faults());
        }
        if commits.load(Ordering::Relaxed) {
            withheld.extend(bytes);
            if find(&withheld, COMMITTED).is_some() {
                let holds = shared.armed() == Some(ProxyFault::HoldReply);
                shared.mark_occurred();
                if holds {
                    shared.wait_while_held();
                }
                return;
            }
            continue;
        }
        if shared.armed() == Some(ProxyFault::CorruptGzip)
            && let Some(flags) = find(&bytes, GZIP).and_then(|at| bytes.get_mut(at + GZIP.len()))
        {
            *flags = 0xff;
            shared.mark_occurred();
        }
        let mut rest = bytes.as_slice();
        if let Some(ProxyFault::Stall { after_bytes }) = shared.armed()
            && forwarded + rest.len() > after_bytes
        {
            let (before, after) = rest.split_at(after_bytes.saturating_sub(forwarded));
            let _ = client.write_all(before);
            shared.mark_occurred();
            shared.wait_while_held();
            rest = after;
        }
        forwarded += bytes.len();
        if client.write_all(rest).is_err() {
            return;
        }
    }
}

/// Returns the next bytes. None at the end of the stream.
fn read(from: &mut &TcpStream) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 64 * 1024];
    let length = from.read(&mut buffer).ok().filter(|length| *length > 0)?;
    buffer.truncate(length);
    Some(buffer)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
