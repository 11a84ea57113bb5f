//! What can be typed to see files through that did not arrive by themselves.

use chrono::{DateTime, TimeDelta, Utc};
use clap::{ArgGroup, Args};

use crate::Result;
use crate::explain::At;
use crate::local::StackEnv;
use crate::progress::Progress;
use crate::recovery::{self, DeadLettersRequest, ReconcileOptions, ReplayOptions, Which};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["show", "redrive", "drop"])))]
pub(super) struct DeadLetters {
    /// Each event whole, with every reason that came with it
    #[arg(long)]
    show: bool,
    /// Start what each event should have started, and then take it out of the queue
    #[arg(long)]
    redrive: bool,
    /// Take one event out of the queue, and start nothing
    #[arg(long, value_name = "ID")]
    drop: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").args(["key", "prefix"]).required(true)))]
pub(super) struct Replay {
    /// One object
    #[arg(long)]
    key: Option<String>,
    /// Every object whose key begins so
    #[arg(long)]
    prefix: Option<String>,
    /// Only what arrived at this time or later, in UTC unless it names an offset: 2024-05-01 or 2024-05-01T09:15+02:00
    #[arg(long, value_name = "TIME")]
    since: Option<At>,
    /// Start nothing, and say for each object what would happen, with the bytes and, where its content was loaded
    /// before, the rows to expect
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Reconcile {
    /// Only objects whose key begins so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Only what arrived at this time or later, in UTC unless it names an offset: 2024-05-01 or 2024-05-01T09:15+02:00
    #[arg(long, value_name = "TIME")]
    since: Option<At>,
    /// How old an object must be before its event counts as lost
    #[arg(long, value_name = "MINUTES", default_value_t = 5)]
    grace: u32,
    /// Start what was missed
    #[arg(long)]
    start: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn dead_letters(it: DeadLetters, env: &StackEnv) -> Result<bool> {
    let request = match it.drop {
        Some(id) => DeadLettersRequest::Drop(id),
        None if it.redrive => DeadLettersRequest::Redrive,
        None if it.show => DeadLettersRequest::Show,
        None => DeadLettersRequest::List,
    };
    recovery::dead_letters(&request, env, it.json, Progress::new()).await
}

pub(super) async fn replay(it: Replay, env: &StackEnv) -> Result<bool> {
    let which = match (it.key, it.prefix) {
        (Some(key), _) => Which::Key(key),
        (None, prefix) => Which::Prefix(prefix.unwrap_or_default()),
    };
    let options = ReplayOptions { which, since: it.since.map(instant), dry_run: it.dry_run, json: it.json };
    recovery::replay(&options, env, Progress::new()).await
}

pub(super) async fn reconcile(it: Reconcile, env: &StackEnv) -> Result<bool> {
    let grace = TimeDelta::minutes(it.grace.into());
    let options =
        ReconcileOptions { prefix: it.prefix, since: it.since.map(instant), grace, start: it.start, json: it.json };
    recovery::reconcile(&options, env, Progress::new()).await
}

fn instant(at: At) -> DateTime<Utc> {
    match at {
        At::Local(local) => local.and_utc(),
        At::Instant(instant) => instant,
    }
}
