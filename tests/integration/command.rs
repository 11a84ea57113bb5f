//! Runs `penstock` as a user does.

use serde_json::Value;
use test_support::Stack;

#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CommandOutput {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `penstock` with the stack's environment. `others` replace some of its variables.
pub(crate) fn penstock(stack: &Stack, others: &[(&str, &str)], arguments: &[&str]) -> CommandOutput {
    let output = stack.command(arguments).envs(others.iter().copied()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    CommandOutput { succeeded: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
