//! The rejects of a load as a CSV in the curated bucket, for those who have no way to the database.
//!
//! Written after COMMIT, whole or not at all. A failure is told and undoes nothing: `penstock.reject` has every row, and
//! the load's own execution, when it is tried again, exports again.

use std::pin::pin;

use aws_sdk_s3::Client as S3;
use futures_util::TryStreamExt;
use object_store::Upload;
use postgres::{Client, DatabaseError};
use tracing::{info, warn};

/// Where rejects are exported to.
#[derive(Debug)]
pub(crate) struct Curated {
    client: S3,
    bucket: Option<String>,
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
        let mut upload = Upload::new(&self.client, bucket, key, CONTENT_TYPE);
        let sent = send(database, &statement, &mut upload).await;
        if sent.is_err() {
            upload.abort().await;
        }
        sent
    }
}

async fn send(database: &Client, statement: &str, upload: &mut Upload<'_>) -> Result<u64, String> {
    let mut stream = pin!(database.copy_out(statement).await.map_err(told)?);
    while let Some(line) = stream.try_next().await.map_err(told)? {
        upload.write(&line).await.map_err(|error| error.to_string())?;
    }
    upload.finish().await.map_err(|error| error.to_string())
}

const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

fn told(error: tokio_postgres::Error) -> String {
    DatabaseError::from(error).to_string()
}
