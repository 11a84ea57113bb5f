//! A bucket that serves `GetObject` and `PutObject` over HTTP, with faults that no emulator can produce. It also serves
//! one secret.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use protocol::ObjectRef;

const LAST_MODIFIED: &str = "Last-Modified: Wed, 01 May 2024 10:00:00 GMT\r\n";
pub(crate) const NAME: &str = "landing";

pub(crate) struct TestBucket {
    pub(crate) endpoint: String,
    objects: Arc<Mutex<Objects>>,
    secret: Arc<Mutex<String>>,
    gets: Arc<AtomicUsize>,
}

/// Objects by key and version. The latest version of a key is also stored without a version.
type Objects = HashMap<(String, Option<String>), StoredObject>;

#[derive(Clone)]
struct StoredObject {
    etag: String,
    version_id: Option<String>,
    body: Arc<[u8]>,
    /// How many times the body is repeated. So a large object needs no memory.
    times: usize,
    fault: DownloadFault,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DownloadFault {
    None,
    /// Sends half of the body and closes the connection.
    Truncated,
    /// Sends half of the body and then nothing.
    Stalled,
    /// Sends the body with one wrong bit, and the checksum of the stored body.
    Corrupt,
    /// Sends a tenth of the body about every second.
    Slow,
    /// Sends the end of the body, but answers 412 to a range: the object was replaced after it was opened.
    ReplacedMeanwhile,
    /// Sends this status and S3 error code.
    Refused(u16, &'static str),
}

impl TestBucket {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let objects = Arc::new(Mutex::new(Objects::new()));
        let secret = Arc::default();
        let gets = Arc::<AtomicUsize>::default();
        let shared = (Arc::clone(&objects), Arc::clone(&secret), Arc::clone(&gets));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (objects, secret, gets) = shared.clone();
                // The client may close the connection early.
                thread::spawn(move || answer(&stream, &objects, &secret, &gets).ok());
            }
        });
        Self { endpoint, objects, secret, gets }
    }

    pub(crate) fn put(&self, key: &str, version_id: Option<&str>, body: impl Into<Vec<u8>>) -> ObjectRef {
        self.put_with(DownloadFault::None, key, version_id, body)
    }

    pub(crate) fn put_with(
        &self,
        fault: DownloadFault,
        key: &str,
        version_id: Option<&str>,
        body: impl Into<Vec<u8>>,
    ) -> ObjectRef {
        let body: Arc<[u8]> = body.into().into();
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let etag = format!("{:032x}", hasher.finish());
        let version_id = version_id.map(str::to_owned);
        let mut named = ObjectRef::new(NAME, key);
        named.etag = Some(etag.clone());
        named.version_id.clone_from(&version_id);
        named.size_bytes = Some(body.len() as u64);
        let object = StoredObject { etag, version_id: version_id.clone(), body, times: 1, fault };
        let mut objects = self.objects.lock().unwrap();
        objects.insert((key.to_owned(), None), object.clone());
        objects.insert((key.to_owned(), version_id), object);
        named
    }

    /// Stores an object that repeats the same rows.
    #[allow(dead_code, reason = "the memory test includes this file, and alone has such large objects")]
    pub(crate) fn put_repeated(&self, key: &str, body: &str, times: usize) -> ObjectRef {
        let mut named = self.put(key, None, body);
        for object in
            self.objects.lock().unwrap().values_mut().filter(|object| Some(&object.etag) == named.etag.as_ref())
        {
            object.times = times;
        }
        named.size_bytes = Some((body.len() * times) as u64);
        named
    }

    /// Sets the secret that Secrets Manager returns, at the same endpoint.
    pub(crate) fn keep_secret(&self, secret: &str) {
        secret.clone_into(&mut self.secret.lock().unwrap());
    }

    /// Returns the number of GET requests.
    #[allow(dead_code, reason = "the memory test includes this file, and does not count")]
    pub(crate) fn gets(&self) -> usize {
        self.gets.load(Ordering::Relaxed)
    }

    /// Returns an object as text.
    #[allow(dead_code, reason = "the memory test includes this file, and puts nothing")]
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        let found = self.objects.lock().unwrap().get(&(key.to_owned(), None)).cloned()?;
        Some(String::from_utf8(found.body.to_vec()).unwrap())
    }

    /// Rejects every PUT of this key.
    #[allow(dead_code, reason = "the memory test includes this file, and puts nothing")]
    pub(crate) fn refuse_puts(&self, key: &str) {
        self.put_with(DownloadFault::Refused(403, "AccessDenied"), key, None, "");
    }

    pub(crate) fn delete(&self, key: &str) {
        self.objects.lock().unwrap().retain(|(of, _), _| of != key);
    }
}

struct HttpRequest {
    /// The method: POST for Secrets Manager, GET or PUT for S3.
    method: String,
    body: Vec<u8>,
    key: String,
    query: String,
    version_id: Option<String>,
    if_match: Option<String>,
    /// The range, for example `bytes=3-5` or `bytes=-2`.
    range: Option<String>,
}

fn read_request(stream: &TcpStream) -> io::Result<HttpRequest> {
    let mut reader = BufReader::new(stream);
    let first = read_line(&mut reader)?;
    let (method, target) = first.split_once(' ').unwrap_or_default();
    let target = target.split(' ').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // The keys of these tests have no other character that the SDK encodes.
    let key = path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key).replace("%3A", ":");
    let version_id = query.split('&').find_map(|pair| pair.strip_prefix("versionId=")).map(str::to_owned);
    let (mut if_match, mut range, mut body) = (None, None, Vec::new());
    loop {
        let line = read_line(&mut reader)?;
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("if-match") => if_match = Some(value.replace('"', "")),
            Some((name, value)) if name.eq_ignore_ascii_case("range") => range = Some(value.to_owned()),
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                body.resize(value.parse().unwrap(), 0);
            }
            Some(_) => {}
            None => break,
        }
    }
    reader.read_exact(&mut body)?;
    let (method, query) = (method.to_owned(), query.to_owned());
    Ok(HttpRequest { method, body, key, query, version_id, if_match, range })
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn answer(
    mut stream: &TcpStream,
    objects: &Mutex<Objects>,
    secret: &Mutex<String>,
    gets: &AtomicUsize,
) -> io::Result<()> {
    let HttpRequest { method, body, key, query, version_id, if_match, range } = read_request(stream)?;
    if query.contains("upload") || method == "PUT" {
        return put(stream, objects, &method, (&key, &query), body);
    }
    if method == "POST" {
        return succeed(stream, &format!("{{\"SecretString\": {:?}}}", secret.lock().unwrap()));
    }
    gets.fetch_add(1, Ordering::Relaxed);
    let is_versioned = version_id.is_some();
    let found = objects.lock().unwrap().get(&(key, version_id)).cloned();
    let Some(StoredObject { etag, version_id, body, times, fault }) = found else {
        return refuse(stream, 404, if is_versioned { "NoSuchVersion" } else { "NoSuchKey" });
    };
    if let DownloadFault::Refused(status, code) = fault {
        return refuse(stream, status, code);
    }
    if if_match.is_some_and(|wanted| wanted != etag) {
        return refuse(stream, 412, "PreconditionFailed");
    }
    let version = version_id.map_or(String::new(), |id| format!("x-amz-version-id: {id}\r\n"));
    if let Some(range) = range {
        return answer_part(stream, &body, &range, &format!("ETag: \"{etag}\"\r\n{LAST_MODIFIED}{version}"), fault);
    }
    // The checksum of a large body would take longer than the client waits.
    let checksum = if times == 1 && body.len() < 1024 * 1024 {
        format!("x-amz-checksum-crc32: {}\r\n", crc32(&body))
    } else {
        String::new()
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nETag: \"{etag}\"\r\n{LAST_MODIFIED}{version}{checksum}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len() * times
    )?;
    match fault {
        DownloadFault::None | DownloadFault::ReplacedMeanwhile | DownloadFault::Refused(..) => {
            (0..times).try_for_each(|_| stream.write_all(&body))
        }
        DownloadFault::Corrupt => {
            let mut flipped = body.to_vec();
            flipped[body.len() / 2] ^= 1;
            stream.write_all(&flipped)
        }
        DownloadFault::Truncated => stream.write_all(&body[..body.len() / 2]),
        DownloadFault::Stalled => {
            stream.write_all(&body[..body.len() / 2])?;
            thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        DownloadFault::Slow => body.chunks(body.len() / 10 + 1).try_for_each(|tenth| {
            stream.write_all(tenth)?;
            stream.flush()?;
            thread::sleep(Duration::from_secs(1));
            Ok(())
        }),
    }
}

/// Sends a range or the end of an object. An empty object has no ranges.
fn answer_part(
    mut stream: &TcpStream,
    body: &[u8],
    range: &str,
    headers: &str,
    fault: DownloadFault,
) -> io::Result<()> {
    let (from, to) = range.trim_start_matches("bytes=").split_once('-').unwrap();
    if body.is_empty() {
        return refuse(stream, 416, "InvalidRange");
    }
    if fault == DownloadFault::ReplacedMeanwhile && !from.is_empty() {
        return refuse(stream, 412, "PreconditionFailed");
    }
    let to: usize = to.parse().unwrap();
    let (from, to) = match from.parse() {
        Ok(from) => (from, to.min(body.len() - 1)),
        Err(_) => (body.len().saturating_sub(to), body.len() - 1),
    };
    let part = &body[from..=to];
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\n{headers}Content-Range: bytes {from}-{to}/{}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len(),
        part.len()
    )?;
    match fault {
        DownloadFault::Truncated => stream.write_all(&part[..part.len() / 2]),
        DownloadFault::Stalled => {
            stream.write_all(&part[..part.len() / 2])?;
            thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        _ => stream.write_all(part),
    }
}

/// Stores an object from one PUT or from a multipart upload.
fn put(
    stream: &TcpStream,
    objects: &Mutex<Objects>,
    method: &str,
    (key, query): (&str, &str),
    body: Vec<u8>,
) -> io::Result<()> {
    let mut objects = objects.lock().unwrap();
    let (key, parts) = ((key.to_owned(), None), (key.to_owned(), Some("parts".to_owned())));
    if let Some(StoredObject { fault: DownloadFault::Refused(status, code), .. }) = objects.get(&key) {
        return refuse(stream, *status, code);
    }
    let stored = |body: Vec<u8>| StoredObject {
        etag: String::new(),
        version_id: None,
        body: body.into(),
        times: 1,
        fault: DownloadFault::None,
    };
    match (method, query.contains("uploadId=")) {
        ("POST", false) => {
            objects.insert(parts, stored(Vec::new()));
            let id = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
            return succeed(stream, id);
        }
        ("PUT", true) => {
            let before = objects.remove(&parts).map(|object| object.body.to_vec()).unwrap_or_default();
            objects.insert(parts, stored([before, body].concat()));
        }
        ("POST", true) => {
            let whole = objects.remove(&parts).unwrap();
            objects.insert(key, whole);
            return succeed(stream, "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>");
        }
        ("DELETE", _) => drop(objects.remove(&parts)),
        _ => drop(objects.insert(key, stored(body))),
    }
    succeed(stream, "")
}

fn succeed(mut stream: &TcpStream, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// Returns the checksum in the format of S3: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>
fn crc32(body: &[u8]) -> String {
    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let crc = !body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    let digits = (0..6).map(|place| (u64::from(crc) << 4 >> (30 - 6 * place)) & 63);
    digits.map(|digit| char::from(BASE64[usize::try_from(digit).unwrap()])).chain(['=', '=']).collect()
}

fn refuse(mut stream: &TcpStream, status: u16, code: &str) -> io::Result<()> {
    let body = format!("<Error><Code>{code}</Code><Message>simulated {code}</Message></Error>");
    write!(
        stream,
        "HTTP/1.1 {status} Refused\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
