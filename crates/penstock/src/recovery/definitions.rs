//! The definitions that the functions follow: those in the bucket, not those on this disk.

use pipeline::{Catalog, Definition};

use super::required;
use crate::cloud::Cloud;
use crate::local::StackEnv;
use crate::{Error, Result};

const PREFIX: &str = "pipelines/";
const FILE: &str = "/pipeline.toml";

pub(super) async fn deployed(cloud: &Cloud, env: &StackEnv) -> Result<Catalog> {
    let bucket = required(env.definitions_bucket.as_ref(), "DEFINITIONS_BUCKET")?;
    let mut definitions = Vec::new();
    for key in keys(cloud, bucket).await? {
        let at = format!("s3://{bucket}/{key}");
        let text = read(cloud, bucket, &key, &at).await?;
        let pipeline = key.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(FILE)).unwrap_or_default();
        let definition = Definition::parse(pipeline, &at, &text);
        definitions.push(definition.map_err(|errors| Error::Definitions(errors.to_string()))?);
    }
    Catalog::new(definitions).map_err(|errors| Error::Definitions(errors.to_string()))
}

async fn keys(cloud: &Cloud, bucket: &str) -> Result<Vec<String>> {
    let mut pages = cloud.s3.list_objects_v2().bucket(bucket).prefix(PREFIX).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Error::cloud(format!("listing s3://{bucket}/{PREFIX}"))(error.into()))?;
        let found = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
        keys.extend(found.filter(|key| key.ends_with(FILE) && key.matches('/').count() == 2));
    }
    Ok(keys)
}

async fn read(cloud: &Cloud, bucket: &str, key: &str, at: &str) -> Result<String> {
    let object = cloud.s3.get_object().bucket(bucket).key(key).send().await;
    let object = object.map_err(|error| Error::cloud(format!("reading {at}"))(error.into()))?;
    let body = object.body.collect().await.map_err(|error| Error::cloud(format!("reading {at}"))(error.into()))?;
    String::from_utf8(body.to_vec()).map_err(|_| Error::Definitions(format!("{at}: it is not UTF-8")))
}
