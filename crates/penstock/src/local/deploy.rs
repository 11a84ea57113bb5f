//! The same template that AWS gets, deployed to an emulator.

use std::fs::{self, FileTimes};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;

use super::state::StateDir;
use crate::cloud::Cloud;
use crate::cloudformation::{AwsCli, CloudStack, Outputs};
use crate::project::Project;
use crate::{Error, Result};

const FUNCTIONS: [&str; 6] =
    ["check-file-extension", "trigger-resolver", "random-failure-generator", "loader", "transformer", "reconciler"];
const ARTIFACTS_BUCKET: &str = "penstock-artifacts";
const SECRET: &str = "penstock/database";

/// What is deployed, and where to.
pub(crate) struct Deployment<'a> {
    pub(crate) project: &'a Project,
    pub(crate) state: &'a StateDir,
    pub(crate) endpoint: &'a str,
    pub(crate) stack: &'a str,
    pub(crate) database_url: &'a str,
    pub(crate) chaos_rate: f64,
    pub(crate) chaos_plan: &'a str,
    pub(crate) parameters: &'a [String],
}

/// Says which function is not built yet, before anything is started.
pub(crate) fn check_built(project: &Project) -> Result<()> {
    let binary = |function: &str| project.root().join("target/debug").join(function);
    match FUNCTIONS.into_iter().map(binary).find(|path| !path.is_file()) {
        Some(missing) => Err(Error::BinaryMissing(missing)),
        None => Ok(()),
    }
}

impl Deployment<'_> {
    /// Creates the stack, or updates it to what is built now.
    pub(crate) async fn run(&self, cloud: &Cloud) -> Result<Outputs> {
        for function in FUNCTIONS {
            place_binary(self.project.root(), function)?;
        }
        let secret_arn = put_secret(cloud, self.database_url).await?;
        make_bucket(cloud, ARTIFACTS_BUCKET).await?;
        let aws = AwsCli::new(self.project, Some(self.endpoint))?;
        let stack = CloudStack { aws: &aws, name: self.stack };
        let mut parameters = vec![
            format!("DatabaseSecretArn={secret_arn}"),
            format!("ChaosRate={}", self.chaos_rate),
            format!("ChaosPlan={}", self.chaos_plan),
        ];
        parameters.extend_from_slice(self.parameters);
        stack.deploy(ARTIFACTS_BUCKET, &self.state.path().join("packaged.yaml"), &parameters)
    }
}

/// Puts a built function where the template looks for it. The time stamp goes with it, so that the same build gives
/// the same zip and the stack is updated only for new code.
fn place_binary(root: &Path, function: &str) -> Result<()> {
    let built = root.join("target/debug").join(function);
    let folder = root.join("target/lambda").join(function);
    let bootstrap = folder.join("bootstrap");
    let metadata = fs::metadata(&built).map_err(|_| Error::BinaryMissing(built.clone()))?;
    let modified = metadata.modified().map_err(Error::file("look at", &built))?;
    let same = |there: fs::Metadata| there.len() == metadata.len() && there.modified().is_ok_and(|at| at == modified);
    if fs::metadata(&bootstrap).is_ok_and(same) {
        return Ok(());
    }
    fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
    // Beside the folder and not in it: what lies in it is packaged. Renamed, because another stack may be reading.
    let fresh = root.join("target/lambda").join(format!("{function}.{}", std::process::id()));
    let placed = fs::copy(&built, &fresh)
        .and_then(|_| fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::File::options().write(true).open(&fresh))
        .and_then(|file| file.set_times(FileTimes::new().set_modified(modified)))
        .and_then(|()| fs::rename(&fresh, &bootstrap));
    placed.map_err(Error::file("write", &bootstrap))
}

async fn put_secret(cloud: &Cloud, database_url: &str) -> Result<String> {
    let failed = || Error::cloud(format!("writing the secret {SECRET}"));
    let created = cloud.secrets.create_secret().name(SECRET).secret_string(database_url).send().await;
    let arn = match created {
        Ok(secret) => secret.arn,
        Err(error) if matches!(error.as_service_error(), Some(CreateSecretError::ResourceExistsException(_))) => {
            let put = cloud.secrets.put_secret_value().secret_id(SECRET).secret_string(database_url).send().await;
            put.map_err(|error| failed()(error.into()))?.arn
        }
        Err(error) => return Err(failed()(error.into())),
    };
    arn.ok_or_else(|| Error::Unexpected(format!("the secret {SECRET} has no ARN")))
}

async fn make_bucket(cloud: &Cloud, bucket: &str) -> Result<()> {
    if cloud.s3.head_bucket().bucket(bucket).send().await.is_ok() {
        return Ok(());
    }
    let created = cloud.s3.create_bucket().bucket(bucket).send().await;
    created.map(drop).map_err(|error| Error::cloud(format!("making the bucket {bucket}"))(error.into()))
}
