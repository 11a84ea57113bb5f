//! What arrived in the landing bucket and was never seen through: an event that S3 or EventBridge lost, a failure whose
//! notice could not be sent. Starts nothing; the machine does.

pub mod answer;
mod config;
mod error;
pub mod limits;

use std::sync::Arc;
use std::time::Instant;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use chrono::{DateTime, Utc};
use definitions::{Definitions, DefinitionsBucket};
use function::Deadline;
use object_store::ClientTimeouts;
use postgres::{Client, Database, InvalidConfig};
use protocol::{ObjectRef, Reconciliation};
use reconciliation::queue::Queue;
use reconciliation::traces::Wanted;
use reconciliation::{
    ByVersion, Executions, Judged, Known, Ledger, Listed, Standing, dead_letters, landing, ledger, traces,
};
use tokio::time::{Instant as TokioInstant, timeout_at};
use tracing::info;

use answer::answer;

pub use config::Config;
pub use error::ReconcileError;
pub use postgres::DatabaseAddress;

/// Made once, at cold start.
#[derive(Debug)]
pub struct Reconciler {
    config: Config,
    s3: aws_sdk_s3::Client,
    definitions: DefinitionsBucket,
    step_functions: aws_sdk_sfn::Client,
    sqs: aws_sdk_sqs::Client,
    database: Database,
}

/// What there is to know of versions that the ledger does not know.
#[derive(Debug, Default)]
struct Evidence {
    definitions: Arc<Definitions>,
    executions: Executions,
}

impl Reconciler {
    /// Reads the environment and builds clients; speaks to nobody yet.
    pub async fn from_env() -> Result<Self, InvalidConfig> {
        let config = Config::from_env()?;
        let ClientTimeouts { connect, read, .. } = ClientTimeouts::LONG;
        let timeouts = TimeoutConfig::builder().connect_timeout(connect).read_timeout(read).build();
        let sdk = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await;
        Ok(Self::new(config, &sdk))
    }

    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let s3 = object_store::client(sdk, ClientTimeouts::LONG);
        Self {
            definitions: DefinitionsBucket::new(s3.clone(), config.definitions_bucket.clone()),
            s3,
            step_functions: aws_sdk_sfn::Client::new(sdk),
            sqs: aws_sdk_sqs::Client::new(sdk),
            database: Database::new("penstock-reconciler", config.database.clone(), sdk),
            config,
        }
    }

    /// Gives up in time before the deadline.
    pub async fn reconcile(&self, deadline: Deadline) -> Result<Reconciliation, ReconcileError> {
        let time = Time { started: Instant::now(), end: TokioInstant::now() + deadline.working_time() };
        let now = Utc::now();
        let since = now - self.config.window;
        let bucket = &self.config.landing_bucket;
        // Boxed, as below: an async SDK call inside makes a future too large to be nested by value.
        let listing = Box::pin(landing::versions(&self.s3, bucket, "", Some(since)));
        let listed = self.within(time, "listing it", listing).await?;
        let entries = self.within(time, "reading the ledger", Box::pin(self.entries(&listed))).await?;
        let ledger = Ledger::of(&entries);
        let evidence = match ledger.undecided_since(&listed) {
            Some(since) => {
                let reading = Box::pin(self.evidence(&ledger, since));
                self.within(time, "reading the executions of what the ledger does not know", reading).await?
            }
            None => Evidence::default(),
        };
        let known = |dead_letters| Known {
            landing_bucket: bucket,
            ledger: &ledger,
            catalog: &evidence.definitions.catalog,
            executions: &evidence.executions,
            dead_letters,
            now,
            grace: self.config.grace,
        };
        let none = ByVersion::default();
        let judged = known(&none).judge(listed);
        if known(&none).startable(&judged, Standing::starts_unattended).is_empty() {
            return Ok(told(answer(bucket, since, &judged, Vec::new())));
        }
        // Only now: who reads the queue hides its messages from others for a moment.
        let waiting = self.within(time, "reading the dead-letter queue", Box::pin(self.dead_letters())).await?;
        let letters = dead_letters(&waiting);
        let known = known(&letters);
        let judged = known.judge(judged.into_iter().map(|Judged { listed, .. }| listed).collect());
        Ok(told(answer(bucket, since, &judged, known.startable(&judged, Standing::starts_unattended))))
    }

    async fn entries(&self, listed: &[Listed]) -> Result<Vec<ledger::Entry>, ReconcileError> {
        let ask = async |client: &Client| {
            ledger::of_keys(client, listed.iter().map(|it| &it.object)).await.map_err(ReconcileError::from)
        };
        let (session, entries) = self.database.session(ask).await?;
        self.database.keep(session);
        Ok(entries)
    }

    async fn evidence(&self, ledger: &Ledger<'_>, since: DateTime<Utc>) -> Result<Evidence, ReconcileError> {
        let definitions = self.definitions.all().await?;
        let known = ledger.tells_all_of(&definitions.catalog);
        let wanted = Wanted { machine: &self.config.state_machine_arn, since, failed: false, known: &known };
        let executions = Executions::of(traces::read(&self.step_functions, &wanted).await?);
        Ok(Evidence { definitions, executions })
    }

    async fn dead_letters(&self) -> Result<Vec<ObjectRef>, ReconcileError> {
        let queue = Queue { sqs: &self.sqs, url: &self.config.dead_letter_queue_url };
        Ok(queue.objects().await?.into_iter().map(|(object, _)| object).collect())
    }

    async fn within<T, E: Into<ReconcileError>>(
        &self,
        time: Time,
        doing: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ReconcileError> {
        let too_much = |_| ReconcileError::TooMuch {
            bucket: self.config.landing_bucket.clone(),
            doing,
            worked_s: time.started.elapsed().as_secs(),
        };
        timeout_at(time.end, work).await.map_err(too_much)?.map_err(Into::into)
    }
}

#[derive(Clone, Copy, Debug)]
struct Time {
    started: Instant,
    end: TokioInstant,
}

fn told(answer: Reconciliation) -> Reconciliation {
    let looked_at: usize = answer.standings.values().sum();
    info!(objects = looked_at, missed = answer.missed.len(), left = answer.left, "reconciled");
    answer
}
