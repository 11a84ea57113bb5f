use std::collections::BTreeSet;

use clap::Args;
use load::forget::{self as forgetting, FileLoad};
use local_stack::{AwsClients, StackEnv};
use protocol::{Failure, ObjectRef};
use reconciliation::{ListedVersion, landing};
use serde::Serialize;

use crate::context::{Context, user_name};
use crate::error::{Error, Result};
use crate::output::{Progress, grouped, print_json, print_line, print_table};
use crate::recovery::{deployed_definitions, interruptible, ledger_session};

/// Delete the rows, rejects and exported rejects of a file, and of its repairs
///
/// Prints what it would delete. Only with --yes it deletes. The ledger rows stay, with the time and the name of the user.
/// A forgotten version is never loaded again. Results of transforms that used the rows stay.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// Key of the file
    key: String,
    /// Bucket of the file [default: the landing bucket]
    #[arg(long)]
    bucket: Option<String>,
    /// Also delete all versions of the file, and of its repairs, in the bucket
    #[arg(long)]
    object: bool,
    /// Delete. Without this option nothing is deleted
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The parts of a file that are deleted, or that a dry run lists.
#[derive(Debug, Serialize)]
struct Forgotten {
    deleted: bool,
    loads: Vec<ForgottenLoad>,
    /// Object versions: exported rejects, and with `--object` the file and its repairs.
    objects: Vec<ForgottenObject>,
}

#[derive(Debug, Serialize)]
struct ForgottenLoad {
    load_id: i64,
    dataset: String,
    key: String,
    table: String,
    rows: u64,
    rejects: u64,
}

#[derive(Debug, Serialize)]
struct ForgottenObject {
    bucket: String,
    key: String,
    version_id: Option<String>,
}

/// Returns false if there is nothing to forget.
pub(crate) async fn run(args: ForgetArgs, context: &Context) -> Result<bool> {
    let env = context.stack_env()?;
    let progress = Progress::new();
    let clients = AwsClients::of(&env).await;
    let file = ObjectRef::new(args.bucket.unwrap_or_else(|| env.landing_bucket.clone()), args.key);
    let session = ledger_session(&env).await?;
    let loads = forgetting::find(&session.client, &file).await.map_err(|error| failed(&error))?;
    let step = progress.step("objects");
    let objects = objects(&clients, &env, &file, &loads, args.object).await?;
    step.done(&format!("{} versions", objects.len()));
    if loads.is_empty() && objects.is_empty() {
        eprintln!("{file} was never loaded, and has no versions to delete");
        return Ok(false);
    }
    let loads = if args.yes {
        // The database first: if an object cannot be deleted, the command can be repeated.
        let loads = forgetting::forget(&session.client, &file, &user_name()).await.map_err(|error| failed(&error))?;
        delete(&clients, &objects, progress).await?;
        loads
    } else {
        loads
    };
    let forgotten = Forgotten {
        deleted: args.yes,
        loads: loads.into_iter().map(ForgottenLoad::new).collect(),
        objects: objects.into_iter().map(ForgottenObject::new).collect(),
    };
    forgotten.print(args.json)?;
    Ok(true)
}

/// Lists the versions of the exported rejects, and with `--object` those of the file and its repairs.
async fn objects(
    clients: &AwsClients,
    env: &StackEnv,
    file: &ObjectRef,
    loads: &[FileLoad],
    with_file: bool,
) -> Result<Vec<ObjectRef>> {
    let catalog = deployed_definitions(clients, env).await?;
    let mut keys: BTreeSet<(String, String)> = BTreeSet::new();
    for load in loads {
        let definition = catalog.definitions().iter().find(|definition| definition.pipeline == load.pipeline);
        let dataset = definition.and_then(|definition| definition.dataset(&load.dataset));
        let export =
            dataset.and_then(|dataset| dataset.rejects_key(&file.key, load.load_id)).and_then(std::result::Result::ok);
        if let (Some(bucket), Some(key)) = (&env.curated_bucket, export) {
            keys.insert((bucket.clone(), key));
        }
        if with_file && load.is_repair {
            keys.insert((load.object.bucket.clone(), load.object.key.clone()));
        }
    }
    if with_file {
        keys.insert((file.bucket.clone(), file.key.clone()));
    }
    let mut objects = Vec::new();
    for (bucket, key) in keys {
        let listed: Vec<ListedVersion> =
            interruptible(landing::list_versions(&clients.s3, &bucket, &key, None)).await?;
        objects.extend(listed.into_iter().map(|listed| listed.object).filter(|object| object.key == key));
    }
    Ok(objects)
}

async fn delete(clients: &AwsClients, objects: &[ObjectRef], progress: Progress) -> Result<()> {
    let mut count = progress.count("object versions", objects.len());
    for object in objects {
        let request = clients.s3.delete_object().bucket(&object.bucket).key(&object.key);
        // Without a version id, S3 would only add a delete marker. "null" is the version of a bucket without versioning.
        let request = request.version_id(object.version_id.as_deref().unwrap_or("null"));
        request.send().await.map_err(Error::aws(format!("deleting {object}")))?;
        count.add(&object.key);
    }
    count.finish();
    Ok(())
}

fn failed(error: &load::LoadError) -> Error {
    Error::NotForgotten { message: error.to_string(), remedy: error.name().what_to_do().to_owned() }
}

impl ForgottenLoad {
    fn new(load: FileLoad) -> Self {
        Self {
            load_id: load.load_id,
            dataset: format!("{}/{}", load.pipeline, load.dataset),
            key: load.object.key,
            table: load.table,
            rows: load.rows,
            rejects: load.rejects,
        }
    }
}

impl ForgottenObject {
    fn new(object: ObjectRef) -> Self {
        Self { bucket: object.bucket, key: object.key, version_id: object.version_id }
    }
}

impl Forgotten {
    fn print(&self, json: bool) -> Result<()> {
        if json {
            return print_json(self);
        }
        let number = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
        let cells = |it: &ForgottenLoad| {
            vec![
                it.load_id.to_string(),
                it.dataset.clone(),
                it.key.clone(),
                it.table.clone(),
                number(it.rows),
                number(it.rejects),
            ]
        };
        if !self.loads.is_empty() {
            let header = ["load", "dataset", "file", "table", "rows", "rejects"];
            print_table(&header, &self.loads.iter().map(cells).collect::<Vec<_>>());
        }
        let verb = if self.deleted { "deleted" } else { "would delete" };
        for object in &self.objects {
            let version = object.version_id.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
            print_line(&format!("{verb} s3://{}/{}{version}", object.bucket, object.key));
        }
        let rows: u64 = self.loads.iter().map(|load| load.rows).sum();
        let rejects: u64 = self.loads.iter().map(|load| load.rejects).sum();
        print_line(&format!("{verb} {} rows and {} rejects", number(rows), number(rejects)));
        if !self.deleted {
            print_line("nothing was deleted; --yes deletes");
        }
        Ok(())
    }
}
