//! Exports the rejects of a load as a CSV object to the curated bucket, for users without access to the database.
//!
//! The export follows COMMIT and is atomic. A failure is logged and undoes nothing: `penstock.reject` has every row, and
//! a retry of the execution exports again.

use std::pin::pin;

use aws_sdk_s3::Client as S3;
use futures_util::TryStreamExt;
use object_store::Upload;
use postgres::{Client, DatabaseError};
use tracing::{info, warn};

/// Writes rejects to the curated bucket.
#[derive(Debug)]
pub(crate) struct RejectExporter {
    client: S3,
    bucket: Option<String>,
}

impl RejectExporter {
    pub(crate) fn new(client: S3, bucket: Option<String>) -> Self {
        Self { client, bucket }
    }

    pub(crate) async fn export(&self, database: &Client, load_id: i64, key: &str) {
        let Some(bucket) = &self.bucket else {
            warn!(load.id = load_id, "rejects were not exported: CURATED_BUCKET is not set");
            return;
        };
        match self.put(database, load_id, bucket, key).await {
            Ok(bytes) => {
                info!(load.id = load_id, object.bucket = %bucket, object.key = %key, bytes, "rejects exported");
            }
            Err(reason) => {
                warn!(load.id = load_id, object.bucket = %bucket, object.key = %key, reason, "rejects were not exported");
            }
        }
    }

    async fn put(&self, database: &Client, load_id: i64, bucket: &str, key: &str) -> Result<u64, String> {
        let statement = format!(
            r#"copy (select load_id, line, last_line, byte_offset, "column", reason, raw from penstock.reject
                     where load_id = {load_id} order by line, byte_offset)
               to stdout (format csv, header, force_quote (reason, raw))"#
        );
        let mut upload = Upload::new(&self.client, bucket, key, CONTENT_TYPE);
        let sent = send(database, &statement, &mut upload).await;
        if sent.is_err() {
            upload.abort().await;
        }
        sent
    }
}

async fn send(database: &Client, statement: &str, upload: &mut Upload<'_>) -> Result<u64, String> {
    let mut stream = pin!(database.copy_out(statement).await.map_err(describe)?);
    while let Some(line) = stream.try_next().await.map_err(describe)? {
        upload.write(&line).await.map_err(|error| error.to_string())?;
    }
    upload.finish().await.map_err(|error| error.to_string())
}

const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

fn describe(error: tokio_postgres::Error) -> String {
    DatabaseError::from(error).to_string()
}
