use clap::Args;
use local_stack::CloudStack;

use crate::commands::aws_account::aws_cli;
use crate::error::Result;
use crate::output::Progress;

const BUCKETS: [&str; 3] = ["LandingBucket", "DefinitionsBucket", "CuratedBucket"];

/// Delete the stack from AWS and print what is kept
#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    /// Name of the CloudFormation stack
    #[arg(long, env = "STACK", default_value = "penstock")]
    stack: String,
}

pub(crate) fn run(args: &DestroyArgs) -> Result<bool> {
    let aws = aws_cli()?;
    let stack = CloudStack { aws: &aws, name: &args.stack };
    let outputs = stack.outputs()?;
    let kept: Vec<String> = BUCKETS.into_iter().map(|name| outputs.get(name)).collect::<Result<_, _>>()?;
    let step = Progress::new().step("stack");
    stack.delete()?;
    step.done(&format!("{} is deleted", stack.name));
    println!("These buckets are kept, because they contain your data:");
    for bucket in kept {
        println!("  s3://{bucket}    (`aws s3 rb --force s3://{bucket}` deletes the bucket with its content)");
    }
    println!("The database and its secret are not part of the stack, so they are kept too.");
    Ok(true)
}
