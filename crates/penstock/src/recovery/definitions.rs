//! The definitions that the functions follow: those in the bucket, not those on this disk.

use pipeline::{Catalog, Definition};

use super::required;
use crate::cloud::Cloud;
use crate::local::StackEnv;
use crate::{Error, Result, interrupt};

/// All of them; one that cannot be used is an error.
pub(super) async fn deployed(cloud: &Cloud, env: &StackEnv) -> Result<Catalog> {
    let bucket = required(env.definitions_bucket.as_ref(), "DEFINITIONS_BUCKET")?;
    let read = interrupt::unless_asked(reconciliation::definitions::read(&cloud.s3, bucket)).await?;
    let definitions = read.into_iter().collect::<Result<Vec<Definition>, String>>().map_err(Error::Definitions)?;
    Catalog::new(definitions).map_err(|errors| Error::Definitions(errors.to_string()))
}
