//! The pipelines folder: checked whole before anything is uploaded, then mirrored into the definitions bucket.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::ByteStream;
use definitions::{FILE, PREFIX};
use pipeline::Catalog;

use super::checked::Checked;
use crate::cloud::Cloud;
use crate::{Error, Result};

/// Every pipeline of a folder, checked.
#[derive(Debug)]
pub struct Pipelines {
    pub catalog: Catalog,
    /// By object key.
    files: BTreeMap<String, PathBuf>,
}

impl Pipelines {
    /// Reads and checks every pipeline in `folder`; one message holds all that is to correct.
    pub fn read(folder: &Path) -> Result<Self> {
        let catalog = Checked::read_folder(folder)?.into_catalog()?;
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

    /// Makes the bucket's pipelines these and no others. A definition comes after the files that it names, and goes
    /// before them.
    pub(crate) async fn upload(&self, cloud: &Cloud, bucket: &str) -> Result<()> {
        let (definitions, others): (Vec<_>, Vec<_>) = self.files.iter().partition(|(key, _)| is_definition(key));
        for (key, path) in others.into_iter().chain(definitions) {
            let body = fs::read(path).map_err(Error::file("read", path))?;
            let put = cloud.s3.put_object().bucket(bucket).key(key).body(ByteStream::from(body)).send().await;
            put.map_err(|error| Error::cloud(format!("uploading s3://{bucket}/{key}"))(error.into()))?;
        }
        let mut removed = self.removed(cloud, bucket).await?;
        removed.sort_by_key(|key| !is_definition(key));
        for key in removed {
            let delete = cloud.s3.delete_object().bucket(bucket).key(&key).send().await;
            delete.map_err(|error| Error::cloud(format!("deleting s3://{bucket}/{key}"))(error.into()))?;
        }
        Ok(())
    }

    async fn removed(&self, cloud: &Cloud, bucket: &str) -> Result<Vec<String>> {
        let mut pages = cloud.s3.list_objects_v2().bucket(bucket).prefix(PREFIX).into_paginator().send();
        let mut removed = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::cloud(format!("listing s3://{bucket}/{PREFIX}"))(error.into()))?;
            let keys = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
            removed.extend(keys.filter(|key| !self.files.contains_key(key)));
        }
        Ok(removed)
    }
}

fn is_definition(key: &str) -> bool {
    key.rsplit('/').next() == Some(FILE)
}

/// In a stable order, without hidden files.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut paths: Vec<PathBuf> = read.map_err(Error::file("read", folder))?.into_iter().map(|e| e.path()).collect();
    paths.retain(|path| !file_name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
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

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_pipeline_has_its_key_and_hidden_files_have_none() {
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
    fn a_folder_without_a_definition_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Pipelines::read(folder.path()).unwrap_err().to_string().ends_with("no pipeline in it"));
        fs::create_dir(folder.path().join("empty")).unwrap();
        let error = Pipelines::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("empty: every folder here is a pipeline"), "{error}");
    }

    #[test]
    fn the_shipped_pipelines_are_right() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
        let pipelines = Pipelines::read(&shipped).unwrap();
        assert_eq!(pipelines.names(), ["retail", "water"]);
    }
}
