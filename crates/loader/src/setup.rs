use aws_config::{BehaviorVersion, load_defaults};
use env_config::optional;
use function::Deadline;
use load::{Config, Loader, TimeLeft};
use object_store::{ClientTimeouts, client_config};
use postgres::{Database, DatabaseAddress, InvalidConfig};

/// Makes the loader from the environment. It connects at its first load.
pub async fn from_env() -> Result<Loader, InvalidConfig> {
    let address = DatabaseAddress::from_env()?;
    let config = Config { curated_bucket: optional("CURATED_BUCKET")?, ..Config::default() };
    let sdk = load_defaults(BehaviorVersion::latest()).await;
    let timeouts = ClientTimeouts { read: config.stall_timeout, ..ClientTimeouts::LONG };
    let s3 = client_config(&sdk, timeouts);
    Ok(Loader::new(config, Database::new("penstock-loader", address, &sdk), s3))
}

/// Returns the time that the invocation leaves to a load.
pub fn time_left(deadline: Deadline) -> TimeLeft {
    TimeLeft { until_commit: deadline.working_time(), total: deadline.remaining() }
}
