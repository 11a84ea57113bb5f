//! The object, as a stream of bytes of exactly the version that was asked for.

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
use protocol::{Format, ObjectRef, error_chain};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::error::LoadError;
use crate::limits::END_BYTES;

/// The name that S3 gives to the one version of an object in a bucket whose versioning is suspended. A write replaces
/// it, so it does not tell one content from another.
const NULL_VERSION: &str = "null";

#[derive(Debug)]
pub(crate) struct Storage {
    client: Client,
    stall_timeout: Duration,
}

/// An object that S3 has begun to send.
#[derive(Debug)]
pub(crate) struct Download {
    /// As asked for, completed by what S3 says about it.
    pub(crate) object: ObjectRef,
    pub(crate) bytes: u64,
    body: Body,
}

/// Bytes that S3 has begun to send.
#[derive(Debug)]
struct Body {
    object: ObjectRef,
    /// How many will come.
    bytes: u64,
    bytes_read: u64,
    stream: ByteStream,
    stall_timeout: Duration,
}

/// How far a download is, for whoever has to say so from outside.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Storage {
    pub(crate) fn new(config: Builder, stall_timeout: Duration) -> Self {
        // `Body::next` has a time-out of its own. A slow database must not count as a stalled stream.
        let config = config.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Self { client: Client::from_conf(config.build()), stall_timeout }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks for the version that the event named, and no other. Of a format that is read from its end, the end comes.
    pub(crate) async fn open(&self, wanted: &ObjectRef, format: Format) -> Result<Download, LoadError> {
        let answer = match format {
            Format::Parquet => self.send_part(wanted, format!("bytes=-{END_BYTES}")).await,
            Format::Csv | Format::Tsv | Format::Json | Format::Jsonl => {
                self.request(wanted).checksum_mode(ChecksumMode::Enabled).send().await
            }
        };
        let answer = answer.map_err(|error| refusal(wanted, &error))?;
        Download::begin(wanted, answer, self.stall_timeout)
    }

    /// A part of an object that was opened, which must not have changed since.
    pub(crate) async fn read(&self, object: &ObjectRef, range: Range<u64>) -> Result<Bytes, LoadError> {
        let bytes = range.end - range.start;
        let answer = self.send_part(object, format!("bytes={}-{}", range.start, range.end.saturating_sub(1))).await;
        let answer = answer.map_err(|error| refusal(object, &error))?;
        check_etag(object, answer.e_tag())?;
        let (object, stall_timeout) = (object.clone(), self.stall_timeout);
        Body { object, bytes, bytes_read: 0, stream: answer.body, stall_timeout }.collect().await
    }

    fn request(&self, wanted: &ObjectRef) -> GetObjectFluentBuilder {
        let request = self.client.get_object().bucket(&wanted.bucket).key(&wanted.key);
        match (version_id(wanted.version_id.as_deref()), &wanted.etag) {
            (Some(version_id), _) => request.version_id(version_id),
            (None, Some(etag)) => request.if_match(format!("\"{etag}\"")),
            (None, None) => request,
        }
    }

    /// S3 has checksums of whole objects only, and some servers send them with a part.
    async fn send_part(&self, wanted: &ObjectRef, range: String) -> Result<GetObjectOutput, SdkError<GetObjectError>> {
        let unchecked = Builder::new().response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        self.request(wanted).range(range).customize().config_override(unchecked).send().await
    }
}

fn check_etag(wanted: &ObjectRef, found: Option<&str>) -> Result<(), LoadError> {
    match (&wanted.etag, found.map(|etag| etag.trim_matches('"'))) {
        (Some(wanted_etag), Some(found)) if wanted_etag != found => {
            let reason = format!("its etag is {found}, and was {wanted_etag}");
            Err(LoadError::ObjectReplaced { object: wanted.to_string(), reason })
        }
        _ => Ok(()),
    }
}

/// As in `bytes 3-5/6`: the whole object's length.
fn whole_length(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.parse().ok()
}

/// A version that names one content for ever; a bucket without versioning has none.
fn version_id(version_id: Option<&str>) -> Option<&str> {
    version_id.filter(|id| *id != NULL_VERSION && !id.is_empty())
}

/// An object whose version says which content it is, or is not there.
pub(crate) fn identified(object: &ObjectRef) -> ObjectRef {
    ObjectRef { version_id: version_id(object.version_id.as_deref()).map(str::to_owned), ..object.clone() }
}

impl Download {
    fn begin(wanted: &ObjectRef, answer: GetObjectOutput, stall_timeout: Duration) -> Result<Self, LoadError> {
        let mut object = identified(wanted);
        check_etag(&object, answer.e_tag())?;
        object.etag = object.etag.or(answer.e_tag().map(|etag| etag.trim_matches('"').to_owned()));
        if object.version_id.is_none() {
            object.version_id = version_id(answer.version_id()).map(str::to_owned);
        }
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
        let whole = answer.content_range().map_or(length, whole_length);
        let (Some(length), Some(bytes)) = (length, whole) else {
            return Err(LoadError::ObjectCorrupted {
                object: object.to_string(),
                reason: "S3 does not say how long it is".to_owned(),
            });
        };
        object.size_bytes = Some(bytes);
        let body = Body { object: object.clone(), bytes: length, bytes_read: 0, stream: answer.body, stall_timeout };
        Ok(Self { object, bytes, body })
    }

    /// What came of the object, in one piece.
    pub(crate) async fn collect(self) -> Result<Bytes, LoadError> {
        self.body.collect().await
    }

    /// Passes the bytes on, and ends well only if all of them came: `chunks` closes after that.
    ///
    /// The time-out counts while S3 is waited for, not while the receiver is.
    pub(crate) async fn send_to(mut self, chunks: mpsc::Sender<Bytes>, progress: &Progress) -> Result<(), LoadError> {
        while let Some(chunk) = self.body.next().await? {
            progress.bytes_read.store(self.body.bytes_read, Ordering::Relaxed);
            if chunks.send(chunk).await.is_err() {
                // The parser has refused the file, and says why itself.
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Body {
    /// None at the end, when all bytes have come.
    async fn next(&mut self) -> Result<Option<Bytes>, LoadError> {
        let Ok(next) = timeout(self.stall_timeout, self.stream.next()).await else {
            return Err(self.stalled());
        };
        match next {
            Some(Ok(chunk)) => {
                self.bytes_read += chunk.len() as u64;
                Ok(Some(chunk))
            }
            Some(Err(error)) => Err(self.broken(&error_chain(&error))),
            None if self.bytes_read == self.bytes => Ok(None),
            None => {
                let reason = format!("{} bytes came, of {} that S3 keeps", self.bytes_read, self.bytes);
                Err(LoadError::ObjectCorrupted { object: self.object.to_string(), reason })
            }
        }
    }

    /// Only for parts that have a limit.
    async fn collect(mut self) -> Result<Bytes, LoadError> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.next().await? {
            bytes.extend_from_slice(&chunk);
            if self.bytes_read > self.bytes {
                let reason = format!("{} bytes came, of {} that were asked for", self.bytes_read, self.bytes);
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

    fn broken(&self, error: &str) -> LoadError {
        let reason = format!("broke off after {} of {} bytes: {error}", self.bytes_read, self.bytes);
        // Neither kind of error has a type that is reachable here.
        if error.contains("checksum mismatch") || error.contains("message length") {
            LoadError::ObjectCorrupted { object: self.object.to_string(), reason }
        } else {
            LoadError::StorageUnavailable { object: self.object.to_string(), reason }
        }
    }
}

/// S3's answer, named by what is to be done about it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
fn refusal(wanted: &ObjectRef, error: &SdkError<GetObjectError>) -> LoadError {
    let object = wanted.to_string();
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
    let words = match error.as_service_error() {
        Some(refusal) => format!("S3 says: {}", refusal.message().unwrap_or(&code)),
        None => error_chain(error),
    };
    match (status, code.as_str()) {
        (_, "NoSuchVersion") => LoadError::ObjectReplaced { object, reason: "this version is gone".to_owned() },
        (Some(412), _) => LoadError::ObjectReplaced { object, reason: "another content took its place".to_owned() },
        (Some(404), "NoSuchBucket") => LoadError::ObjectMissing { object, reason: "no such bucket".to_owned() },
        // A part of nothing.
        (Some(416), _) => LoadError::File { object, source: formats::FileError::Empty },
        // 405 is a delete marker that was asked for by its version.
        (Some(404 | 405), _) => LoadError::ObjectMissing { object, reason: "no such object".to_owned() },
        // The signature is stale when a frozen function thaws: the next try signs anew.
        (_, "RequestTimeout" | "RequestTimeTooSkewed" | "SlowDown" | "ExpiredToken") => {
            LoadError::StorageUnavailable { object, reason: words }
        }
        (Some(400..=428 | 430..=499), _) => LoadError::StorageDenied { object, reason: words },
        (Some(_) | None, _) => LoadError::StorageUnavailable { object, reason: words },
    }
}
