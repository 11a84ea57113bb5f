//! `penstock demo`: both example pipelines on a stack of their own, from nothing to rows and back to nothing.

mod feed;
mod report;
mod retail;
mod water;

use std::fs;
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use chrono::{NaiveDate, Utc};

use crate::cloud::Cloud;
use crate::drop_file::{headline, upload};
use crate::executions::{Execution, Executions, Upload};
use crate::local::{Pipelines, Postgres, Stack, StackEnv, StateDir, UpOptions, down, notifications};
use crate::progress::Progress;
use crate::{Error, Result, interrupt};
use feed::DroppedFile;

const SEED: u64 = 2_026;
/// How far the late data file is behind its trigger.
const LATE_BY: Duration = Duration::from_secs(6);
/// A notice is sent just before its execution ends, and may be a moment under way.
const NOTICES_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the demo and prints what happened. False when something ended otherwise than it should.
pub(crate) async fn run(options: &UpOptions, progress: Progress) -> Result<bool> {
    let started = Instant::now();
    // What an earlier demo left, if it was killed or failed.
    remove_earlier(options)?;
    let stack = Stack::up(options, progress).await?;
    let shown = show(&stack.env, options, progress).await;
    let step = progress.step("clean up");
    stack.down()?;
    step.done("all that was started is stopped");
    let as_expected = shown?;
    if as_expected {
        remove(options)?;
    } else {
        eprintln!("the logs stay in {}", options.state.join("log").display());
    }
    println!("\ntotal time: {:.1} s", started.elapsed().as_secs_f64());
    Ok(as_expected)
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

async fn show(env: &StackEnv, options: &UpOptions, progress: Progress) -> Result<bool> {
    let cloud = Cloud::of(env).await;
    let (files, executions) = drop_all(&cloud, env, Utc::now().date_naive(), progress).await?;
    let surprises = report::executions(&files, &executions);
    if let Some(queue) = &env.notifications_queue_url {
        report::notices(&notices(&cloud, queue, &executions).await?);
    }
    if let Some(url) = &env.database_url {
        let catalog = Pipelines::read(&options.pipelines)?.catalog;
        match report::tables(url, &catalog).await {
            // A database of the user's own may want TLS, which only the loader speaks.
            Err(error) if !Postgres::is_embedded(url) => println!("\nthe tables cannot be read from here: {error}"),
            shown => shown?,
        }
    }
    report::surprises(&surprises);
    Ok(surprises.is_empty())
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

/// The subjects of the notices, once there is one for each execution that sends one.
async fn notices(cloud: &Cloud, queue: &str, executions: &[Execution]) -> Result<Vec<String>> {
    let sends = |execution: &&Execution| execution.states.iter().any(|state| state.starts_with("Notify"));
    let expected = executions.iter().filter(sends).count();
    let end = Instant::now() + NOTICES_TIMEOUT;
    let mut subjects = Vec::new();
    loop {
        let more = notifications::take_all(cloud, queue).await?;
        subjects.extend(more.into_iter().map(|notice| notice.subject));
        if subjects.len() >= expected || Instant::now() > end {
            return Ok(subjects);
        }
        interrupt::sleep(Duration::from_millis(200)).await?;
    }
}
