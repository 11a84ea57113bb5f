use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::ByteStream;
use definitions::{FILE as DEFINITION_FILE, PREFIX};
use local_stack::AwsClients;
use pipeline::Catalog;

use crate::error::{Error, Result};
use crate::pipelines::checked::CheckedPipelines;
use crate::pipelines::listing::{entries, file_name};

/// A folder of valid pipelines.
#[derive(Debug)]
pub(crate) struct PipelinesFolder {
    pub(crate) catalog: Catalog,
    /// By object key.
    files: BTreeMap<String, PathBuf>,
}

impl PipelinesFolder {
    /// Reads and checks every pipeline in `folder`. The error message lists all problems.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let catalog = CheckedPipelines::read_folder(folder)?.into_catalog()?;
        let mut files = BTreeMap::new();
        for definition in catalog.definitions() {
            let name = &definition.pipeline;
            collect(&folder.join(name), &format!("{PREFIX}{name}/"), &mut files)?;
        }
        Ok(Self { catalog, files })
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.catalog.definitions().iter().map(|definition| definition.pipeline.as_str()).collect()
    }

    /// Mirrors the folder to the definitions bucket. Uploads a definition after the files that it uses, and deletes a
    /// definition before them.
    pub(crate) async fn upload(&self, clients: &AwsClients, bucket: &str) -> Result<()> {
        let (definitions, others): (Vec<_>, Vec<_>) = self.files.iter().partition(|(key, _)| is_definition(key));
        for (key, path) in others.into_iter().chain(definitions) {
            let body = fs::read(path).map_err(Error::file("read", path))?;
            let put = clients.s3.put_object().bucket(bucket).key(key).body(ByteStream::from(body)).send().await;
            put.map_err(Error::aws(format!("uploading s3://{bucket}/{key}")))?;
        }
        let mut removed = self.removed(clients, bucket).await?;
        removed.sort_by_key(|key| !is_definition(key));
        for key in removed {
            let delete = clients.s3.delete_object().bucket(bucket).key(&key).send().await;
            delete.map_err(Error::aws(format!("deleting s3://{bucket}/{key}")))?;
        }
        Ok(())
    }

    /// Lists the objects in the bucket that are not in the folder.
    async fn removed(&self, clients: &AwsClients, bucket: &str) -> Result<Vec<String>> {
        let mut pages = clients.s3.list_objects_v2().bucket(bucket).prefix(PREFIX).into_paginator().send();
        let mut removed = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(Error::aws(format!("listing s3://{bucket}/{PREFIX}")))?;
            let keys = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
            removed.extend(keys.filter(|key| !self.files.contains_key(key)));
        }
        Ok(removed)
    }
}

fn is_definition(key: &str) -> bool {
    key.rsplit('/').next() == Some(DEFINITION_FILE)
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for path in entries(folder)? {
        let key = format!("{prefix}{}", file_name(&path));
        if path.is_dir() {
            collect(&path, &format!("{key}/"), files)?;
        } else {
            files.insert(key, path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_are_not_uploaded() {
        let folder = tempfile::tempdir().unwrap();
        let pipeline = folder.path().join("retail");
        fs::create_dir_all(pipeline.join("sql")).unwrap();
        for name in ["pipeline.toml", "sql/agg.sql", ".swp"] {
            fs::write(pipeline.join(name), "").unwrap();
        }
        let mut files = BTreeMap::new();
        collect(&pipeline, "pipelines/retail/", &mut files).unwrap();
        let keys: Vec<&String> = files.keys().collect();
        assert_eq!(keys, ["pipelines/retail/pipeline.toml", "pipelines/retail/sql/agg.sql"]);
    }

    #[test]
    fn folder_without_a_definition_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            PipelinesFolder::read(folder.path()).unwrap_err().to_string().ends_with("the folder contains no pipeline")
        );
        fs::create_dir(folder.path().join("empty")).unwrap();
        let error = PipelinesFolder::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("empty: a pipeline's folder must have a pipeline.toml"), "{error}");
    }

    #[test]
    fn example_pipelines_are_valid() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
        let pipelines = PipelinesFolder::read(&shipped).unwrap();
        assert_eq!(pipelines.names(), ["retail", "water"]);
    }
}
