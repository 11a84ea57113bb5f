use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;

use crate::local::StackEnv;

/// One client a service, for an emulator or for AWS itself.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) sfn: aws_sdk_sfn::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
}

impl Cloud {
    pub(crate) async fn of(env: &StackEnv) -> Self {
        let keys = env.credentials.as_ref().map(|(access, secret)| (access.as_str(), secret.as_str()));
        Self::connect(env.endpoint_url.as_deref(), &env.region, keys).await
    }

    pub(crate) async fn connect(endpoint: Option<&str>, region: &str, keys: Option<(&str, &str)>) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.to_owned()));
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some((access, secret)) = keys {
            loader = loader.credentials_provider(Credentials::new(access, secret, None, None, "penstock"));
        }
        let config = loader.load().await;
        // An emulator has no host name for each bucket.
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(endpoint.is_some()).build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            sfn: aws_sdk_sfn::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        }
    }
}
