use aws_config::{BehaviorVersion, load_defaults};
use aws_sdk_s3::config::Builder as S3Config;
use env_config::optional;
use function::Deadline;
use load::{Config, Loader, TimeLeft};
use postgres::{Database, DatabaseAddress, InvalidConfig};

/// Makes the loader from the environment. It connects at its first load.
pub async fn from_env() -> Result<Loader, InvalidConfig> {
    let address = DatabaseAddress::from_env()?;
    let config = Config { curated_bucket: optional("CURATED_BUCKET")?, ..Config::default() };
    let sdk = load_defaults(BehaviorVersion::latest()).await;
    // An emulator has no host name for each bucket.
    let s3 = S3Config::from(&sdk).force_path_style(sdk.endpoint_url().is_some());
    Ok(Loader::new(config, Database::new("penstock-loader", address, &sdk), s3))
}

/// Returns the time that the invocation leaves to a load.
pub fn time_left(deadline: Deadline) -> TimeLeft {
    TimeLeft { until_commit: deadline.working_time(), total: deadline.remaining() }
}
