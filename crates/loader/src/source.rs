//! The object, as a stream of bytes of exactly the version that was asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use bytes::Bytes;
use contracts::ObjectRef;
use database::chain;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::error::LoadError;
use crate::limits::{STORAGE_ATTEMPTS_MAX, STORAGE_CONNECT_TIMEOUT};

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
    body: ByteStream,
    stall_timeout: Duration,
}

/// How far a download is, for whoever has to say so from outside.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Storage {
    pub(crate) fn new(sdk: &aws_config::SdkConfig, stall_timeout: Duration) -> Self {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(STORAGE_CONNECT_TIMEOUT).read_timeout(stall_timeout).build();
        let config = Builder::from(sdk)
            // An endpoint of one's own seldom has a host name for every bucket.
            .force_path_style(sdk.endpoint_url().is_some())
            .retry_config(RetryConfig::standard().with_max_attempts(STORAGE_ATTEMPTS_MAX))
            .timeout_config(timeouts)
            // `Download::send_to` has a time-out of its own, which a slow database does not set off.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Self { client: Client::from_conf(config), stall_timeout }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks for the version that the event named, and no other.
    pub(crate) async fn open(&self, wanted: &ObjectRef) -> Result<Download, LoadError> {
        let request = self.client.get_object().bucket(&wanted.bucket).key(&wanted.key);
        let request = match (version_id(wanted.version_id.as_deref()), &wanted.etag) {
            (Some(version_id), _) => request.version_id(version_id),
            (None, Some(etag)) => request.if_match(format!("\"{etag}\"")),
            (None, None) => request,
        };
        let answer = request.checksum_mode(ChecksumMode::Enabled).send().await;
        let answer = answer.map_err(|error| refusal(wanted, &error))?;
        Download::begin(wanted, answer, self.stall_timeout)
    }
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
        let found = answer.e_tag().map(|etag| etag.trim_matches('"').to_owned());
        if let (Some(wanted), Some(found)) = (&object.etag, &found)
            && wanted != found
        {
            let reason = format!("its etag is {found}, and was {wanted}");
            return Err(LoadError::ObjectReplaced { object: object.to_string(), reason });
        }
        object.etag = object.etag.or(found);
        if object.version_id.is_none() {
            object.version_id = version_id(answer.version_id()).map(str::to_owned);
        }
        let Some(bytes) = answer.content_length().and_then(|length| u64::try_from(length).ok()) else {
            return Err(LoadError::ObjectCorrupted {
                object: object.to_string(),
                reason: "S3 does not say how long it is".to_owned(),
            });
        };
        object.size_bytes = Some(bytes);
        Ok(Self { object, bytes, body: answer.body, stall_timeout })
    }

    /// Passes the bytes on, and ends well only if all of them came: `chunks` closes after that.
    ///
    /// The time-out counts while S3 is waited for, not while the receiver is.
    pub(crate) async fn send_to(mut self, chunks: mpsc::Sender<Bytes>, progress: &Progress) -> Result<(), LoadError> {
        let mut bytes_read = 0;
        loop {
            let Ok(next) = timeout(self.stall_timeout, self.body.next()).await else {
                return Err(self.stalled(bytes_read));
            };
            let chunk = match next {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => return Err(self.broken(bytes_read, &chain(&error))),
                None => break,
            };
            bytes_read += chunk.len() as u64;
            progress.bytes_read.store(bytes_read, Ordering::Relaxed);
            if chunks.send(chunk).await.is_err() {
                // The parser has refused the file, and says why itself.
                return Ok(());
            }
        }
        if bytes_read == self.bytes {
            return Ok(());
        }
        let reason = format!("{bytes_read} bytes came, of {} that S3 keeps", self.bytes);
        Err(LoadError::ObjectCorrupted { object: self.object.to_string(), reason })
    }

    fn stalled(self, bytes_read: u64) -> LoadError {
        let silence_s = self.stall_timeout.as_secs();
        LoadError::StorageStalled { object: self.object.to_string(), silence_s, bytes_read, bytes: self.bytes }
    }

    fn broken(self, bytes_read: u64, error: &str) -> LoadError {
        let reason = format!("broke off after {bytes_read} of {} bytes: {error}", self.bytes);
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
        None => chain(error),
    };
    match (status, code.as_str()) {
        (_, "NoSuchVersion") => LoadError::ObjectReplaced { object, reason: "this version is gone".to_owned() },
        (Some(412), _) => LoadError::ObjectReplaced { object, reason: "another content took its place".to_owned() },
        (Some(404), "NoSuchBucket") => LoadError::ObjectMissing { object, reason: "no such bucket".to_owned() },
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
