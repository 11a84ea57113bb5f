//! A minimal S3 that streams the files of a folder over kept-alive connections. Emulators hold objects in memory or send
//! them slowly, which would distort the measurement.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::thread;

use crate::streamed::StreamedFile;

pub(crate) const BUCKET: &str = "landing";

pub(crate) struct FileServer {
    pub(crate) endpoint: String,
}

impl FileServer {
    /// Serves the files of `folder`. Only the last segment of a key names the file, so one file can be many objects.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let folder = folder.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = folder.clone();
                // An error means that the client closed the connection.
                thread::spawn(move || serve(&stream, &folder).ok());
            }
        });
        Ok(Self { endpoint })
    }
}

fn serve(stream: &TcpStream, folder: &Path) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(first) = lines.next() {
        let first = first?;
        let mut range = None;
        for header in lines.by_ref() {
            let header = header?;
            if header.is_empty() {
                break;
            }
            let named = header.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("range"));
            range = range.or(named.map(|(_, range)| range.to_owned()));
        }
        let target = first.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        send(stream, folder, path.rsplit('/').next().unwrap_or_default(), range.as_deref())?;
    }
    Ok(())
}

fn send(mut stream: &TcpStream, folder: &Path, name: &str, range: Option<&str>) -> io::Result<()> {
    if let Some(streamed) = StreamedFile::by_name(name) {
        let bytes = streamed.bytes();
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\nETag: \"{name}\"\r\nContent-Length: {bytes}\r\n\r\n").as_bytes())?;
        return streamed.write(&mut stream);
    }
    let Ok(mut file) = File::open(folder.join(name)) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let length = file.metadata()?.len();
    let (status, part, content_range) = match range {
        None => ("200 OK", 0..length, String::new()),
        Some(range) => {
            let part = part(range, length);
            let content_range = format!("Content-Range: bytes {}-{}/{length}\r\n", part.start, part.end - 1);
            ("206 Partial Content", part, content_range)
        }
    };
    let bytes = part.end - part.start;
    let head = format!("HTTP/1.1 {status}\r\nETag: \"{name}\"\r\n{content_range}Content-Length: {bytes}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    file.seek(SeekFrom::Start(part.start))?;
    io::copy(&mut file.take(bytes), &mut stream)?;
    Ok(())
}

/// Parses `bytes=3-5`, or `bytes=-2` for the last two bytes.
fn part(range: &str, length: u64) -> Range<u64> {
    let (from, to) = range.trim_start_matches("bytes=").split_once('-').expect("a range");
    let to: u64 = to.parse().expect("a range's end");
    from.parse().map_or(length.saturating_sub(to)..length, |from| from..length.min(to + 1))
}
