//! Warns of tables with loads by datasets that no definition has, for example after a rename.

use std::time::Duration;

use pipeline::Definition;
use postgres::DatabaseAddress;

use crate::history::{History, LoadsOfTable};
use crate::pipelines::checked::Problem;

/// `check` does not wait longer for the ledger.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(3);

/// Returns the warnings, or none if the ledger does not answer.
pub(crate) async fn unknown_loads(definitions: &[Definition], address: DatabaseAddress) -> Vec<Problem> {
    let read = async {
        let history = History::open(address).await?;
        history.loads_of_tables().await
    };
    match tokio::time::timeout(LEDGER_TIMEOUT, read).await {
        Ok(Ok(loads)) => warnings(definitions, &loads),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

fn warnings(definitions: &[Definition], loads: &[LoadsOfTable]) -> Vec<Problem> {
    let is_known = |of: &LoadsOfTable| {
        let of_pipeline = definitions.iter().filter(|definition| definition.pipeline == of.pipeline);
        of_pipeline
            .flat_map(|definition| &definition.datasets)
            .any(|dataset| dataset.name == of.dataset || dataset.renamed_from.as_deref() == Some(of.dataset.as_str()))
    };
    // Of a single definition, only the datasets are known, not the other pipelines.
    let is_whole = definitions.len() > 1;
    let is_checked = |of: &LoadsOfTable| is_whole || definitions.iter().any(|known| known.pipeline == of.pipeline);
    let unknown: Vec<&LoadsOfTable> = loads.iter().filter(|of| is_checked(of) && !is_known(of)).collect();
    let mut warnings = Vec::new();
    for definition in definitions {
        for dataset in &definition.datasets {
            let table = dataset.table.to_string();
            for of in unknown.iter().filter(|of| of.table_name == table) {
                let count = if of.loads == 1 { "1 load".to_owned() } else { format!("{} loads", of.loads) };
                let mut reason =
                    format!("the table has {count} of dataset {}/{}, which no definition has", of.pipeline, of.dataset);
                if of.pipeline == definition.pipeline {
                    let name = &of.dataset;
                    reason.push_str(&format!("; if the dataset was renamed, set renamed_from = \"{name}\""));
                }
                warnings.push(definition.error(&format!("datasets.{}.table", dataset.name), &reason).into());
            }
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_of_an_unknown_dataset_are_reported() {
        let check = |more: &str, dataset: &str, expected: &[&str]| {
            let text =
                format!("[datasets.stuff]\nsource = \"a/*\"\ntable = \"ren.things\"\ncolumns.id = \"integer\"\n{more}");
            let definition = Definition::parse("shop", "pipeline.toml", &text).unwrap();
            let of = LoadsOfTable {
                pipeline: "shop".to_owned(),
                dataset: dataset.to_owned(),
                table_name: "ren.things".to_owned(),
                loads: 1,
            };
            let found: Vec<String> = warnings(&[definition], &[of]).iter().map(Problem::to_string).collect();
            assert_eq!(found, expected);
        };
        check("", "stuff", &[]);
        check("renamed_from = \"things\"\n", "things", &[]);
        check(
            "",
            "things",
            &[
                "pipeline.toml:3: datasets.stuff.table: the table has 1 load of dataset shop/things, which no definition \
               has; if the dataset was renamed, set renamed_from = \"things\"",
            ],
        );
    }
}
