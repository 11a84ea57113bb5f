//! Parts of an object, for files that are no streams: a blocking thread asks for bytes, and an async task fetches them,
//! of the one version that was opened.

use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use formats::RandomAccess;
use protocol::ObjectRef;
use tokio::sync::{mpsc, oneshot};

use crate::error::LoadError;
use crate::source::{Download, Progress, Storage};

struct Request {
    range: Range<u64>,
    answer: oneshot::Sender<Bytes>,
}

/// The object as the blocking thread sees it.
pub(crate) struct RangeReader {
    bytes: u64,
    /// What came when the object was opened.
    end: Bytes,
    requests: mpsc::Sender<Request>,
}

/// Fetches what the reader asks for.
pub(crate) struct Ranges<'a> {
    storage: &'a Storage,
    object: ObjectRef,
    requests: mpsc::Receiver<Request>,
}

/// Both sides of an object whose end was opened.
pub(crate) async fn open(storage: &Storage, download: Download) -> Result<(RangeReader, Ranges<'_>), LoadError> {
    let (object, bytes) = (download.object.clone(), download.bytes);
    let end = download.collect().await?;
    // The reader waits for each answer.
    let (asking, requests) = mpsc::channel(1);
    Ok((RangeReader { bytes, end, requests: asking }, Ranges { storage, object, requests }))
}

impl Ranges<'_> {
    /// Ends when the reader is gone, or with what S3 did wrong.
    pub(crate) async fn serve(mut self, progress: &Progress) -> Result<(), LoadError> {
        while let Some(Request { range, answer }) = self.requests.recv().await {
            let bytes = self.storage.read(&self.object, range).await?;
            progress.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            // A reader that has gone away says itself why.
            let _gone = answer.send(bytes);
        }
        Ok(())
    }
}

impl RandomAccess for RangeReader {
    fn length(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let end_start = self.bytes - self.end.len() as u64;
        if let Some(from) = offset.checked_sub(end_start).and_then(|from| usize::try_from(from).ok()) {
            let to = from.saturating_add(length).min(self.end.len());
            return Ok(self.end.slice(from.min(to)..to));
        }
        // After an error of the other side nobody commits what we make of it.
        let gone = |_| io::Error::other("nobody fetches the object any more");
        let (answer, bytes) = oneshot::channel();
        let range = offset..offset.saturating_add(length as u64);
        self.requests.blocking_send(Request { range, answer }).map_err(|_| gone(()))?;
        bytes.blocking_recv().map_err(|_| gone(()))
    }
}
