use std::sync::Arc;
use std::time::Instant;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use chrono::{DateTime, Utc};
use definitions::{Definitions, DefinitionsBucket};
use function::Deadline;
use object_store::ClientTimeouts;
use postgres::{Client, Database, InvalidConfig};
use protocol::Reconciliation;
use reconciliation::dead_letters::DeadLetterQueue;
use reconciliation::executions::{self, ExecutionQuery};
use reconciliation::ledger::{self, LedgerEntry};
use reconciliation::{
    ExecutionIndex, FileStatus, FileVersion, LedgerIndex, ListedVersion, Records, VersionMap, landing,
};
use tokio::time::{Instant as TokioInstant, timeout_at};
use tracing::info;

use crate::config::Config;
use crate::error::ReconcilerError;
use crate::response::response;

/// The function's clients and settings. Built once, at cold start.
#[derive(Debug)]
pub struct Reconciler {
    config: Config,
    s3: aws_sdk_s3::Client,
    definitions: DefinitionsBucket,
    step_functions: aws_sdk_sfn::Client,
    sqs: aws_sdk_sqs::Client,
    database: Database,
}

/// Definitions, and executions of versions that the ledger does not have.
#[derive(Debug, Default)]
struct Unrecorded {
    definitions: Arc<Definitions>,
    executions: ExecutionIndex,
}

impl Reconciler {
    /// Reads the environment and builds the clients. Connects to nothing.
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

    /// Finds the missed files. Fails with `TooMuchToReconcile` shortly before the deadline.
    pub async fn reconcile(&self, deadline: Deadline) -> Result<Reconciliation, ReconcilerError> {
        let timer = Timer { started: Instant::now(), end: TokioInstant::now() + deadline.working_time() };
        let now = Utc::now();
        let since = now - self.config.window;
        let bucket = &self.config.landing_bucket;
        // Boxed, as below: the future of an SDK call is too large to be nested by value.
        let listing = Box::pin(landing::list_versions(&self.s3, bucket, "", Some(since)));
        let listed = self.within(timer, "listing the bucket", listing).await?;
        let entries = self.within(timer, "reading the ledger", Box::pin(self.entries(&listed))).await?;
        let ledger = LedgerIndex::new(&entries);
        let unrecorded = match ledger.oldest_unrecorded(&listed) {
            Some(since) => {
                let reading = Box::pin(self.unrecorded(&ledger, since));
                self.within(timer, "reading executions of files that the ledger does not have", reading).await?
            }
            None => Unrecorded::default(),
        };
        let records = |dead_letters| Records {
            landing_bucket: bucket,
            ledger: &ledger,
            catalog: &unrecorded.definitions.catalog,
            executions: &unrecorded.executions,
            dead_letters,
            now,
            grace: self.config.grace,
        };
        let no_letters = VersionMap::default();
        let versions = records(&no_letters).statuses(listed);
        if records(&no_letters).startable(&versions, FileStatus::starts_unattended).is_empty() {
            return Ok(logged(response(bucket, since, &versions, Vec::new())));
        }
        // Read the queue only when it matters: reading hides its messages from others for a moment.
        let reading = Box::pin(self.dead_letters());
        let dead_letters = self.within(timer, "reading the dead-letter queue", reading).await?;
        let records = records(&dead_letters);
        let versions = records.statuses(versions.into_iter().map(|FileVersion { listed, .. }| listed).collect());
        let startable = records.startable(&versions, FileStatus::starts_unattended);
        Ok(logged(response(bucket, since, &versions, startable)))
    }

    async fn entries(&self, listed: &[ListedVersion]) -> Result<Vec<LedgerEntry>, ReconcilerError> {
        let read = async |client: &Client| {
            ledger::of_keys(client, listed.iter().map(|it| &it.object)).await.map_err(ReconcilerError::from)
        };
        let (session, entries) = self.database.session(read).await?;
        self.database.keep(session);
        Ok(entries)
    }

    async fn unrecorded(&self, ledger: &LedgerIndex<'_>, since: DateTime<Utc>) -> Result<Unrecorded, ReconcilerError> {
        let definitions = self.definitions.all().await?;
        let known = ledger.recorded_executions(&definitions.catalog);
        let machine = &self.config.state_machine_arn;
        let query = ExecutionQuery { machine, since, failed_only: false, known: &known };
        let executions = ExecutionIndex::new(executions::read(&self.step_functions, &query).await?);
        Ok(Unrecorded { definitions, executions })
    }

    async fn dead_letters(&self) -> Result<VersionMap<()>, ReconcilerError> {
        let queue = DeadLetterQueue { sqs: &self.sqs, url: &self.config.dead_letter_queue_url };
        let mut versions = VersionMap::default();
        for (object, _) in queue.objects().await? {
            versions.insert(&object, (), |(), ()| {});
        }
        Ok(versions)
    }

    async fn within<T, E: Into<ReconcilerError>>(
        &self,
        timer: Timer,
        doing: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ReconcilerError> {
        let too_much = |_| ReconcilerError::TooMuch {
            bucket: self.config.landing_bucket.clone(),
            doing,
            elapsed_s: timer.started.elapsed().as_secs(),
        };
        timeout_at(timer.end, work).await.map_err(too_much)?.map_err(Into::into)
    }
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    started: Instant,
    end: TokioInstant,
}

fn logged(response: Reconciliation) -> Reconciliation {
    let versions: usize = response.statuses.values().sum();
    info!(objects = versions, missed = response.missed.len(), left = response.left, "reconciled");
    response
}
