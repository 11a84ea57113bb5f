use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_s3::Client;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{SmallObject, StorageError, StorageErrorKind, read_small};
use pipeline::Definition;
use pipeline::limits::{DEFINITION_BYTES_MAX, SQL_BYTES_MAX};
use pipeline::sql::Script;
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::definitions::{Definitions, InvalidDefinition, ParsedDefinition};
use crate::error::DefinitionsError;
use crate::key::{FILE, PREFIX, key, pipeline_of};

/// Definitions that are read at the same time at cold start.
const READS_AT_ONCE: usize = 8;

/// Reads definitions and SQL files from the definitions bucket.
#[derive(Debug)]
pub struct DefinitionsBucket {
    s3: Client,
    bucket: String,
    cache: Mutex<Cache>,
}

/// One SQL file of a pipeline, parsed.
#[derive(Debug)]
pub struct TransformScript {
    /// The file's name in the pipeline's folder.
    pub sql: String,
    pub script: Script,
}

#[derive(Debug, Default)]
struct Cache {
    /// By pipeline.
    files: BTreeMap<String, CachedFile>,
    definitions: Arc<Definitions>,
}

#[derive(Debug)]
struct CachedFile {
    /// As listed.
    etag: String,
    parsed: Result<ParsedDefinition, InvalidDefinition>,
}

/// A definition as LIST shows it.
#[derive(Clone, Debug)]
struct ListedFile {
    pipeline: String,
    etag: String,
}

/// The text of a file, or why there is none.
enum FileText {
    Text(String),
    Invalid(String),
    Absent,
}

impl DefinitionsBucket {
    pub fn new(s3: Client, bucket: String) -> Self {
        Self { s3, bucket, cache: Mutex::default() }
    }

    /// Returns all definitions as they are in the bucket now: lists the bucket, and reads only changed files.
    pub async fn all(&self) -> Result<Arc<Definitions>, DefinitionsError> {
        let listed = self.list().await?;
        let mut cache = self.cache.lock().await;
        let is_cached =
            |listed: &ListedFile| cache.files.get(&listed.pipeline).is_some_and(|file| file.etag == listed.etag);
        if listed.len() == cache.files.len() && listed.iter().all(is_cached) {
            return Ok(Arc::clone(&cache.definitions));
        }
        let changed: Vec<_> = listed.iter().filter(|listed| !is_cached(listed)).cloned().collect();
        let read: Vec<_> =
            stream::iter(changed).map(|listed| self.read(listed)).buffered(READS_AT_ONCE).try_collect().await?;

        cache.files.retain(|pipeline, _| listed.iter().any(|listed| listed.pipeline == *pipeline));
        cache.files.extend(read.into_iter().flatten());
        cache.definitions = Arc::new(Definitions::new(cache.files.values().map(|file| file.parsed.clone())));
        info!(definitions = cache.files.len(), "definitions read");
        for InvalidDefinition { pipeline, reason } in &cache.definitions.invalid {
            warn!(pipeline, reason, "invalid definition");
        }
        Ok(Arc::clone(&cache.definitions))
    }

    /// Reads one definition, without the cache.
    pub async fn definition(&self, pipeline: &str) -> Result<Definition, DefinitionsError> {
        let key = key(pipeline, FILE);
        let text = match self.text(&key, DEFINITION_BYTES_MAX).await? {
            FileText::Text(text) => text,
            FileText::Invalid(reason) => return Err(DefinitionsError::InvalidDefinition(reason)),
            FileText::Absent => return Err(DefinitionsError::NoPipeline { at: self.at(&key) }),
        };
        let parsed = Definition::parse(pipeline, &key, &text);
        parsed.map_err(|errors| DefinitionsError::InvalidDefinition(errors.to_string()))
    }

    /// Reads and parses the SQL files of a definition, in the order in which they run.
    pub async fn transforms(&self, definition: &Definition) -> Result<Vec<TransformScript>, DefinitionsError> {
        let mut transforms = Vec::with_capacity(definition.transforms.len());
        for pipeline::Transform { sql } in &definition.transforms {
            let key = key(&definition.pipeline, sql);
            let text = match self.text(&key, SQL_BYTES_MAX).await? {
                FileText::Text(text) => text,
                FileText::Invalid(reason) => return Err(DefinitionsError::InvalidTransform(reason)),
                FileText::Absent => {
                    let reason = format!("{} does not exist, but {FILE} names it", self.at(&key));
                    return Err(DefinitionsError::InvalidTransform(reason));
                }
            };
            let script = Script::parse(&key, &text);
            let script = script.map_err(|errors| DefinitionsError::InvalidTransform(errors.to_string()))?;
            transforms.push(TransformScript { sql: sql.clone(), script });
        }
        Ok(transforms)
    }

    async fn list(&self) -> Result<Vec<ListedFile>, DefinitionsError> {
        let at = self.at(PREFIX);
        let mut pages = self.s3.list_objects_v2().bucket(&self.bucket).prefix(PREFIX).into_paginator().send();
        let mut listed = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| match StorageError::new("LIST", &at, &error) {
                StorageError { kind: StorageErrorKind::Absent, .. } => {
                    DefinitionsError::NoBucket { bucket: self.bucket.clone() }
                }
                error => DefinitionsError::Storage(error),
            })?;
            listed.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let pipeline = pipeline_of(object.key.as_deref()?)?.to_owned();
                Some(ListedFile { pipeline, etag: object.e_tag.unwrap_or_default() })
            }));
        }
        Ok(listed)
    }

    /// Returns `None` when the file was deleted after it was listed.
    async fn read(&self, listed: ListedFile) -> Result<Option<(String, CachedFile)>, StorageError> {
        let ListedFile { pipeline, etag } = listed;
        let parsed = match self.text(&key(&pipeline, FILE), DEFINITION_BYTES_MAX).await? {
            FileText::Text(text) => ParsedDefinition::parse(&pipeline, text),
            FileText::Invalid(reason) => Err(InvalidDefinition::new(&pipeline, &reason)),
            FileText::Absent => return Ok(None),
        };
        Ok(Some((pipeline, CachedFile { etag, parsed })))
    }

    async fn text(&self, key: &str, bytes_max: usize) -> Result<FileText, StorageError> {
        // Boxed: the future of an SDK call is too large to be nested by value.
        Ok(match Box::pin(read_small(&self.s3, &self.bucket, key, bytes_max)).await? {
            SmallObject::Body(bytes) => match String::from_utf8(bytes) {
                Ok(text) => FileText::Text(text),
                Err(error) => FileText::Invalid(format!("{key} is not valid UTF-8: {error}")),
            },
            SmallObject::TooLarge { bytes } => {
                FileText::Invalid(format!("{key} has {bytes} bytes; the maximum is {bytes_max}"))
            }
            SmallObject::Absent => FileText::Absent,
        })
    }

    fn at(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}
