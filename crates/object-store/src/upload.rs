use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tracing::warn;

use crate::error::StorageError;

/// Size of one part in memory and on the wire. S3 accepts at most 10,000 parts, each of at least 5 MiB except the last.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub const PART_BYTES: usize = 8 * 1024 * 1024;

/// Writes an object atomically from a stream of bytes: it is visible only after [`Upload::finish`].
///
/// An object of one part is written with one request. Call [`Upload::abort`] after an error: S3 keeps and bills the
/// parts of an unfinished upload.
#[derive(Debug)]
pub struct Upload<'a> {
    s3: &'a Client,
    bucket: &'a str,
    key: &'a str,
    content_type: &'a str,
    multipart: Option<Multipart>,
    part: BytesMut,
    bytes: u64,
}

#[derive(Debug)]
struct Multipart {
    id: String,
    parts: Vec<CompletedPart>,
}

impl<'a> Upload<'a> {
    /// Prepares an upload; sends nothing.
    pub fn new(s3: &'a Client, bucket: &'a str, key: &'a str, content_type: &'a str) -> Self {
        Self { s3, bucket, key, content_type, multipart: None, part: BytesMut::new(), bytes: 0 }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.bytes += bytes.len() as u64;
        self.part.extend_from_slice(bytes);
        if self.part.len() < PART_BYTES {
            return Ok(());
        }
        self.send_part().await
    }

    /// Completes the object and returns its size in bytes.
    pub async fn finish(&mut self) -> Result<u64, StorageError> {
        if self.multipart.is_none() {
            let body = self.part.split().freeze();
            self.put(body).await?;
        } else {
            if !self.part.is_empty() {
                self.send_part().await?;
            }
            self.complete().await?;
        }
        Ok(self.bytes)
    }

    /// Deletes the parts that were sent. A failure is only logged.
    pub async fn abort(self) {
        let Some(Multipart { id, .. }) = &self.multipart else { return };
        let request = self.s3.abort_multipart_upload().bucket(self.bucket).key(self.key).upload_id(id);
        if let Err(error) = request.send().await {
            let error = StorageError::new("ABORT", &self.at(), &error);
            warn!(object.bucket = self.bucket, object.key = self.key, %error, "an upload could not be aborted");
        }
    }

    async fn send_part(&mut self) -> Result<(), StorageError> {
        let mut multipart = match self.multipart.take() {
            Some(multipart) => multipart,
            None => self.begin().await?,
        };
        let body = self.part.split().freeze();
        let sent = self.upload_part(&multipart, body).await;
        if let Ok(part) = &sent {
            multipart.parts.push(part.clone());
        }
        // Kept after a failure too: `abort` needs the upload's id.
        self.multipart = Some(multipart);
        sent.map(|_| ())
    }

    async fn begin(&self) -> Result<Multipart, StorageError> {
        let request = self.s3.create_multipart_upload().bucket(self.bucket).key(self.key);
        let created = request.content_type(self.content_type).send().await;
        let created = created.map_err(|error| StorageError::new("PUT", &self.at(), &error))?;
        let no_id = || StorageError::incomplete("PUT", &self.at(), "the answer of S3 has no upload id");
        Ok(Multipart { id: created.upload_id.ok_or_else(no_id)?, parts: Vec::new() })
    }

    async fn upload_part(&self, multipart: &Multipart, body: Bytes) -> Result<CompletedPart, StorageError> {
        let number = i32::try_from(multipart.parts.len() + 1).unwrap_or(i32::MAX);
        let request = self.s3.upload_part().bucket(self.bucket).key(self.key).upload_id(&multipart.id);
        let sent = request.part_number(number).body(ByteStream::from(body)).send().await;
        let sent = sent.map_err(|error| StorageError::new("PUT", &self.at(), &error))?;
        let part = CompletedPart::builder().part_number(number);
        Ok(part.set_e_tag(sent.e_tag).set_checksum_crc32(sent.checksum_crc32).build())
    }

    async fn complete(&mut self) -> Result<(), StorageError> {
        let Some(Multipart { id, parts }) = &self.multipart else { return Ok(()) };
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.clone())).build();
        let request = self.s3.complete_multipart_upload().bucket(self.bucket).key(self.key).upload_id(id);
        let completed = request.multipart_upload(parts).send().await;
        completed.map_err(|error| StorageError::new("PUT", &self.at(), &error))?;
        self.multipart = None;
        Ok(())
    }

    async fn put(&self, body: Bytes) -> Result<(), StorageError> {
        let request = self.s3.put_object().bucket(self.bucket).key(self.key).content_type(self.content_type);
        let put = request.body(ByteStream::from(body)).send().await;
        put.map(|_| ()).map_err(|error| StorageError::new("PUT", &self.at(), &error))
    }

    fn at(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}
