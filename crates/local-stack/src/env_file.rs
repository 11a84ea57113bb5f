//! The file `.local/env`: the addresses of a stack, for shells, scripts and other commands.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::replace;

/// The addresses of a stack. Each field is one variable of `.local/env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackEnv {
    /// `None` for AWS itself.
    pub endpoint_url: Option<String>,
    pub region: String,
    /// Access key and secret key. `None`: the SDK finds its own.
    pub credentials: Option<(String, String)>,
    pub database_url: Option<String>,
    pub landing_bucket: String,
    pub definitions_bucket: Option<String>,
    pub curated_bucket: Option<String>,
    pub state_machine_arn: String,
    pub run_pipeline_arn: Option<String>,
    pub sweep_runs_arn: Option<String>,
    pub reconcile_arn: Option<String>,
    pub event_bus_name: Option<String>,
    pub topic_arn: Option<String>,
    pub notifications_queue_url: Option<String>,
    pub dead_letter_queue_url: Option<String>,
}

impl StackEnv {
    /// Finds the addresses of a stack: in the folder `named`, else in the environment, else in the folder `default`.
    pub fn find(named: Option<&Path>, default: &Path) -> Result<Self> {
        if named.is_none() && env_variable("LANDING_BUCKET").is_some() {
            return Self::from_lookup("the environment", env_variable);
        }
        let state = named.unwrap_or(default);
        Self::read(&state.join("env")).map_err(|_| Error::NoStack(state.to_owned()))
    }

    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
        let variables = parse(&text);
        Self::from_lookup(&path.display().to_string(), |name| variables.get(name).cloned())
    }

    fn from_lookup(file: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let optional = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let required = |name: &'static str| optional(name).ok_or(Error::NotSet { file: file.to_owned(), name });
        let state_machine_arn = required("STATE_MACHINE_ARN")?;
        Ok(Self {
            endpoint_url: optional("AWS_ENDPOINT_URL"),
            region: region_of(&state_machine_arn)
                .ok_or_else(|| Error::NotSet { file: file.to_owned(), name: "STATE_MACHINE_ARN" })?,
            credentials: optional("AWS_ENDPOINT_URL")
                .and_then(|_| Some((optional("AWS_ACCESS_KEY_ID")?, optional("AWS_SECRET_ACCESS_KEY")?))),
            database_url: optional("DATABASE_URL"),
            landing_bucket: required("LANDING_BUCKET")?,
            definitions_bucket: optional("DEFINITIONS_BUCKET"),
            curated_bucket: optional("CURATED_BUCKET"),
            state_machine_arn,
            run_pipeline_arn: optional("RUN_PIPELINE_ARN"),
            sweep_runs_arn: optional("SWEEP_RUNS_ARN"),
            reconcile_arn: optional("RECONCILE_ARN"),
            event_bus_name: optional("EVENT_BUS_NAME"),
            topic_arn: optional("TOPIC_ARN"),
            notifications_queue_url: optional("NOTIFICATIONS_QUEUE_URL"),
            dead_letter_queue_url: optional("DEAD_LETTER_QUEUE_URL"),
        })
    }

    /// Writes `env` into the state folder in one step. Only the owner may read it, because it contains a password.
    pub fn write(&self, state: &Path) -> Result<PathBuf> {
        let path = state.join("env");
        replace(&path, self.render().as_bytes())?;
        Ok(path)
    }

    fn render(&self) -> String {
        let (access_key, secret_key) = self.credentials.clone().unzip();
        let variables = [
            ("AWS_ENDPOINT_URL", self.endpoint_url.clone()),
            ("AWS_REGION", Some(self.region.clone())),
            // Version 1 of the AWS CLI reads only this name.
            ("AWS_DEFAULT_REGION", Some(self.region.clone())),
            ("AWS_ACCESS_KEY_ID", access_key),
            ("AWS_SECRET_ACCESS_KEY", secret_key),
            ("DATABASE_URL", self.database_url.clone()),
            ("LANDING_BUCKET", Some(self.landing_bucket.clone())),
            ("DEFINITIONS_BUCKET", self.definitions_bucket.clone()),
            ("CURATED_BUCKET", self.curated_bucket.clone()),
            ("STATE_MACHINE_ARN", Some(self.state_machine_arn.clone())),
            ("RUN_PIPELINE_ARN", self.run_pipeline_arn.clone()),
            ("SWEEP_RUNS_ARN", self.sweep_runs_arn.clone()),
            ("RECONCILE_ARN", self.reconcile_arn.clone()),
            ("EVENT_BUS_NAME", self.event_bus_name.clone()),
            ("TOPIC_ARN", self.topic_arn.clone()),
            ("NOTIFICATIONS_QUEUE_URL", self.notifications_queue_url.clone()),
            ("DEAD_LETTER_QUEUE_URL", self.dead_letter_queue_url.clone()),
        ];
        let line = |(name, value): (&str, Option<String>)| Some(format!("export {name}={}\n", quote(&value?)));
        variables.into_iter().filter_map(line).collect()
    }
}

fn env_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the region of an ARN: `arn:aws:states:REGION:…`.
fn region_of(arn: &str) -> Option<String> {
    arn.split(':').nth(3).map(str::to_owned)
}

/// Quotes a text as one shell word.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Parses the output of [`StackEnv::render`]: one `export NAME='value'` per line.
fn parse(text: &str) -> BTreeMap<String, String> {
    let variable = |line: &str| {
        let (name, quoted) = line.strip_prefix("export ")?.split_once('=')?;
        let value = quoted.strip_prefix('\'')?.strip_suffix('\'')?.replace(r"'\''", "'");
        Some((name.to_owned(), value))
    };
    text.lines().filter_map(variable).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    fn stack(database_url: &str) -> StackEnv {
        StackEnv {
            endpoint_url: Some("http://127.0.0.1:4566".to_owned()),
            region: "us-east-1".to_owned(),
            credentials: Some(("test".to_owned(), "test".to_owned())),
            database_url: Some(database_url.to_owned()),
            landing_bucket: "landing".to_owned(),
            definitions_bucket: Some("definitions".to_owned()),
            curated_bucket: None,
            state_machine_arn: "arn:aws:states:us-east-1:0:stateMachine:p".to_owned(),
            run_pipeline_arn: Some("arn:aws:states:us-east-1:0:stateMachine:r".to_owned()),
            sweep_runs_arn: None,
            reconcile_arn: None,
            event_bus_name: Some("events".to_owned()),
            topic_arn: None,
            notifications_queue_url: None,
            dead_letter_queue_url: None,
        }
    }

    #[test]
    fn env_file_round_trips_through_a_shell() {
        fn check(value: &str) {
            let folder = tempfile::tempdir().unwrap();
            let path = stack(value).write(folder.path()).unwrap();
            assert_eq!(StackEnv::read(&path).unwrap(), stack(value));
            let script = format!(". '{}'; printf %s \"$DATABASE_URL\"", path.display());
            let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
        check("postgres://postgres:secret@127.0.0.1:5432/penstock");
        check("it's");
        check("'");
        check("$HOME `date` \"x\" \\ & ; # é");
    }

    #[test]
    fn env_file_is_readable_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = stack("postgres://x").write(folder.path()).unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn missing_variable_is_named() {
        let missing = StackEnv::from_lookup(".local/env", |_| None).unwrap_err();
        assert_eq!(missing.to_string(), ".local/env: STATE_MACHINE_ARN is not set");
    }
}
