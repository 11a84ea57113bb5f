use definitions::Definitions;
use protocol::{Followers, RunEnded, RunStart};
use tracing::warn;

/// The runs to open now that a run has ended: one of every pipeline that says it follows. Looks at nothing but its
/// arguments.
pub fn follow(definitions: &Definitions, ended: &RunEnded) -> Followers {
    for invalid in &definitions.invalid {
        warn!(pipeline = invalid.pipeline, reason = invalid.reason, "whether this pipeline follows cannot be told");
    }
    let followers = definitions.catalog.followers(&ended.run.pipeline, ended.succeeded);
    let start = |pipeline: &str| RunStart {
        pipeline: pipeline.to_owned(),
        at: None,
        logical_at: Some(ended.run.logical_at),
        force: false,
        after_run_id: Some(ended.run.run_id),
    };
    Followers { starts: followers.map(|definition| start(&definition.pipeline)).collect() }
}
