//! The definitions that the functions use: those in the bucket, not those on this disk.

use definitions::DefinitionsBucket;
use pipeline::Catalog;

use super::required;
use crate::cloud::Cloud;
use crate::local::StackEnv;
use crate::{Error, Result, interrupt};

/// Reads all of them; an invalid one is an error.
pub(super) async fn deployed(cloud: &Cloud, env: &StackEnv) -> Result<Catalog> {
    let bucket = required(env.definitions_bucket.as_ref(), "DEFINITIONS_BUCKET")?;
    let bucket = DefinitionsBucket::new(cloud.s3.clone(), bucket.to_owned());
    let definitions = interrupt::unless_asked(bucket.all()).await?;
    if definitions.invalid.is_empty() {
        return Ok(definitions.catalog.clone());
    }
    let reasons: Vec<&str> = definitions.invalid.iter().map(|invalid| invalid.reason.as_str()).collect();
    Err(Error::Definitions(reasons.join("\n")))
}
