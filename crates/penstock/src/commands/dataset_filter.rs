use clap::Args;

use crate::context::pipelines_folder;
use crate::error::{Error, Result};
use crate::history::{DatasetRow, History};
use crate::pipelines::PipelinesFolder;

/// The options that select a pipeline or a dataset.
#[derive(Debug, Args)]
pub(crate) struct DatasetFilter {
    /// Only this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Only this dataset: its name, or PIPELINE/NAME
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
}

impl DatasetFilter {
    /// Returns the names of the pipeline and of the dataset.
    pub(crate) fn names(&self) -> (Option<String>, Option<String>) {
        match self.dataset.as_ref().and_then(|dataset| dataset.split_once('/')) {
            Some((pipeline, dataset)) => (Some(pipeline.to_owned()), Some(dataset.to_owned())),
            None => (self.pipeline.clone(), self.dataset.clone()),
        }
    }

    /// Fails if no pipeline or dataset has this name, in the history and in the pipelines of the project.
    pub(crate) async fn check(&self, history: &History) -> Result<()> {
        let mut known = history.datasets().await?;
        known.extend(defined());
        match self.unknown(&known) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn unknown(&self, known: &[DatasetRow]) -> Option<Error> {
        let (pipeline, dataset) = self.names();
        let of_pipeline = |it: &&DatasetRow| pipeline.as_ref().is_none_or(|pipeline| *pipeline == it.pipeline);
        if let (Some(pipeline), 0) = (&pipeline, known.iter().filter(of_pipeline).count()) {
            let known = sorted(known.iter().map(|it| it.pipeline.clone()));
            return Some(Error::NoSuchPipeline { name: pipeline.clone(), known });
        }
        let dataset = dataset?;
        if known.iter().filter(of_pipeline).any(|it| it.dataset.as_ref() == Some(&dataset)) {
            return None;
        }
        let known = known.iter().filter_map(|it| Some(format!("{}/{}", it.pipeline, it.dataset.as_ref()?)));
        let name = pipeline.map_or_else(|| dataset.clone(), |pipeline| format!("{pipeline}/{dataset}"));
        Some(Error::NoSuchDataset { name, known: sorted(known) })
    }
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}

/// Returns the datasets of the project's pipelines, if there is a project and its pipelines are valid.
fn defined() -> Vec<DatasetRow> {
    let Some(folder) = pipelines_folder(None).ok().and_then(|folder| PipelinesFolder::read(&folder).ok()) else {
        return Vec::new();
    };
    let of_definition = |definition: &pipeline::Definition| {
        let pipeline = definition.pipeline.clone();
        let row = move |dataset: &pipeline::Dataset| DatasetRow {
            pipeline: pipeline.clone(),
            dataset: Some(dataset.name.clone()),
        };
        definition.datasets.iter().map(row).collect::<Vec<_>>()
    };
    folder.catalog.definitions().iter().flat_map(of_definition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(pipeline: Option<&str>, dataset: Option<&str>) -> DatasetFilter {
        DatasetFilter { pipeline: pipeline.map(str::to_owned), dataset: dataset.map(str::to_owned) }
    }

    #[test]
    fn dataset_may_name_its_pipeline() {
        let names = |filter: DatasetFilter| {
            let (pipeline, dataset) = filter.names();
            format!("{} {}", pipeline.unwrap_or_default(), dataset.unwrap_or_default())
        };
        assert_eq!(names(filter(None, Some("retail/orders"))), "retail orders");
        assert_eq!(names(filter(None, Some("orders"))), " orders");
        assert_eq!(names(filter(Some("retail"), Some("orders"))), "retail orders");
    }

    #[test]
    fn unknown_name_is_an_error() {
        let known = [("retail", Some("orders")), ("stocks", None)].map(|(pipeline, dataset)| DatasetRow {
            pipeline: pipeline.to_owned(),
            dataset: dataset.map(str::to_owned),
        });
        let check = |pipeline, dataset, expected: Option<&str>| {
            let error = filter(pipeline, dataset).unknown(&known).map(|error| error.to_string());
            assert_eq!(error.as_deref(), expected);
        };
        check(None, None, None);
        check(Some("stocks"), None, None);
        check(None, Some("orders"), None);
        check(None, Some("retail/orders"), None);
        check(None, Some("retail/ordesr"), Some("there is no dataset retail/ordesr"));
        check(None, Some("stocks/orders"), Some("there is no dataset stocks/orders"));
        check(Some("retial"), None, Some("there is no pipeline retial"));
    }
}
