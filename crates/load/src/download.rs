//! Downloads exactly the requested version of an object, as a stream of bytes.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, ResponseChecksumValidation, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use protocol::{Format, ObjectRef, error_chain};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::error::LoadError;
use crate::limits::END_BYTES;

/// The version id of an object in a bucket with suspended versioning. A write replaces this version, so the id does not
/// identify the content.
const NULL_VERSION: &str = "null";

/// Opens objects in S3.
#[derive(Debug)]
pub(crate) struct ObjectSource {
    client: Client,
    stall_timeout: Duration,
}

/// An object that S3 is sending.
#[derive(Debug)]
pub(crate) struct Download {
    /// The requested object, completed with the version, etag and size from S3.
    pub(crate) object: ObjectRef,
    pub(crate) bytes: u64,
    pub(crate) last_modified: Option<DateTime<Utc>>,
    body: Body,
}

/// The body of a response.
#[derive(Debug)]
struct Body {
    object: ObjectRef,
    /// The expected length.
    bytes: u64,
    bytes_read: u64,
    stream: ByteStream,
    stall_timeout: Duration,
}

/// The progress of a download, for the message of a load that exceeds its time.
#[derive(Debug, Default)]
pub(crate) struct DownloadProgress {
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl ObjectSource {
    pub(crate) fn new(config: Builder, stall_timeout: Duration) -> Self {
        // `Body::next` has its own time-out, because a slow database must not count as a stalled stream.
        let config = config.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Self { client: Client::from_conf(config.build()), stall_timeout }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Requests the version in the event. For a format that is parsed from its end, this requests the end only.
    pub(crate) async fn open(&self, wanted: &ObjectRef, format: Format) -> Result<Download, LoadError> {
        let response = match format {
            Format::Parquet => self.request_range(wanted, format!("bytes=-{END_BYTES}")).await,
            Format::Csv | Format::Tsv | Format::Json | Format::Jsonl => {
                self.request(wanted).checksum_mode(ChecksumMode::Enabled).send().await
            }
        };
        let response = response.map_err(|error| load_error(wanted, &error))?;
        Download::new(wanted, response, self.stall_timeout)
    }

    /// Reads a part of an object. Fails if the object has changed since it was opened.
    pub(crate) async fn read(&self, object: &ObjectRef, range: Range<u64>) -> Result<Bytes, LoadError> {
        let bytes = range.end - range.start;
        let response =
            self.request_range(object, format!("bytes={}-{}", range.start, range.end.saturating_sub(1))).await;
        let response = response.map_err(|error| load_error(object, &error))?;
        check_etag(object, response.e_tag())?;
        let (object, stall_timeout) = (object.clone(), self.stall_timeout);
        Body { object, bytes, bytes_read: 0, stream: response.body, stall_timeout }.collect().await
    }

    fn request(&self, wanted: &ObjectRef) -> GetObjectFluentBuilder {
        let request = self.client.get_object().bucket(&wanted.bucket).key(&wanted.key);
        match (version_id(wanted.version_id.as_deref()), &wanted.etag) {
            (Some(version_id), _) => request.version_id(version_id),
            (None, Some(etag)) => request.if_match(format!("\"{etag}\"")),
            (None, None) => request,
        }
    }

    /// Requests a range without checksum validation. S3 has checksums of whole objects, and some servers send them with
    /// a range.
    async fn request_range(
        &self,
        wanted: &ObjectRef,
        range: String,
    ) -> Result<GetObjectOutput, SdkError<GetObjectError>> {
        let unchecked = Builder::new().response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        self.request(wanted).range(range).customize().config_override(unchecked).send().await
    }
}

fn check_etag(wanted: &ObjectRef, found: Option<&str>) -> Result<(), LoadError> {
    match (&wanted.etag, found.map(|etag| etag.trim_matches('"'))) {
        (Some(wanted_etag), Some(found)) if wanted_etag != found => {
            let reason = format!("the object was replaced: its etag is {found}, expected {wanted_etag}");
            Err(LoadError::ObjectReplaced { object: wanted.to_string(), reason })
        }
        _ => Ok(()),
    }
}

/// Returns the length of the whole object: 6 for `bytes 3-5/6`.
fn whole_length(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.parse().ok()
}

/// Returns the version id, or `None` in a bucket without versioning.
fn version_id(version_id: Option<&str>) -> Option<&str> {
    version_id.filter(|id| *id != NULL_VERSION && !id.is_empty())
}

/// Returns the object without the version id `null`, which does not identify its content.
pub(crate) fn with_valid_version(object: &ObjectRef) -> ObjectRef {
    ObjectRef { version_id: version_id(object.version_id.as_deref()).map(str::to_owned), ..object.clone() }
}

impl Download {
    fn new(wanted: &ObjectRef, response: GetObjectOutput, stall_timeout: Duration) -> Result<Self, LoadError> {
        let mut object = with_valid_version(wanted);
        check_etag(&object, response.e_tag())?;
        object.etag = object.etag.or(response.e_tag().map(|etag| etag.trim_matches('"').to_owned()));
        if object.version_id.is_none() {
            object.version_id = version_id(response.version_id()).map(str::to_owned);
        }
        let length = response.content_length().and_then(|length| u64::try_from(length).ok());
        let whole = response.content_range().map_or(length, whole_length);
        let (Some(length), Some(bytes)) = (length, whole) else {
            return Err(LoadError::ObjectCorrupted {
                object: object.to_string(),
                reason: "the response of S3 has no length".to_owned(),
            });
        };
        object.size_bytes = Some(bytes);
        let last_modified =
            response.last_modified().and_then(|time| DateTime::from_timestamp(time.secs(), time.subsec_nanos()));
        let body = Body { object: object.clone(), bytes: length, bytes_read: 0, stream: response.body, stall_timeout };
        Ok(Self { object, bytes, last_modified, body })
    }

    /// Returns the whole body.
    pub(crate) async fn collect(self) -> Result<Bytes, LoadError> {
        self.body.collect().await
    }

    /// Sends the body to `chunks`. Returns `Ok` only after the last byte, or if the receiver is closed.
    ///
    /// The time-out applies to S3, not to the receiver.
    pub(crate) async fn send_to(
        mut self,
        chunks: mpsc::Sender<Bytes>,
        progress: &DownloadProgress,
    ) -> Result<(), LoadError> {
        while let Some(chunk) = self.body.next().await? {
            progress.bytes_read.store(self.body.bytes_read, Ordering::Relaxed);
            if chunks.send(chunk).await.is_err() {
                // The parser has rejected the file, and returns the error.
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Body {
    /// Returns the next chunk, or `None` after the last byte.
    async fn next(&mut self) -> Result<Option<Bytes>, LoadError> {
        let Ok(next) = timeout(self.stall_timeout, self.stream.next()).await else {
            return Err(self.stalled());
        };
        match next {
            Some(Ok(chunk)) => {
                self.bytes_read += chunk.len() as u64;
                Ok(Some(chunk))
            }
            Some(Err(error)) => Err(self.interrupted(&error_chain(&error))),
            None if self.bytes_read == self.bytes => Ok(None),
            None => {
                let reason = format!("the download ended after {} of {} bytes", self.bytes_read, self.bytes);
                Err(LoadError::ObjectCorrupted { object: self.object.to_string(), reason })
            }
        }
    }

    /// Reads the rest into memory. Only for ranges of limited length.
    async fn collect(mut self) -> Result<Bytes, LoadError> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.next().await? {
            bytes.extend_from_slice(&chunk);
            if self.bytes_read > self.bytes {
                let reason = format!("S3 sent {} bytes, requested were {}", self.bytes_read, self.bytes);
                return Err(LoadError::ObjectCorrupted { object: self.object.to_string(), reason });
            }
        }
        Ok(bytes.freeze())
    }

    fn stalled(&self) -> LoadError {
        let silence_s = self.stall_timeout.as_secs();
        let (object, bytes_read, bytes) = (self.object.to_string(), self.bytes_read, self.bytes);
        LoadError::StorageStalled { object, silence_s, bytes_read, bytes }
    }

    fn interrupted(&self, error: &str) -> LoadError {
        let reason = format!("the download failed after {} of {} bytes: {error}", self.bytes_read, self.bytes);
        // The SDK does not export the types of these errors.
        if error.contains("checksum mismatch") || error.contains("message length") {
            LoadError::ObjectCorrupted { object: self.object.to_string(), reason }
        } else {
            LoadError::StorageUnavailable { object: self.object.to_string(), reason }
        }
    }
}

/// Converts an error of S3 by the action that it needs from the operator.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
fn load_error(wanted: &ObjectRef, error: &SdkError<GetObjectError>) -> LoadError {
    let object = wanted.to_string();
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
    let reason = match error.as_service_error() {
        Some(error) => format!("S3 answered {}", error.message().unwrap_or(&code)),
        None => error_chain(error),
    };
    match (status, code.as_str()) {
        (_, "NoSuchVersion") => {
            LoadError::ObjectReplaced { object, reason: "this version does not exist any more".to_owned() }
        }
        (Some(412), _) => {
            LoadError::ObjectReplaced { object, reason: "the object was replaced: its etag has changed".to_owned() }
        }
        (Some(404), "NoSuchBucket") => {
            LoadError::ObjectMissing { object, reason: "the bucket does not exist".to_owned() }
        }
        // A range of an empty object.
        (Some(416), _) => LoadError::File { object, source: formats::FileError::Empty },
        // 405 is the version id of a delete marker.
        (Some(404 | 405), _) => LoadError::ObjectMissing { object, reason: "the object does not exist".to_owned() },
        // A function that was frozen sends an old signature. The next attempt signs again.
        (_, "RequestTimeout" | "RequestTimeTooSkewed" | "SlowDown" | "ExpiredToken") => {
            LoadError::StorageUnavailable { object, reason }
        }
        (Some(400..=428 | 430..=499), _) => LoadError::StorageDenied { object, reason },
        (Some(_) | None, _) => LoadError::StorageUnavailable { object, reason },
    }
}
