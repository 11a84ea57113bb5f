use protocol::{Followers, RunEnded, RunStart};
use tracing::warn;

use crate::Library;

/// The runs to open now that a run has ended: one of every pipeline that says it follows. Looks at nothing but its
/// arguments.
pub fn follow(library: &Library, ended: &RunEnded) -> Followers {
    for broken in &library.broken {
        warn!(pipeline = broken.pipeline, reason = broken.reason, "whether this pipeline follows cannot be told");
    }
    let followers = library.catalog.followers(&ended.run.pipeline, ended.succeeded);
    let start = |pipeline: &str| RunStart {
        pipeline: pipeline.to_owned(),
        at: None,
        logical_at: Some(ended.run.logical_at),
        force: false,
        after_run_id: Some(ended.run.run_id),
    };
    Followers { starts: followers.map(|definition| start(&definition.pipeline)).collect() }
}
