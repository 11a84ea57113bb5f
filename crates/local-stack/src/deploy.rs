//! Deploys the template that AWS gets to an emulator.

use std::fs::{self, FileTimes};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;

use crate::aws_cli::{AwsCli, CloudStack, Outputs};
use crate::aws_clients::AwsClients;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::state::StateDir;

const FUNCTIONS: [&str; 6] =
    ["check-file-extension", "trigger-resolver", "random-failure-generator", "loader", "transformer", "reconciler"];
const ARTIFACTS_BUCKET: &str = "penstock-artifacts";
const SECRET: &str = "penstock/database";

/// Inputs of one deployment to an emulator.
pub(crate) struct Deployment<'a> {
    pub(crate) project: &'a Project,
    pub(crate) state: &'a StateDir,
    pub(crate) endpoint: &'a str,
    pub(crate) stack: &'a str,
    pub(crate) database_url: &'a str,
    pub(crate) chaos_plan: &'a str,
    pub(crate) parameters: &'a [String],
}

/// Fails when a function is not built, before anything is started.
pub(crate) fn check_built(project: &Project) -> Result<()> {
    let binary = |function: &str| project.root().join("target/debug").join(function);
    match FUNCTIONS.into_iter().map(binary).find(|path| !path.is_file()) {
        Some(missing) => Err(Error::BinaryMissing(missing)),
        None => Ok(()),
    }
}

impl Deployment<'_> {
    /// Creates the stack, or updates it to the current build.
    pub(crate) async fn run(&self, clients: &AwsClients) -> Result<Outputs> {
        for function in FUNCTIONS {
            place_binary(self.project.root(), function)?;
        }
        let secret_arn = put_secret(clients, self.database_url).await?;
        create_bucket(clients, ARTIFACTS_BUCKET).await?;
        let aws = AwsCli::new(self.project, Some(self.endpoint))?;
        let stack = CloudStack { aws: &aws, name: self.stack };
        let mut parameters = vec![format!("DatabaseSecretArn={secret_arn}"), format!("ChaosPlan={}", self.chaos_plan)];
        parameters.extend_from_slice(self.parameters);
        stack.deploy(ARTIFACTS_BUCKET, &self.state.path().join("packaged.yaml"), &parameters)
    }
}

/// Copies a built function to the path that the template names.
///
/// The copy keeps the modification time. So the same build gives the same zip, and only new code updates the stack.
fn place_binary(root: &Path, function: &str) -> Result<()> {
    let built = root.join("target/debug").join(function);
    let folder = root.join("target/lambda").join(function);
    let bootstrap = folder.join("bootstrap");
    let metadata = fs::metadata(&built).map_err(|_| Error::BinaryMissing(built.clone()))?;
    let modified = metadata.modified().map_err(Error::file("read", &built))?;
    let same = |there: fs::Metadata| there.len() == metadata.len() && there.modified().is_ok_and(|at| at == modified);
    if fs::metadata(&bootstrap).is_ok_and(same) {
        return Ok(());
    }
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    // Outside the folder, because its whole content is packaged. Renamed, because another stack may be reading it.
    let fresh = root.join("target/lambda").join(format!("{function}.{}", std::process::id()));
    let placed = fs::copy(&built, &fresh)
        .and_then(|_| fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::File::options().write(true).open(&fresh))
        .and_then(|file| file.set_times(FileTimes::new().set_modified(modified)))
        .and_then(|()| fs::rename(&fresh, &bootstrap));
    placed.map_err(Error::file("write", &bootstrap))
}

async fn put_secret(clients: &AwsClients, database_url: &str) -> Result<String> {
    let operation = format!("writing the secret {SECRET}");
    let created = clients.secrets.create_secret().name(SECRET).secret_string(database_url).send().await;
    let arn = match created {
        Ok(secret) => secret.arn,
        Err(error) if matches!(error.as_service_error(), Some(CreateSecretError::ResourceExistsException(_))) => {
            let put = clients.secrets.put_secret_value().secret_id(SECRET).secret_string(database_url).send().await;
            put.map_err(Error::aws(operation))?.arn
        }
        Err(error) => return Err(Error::aws(operation)(error)),
    };
    arn.ok_or_else(|| Error::Unexpected(format!("the secret {SECRET} has no ARN")))
}

async fn create_bucket(clients: &AwsClients, bucket: &str) -> Result<()> {
    if clients.s3.head_bucket().bucket(bucket).send().await.is_ok() {
        return Ok(());
    }
    let created = clients.s3.create_bucket().bucket(bucket).send().await;
    created.map(drop).map_err(Error::aws(format!("creating the bucket {bucket}")))
}
