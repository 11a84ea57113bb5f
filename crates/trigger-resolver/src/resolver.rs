use aws_config::BehaviorVersion;
use definitions::DefinitionsBucket;
use env_config::required;
use function::InvalidConfiguration;
use object_store::ClientTimeouts;
use protocol::{FollowRequest, Followers, Resolution, ResolveRequest};
use serde_json::Value;

use crate::error::ResolveError;
use crate::followers::followers;
use crate::head;
use crate::request::{ResolverRequest, ResolverResponse};
use crate::resolve::{KeyResolution, resolve_ignored, resolve_key};

/// The function's S3 client and its cache of definitions. Built once, at cold start.
#[derive(Debug)]
pub struct Resolver {
    s3: aws_sdk_s3::Client,
    landing_bucket: String,
    definitions: DefinitionsBucket,
}

impl Resolver {
    /// Reads `LANDING_BUCKET` and `DEFINITIONS_BUCKET`. Connects to nothing.
    pub async fn from_env() -> Result<Self, InvalidConfiguration> {
        let sdk = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let s3 = object_store::client(&sdk, ClientTimeouts::SHORT);
        let definitions = DefinitionsBucket::new(s3.clone(), required("DEFINITIONS_BUCKET")?);
        Ok(Self { s3, landing_bucket: required("LANDING_BUCKET")?, definitions })
    }

    /// Handles either request.
    pub async fn respond(&self, payload: Value) -> Result<ResolverResponse, ResolveError> {
        match ResolverRequest::decode(payload)? {
            ResolverRequest::File(request) => {
                self.resolve(request).await.map(Box::new).map(ResolverResponse::Resolution)
            }
            ResolverRequest::Run(request) => self.follow(request).await.map(ResolverResponse::Followers),
        }
    }

    async fn follow(&self, request: FollowRequest) -> Result<Followers, ResolveError> {
        Ok(followers(&*self.definitions.all().await?, &request.ended))
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolution, ResolveError> {
        if let Some(ignored) = resolve_ignored(&request.file) {
            return Ok(ignored);
        }
        let definitions = self.definitions.all().await?;
        match resolve_key(&definitions, &self.landing_bucket, &request)? {
            KeyResolution::Final(resolution) => Ok(resolution),
            KeyResolution::NeedsLookup(lookup) => {
                let head = head::head(&self.s3, &lookup.source).await?;
                lookup.resolve(head)
            }
        }
    }
}
