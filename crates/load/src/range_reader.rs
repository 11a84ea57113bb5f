//! Random access to an object. A blocking thread requests ranges, and an async task reads them from the opened version.

use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use formats::RandomAccess;
use protocol::ObjectRef;
use tokio::sync::{mpsc, oneshot};

use crate::download::{Download, DownloadProgress, ObjectSource};
use crate::error::LoadError;

struct RangeRequest {
    range: Range<u64>,
    reply: oneshot::Sender<Bytes>,
}

/// The side of the blocking thread.
pub(crate) struct RangeReader {
    bytes: u64,
    /// The end of the object, from the first request.
    end: Bytes,
    requests: mpsc::Sender<RangeRequest>,
}

/// The side of the async task.
pub(crate) struct RangeServer<'a> {
    source: &'a ObjectSource,
    object: ObjectRef,
    requests: mpsc::Receiver<RangeRequest>,
}

/// Returns both sides for an object that was opened at its end.
pub(crate) async fn open(
    source: &ObjectSource,
    download: Download,
) -> Result<(RangeReader, RangeServer<'_>), LoadError> {
    let (object, bytes) = (download.object.clone(), download.bytes);
    let end = download.collect().await?;
    // The reader waits for each reply.
    let (sender, requests) = mpsc::channel(1);
    Ok((RangeReader { bytes, end, requests: sender }, RangeServer { source, object, requests }))
}

impl RangeServer<'_> {
    /// Serves requests until the reader is dropped. Returns the first error of S3.
    pub(crate) async fn serve(mut self, progress: &DownloadProgress) -> Result<(), LoadError> {
        while let Some(RangeRequest { range, reply }) = self.requests.recv().await {
            let bytes = self.source.read(&self.object, range).await?;
            progress.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            // A reader that was dropped returns its own error.
            let _dropped = reply.send(bytes);
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
        // The other side ends early only after an error of S3, and the load returns that one.
        let closed = |_| io::Error::other("the download has ended");
        let (reply, bytes) = oneshot::channel();
        let range = offset..offset.saturating_add(length as u64);
        self.requests.blocking_send(RangeRequest { range, reply }).map_err(|_| closed(()))?;
        bytes.blocking_recv().map_err(|_| closed(()))
    }
}
