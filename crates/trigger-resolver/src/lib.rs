//! From a data file's key, or a trigger file's name, to exactly one thing to do next: load this object version, wait
//! for it, or nothing. The decision is pure ([`plan`], [`Lookup::decide`]); around it stand a listing of the
//! definitions bucket and one HEAD. From a run that has ended to the runs that follow it ([`follow`]).

mod error;
mod follow;
mod head;
mod plan;
mod request;

use aws_config::BehaviorVersion;
use definitions::DefinitionsBucket;
use env_config::required;
use function::InvalidConfiguration;
use object_store::ClientTimeouts;
use protocol::{FollowRequest, Followers, Resolution, ResolveRequest};
use serde_json::Value;

pub use error::ResolveError;
pub use follow::follow;
pub use head::Found;
pub use plan::{Lookup, Plan, ignored_kind, plan};
pub use request::{Answer, Request};

/// Answers requests with what was made at cold start: one S3 client, and the definitions as last read.
#[derive(Debug)]
pub struct Resolver {
    s3: aws_sdk_s3::Client,
    landing_bucket: String,
    definitions: DefinitionsBucket,
}

impl Resolver {
    /// Reads `LANDING_BUCKET` and `DEFINITIONS_BUCKET`; speaks to nobody yet.
    pub async fn from_env() -> Result<Self, InvalidConfiguration> {
        let sdk = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let s3 = object_store::client(&sdk, ClientTimeouts::SHORT);
        let definitions = DefinitionsBucket::new(s3.clone(), required("DEFINITIONS_BUCKET")?);
        Ok(Self { s3, landing_bucket: required("LANDING_BUCKET")?, definitions })
    }

    /// Answers either question, as the payload asks it.
    pub async fn answer(&self, payload: Value) -> Result<Answer, ResolveError> {
        match Request::decode(payload)? {
            Request::File(request) => self.resolve(request).await.map(Box::new).map(Answer::Resolution),
            Request::Run(request) => self.follow(request).await.map(Answer::Followers),
        }
    }

    async fn follow(&self, request: FollowRequest) -> Result<Followers, ResolveError> {
        Ok(follow(&*self.definitions.all().await?, &request.ended))
    }

    async fn resolve(&self, request: ResolveRequest) -> Result<Resolution, ResolveError> {
        if let Some(ignored) = ignored_kind(&request.file) {
            return Ok(ignored);
        }
        let definitions = self.definitions.all().await?;
        match plan(&definitions, &self.landing_bucket, &request)? {
            Plan::Done(resolution) => Ok(resolution),
            Plan::Look(lookup) => {
                let found = head::find(&self.s3, &lookup.source).await?;
                lookup.decide(found)
            }
        }
    }
}
