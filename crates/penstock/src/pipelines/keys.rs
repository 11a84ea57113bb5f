//! Chooses the key of a file.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use pipeline::{Captures, Catalog, Dataset, StartsOn};

use crate::error::{Error, Result};

/// Returns the key that makes `file_name` today's file of a dataset, and the name of that dataset. Fails unless exactly
/// one dataset fits.
pub(crate) fn derive_key(catalog: &Catalog, file_name: &str, today: NaiveDate) -> Result<(String, String)> {
    let mut keys = Vec::new();
    for definition in catalog.definitions() {
        for dataset in definition.datasets.iter().filter(|dataset| matches!(dataset.starts_on, StartsOn::Source)) {
            let template = &dataset.source.template;
            let key = template.build(&dataset_times(dataset, today.and_time(NaiveTime::MIN))).ok();
            let same_name = |key: &String| key.rsplit('/').next() == Some(file_name);
            if let Some(key) = key.filter(same_name).filter(|_| dataset.source.bucket.is_none()) {
                keys.push((key, format!("{}.{}", definition.pipeline, dataset.name)));
            }
        }
    }
    let no_key = |reason: String| Error::NoKey { file: file_name.to_owned(), reason };
    match keys.len() {
        0 => Err(no_key(format!("no dataset has a source with the file name {file_name}"))),
        1 => Ok(keys.swap_remove(0)),
        _ => {
            let datasets: Vec<String> = keys.into_iter().map(|(_, dataset)| dataset).collect();
            Err(no_key(format!("several datasets fit: {}", datasets.join(" or "))))
        }
    }
}

/// Returns the values of a dataset's keys for a logical time in the time zone of the pipeline.
pub(crate) fn dataset_times(dataset: &Dataset, at: NaiveDateTime) -> Captures {
    dataset.logical_time.iter().fold(Captures::default(), |captures, name| captures.with_time(name, at))
}

/// Returns the values of an export's key for a time in the time zone of the pipeline.
pub(crate) fn export_times(at: NaiveDateTime) -> Captures {
    Captures::default().with_time("run_date", at)
}

#[cfg(test)]
mod tests {
    use pipeline::{KeyTemplate, Location, TableName};

    use super::*;

    #[test]
    fn template_is_filled_with_the_day() {
        fn check(template: &str, expected: Option<&str>) {
            let day = NaiveDate::from_ymd_opt(2026, 3, 4).unwrap();
            let (source, table) = (Location::parse(template).unwrap(), TableName::parse("t").unwrap());
            let dataset = Dataset::new("d", source, table).unwrap();
            let times = dataset_times(&dataset, day.and_time(NaiveTime::MIN));
            assert_eq!(dataset.source.template.build(&times).ok().as_deref(), expected, "{template}");
        }
        check("raw/{date:%Y-%m-%d}/orders.csv", Some("raw/2026-03-04/orders.csv"));
        check("raw/{scheduled:%Y/%m/%d}/x-{scheduled:%H:%M}.json", Some("raw/2026/03/04/x-00:00.json"));
        check("raw/orders.csv", Some("raw/orders.csv"));
        check("raw/{shop}/orders.csv", None);
        check("raw/{shop:%Y}/orders.csv", Some("raw/2026/orders.csv"));
        check("raw/{from:%F}/{to:%F}.csv", None);
        check("raw/*/orders.csv", None);
    }

    #[test]
    fn export_key_is_filled_with_the_run_date() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 4).unwrap().and_time(NaiveTime::MIN);
        let template = KeyTemplate::parse("out/{run_date:%F_%H}.csv").unwrap();
        assert_eq!(template.build(&export_times(day)).unwrap(), "out/2026-03-04_00.csv");
    }

    #[test]
    fn key_is_chosen_if_one_dataset_fits() {
        let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
        let catalog = crate::pipelines::folder::PipelinesFolder::read(&shipped).unwrap().catalog;
        let day = NaiveDate::from_ymd_opt(2026, 3, 4).unwrap();
        let (key, dataset) = derive_key(&catalog, "orders.csv", day).unwrap();
        assert_eq!((key.as_str(), dataset.as_str()), ("raw_data/retail/2026-03-04/orders.csv", "retail.orders"));
        assert!(matches!(derive_key(&catalog, "unknown.csv", day), Err(Error::NoKey { .. })));
    }
}
