//! `penstock demo`: both example pipelines on a stack of their own, from nothing to what analysts read, and back to
//! nothing. With a seed it does so once more in a storm of planned failures, and compares what was built.

mod checksums;
mod feed;
mod report;
mod results;
mod retail;
mod storm;
mod water;

use std::fs;
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use chrono::{NaiveDate, Utc};
use postgres::DatabaseAddress;
use protocol::PlannedFault;

use crate::cloud::Cloud;
use crate::drop_file::{headline, upload};
use crate::executions::{Execution, Executions, Upload};
use crate::history::History;
use crate::local::notifications::{self, Notice};
use crate::local::{Stack, StackEnv, StateDir, UpOptions, down};
use crate::progress::Progress;
use crate::{Error, Result, interrupt};
use checksums::Checksum;
use feed::DroppedFile;

const SEED: u64 = 2_026;
/// How far the late data file is behind its trigger.
const LATE_BY: Duration = Duration::from_secs(6);
/// A notice is sent just before its execution ends, and may be a moment under way.
const NOTICES_TIMEOUT: Duration = Duration::from_secs(10);

/// A day's files of the retail pipeline, with their keys. The same seed and day give the same bytes.
pub fn retail_files(seed: u64, day: NaiveDate) -> Vec<(String, Vec<u8>)> {
    retail::files(seed, day).into_iter().map(|file| (file.key, file.body)).collect()
}

/// Runs the demo and prints what happened; then once more in the storm of each seed. False when something ended
/// otherwise than it should.
pub(crate) async fn run(options: &UpOptions, seeds: &[u32], progress: Progress) -> Result<bool> {
    let started = Instant::now();
    let calm = on_a_stack(options, progress).await?;
    let mut as_expected = calm.as_expected();
    for &seed in seeds.iter().take_while(|_| calm.as_expected()) {
        let stormy = UpOptions { chaos_plan: storm::plan(seed), ..options.clone() };
        as_expected &= storm::compared(seed, &calm, &on_a_stack(&stormy, progress).await?);
    }
    println!("\ntotal time: {:.1} s", started.elapsed().as_secs_f64());
    Ok(as_expected)
}

/// What a demo has come to.
#[derive(Debug)]
struct Shown {
    surprises: Vec<String>,
    tables: Vec<Checksum>,
    /// Of a storm, those that were met.
    faults: Vec<PlannedFault>,
    took: Duration,
}

impl Shown {
    fn as_expected(&self) -> bool {
        self.surprises.is_empty()
    }
}

/// A whole demo, on a stack that is there for nothing else.
async fn on_a_stack(options: &UpOptions, progress: Progress) -> Result<Shown> {
    // What an earlier demo left, if it was killed or failed.
    let started = Instant::now();
    remove_earlier(options)?;
    let stack = Stack::up(options, progress).await?;
    let shown = show(&stack, options, progress).await;
    let step = progress.step("clean up");
    stack.down()?;
    step.done("all that was started is stopped");
    let shown = Shown { took: started.elapsed(), ..shown? };
    if shown.as_expected() {
        remove(options)?;
    } else {
        eprintln!("the logs stay in {}", options.state.join("log").display());
    }
    Ok(shown)
}

fn remove_earlier(options: &UpOptions) -> Result<()> {
    if StateDir::is_one(&options.state) {
        down(&options.state)?;
    }
    remove(options)
}

/// Removes a folder of ours, and no other that somebody named by mistake.
fn remove(options: &UpOptions) -> Result<()> {
    let folder = &options.state;
    if !folder.exists() {
        return Ok(());
    }
    if !StateDir::is_one(folder) {
        return Err(Error::NotOurs(folder.clone()));
    }
    fs::remove_dir_all(folder).map_err(Error::file("remove", folder))
}

async fn show(stack: &Stack, options: &UpOptions, progress: Progress) -> Result<Shown> {
    let env = &stack.env;
    let cloud = Cloud::of(env).await;
    let today = Utc::now().date_naive();
    let history = History::open(DatabaseAddress::Url(env.database_url.clone().ok_or(Error::NoDatabase)?)).await?;
    let earlier = history.runs(None, false, 1).await?.first().map_or(0, |run| run.run_id);
    let (files, mut executions) = drop_all(&cloud, env, today, progress).await?;
    let mut ended = executions.clone();
    let mut faults = Vec::new();
    if !options.chaos_plan.is_empty() {
        faults = storm::met(&cloud, &executions).await?;
        stack.end_chaos(&options.stack)?;
        ended = storm::repaired(&cloud, env, &history, &executions, progress).await?;
        let again = ended.iter().zip(&executions).filter(|(now, before)| now.arn != before.arn);
        executions = again.map(|(now, _)| now.clone()).chain(executions.iter().cloned()).collect();
    }
    let mut surprises = report::executions(&files, &ended);
    results::staged(&history, &options.pipelines).await?;
    let runs = results::runs(&history, earlier).await?;
    surprises.extend(results::analytics(&history, today).await?);
    surprises.extend(results::exports(&history, &cloud, &runs).await?);
    // In a database of the user's own the day may have run in an earlier demo, and is skipped then.
    if earlier == 0 {
        surprises.extend(results::surprises(&runs, today));
    }
    if let Some(queue) = &env.notifications_queue_url {
        let notices = notices(&cloud, queue, &executions).await?;
        report::notices(&notices);
        surprises.extend(storm::untold(&executions, &notices));
    }
    let tables = checksums::of_tables(&history).await?;
    report::tables(&tables);
    report::surprises(&surprises);
    Ok(Shown { surprises, tables, faults, took: Duration::ZERO })
}

/// Drops every file and follows it to its end. Data files come before their triggers, but for one.
async fn drop_all(
    cloud: &Cloud,
    env: &StackEnv,
    today: NaiveDate,
    progress: Progress,
) -> Result<(Vec<DroppedFile>, Vec<Execution>)> {
    let water = water::files(SEED, today);
    let mut files = retail::files(SEED, today);
    files.extend(water.data);
    files.extend(water.triggers);
    let mut executions = Executions::from_now_on(cloud, &env.state_machine_arn).await?;
    let step = progress.step("files");
    let mut uploads = Vec::new();
    for file in &files {
        interrupt::check()?;
        uploads.push(put(cloud, env, file).await?);
    }
    step.done(&format!("{} dropped; one more comes {} s after its trigger", files.len(), LATE_BY.as_secs()));

    let mut count = progress.count("executions ended:", files.len() + 1);
    let late_comer = async {
        interrupt::sleep(LATE_BY).await?;
        put(cloud, env, &water.late).await
    };
    let (ended, late_upload) =
        tokio::try_join!(executions.follow(&uploads, |execution| count.one(&headline(execution))), late_comer)?;
    let late = executions.follow(&[late_upload], |execution| count.one(&headline(execution))).await?;
    count.finish();
    files.push(water.late);
    Ok((files, ended.into_iter().chain(late).collect()))
}

async fn put(cloud: &Cloud, env: &StackEnv, file: &DroppedFile) -> Result<Upload> {
    let body = ByteStream::from(file.body.clone());
    upload(cloud, &env.landing_bucket, file.key.clone(), body).await
}

/// The notices, once there are as many as the executions have sent.
async fn notices(cloud: &Cloud, queue: &str, executions: &[Execution]) -> Result<Vec<Notice>> {
    let states = executions.iter().flat_map(|execution| &execution.states);
    let expected = states.filter(|state| state.starts_with("Notify")).count();
    let end = Instant::now() + NOTICES_TIMEOUT;
    let mut notices = Vec::new();
    loop {
        notices.extend(notifications::take_all(cloud, queue).await?);
        if notices.len() >= expected || Instant::now() > end {
            return Ok(notices);
        }
        interrupt::sleep(Duration::from_millis(200)).await?;
    }
}
