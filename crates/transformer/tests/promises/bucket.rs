//! An S3 bucket over HTTP that rejects requests on demand, which no emulator does. It serves definitions and stores
//! exports.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Clone)]
pub(crate) struct Bucket {
    pub(crate) endpoint: String,
    state: Arc<Mutex<BucketState>>,
}

#[derive(Default)]
struct BucketState {
    objects: HashMap<String, Vec<u8>>,
    /// Parts of unfinished uploads, by key.
    parts: HashMap<String, Vec<u8>>,
    /// By key: the highest part number that is accepted; 0 rejects every write.
    parts_max: HashMap<String, usize>,
    /// Status and error code of every read.
    read_error: Option<(u16, &'static str)>,
    /// Counts the bytes of parts without keeping them.
    forgets_parts: bool,
    bytes_written: usize,
    aborted: HashSet<String>,
}

impl Bucket {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<BucketState>>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client may close the connection early.
                thread::spawn(move || respond(&stream, &state).ok());
            }
        });
        Self { endpoint, state }
    }

    pub(crate) fn put(&self, key: &str, body: &str) {
        self.state.lock().unwrap().objects.insert(key.to_owned(), body.into());
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.state.lock().unwrap().objects.get(key).cloned()
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(|body| String::from_utf8(body).unwrap())
    }

    /// From now on this key accepts so many parts and no more.
    pub(crate) fn reject_above(&self, key: &str, parts: usize) {
        self.state.lock().unwrap().parts_max.insert(key.to_owned(), parts);
    }

    pub(crate) fn accept_all(&self) {
        let mut state = self.state.lock().unwrap();
        state.parts_max.clear();
        state.read_error = None;
    }

    pub(crate) fn reject_reads(&self, status: u16, code: &'static str) {
        self.state.lock().unwrap().read_error = Some((status, code));
    }

    /// From now on accepts parts without keeping their bytes.
    #[allow(dead_code, reason = "the memory test includes this file, and alone has such large exports")]
    pub(crate) fn forget_parts(&self) {
        self.state.lock().unwrap().forgets_parts = true;
    }

    #[allow(dead_code, reason = "the memory test includes this file, and alone has such large exports")]
    pub(crate) fn bytes_written(&self) -> usize {
        self.state.lock().unwrap().bytes_written
    }

    /// Returns true if an upload to this key was aborted and has no parts left.
    pub(crate) fn is_aborted(&self, key: &str) -> bool {
        let state = self.state.lock().unwrap();
        state.aborted.contains(key) && !state.parts.contains_key(key)
    }
}

struct Request {
    method: String,
    key: String,
    query: String,
    body: Vec<u8>,
}

fn read_request(stream: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let first = read_line(&mut reader)?;
    let (method, target) = first.split_once(' ').unwrap_or_default();
    let target = target.split(' ').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let key = path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key).to_owned();
    let mut body = Vec::new();
    loop {
        let line = read_line(&mut reader)?;
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                body.resize(value.parse().unwrap(), 0);
            }
            Some(_) => {}
            None => break,
        }
    }
    reader.read_exact(&mut body)?;
    Ok(Request { method: method.to_owned(), key, query: query.to_owned(), body })
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn respond(stream: &TcpStream, state: &Mutex<BucketState>) -> io::Result<()> {
    let Request { method, key, query, body } = read_request(stream)?;
    let mut state = state.lock().unwrap();
    let parts_max = state.parts_max.get(&key).copied();
    match (method.as_str(), query.contains("uploadId=")) {
        ("GET", _) => match (state.read_error, state.objects.get(&key)) {
            (Some((status, code)), _) => reject(stream, status, code),
            (None, Some(body)) => succeed(stream, body),
            (None, None) => reject(stream, 404, "NoSuchKey"),
        },
        _ if parts_max == Some(0) => reject(stream, 403, "AccessDenied"),
        ("POST", false) => {
            state.parts.insert(key, Vec::new());
            succeed(stream, b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        }
        ("PUT", true) if parts_max.is_some_and(|most| part_number(&query) > most) => {
            reject(stream, 403, "AccessDenied")
        }
        ("PUT", true) => {
            state.bytes_written += body.len();
            if !state.forgets_parts {
                state.parts.get_mut(&key).unwrap().extend_from_slice(&body);
            }
            succeed(stream, b"")
        }
        ("POST", true) => {
            let whole = state.parts.remove(&key).unwrap();
            state.objects.insert(key, whole);
            succeed(stream, b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
        }
        ("DELETE", _) => {
            state.parts.remove(&key);
            state.aborted.insert(key);
            succeed(stream, b"")
        }
        _ => {
            state.bytes_written += body.len();
            state.objects.insert(key, body);
            succeed(stream, b"")
        }
    }
}

fn part_number(query: &str) -> usize {
    query.split('&').find_map(|pair| pair.strip_prefix("partNumber=")).unwrap().parse().unwrap()
}

fn succeed(mut stream: &TcpStream, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(body)
}

fn reject(mut stream: &TcpStream, status: u16, code: &str) -> io::Result<()> {
    let body = format!("<Error><Code>{code}</Code><Message>rejected by the test: {code}</Message></Error>");
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} Refused\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
