//! Stands in for S3: files of a folder, streamed, one `GetObject` after the other on a connection that stays open.
//! Emulators keep objects in memory or send them slowly; what is measured here shall be the loader.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

pub(crate) const NAME: &str = "landing";

pub(crate) struct Bucket {
    pub(crate) endpoint: String,
}

impl Bucket {
    /// Serves the files of `folder`; of a key only the part after the last `/` counts, so that one file can be many
    /// objects.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let folder = folder.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = folder.clone();
                // An error is the client hanging up.
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
        for header in lines.by_ref() {
            if header?.is_empty() {
                break;
            }
        }
        let target = first.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        send(stream, folder, path.rsplit('/').next().unwrap_or_default())?;
    }
    Ok(())
}

fn send(mut stream: &TcpStream, folder: &Path, name: &str) -> io::Result<()> {
    let Ok(mut file) = File::open(folder.join(name)) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let length = file.metadata()?.len();
    let head = format!("HTTP/1.1 200 OK\r\nETag: \"{name}\"\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    io::copy(&mut file, &mut stream)?;
    Ok(())
}
