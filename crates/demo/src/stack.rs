use std::fs;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::thread;
use std::time::Duration;

use local_stack::{AwsCli, Error as StackError, Project, StackEnv, StateDir, interrupt};

use crate::command::Penstock;
use crate::error::{Error, Result};
use crate::options::DemoOptions;
use crate::planned_failures;

const NAME: &str = "penstock";
const POLL: Duration = Duration::from_millis(100);

/// A stack in the foreground of `penstock up`. It stops when `stdin` is closed, so also when the demo is killed.
pub(crate) struct DemoStack {
    up: Child,
    stdin: ChildStdin,
    pub(crate) env: StackEnv,
}

impl DemoStack {
    /// Starts a stack with the example pipelines and waits until it is ready. Removes the state of an earlier demo.
    pub(crate) fn start(penstock: &Penstock, options: &DemoOptions, seed: Option<u32>) -> Result<Self> {
        let state = &options.state;
        if StateDir::is_state_folder(state) {
            local_stack::down(state)?;
        }
        remove(state)?;
        // Creates the folder as a state folder, so the next demo may remove it.
        let folder = StateDir::open(state)?;
        let mut command = penstock.command(["up", "--foreground", "--stack", NAME]);
        command.env("PIPELINES", Project::find()?.root().join("pipelines"));
        if let Some(seed) = seed {
            let plan = folder.path().join("chaos.toml");
            fs::write(&plan, planned_failures::plan(seed)).map_err(StackError::file("write", &plan))?;
            command.arg("--chaos").arg(&plan);
        }
        if !options.seeds.is_empty() {
            // The tables are compared, so they must have no rows of an earlier demo.
            command.env_remove("DATABASE_URL");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut up = command.spawn().map_err(Error::cannot_run(options.program.clone()))?;
        let stdin = up.stdin.take().ok_or_else(|| failed(&mut up))?;
        while !folder.path().join("env").exists() {
            if let Ok(Some(_)) = up.try_wait() {
                interrupt::check()?;
                return Err(failed(&mut up));
            }
            thread::sleep(POLL);
        }
        let env = StackEnv::find(Some(state), state)?;
        Ok(Self { up, stdin, env })
    }

    /// Removes the fault plan from the function that reads it, so later executions have no planned failures. A new
    /// deployment without the plan would do the same, but takes longer.
    pub(crate) fn remove_fault_plan(&self) -> Result<()> {
        let aws = AwsCli::new(&Project::find()?, self.env.endpoint_url.as_deref())?;
        let function = format!("{NAME}-random-failure-generator");
        let update = ["lambda", "update-function-configuration", "--function-name", &function];
        aws.run(update.into_iter().chain(["--environment", "Variables={LOG_LEVEL=info}"]))?;
        Ok(())
    }

    /// Stops the stack and waits for its end.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.stdin);
        self.up.wait().map_err(Error::cannot_run("penstock".into()))?;
        Ok(())
    }
}

fn failed(up: &mut Child) -> Error {
    let status = up.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
    Error::CommandFailed { arguments: "up".to_owned(), status }
}

/// Removes a state folder, and never any other folder.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    if !StateDir::is_state_folder(folder) {
        return Err(Error::NotAStateFolder(folder.to_owned()));
    }
    Ok(fs::remove_dir_all(folder).map_err(StackError::file("remove", folder))?)
}
