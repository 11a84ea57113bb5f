use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tracing::warn;

use crate::StorageError;

/// What is held in memory, and leaves at once. S3 takes no smaller parts, but for the last, and 10,000 of them.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub const PART_BYTES: usize = 8 * 1024 * 1024;

/// An object written as its bytes come: whole or not at all, for nobody sees it before [`Upload::finish`].
///
/// Small ones go in one request. After an error, [`Upload::abort`]: parts that no object is made of are kept, and paid
/// for.
#[derive(Debug)]
pub struct Upload<'a> {
    s3: &'a Client,
    bucket: &'a str,
    key: &'a str,
    content_type: &'a str,
    begun: Option<Begun>,
    part: BytesMut,
    bytes: u64,
}

#[derive(Debug)]
struct Begun {
    id: String,
    parts: Vec<CompletedPart>,
}

impl<'a> Upload<'a> {
    /// Nothing is sent yet.
    pub fn new(s3: &'a Client, bucket: &'a str, key: &'a str, content_type: &'a str) -> Self {
        Self { s3, bucket, key, content_type, begun: None, part: BytesMut::new(), bytes: 0 }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.bytes += bytes.len() as u64;
        self.part.extend_from_slice(bytes);
        if self.part.len() < PART_BYTES {
            return Ok(());
        }
        self.send_part().await
    }

    /// Makes the object, and gives its size.
    pub async fn finish(&mut self) -> Result<u64, StorageError> {
        if self.begun.is_none() {
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

    /// Takes back what was sent. That this fails is told, and is no failure of anybody.
    pub async fn abort(self) {
        let Some(Begun { id, .. }) = &self.begun else { return };
        let request = self.s3.abort_multipart_upload().bucket(self.bucket).key(self.key).upload_id(id);
        if let Err(error) = request.send().await {
            let error = StorageError::new("ABORT", &self.at(), &error);
            warn!(object.bucket = self.bucket, object.key = self.key, %error, "an upload could not be aborted");
        }
    }

    async fn send_part(&mut self) -> Result<(), StorageError> {
        let mut begun = match self.begun.take() {
            Some(begun) => begun,
            None => self.begin().await?,
        };
        let body = self.part.split().freeze();
        let sent = self.upload_part(&begun, body).await;
        // Kept also when it failed, to be aborted.
        if let Ok(part) = &sent {
            begun.parts.push(part.clone());
        }
        self.begun = Some(begun);
        sent.map(|_| ())
    }

    async fn begin(&self) -> Result<Begun, StorageError> {
        let request = self.s3.create_multipart_upload().bucket(self.bucket).key(self.key);
        let begun = request.content_type(self.content_type).send().await;
        let begun = begun.map_err(|error| StorageError::new("PUT", &self.at(), &error))?;
        let id = begun.upload_id.ok_or_else(|| StorageError::unclear("PUT", &self.at(), "S3 gave it no upload id"))?;
        Ok(Begun { id, parts: Vec::new() })
    }

    async fn upload_part(&self, begun: &Begun, body: Bytes) -> Result<CompletedPart, StorageError> {
        let number = i32::try_from(begun.parts.len() + 1).unwrap_or(i32::MAX);
        let request = self.s3.upload_part().bucket(self.bucket).key(self.key).upload_id(&begun.id);
        let sent = request.part_number(number).body(ByteStream::from(body)).send().await;
        let sent = sent.map_err(|error| StorageError::new("PUT", &self.at(), &error))?;
        let part = CompletedPart::builder().part_number(number);
        Ok(part.set_e_tag(sent.e_tag).set_checksum_crc32(sent.checksum_crc32).build())
    }

    async fn complete(&mut self) -> Result<(), StorageError> {
        let Some(Begun { id, parts }) = &self.begun else { return Ok(()) };
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.clone())).build();
        let request = self.s3.complete_multipart_upload().bucket(self.bucket).key(self.key).upload_id(id);
        let completed = request.multipart_upload(parts).send().await;
        completed.map_err(|error| StorageError::new("PUT", &self.at(), &error))?;
        self.begun = None;
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
