//! `penstock deploy` and `penstock destroy`: the stack in the AWS account that the environment points to.

use std::path::PathBuf;

use crate::cloudformation::{AwsCli, CloudStack, Outputs};
use crate::local::{Pipelines, StateDir};
use crate::progress::Progress;
use crate::project::Project;
use crate::{Error, Result};

const BUCKETS: [&str; 3] = ["LandingBucket", "DefinitionsBucket", "CuratedBucket"];

/// What `deploy` is asked for.
#[derive(Debug)]
pub(crate) struct DeployOptions {
    /// Where the packaged template is kept.
    pub(crate) state: PathBuf,
    pub(crate) pipelines: PathBuf,
    pub(crate) stack: String,
    pub(crate) arch: String,
    pub(crate) database_secret_arn: Option<String>,
    /// As of `up`: a plan that is not named is not kept.
    pub(crate) chaos_plan: String,
    pub(crate) parameters: Vec<String>,
}

pub(crate) fn deploy(options: &DeployOptions, progress: Progress) -> Result<()> {
    let aws = real_aws()?;
    let pipelines = Pipelines::read(&options.pipelines)?;
    let state = StateDir::open(&options.state)?;
    let step = progress.step("artifacts");
    let artifacts = artifacts_bucket(&aws)?;
    step.done(&format!("go to s3://{artifacts}"));

    let step = progress.step("stack");
    let mut parameters = vec![format!("Architecture={}", options.arch), format!("ChaosPlan={}", options.chaos_plan)];
    parameters.extend(options.database_secret_arn.iter().map(|arn| format!("DatabaseSecretArn={arn}")));
    parameters.extend(options.parameters.iter().cloned());
    let stack = CloudStack { aws: &aws, name: &options.stack };
    let outputs = stack.deploy(&artifacts, &state.path().join("packaged-aws.yaml"), &parameters)?;
    step.done(&format!("{} is deployed", options.stack));

    let step = progress.step("pipelines");
    let folder = std::path::absolute(&options.pipelines).map_err(Error::file("find", &options.pipelines))?;
    let target = format!("s3://{}/pipelines", outputs.get("DefinitionsBucket")?);
    aws.run([
        "s3",
        "sync",
        &folder.display().to_string(),
        &target,
        "--delete",
        "--exclude",
        ".*",
        "--exclude",
        "*/.*",
    ])?;
    step.done(&format!("{} uploaded", pipelines.names().join(", ")));
    say_what_next(&outputs)
}

pub(crate) fn destroy(stack: &str, progress: Progress) -> Result<()> {
    let aws = real_aws()?;
    let stack = CloudStack { aws: &aws, name: stack };
    let outputs = stack.outputs()?;
    let kept: Vec<String> = BUCKETS.into_iter().map(|name| outputs.get(name)).collect::<Result<_>>()?;
    let step = progress.step("stack");
    stack.delete()?;
    step.done(&format!("{} is deleted", stack.name));
    println!("kept, because your data is in them:");
    for bucket in kept {
        println!("  s3://{bucket}    (`aws s3 rb --force s3://{bucket}` deletes the bucket and all in it)");
    }
    println!("the database and its secret were never part of the stack");
    Ok(())
}

/// A shell that has read `.local/env` points at the emulator; deploying there by mistake would only confuse.
fn real_aws() -> Result<AwsCli> {
    match std::env::var("AWS_ENDPOINT_URL") {
        Ok(endpoint) if !endpoint.is_empty() => Err(Error::NotAws(endpoint)),
        _ => AwsCli::new(&Project::find()?, None),
    }
}

/// The bucket for packaged code, one an account and region, made when missing.
fn artifacts_bucket(aws: &AwsCli) -> Result<String> {
    let account = aws.run(["sts", "get-caller-identity", "--query", "Account", "--output", "text"])?;
    let region = std::env::var("AWS_REGION").or_else(|_| std::env::var("AWS_DEFAULT_REGION"));
    let region = match region {
        Ok(region) => region,
        Err(_) => aws.run(["configure", "get", "region"])?.trim().to_owned(),
    };
    let bucket = format!("penstock-artifacts-{}-{region}", account.trim());
    if aws.run(["s3api", "head-bucket", "--bucket", &bucket]).is_err() {
        aws.run(["s3", "mb", &format!("s3://{bucket}"), "--region", &region])?;
    }
    Ok(bucket)
}

fn say_what_next(outputs: &Outputs) -> Result<()> {
    let landing = outputs.get("LandingBucket")?;
    println!(
        "\nThe stack is up in AWS. Drop the first file:\n\
         \x20 aws s3 cp orders.csv s3://{landing}/raw_data/retail/$(date +%F)/orders.csv\n\
         and look at what became of it:\n\
         \x20 export LANDING_BUCKET={landing} STATE_MACHINE_ARN={} RUN_PIPELINE_ARN={}\n\
         \x20 penstock runs",
        outputs.get("StateMachineArn")?,
        outputs.get("RunPipelineArn")?
    );
    Ok(())
}
