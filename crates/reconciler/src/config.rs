use chrono::TimeDelta;
use env_config::required;
use postgres::{DatabaseAddress, InvalidConfig};

/// The settings of the reconciler, from the environment.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: DatabaseAddress,
    pub landing_bucket: String,
    pub definitions_bucket: String,
    /// The ARN of `process-file`.
    pub state_machine_arn: String,
    pub dead_letter_queue_url: String,
    /// Older objects are not checked.
    pub window: TimeDelta,
    /// The event of a younger object may still arrive.
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
