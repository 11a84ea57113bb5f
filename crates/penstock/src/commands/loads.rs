use clap::Args;
use local_stack::AwsClients;
use protocol::ObjectRef;

use crate::commands::dataset_filter::DatasetFilter;
use crate::context::Context;
use crate::error::Result;
use crate::history::{History, LoadRow, print_loads};
use crate::output::{print_json, print_line};
use crate::recovery::exist;

/// List the latest loads with their files, outcomes, rows and runs
#[derive(Debug, Args)]
pub(crate) struct LoadsArgs {
    #[command(flatten)]
    datasets: DatasetFilter,
    /// Maximum number of loads, newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Find out if each object version is in its bucket. Reads the bucket once for each load
    #[arg(long)]
    objects: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &LoadsArgs, context: &Context) -> Result<bool> {
    let history = History::open(context.database()?).await?;
    let (pipeline, dataset) = args.datasets.names();
    let mut loads = history.loads(pipeline.as_deref(), dataset.as_deref(), args.limit).await?;
    if loads.is_empty() {
        args.datasets.check(&history).await?;
    }
    if args.objects {
        let clients = AwsClients::of(&context.stack_env()?).await;
        let objects: Vec<ObjectRef> = loads.iter().map(object).collect();
        for (load, exists) in loads.iter_mut().zip(exist(&clients, objects.iter()).await?) {
            load.object_exists = Some(exists);
        }
    }
    if args.json {
        print_json(&loads)?;
    } else if loads.is_empty() {
        print_line("no loads yet; `penstock drop FILE` loads a file");
    } else {
        print_loads(&loads);
    }
    Ok(true)
}

fn object(load: &LoadRow) -> ObjectRef {
    ObjectRef { version_id: load.version_id.clone(), ..ObjectRef::new(&load.bucket, &load.key) }
}
