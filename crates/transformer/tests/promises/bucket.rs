//! One bucket over HTTP that has the definitions, takes what is exported, and refuses as it is told: what no emulator
//! does on request.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Clone)]
pub(crate) struct Bucket {
    pub(crate) endpoint: String,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    objects: HashMap<String, Vec<u8>>,
    /// Of uploads that nobody has completed.
    parts: HashMap<String, Vec<u8>>,
    /// Keys to which no part above this number can be put; 0 refuses everything.
    refused_above: HashMap<String, usize>,
    /// Status and code for whatever is read.
    reads_refused: Option<(u16, &'static str)>,
    /// Parts count and their bytes do not stay.
    forgets: bool,
    bytes_taken: usize,
    aborted: HashSet<String>,
}

impl Bucket {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::<Mutex<Kept>>::default();
        let shared = Arc::clone(&kept);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&shared);
                // A client that has heard enough hangs up.
                thread::spawn(move || answer(&stream, &kept).ok());
            }
        });
        Self { endpoint, kept }
    }

    pub(crate) fn put(&self, key: &str, body: &str) {
        self.kept.lock().unwrap().objects.insert(key.to_owned(), body.into());
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.kept.lock().unwrap().objects.get(key).cloned()
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(|body| String::from_utf8(body).unwrap())
    }

    /// From now on this key takes so many parts and no more.
    pub(crate) fn refuse_above(&self, key: &str, parts: usize) {
        self.kept.lock().unwrap().refused_above.insert(key.to_owned(), parts);
    }

    pub(crate) fn refuse_no_more(&self) {
        let mut kept = self.kept.lock().unwrap();
        kept.refused_above.clear();
        kept.reads_refused = None;
    }

    pub(crate) fn refuse_reads(&self, status: u16, code: &'static str) {
        self.kept.lock().unwrap().reads_refused = Some((status, code));
    }

    /// Takes parts as always, and keeps none of their bytes.
    #[allow(dead_code, reason = "the memory test includes this file, and alone has such large exports")]
    pub(crate) fn forget_parts(&self) {
        self.kept.lock().unwrap().forgets = true;
    }

    #[allow(dead_code, reason = "the memory test includes this file, and alone has such large exports")]
    pub(crate) fn bytes_taken(&self) -> usize {
        self.kept.lock().unwrap().bytes_taken
    }

    /// Whether an upload to this key was taken back, and nothing of it is left.
    pub(crate) fn is_aborted(&self, key: &str) -> bool {
        let kept = self.kept.lock().unwrap();
        kept.aborted.contains(key) && !kept.parts.contains_key(key)
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

fn answer(stream: &TcpStream, kept: &Mutex<Kept>) -> io::Result<()> {
    let Request { method, key, query, body } = read_request(stream)?;
    let mut kept = kept.lock().unwrap();
    let refused_above = kept.refused_above.get(&key).copied();
    match (method.as_str(), query.contains("uploadId=")) {
        ("GET", _) => match (kept.reads_refused, kept.objects.get(&key)) {
            (Some((status, code)), _) => refuse(stream, status, code),
            (None, Some(body)) => succeed(stream, body),
            (None, None) => refuse(stream, 404, "NoSuchKey"),
        },
        _ if refused_above == Some(0) => refuse(stream, 403, "AccessDenied"),
        ("POST", false) => {
            kept.parts.insert(key, Vec::new());
            succeed(stream, b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        }
        ("PUT", true) if refused_above.is_some_and(|most| part_number(&query) > most) => {
            refuse(stream, 403, "AccessDenied")
        }
        ("PUT", true) => {
            kept.bytes_taken += body.len();
            if !kept.forgets {
                kept.parts.get_mut(&key).unwrap().extend_from_slice(&body);
            }
            succeed(stream, b"")
        }
        ("POST", true) => {
            let whole = kept.parts.remove(&key).unwrap();
            kept.objects.insert(key, whole);
            succeed(stream, b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
        }
        ("DELETE", _) => {
            kept.parts.remove(&key);
            kept.aborted.insert(key);
            succeed(stream, b"")
        }
        _ => {
            kept.bytes_taken += body.len();
            kept.objects.insert(key, body);
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

fn refuse(mut stream: &TcpStream, status: u16, code: &str) -> io::Result<()> {
    let body = format!("<Error><Code>{code}</Code><Message>told to say {code}</Message></Error>");
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} Refused\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
