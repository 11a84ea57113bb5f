use std::path::PathBuf;

use clap::Args;
use local_stack::{AwsCli, CloudStack, Outputs, StateDir};

use crate::commands::aws_account::aws_cli;
use crate::commands::shared_args::PipelinesArg;
use crate::context::{Context, fault_plan, pipelines_folder};
use crate::error::{Error, Result};
use crate::output::Progress;
use crate::pipelines::PipelinesFolder;

/// Deploy the stack to the AWS account of the environment and upload the pipelines
///
/// Deploys the functions that `make build` has built. The first deployment requires --database-secret-arn. Later ones
/// keep the value of every parameter that is not set.
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    pipelines: PipelinesArg,
    /// Name of the CloudFormation stack
    #[arg(long, env = "STACK", default_value = "penstock")]
    stack: String,
    /// Architecture of the built functions
    #[arg(long, env = "ARCH", default_value = "x86_64", value_parser = ["x86_64", "arm64"])]
    arch: String,
    /// ARN of the secret that contains the URL of the database
    #[arg(long, env = "DATABASE_SECRET_ARN", value_name = "ARN")]
    database_secret_arn: Option<String>,
    /// Fault plan (chaos.toml). Without it, the deployment removes an earlier plan
    #[arg(long, value_name = "FILE")]
    chaos: Option<PathBuf>,
    /// Another parameter of infra/template.yaml. Can be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

pub(crate) fn run(args: DeployArgs, context: &Context) -> Result<bool> {
    let chaos_plan = fault_plan(args.chaos)?;
    let aws = aws_cli()?;
    let folder = pipelines_folder(args.pipelines.pipelines)?;
    let pipelines = PipelinesFolder::read(&folder)?;
    let state = StateDir::open(&context.state_folder()?)?;
    let progress = Progress::new();
    let step = progress.step("artifacts");
    let artifacts = artifacts_bucket(&aws)?;
    step.done(&format!("go to s3://{artifacts}"));

    let step = progress.step("stack");
    let mut parameters = vec![format!("Architecture={}", args.arch), format!("ChaosPlan={chaos_plan}")];
    parameters.extend(args.database_secret_arn.iter().map(|arn| format!("DatabaseSecretArn={arn}")));
    parameters.extend(args.parameters);
    let stack = CloudStack { aws: &aws, name: &args.stack };
    let outputs = stack.deploy(&artifacts, &state.path().join("packaged-aws.yaml"), &parameters)?;
    step.done(&format!("{} is deployed", args.stack));

    let step = progress.step("pipelines");
    let folder = std::path::absolute(&folder).map_err(Error::file("find", &folder))?;
    let target = format!("s3://{}/pipelines", outputs.get("DefinitionsBucket")?);
    let folder = folder.display().to_string();
    aws.run(["s3", "sync", &folder, &target, "--delete", "--exclude", ".*", "--exclude", "*/.*"])?;
    step.done(&format!("{} uploaded", pipelines.names().join(", ")));
    print_next_steps(&outputs)?;
    Ok(true)
}

/// Returns the bucket for packaged code and creates it if it does not exist. There is one per account and region.
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

fn print_next_steps(outputs: &Outputs) -> Result<()> {
    let landing = outputs.get("LandingBucket")?;
    println!(
        "\nThe stack is up in AWS. Drop a first file:\n\
         \x20 aws s3 cp orders.csv s3://{landing}/raw_data/retail/$(date +%F)/orders.csv\n\
         Then list its execution:\n\
         \x20 export LANDING_BUCKET={landing} STATE_MACHINE_ARN={} RUN_PIPELINE_ARN={}\n\
         \x20 penstock runs",
        outputs.get("StateMachineArn")?,
        outputs.get("RunPipelineArn")?
    );
    Ok(())
}
