use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;

/// Attempts of one request, the first included.
const ATTEMPTS_MAX: u32 = 4;

/// Time limits of an S3 client.
#[derive(Clone, Copy, Debug)]
pub struct ClientTimeouts {
    /// To open a connection.
    pub connect: Duration,
    /// From a request to the first byte of its answer.
    pub read: Duration,
    /// One operation with all its retries; `None` means no limit.
    pub operation: Option<Duration>,
}

impl ClientTimeouts {
    /// For a function that only looks at small objects and must answer within seconds.
    pub const SHORT: Self = Self {
        connect: Duration::from_secs(2),
        read: Duration::from_secs(5),
        operation: Some(Duration::from_secs(15)),
    };
    /// For a function that reads or writes large objects. Without a route out of its VPC, a connection never opens.
    pub const LONG: Self = Self { connect: Duration::from_secs(10), read: Duration::from_secs(30), operation: None };
}

/// Builds an S3 client with Penstock's retries, the given time limits, and the address style of the endpoint.
pub fn client(sdk: &SdkConfig, timeouts: ClientTimeouts) -> Client {
    Client::from_conf(client_config(sdk, timeouts).build())
}

/// Returns the settings of [`client`], for a caller that changes one of them.
pub fn client_config(sdk: &SdkConfig, timeouts: ClientTimeouts) -> Builder {
    let mut limits = TimeoutConfig::builder().connect_timeout(timeouts.connect).read_timeout(timeouts.read);
    limits.set_operation_timeout(timeouts.operation);
    Builder::from(sdk)
        // An emulator has no host name for each bucket.
        .force_path_style(sdk.endpoint_url().is_some())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        .timeout_config(limits.build())
}
