//! Pipelines on this disk: reads, checks, describes and uploads them.

mod checked;
mod description;
mod folder;
mod keys;
mod listing;
mod unknown_loads;

pub(crate) use checked::{CheckedPipelines, Problem};
pub(crate) use description::{ExportDescription, RunRule, describe_runs, format_duration};
pub(crate) use folder::PipelinesFolder;
pub(crate) use keys::{dataset_times, derive_key, export_times};
pub(crate) use unknown_loads::unknown_loads;
