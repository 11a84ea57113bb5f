//! The definitions that the functions follow: those in the bucket.

use aws_sdk_s3::Client;
use object_store::{Fault, StorageError, read_whole};
use pipeline::Definition;
use pipeline::limits::DEFINITION_BYTES_MAX;

const PREFIX: &str = "pipelines/";
const FILE: &str = "/pipeline.toml";

/// Each definition, or where and why it cannot be used.
pub async fn read(s3: &Client, bucket: &str) -> Result<Vec<Result<Definition, String>>, StorageError> {
    let mut definitions = Vec::new();
    for key in keys(s3, bucket).await? {
        let at = format!("s3://{bucket}/{key}");
        let bytes = match read_whole(s3, bucket, &key, DEFINITION_BYTES_MAX).await {
            Ok(Some(bytes)) => bytes,
            // It has gone since it was listed.
            Ok(None) => continue,
            Err(error) if error.fault == Fault::TooLarge => {
                definitions.push(Err(error.to_string()));
                continue;
            }
            Err(error) => return Err(error),
        };
        let pipeline = key.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(FILE)).unwrap_or_default();
        let text = String::from_utf8(bytes).map_err(|_| format!("{at}: it is not UTF-8"));
        let parse = |text: String| Definition::parse(pipeline, &at, &text).map_err(|errors| errors.to_string());
        definitions.push(text.and_then(parse));
    }
    Ok(definitions)
}

async fn keys(s3: &Client, bucket: &str) -> Result<Vec<String>, StorageError> {
    let at = format!("s3://{bucket}/{PREFIX}");
    let mut pages = s3.list_objects_v2().bucket(bucket).prefix(PREFIX).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| StorageError::new("LIST", &at, &error))?;
        let found = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
        keys.extend(found.filter(|key| key.ends_with(FILE) && key.matches('/').count() == 2));
    }
    Ok(keys)
}
