//! Packages and deploys the template with the AWS CLI, to an emulator or to AWS.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::emulator::emulator_variables;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::project::Project;

/// The AWS CLI of `.venv`. It uses an emulator, or the AWS account of the environment.
#[derive(Clone, Debug)]
pub struct AwsCli {
    program: PathBuf,
    root: PathBuf,
    endpoint: Option<String>,
}

impl AwsCli {
    pub fn new(project: &Project, endpoint: Option<&str>) -> Result<Self> {
        let program = project.tool("aws")?;
        Ok(Self { program, root: project.root().to_owned(), endpoint: endpoint.map(str::to_owned) })
    }

    /// Runs `aws` with these arguments and returns its stdout.
    pub fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.root).stdin(Stdio::null()).env("AWS_PAGER", "");
        if let Some(endpoint) = &self.endpoint {
            // The call must never reach the user's real account.
            command.env_remove("AWS_PROFILE").envs(emulator_variables(endpoint));
        }
        let output = command.output().map_err(|source| Error::CannotRun { program: self.program.clone(), source })?;
        interrupt::check()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let arguments = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>();
        Err(Error::CommandFailed {
            command: format!("aws {}", arguments.join(" ")),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

/// A CloudFormation stack.
#[derive(Debug)]
pub struct CloudStack<'a> {
    pub aws: &'a AwsCli,
    pub name: &'a str,
}

/// The outputs of a CloudFormation stack, by name.
#[derive(Debug)]
pub struct Outputs(BTreeMap<String, String>);

impl Outputs {
    /// Returns one output. Fails if the stack does not have it.
    pub fn get(&self, name: &'static str) -> Result<String> {
        self.0.get(name).cloned().ok_or(Error::NotSet { file: "the stack's outputs".to_owned(), name })
    }
}

impl CloudStack<'_> {
    /// Creates the stack, or updates it to the current build. A parameter that is not in `parameters` keeps its value.
    pub fn deploy(&self, artifacts_bucket: &str, packaged: &Path, parameters: &[String]) -> Result<Outputs> {
        let packaged = packaged.display().to_string();
        let template = "infra/template.yaml";
        let package = ["cloudformation", "package", "--template-file", template, "--s3-bucket", artifacts_bucket];
        self.aws.run(package.into_iter().chain(["--output-template-file", &packaged]))?;
        let mut deploy = vec!["cloudformation", "deploy", "--stack-name", self.name, "--template-file", &packaged];
        deploy.extend(["--s3-bucket", artifacts_bucket]);
        deploy.extend(["--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset"]);
        if !parameters.is_empty() {
            deploy.push("--parameter-overrides");
            deploy.extend(parameters.iter().map(String::as_str));
        }
        self.aws.run(deploy)?;
        self.outputs()
    }

    pub fn outputs(&self) -> Result<Outputs> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct StackOutput {
            output_key: String,
            output_value: String,
        }
        let text = self.aws.run([
            "cloudformation",
            "describe-stacks",
            "--stack-name",
            self.name,
            "--output",
            "json",
            "--query",
            "Stacks[0].Outputs",
        ])?;
        let outputs: Vec<StackOutput> = serde_json::from_str(&text)
            .map_err(|error| Error::Unexpected(format!("cannot read the outputs of the stack: {error}")))?;
        Ok(Outputs(outputs.into_iter().map(|output| (output.output_key, output.output_value)).collect()))
    }

    /// Deletes the stack and waits until it is deleted. The template keeps the buckets.
    pub fn delete(&self) -> Result<()> {
        self.aws.run(["cloudformation", "delete-stack", "--stack-name", self.name])?;
        self.aws.run(["cloudformation", "wait", "stack-delete-complete", "--stack-name", self.name]).map(drop)
    }
}
