mod dataset_keys;
mod explanation;
mod layout;
mod lines;
mod run_of_load;

#[cfg(test)]
mod tests;

use clap::Args;
use pipeline::{Catalog, KeyBucket};
use protocol::KEY_BYTES_MAX;
use serde::Serialize;

use crate::commands::explain::dataset_keys::DatasetKeys;
use crate::commands::explain::explanation::KeyExplanation;
use crate::commands::shared_args::PipelinesArg;
use crate::context::{Context, pipelines_folder, relative};
use crate::error::Result;
use crate::output::{print_json, print_line};
use crate::pipelines::CheckedPipelines;
use crate::time_argument::TimeArgument;

const EXAMPLES: &str = "\
Examples:
  penstock explain raw_data/retail/2024-05-01/orders.csv
  penstock explain s3://other-bucket/levels/north.csv
  penstock explain --dataset water/pump_flow --at 2024-05-01T09:15";

/// Explain what a key does, or list the keys of a dataset for a time
///
/// Prints the dataset, the template that matches, the logical time, and the format. Reads only the definitions, without
/// a stack and without a network. Exits with status 1 if the file would fail.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExplainArgs {
    /// Key of the file, or s3://BUCKET/KEY
    #[arg(required_unless_present = "dataset", conflicts_with = "dataset", value_parser = parse_key)]
    key: Option<String>,
    /// Bucket of the key. With it, KEY is not read as s3://BUCKET/KEY [default: the landing bucket]
    #[arg(long, value_name = "BUCKET", conflicts_with = "dataset")]
    bucket: Option<String>,
    /// Dataset whose keys are listed
    #[arg(long, value_name = "PIPELINE/DATASET", requires = "at")]
    dataset: Option<String>,
    /// Logical time of the keys, in the time zone of the pipeline unless it has an offset: 2024-05-01, 2024-05-01T09:15,
    /// 2024-05-01T09:15:30Z or 2024-05-01T09:15+02:00
    #[arg(long, value_name = "TIME", requires = "dataset")]
    at: Option<TimeArgument>,
    #[command(flatten)]
    pipelines: PipelinesArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: ExplainArgs, context: &Context) -> Result<bool> {
    let path = relative(&pipelines_folder(args.pipelines.pipelines)?);
    let catalog = CheckedPipelines::read(&path)?.into_catalog()?;
    if let (Some(dataset), Some(at)) = (&args.dataset, args.at) {
        let keys = DatasetKeys::of(&catalog, dataset, at)?;
        print(&keys, &keys.lines(), args.json)?;
        return Ok(true);
    }
    // The name of the landing bucket is known only with a stack, and matters only if a bucket is named.
    let landing_bucket = context.stack_env().ok().map(|env| env.landing_bucket);
    let key = args.key.unwrap_or_default();
    let explanation = explain_key(&catalog, &key, args.bucket.as_deref(), landing_bucket.as_deref());
    print(&explanation, &explanation.lines(), args.json)?;
    Ok(!explanation.is_failure())
}

fn print(answer: &impl Serialize, lines: &[String], json: bool) -> Result<()> {
    if json {
        return print_json(answer);
    }
    lines.iter().for_each(|line| print_line(line));
    Ok(())
}

/// Explains a key. Without `bucket`, the key may be `s3://BUCKET/KEY`.
fn explain_key(catalog: &Catalog, key: &str, bucket: Option<&str>, landing_bucket: Option<&str>) -> KeyExplanation {
    let (bucket, key) = match (bucket, key.strip_prefix("s3://").and_then(|address| address.split_once('/'))) {
        (None, Some((bucket, key))) => (Some(bucket), key),
        _ => (bucket, key),
    };
    let bucket = match bucket.filter(|bucket| landing_bucket != Some(*bucket)) {
        Some(other) => KeyBucket::Other(other),
        None => KeyBucket::Landing(landing_bucket),
    };
    KeyExplanation::of(catalog, bucket, key)
}

fn parse_key(text: &str) -> Result<String, String> {
    match text.len() {
        1..=KEY_BYTES_MAX => Ok(text.to_owned()),
        bytes => Err(format!("expected a key of 1 to {KEY_BYTES_MAX} bytes, found {bytes}")),
    }
}
