use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use env_config::ConfigError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// With all its retries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// Made once, at cold start. An endpoint of its own (an emulator) is spoken to by path: there is no name for a bucket.
pub(crate) async fn client() -> Result<Client, ConfigError> {
    let has_own_endpoint = env_config::optional::<String>("AWS_ENDPOINT_URL")?.is_some();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let shared = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard())
        .load()
        .await;
    let config = aws_sdk_s3::config::Builder::from(&shared).force_path_style(has_own_endpoint).build();
    Ok(Client::from_conf(config))
}
