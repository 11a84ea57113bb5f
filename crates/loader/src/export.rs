//! The rejects of a load as a CSV in the curated bucket, for those who have no way to the database.
//!
//! Written after COMMIT, whole or not at all. A failure is told and undoes nothing: `penstock.reject` has every row, and
//! the load's own execution, when it is tried again, exports again.

use std::pin::pin;

use aws_sdk_s3::Client as S3;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use database::{Client, DatabaseError, chain};
use futures_util::TryStreamExt;
use tracing::{info, warn};

use crate::limits::EXPORT_PART_BYTES;

/// Where rejects are exported to.
#[derive(Debug)]
pub(crate) struct Curated {
    client: S3,
    bucket: Option<String>,
}

/// An upload of so many parts that nobody sees before it is complete.
struct Upload<'a> {
    curated: &'a Curated,
    bucket: &'a str,
    key: &'a str,
    id: String,
    parts: Vec<CompletedPart>,
}

impl Curated {
    pub(crate) fn new(client: S3, bucket: Option<String>) -> Self {
        Self { client, bucket }
    }

    pub(crate) async fn export_rejects(&self, database: &Client, load_id: i64, key: &str) {
        let Some(bucket) = &self.bucket else {
            warn!(load.id = load_id, "rejects are not exported: CURATED_BUCKET is not set");
            return;
        };
        match self.put(database, load_id, bucket, key).await {
            Ok(bytes) => {
                info!(load.id = load_id, object.bucket = %bucket, object.key = %key, bytes, "rejects exported");
            }
            Err(reason) => {
                warn!(load.id = load_id, object.bucket = %bucket, object.key = %key, reason, "rejects are not exported");
            }
        }
    }

    async fn put(&self, database: &Client, load_id: i64, bucket: &str, key: &str) -> Result<u64, String> {
        let statement = format!(
            r#"copy (select load_id, line, byte_offset, "column", reason, raw from penstock.reject
                     where load_id = {load_id} order by line, byte_offset)
               to stdout (format csv, header, force_quote (reason, raw))"#
        );
        let mut upload = None;
        let sent = self.send(database, &statement, (bucket, key), &mut upload).await;
        if let (Err(_), Some(upload)) = (&sent, &upload) {
            upload.abort().await;
        }
        sent
    }

    /// Small files go in one request, large ones in parts.
    async fn send<'a>(
        &'a self,
        database: &Client,
        statement: &str,
        (bucket, key): (&'a str, &'a str),
        upload: &mut Option<Upload<'a>>,
    ) -> Result<u64, String> {
        let mut stream = pin!(database.copy_out(statement).await.map_err(told)?);
        let mut part = BytesMut::new();
        let mut bytes = 0;
        while let Some(line) = stream.try_next().await.map_err(told)? {
            bytes += line.len() as u64;
            part.extend_from_slice(&line);
            if part.len() >= EXPORT_PART_BYTES {
                let begun = match upload.take() {
                    Some(begun) => begun,
                    None => self.begin(bucket, key).await?,
                };
                upload.insert(begun).send(part.split().freeze()).await?;
            }
        }
        match upload {
            None => self.put_whole(bucket, key, part.freeze()).await?,
            Some(upload) => {
                if !part.is_empty() {
                    upload.send(part.freeze()).await?;
                }
                upload.complete().await?;
            }
        }
        Ok(bytes)
    }

    async fn put_whole(&self, bucket: &str, key: &str, body: Bytes) -> Result<(), String> {
        let request = self.client.put_object().bucket(bucket).key(key).content_type(CONTENT_TYPE);
        request.body(ByteStream::from(body)).send().await.map(|_| ()).map_err(|error| chain(&error))
    }

    async fn begin<'a>(&'a self, bucket: &'a str, key: &'a str) -> Result<Upload<'a>, String> {
        let request = self.client.create_multipart_upload().bucket(bucket).key(key).content_type(CONTENT_TYPE);
        let begun = request.send().await.map_err(|error| chain(&error))?;
        let id = begun.upload_id().ok_or("S3 gave the upload no name")?.to_owned();
        Ok(Upload { curated: self, bucket, key, id, parts: Vec::new() })
    }
}

const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

impl Upload<'_> {
    async fn send(&mut self, body: Bytes) -> Result<(), String> {
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let request = self.curated.client.upload_part().bucket(self.bucket).key(self.key).upload_id(&self.id);
        let sent = request.part_number(number).body(ByteStream::from(body)).send().await;
        let sent = sent.map_err(|error| chain(&error))?;
        let part =
            CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).set_checksum_crc32(sent.checksum_crc32);
        self.parts.push(part.build());
        Ok(())
    }

    async fn complete(&mut self) -> Result<(), String> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let request = self.curated.client.complete_multipart_upload().bucket(self.bucket).key(self.key);
        let completed = request.upload_id(&self.id).multipart_upload(parts).send().await;
        completed.map(|_| ()).map_err(|error| chain(&error))
    }

    /// Parts that no object is made of would be kept, and paid for.
    async fn abort(&self) {
        let request = self.curated.client.abort_multipart_upload().bucket(self.bucket).key(self.key);
        if let Err(error) = request.upload_id(&self.id).send().await {
            warn!(object.key = %self.key, reason = chain(&error), "an upload could not be aborted");
        }
    }
}

fn told(error: tokio_postgres::Error) -> String {
    DatabaseError::from(error).to_string()
}
