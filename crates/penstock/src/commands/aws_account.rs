//! The AWS account that `deploy` and `destroy` use.

use local_stack::{AwsCli, Project};

use crate::error::{Error, Result};

/// Returns the AWS CLI for the account of the environment. Fails in a shell that has read `.local/env`, because its
/// AWS_ENDPOINT_URL is that of the emulator.
pub(crate) fn aws_cli() -> Result<AwsCli> {
    match std::env::var("AWS_ENDPOINT_URL") {
        Ok(endpoint) if !endpoint.is_empty() => Err(Error::NotAws(endpoint)),
        _ => Ok(AwsCli::new(&Project::find()?, None)?),
    }
}
