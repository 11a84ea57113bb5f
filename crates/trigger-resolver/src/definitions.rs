use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_s3::Client;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{Fault, StorageError};
use pipeline::limits::DEFINITION_BYTES_MAX;
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::ResolveError;
use crate::library::{Broken, Entry, Library};

const FOLDER: &str = "pipelines/";
const FILE: &str = "/pipeline.toml";

/// How many definitions are read at a time at cold start.
const READS_AT_ONCE: usize = 8;

/// The pipelines as the definitions bucket has them. A warm function pays one LIST, and reads only what has changed.
#[derive(Debug)]
pub(crate) struct Definitions {
    s3: Client,
    bucket: String,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By pipeline: the etag as listed, and what became of the text.
    entries: BTreeMap<String, (String, Result<Entry, Broken>)>,
    library: Arc<Library>,
}

/// One definition as LIST tells of it.
#[derive(Clone, Debug)]
struct Listed {
    pipeline: String,
    key: String,
    etag: String,
    size_bytes: i64,
}

impl Definitions {
    pub(crate) fn new(s3: Client, bucket: String) -> Self {
        Self { s3, bucket, known: Mutex::default() }
    }

    pub(crate) async fn current(&self) -> Result<Arc<Library>, ResolveError> {
        let listed = self.list().await?;
        let mut known = self.known.lock().await;
        let is_known =
            |listed: &Listed| known.entries.get(&listed.pipeline).is_some_and(|(etag, _)| *etag == listed.etag);
        if listed.len() == known.entries.len() && listed.iter().all(is_known) {
            return Ok(Arc::clone(&known.library));
        }
        let changed: Vec<_> = listed.iter().filter(|listed| !is_known(listed)).cloned().collect();
        let read: Vec<_> =
            stream::iter(changed).map(|listed| self.read(listed)).buffered(READS_AT_ONCE).try_collect().await?;

        known.entries.retain(|pipeline, _| listed.iter().any(|listed| listed.pipeline == *pipeline));
        known.entries.extend(read.into_iter().flatten());
        known.library = Arc::new(Library::new(known.entries.values().map(|(_, entry)| entry.clone()).collect()));
        info!(definitions = known.entries.len(), "definitions read");
        for Broken { pipeline, reason } in &known.library.broken {
            warn!(pipeline, reason, "a definition cannot be used");
        }
        Ok(Arc::clone(&known.library))
    }

    async fn list(&self) -> Result<Vec<Listed>, ResolveError> {
        let at = format!("s3://{}/{FOLDER}", self.bucket);
        let mut pages = self.s3.list_objects_v2().bucket(&self.bucket).prefix(FOLDER).into_paginator().send();
        let mut listed = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| match StorageError::new("LIST", &at, &error) {
                StorageError { fault: Fault::Absent, .. } => {
                    ResolveError::NoDefinitionsBucket { bucket: self.bucket.clone() }
                }
                error => ResolveError::Storage(error),
            })?;
            listed.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let key = object.key?;
                let pipeline = pipeline_of(&key)?.to_owned();
                let etag = object.e_tag.unwrap_or_default();
                Some(Listed { pipeline, key, etag, size_bytes: object.size.unwrap_or_default() })
            }));
        }
        Ok(listed)
    }

    /// None when it has gone since it was listed.
    async fn read(&self, listed: Listed) -> Result<Option<(String, (String, Result<Entry, Broken>))>, StorageError> {
        let Listed { pipeline, key, etag, size_bytes } = listed;
        let entry = |entry| Some((pipeline.clone(), (etag, entry)));
        if usize::try_from(size_bytes).is_ok_and(|bytes| bytes > DEFINITION_BYTES_MAX) {
            let reason = format!("{key}: {size_bytes} bytes, and a definition has at most {DEFINITION_BYTES_MAX}");
            return Ok(entry(Err(Broken::new(&pipeline, &reason))));
        }
        let Some(bytes) = object_store::read_whole(&self.s3, &self.bucket, &key, DEFINITION_BYTES_MAX).await? else {
            return Ok(None);
        };
        let parsed = match String::from_utf8(bytes) {
            Ok(text) => Entry::parse(&pipeline, text),
            Err(error) => Err(Broken::new(&pipeline, &format!("{key}: {error}"))),
        };
        Ok(entry(parsed))
    }
}

fn pipeline_of(key: &str) -> Option<&str> {
    let name = key.strip_prefix(FOLDER)?.strip_suffix(FILE)?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_lies_in_its_pipeline_s_folder() {
        for (key, expected) in [
            ("pipelines/retail/pipeline.toml", Some("retail")),
            ("pipelines/retail/agg.sql", None),
            ("pipelines/pipeline.toml", None),
            ("pipelines//pipeline.toml", None),
            ("pipelines/a/b/pipeline.toml", None),
            ("retail/pipeline.toml", None),
        ] {
            assert_eq!(pipeline_of(key), expected, "{key}");
        }
    }
}
