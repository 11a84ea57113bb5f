use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use object_store::ClientTimeouts;

use crate::env_file::StackEnv;

/// One client per AWS service, for an emulator or for AWS itself.
#[derive(Clone, Debug)]
pub struct AwsClients {
    pub s3: aws_sdk_s3::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub sfn: aws_sdk_sfn::Client,
    pub sns: aws_sdk_sns::Client,
    pub sqs: aws_sdk_sqs::Client,
}

impl AwsClients {
    /// Makes the clients for the stack of `env`.
    pub async fn of(env: &StackEnv) -> Self {
        let keys = env.credentials.as_ref().map(|(access, secret)| (access.as_str(), secret.as_str()));
        Self::connect(env.endpoint_url.as_deref(), &env.region, keys).await
    }

    /// Makes the clients. Without `keys`, the SDK finds its own credentials.
    pub(crate) async fn connect(endpoint: Option<&str>, region: &str, keys: Option<(&str, &str)>) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.to_owned()));
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some((access, secret)) = keys {
            loader = loader.credentials_provider(Credentials::new(access, secret, None, None, "penstock"));
        }
        let config = loader.load().await;
        Self {
            s3: object_store::client(&config, ClientTimeouts::LONG),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            sfn: aws_sdk_sfn::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        }
    }
}
