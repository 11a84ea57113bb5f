use chrono::TimeDelta;
use env_config::required;
use postgres::{DatabaseAddress, InvalidConfig};

/// What a reconciler is told once, at cold start.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: DatabaseAddress,
    pub landing_bucket: String,
    pub definitions_bucket: String,
    /// `process-file`, whose executions are read.
    pub state_machine_arn: String,
    pub dead_letter_queue_url: String,
    /// Nothing that arrived longer ago is looked at.
    pub window: TimeDelta,
    /// A younger object may still have its event on the way.
    pub grace: TimeDelta,
}

impl Config {
    pub fn from_env() -> Result<Self, InvalidConfig> {
        Ok(Self {
            database: DatabaseAddress::from_env()?,
            landing_bucket: required("LANDING_BUCKET")?,
            definitions_bucket: required("DEFINITIONS_BUCKET")?,
            state_machine_arn: required("STATE_MACHINE_ARN")?,
            dead_letter_queue_url: required("DEAD_LETTER_QUEUE_URL")?,
            window: TimeDelta::hours(required::<u32>("RECONCILE_WINDOW_HOURS")?.into()),
            grace: TimeDelta::minutes(required::<u32>("RECONCILE_GRACE_MINUTES")?.into()),
        })
    }
}
