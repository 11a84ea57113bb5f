use definitions::Definitions;
use protocol::{Followers, RunEnded, RunStart};
use tracing::warn;

/// Returns the runs that follow a run that has ended: one of each pipeline whose definition says so.
pub fn followers(definitions: &Definitions, ended: &RunEnded) -> Followers {
    for invalid in &definitions.invalid {
        warn!(pipeline = invalid.pipeline, reason = invalid.reason, "this pipeline follows no run: invalid definition");
    }
    let followers = definitions.catalog.followers(&ended.run.pipeline, ended.succeeded);
    let start = |pipeline: &str| RunStart {
        pipeline: pipeline.to_owned(),
        at: None,
        logical_at: Some(ended.run.logical_at),
        force: false,
        after_run_id: Some(ended.run.run_id),
        rerun: None,
    };
    Followers { starts: followers.map(|definition| start(&definition.pipeline)).collect() }
}
