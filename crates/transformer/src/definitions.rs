//! Pipelines as the definitions bucket has them now: `pipeline.toml` and the SQL files that it names.

use aws_sdk_s3::Client;
use object_store::{Fault, StorageError, read_whole};
use pipeline::Definition;
use pipeline::limits::{DEFINITION_BYTES_MAX, SQL_BYTES_MAX};
use pipeline::sql::Script;

use crate::error::TransformError;

#[derive(Debug)]
pub(crate) struct Definitions {
    s3: Client,
    bucket: String,
}

/// One `[[transforms]]`, ready to be executed.
#[derive(Debug)]
pub(crate) struct Transform {
    /// Its name in the pipeline's folder.
    pub(crate) sql: String,
    pub(crate) script: Script,
}

impl Definitions {
    pub(crate) fn new(s3: Client, bucket: String) -> Self {
        Self { s3, bucket }
    }

    pub(crate) async fn definition(&self, pipeline: &str) -> Result<Definition, TransformError> {
        let key = key(pipeline, "pipeline.toml");
        let text = match self.read(&key, DEFINITION_BYTES_MAX).await? {
            Read::Text(text) => text,
            Read::Unusable(reason) => return Err(TransformError::InvalidDefinition(reason)),
            Read::Absent => return Err(TransformError::NoPipeline { at: self.at(&key) }),
        };
        Definition::parse(pipeline, &key, &text).map_err(|errors| TransformError::InvalidDefinition(errors.to_string()))
    }

    /// The SQL files in the order in which they run.
    pub(crate) async fn transforms(&self, definition: &Definition) -> Result<Vec<Transform>, TransformError> {
        let mut transforms = Vec::with_capacity(definition.transforms.len());
        for pipeline::Transform { sql } in &definition.transforms {
            let key = key(&definition.pipeline, sql);
            let text = match self.read(&key, SQL_BYTES_MAX).await? {
                Read::Text(text) => text,
                Read::Unusable(reason) => return Err(TransformError::InvalidTransform(reason)),
                Read::Absent => {
                    let reason = format!("{}: not there, and pipeline.toml names it", self.at(&key));
                    return Err(TransformError::InvalidTransform(reason));
                }
            };
            let script =
                Script::parse(&key, &text).map_err(|errors| TransformError::InvalidTransform(errors.to_string()))?;
            transforms.push(Transform { sql: sql.clone(), script });
        }
        Ok(transforms)
    }

    async fn read(&self, key: &str, bytes_max: usize) -> Result<Read, TransformError> {
        // Boxed: an async SDK call inside makes a future too large to be nested by value.
        match Box::pin(read_whole(&self.s3, &self.bucket, key, bytes_max)).await {
            Ok(Some(bytes)) => Ok(match String::from_utf8(bytes) {
                Ok(text) => Read::Text(text),
                Err(error) => Read::Unusable(format!("{key}: {error}")),
            }),
            Ok(None) => Ok(Read::Absent),
            Err(StorageError { fault: Fault::TooLarge, reason, .. }) => Ok(Read::Unusable(format!("{key}: {reason}"))),
            Err(error) => Err(TransformError::Storage(error)),
        }
    }

    fn at(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

enum Read {
    Text(String),
    Unusable(String),
    Absent,
}

fn key(pipeline: &str, file: &str) -> String {
    format!("pipelines/{pipeline}/{file}")
}
