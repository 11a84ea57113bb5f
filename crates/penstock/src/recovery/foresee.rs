//! What starting an object again would come to, by the definitions and the ledger.

use pipeline::version::{self, EarlierLoad, KeyHistory, VersionDecision, is_same_content};
use pipeline::{Catalog, Dataset, RepairKey};
use protocol::{FailureName, LoadOutcome, ObjectRef};
use reconciliation::ledger::LedgerEntry;
use serde::Serialize;

use crate::explain::{self, Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Would {
    Load,
    AlreadyLoaded,
    Superseded,
    Ignored,
    NoDataset,
    Fail,
    /// A trigger whose data file is not there.
    Wait,
}

impl Would {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::AlreadyLoaded => "already loaded",
            Self::Superseded => "superseded",
            Self::Ignored => "ignored",
            Self::NoDataset => "no dataset",
            Self::Fail => "fail",
            Self::Wait => "wait for its data",
        }
    }
}

/// What an object would do, and how much is to be expected of it.
#[derive(Debug, Serialize)]
pub(super) struct Foreseen {
    pub(super) key: String,
    pub(super) version_id: Option<String>,
    pub(super) would: Would,
    pub(super) reason: Option<String>,
    /// `PIPELINE/DATASET`.
    pub(super) dataset: Option<String>,
    /// Of the data file.
    pub(super) bytes: Option<u64>,
    /// As many as the same content had when it was loaded; nothing tells before, and then this is missing.
    pub(super) rows: Option<i64>,
}

/// What the names say: the dataset, and the data file that would be loaded.
#[derive(Debug)]
pub(super) enum Named<'a> {
    Data { pipeline: &'a str, dataset: &'a Dataset, data: ObjectRef },
    Done { would: Would, reason: String },
}

/// Follows the rules on the key alone. The data file of a trigger comes without what S3 knows of it.
pub(super) fn name<'a>(catalog: &'a Catalog, object: &ObjectRef) -> Named<'a> {
    let done = |would, reason: String| Named::Done { would, reason };
    match explain::verdict(catalog, &object.bucket, &object.key) {
        Verdict::Loads { pipeline, dataset, bucket, key } => {
            let definition = catalog.definitions().iter().find(|definition| definition.pipeline == pipeline);
            let found = definition.and_then(|it| Some((it.pipeline.as_str(), it.dataset(&dataset)?)));
            let Some((pipeline, dataset)) = found else { return done(Would::NoDataset, String::new()) };
            let bucket = bucket.unwrap_or_else(|| object.bucket.clone());
            let is_itself = (&bucket, &key) == (&object.bucket, &object.key);
            let data = if is_itself { object.clone() } else { ObjectRef::new(bucket, key) };
            Named::Data { pipeline, dataset, data }
        }
        Verdict::Ignored { reason } => done(Would::Ignored, reason),
        Verdict::Fails { failure: FailureName::NoDataset, reason } => done(Would::NoDataset, reason),
        Verdict::Fails { failure, reason } => done(Would::Fail, format!("{failure}: {reason}")),
    }
}

/// What the loader would make of an object version, given all that it did with this key of this dataset, in order.
pub(super) fn would(dataset: &Dataset, history: &[&LedgerEntry], object: &ObjectRef) -> Would {
    if object.size_bytes == Some(0) {
        return Would::Fail;
    }
    let loads: Vec<EarlierLoad<'_>> = history.iter().map(|entry| earlier_load(entry)).collect();
    let history = KeyHistory::new(&loads, object);
    let decision = match RepairKey::parse(&object.key) {
        Some(_) => version::decide(&dataset.for_repairs(), &history),
        None => version::decide(dataset, &history),
    };
    match decision {
        VersionDecision::Load { .. } => Would::Load,
        VersionDecision::AlreadyLoaded => Would::AlreadyLoaded,
        VersionDecision::Superseded => Would::Superseded,
        VersionDecision::Ignored => Would::Ignored,
    }
}

fn earlier_load(entry: &LedgerEntry) -> EarlierLoad<'_> {
    EarlierLoad { object: &entry.object, outcome: entry.outcome, is_overtaken: entry.is_overtaken }
}

/// How many records the same content had when it was read.
pub(super) fn rows(history: &[&LedgerEntry], object: &ObjectRef) -> Option<i64> {
    let same = history
        .iter()
        .rev()
        .find(|entry| entry.outcome == LoadOutcome::Loaded && is_same_content(&entry.object, object));
    same.map(|entry| entry.rows_read)
}

#[cfg(test)]
mod tests {
    use pipeline::Definition;

    use super::*;

    fn definition(more: &str) -> Definition {
        let text =
            format!("[datasets.d]\nsource = \"d/{{n}}.csv\"\ntable = \"t\"\ncolumns.a = \"text not null\"\n{more}");
        Definition::parse("p", "pipeline.toml", &text).unwrap()
    }

    fn object(version: Option<&str>, etag: &str) -> ObjectRef {
        ObjectRef {
            version_id: version.map(str::to_owned),
            etag: Some(etag.to_owned()),
            size_bytes: Some(4),
            ..ObjectRef::new("b", "d/1.csv")
        }
    }

    fn entry(version: Option<&str>, etag: &str, outcome: LoadOutcome) -> LedgerEntry {
        LedgerEntry {
            load_id: 1,
            pipeline: "p".to_owned(),
            dataset: "d".to_owned(),
            object: object(version, etag),
            outcome,
            rows_read: 7,
            execution: None,
            is_overtaken: false,
        }
    }

    #[test]
    fn the_ledger_and_the_dataset_decide() {
        fn check(dataset: &str, history: &[LedgerEntry], object: &ObjectRef, expected: Would) {
            let definition = definition(dataset);
            let history: Vec<&LedgerEntry> = history.iter().collect();
            let found = would(&definition.datasets[0], &history, object);
            assert_eq!(found, expected, "{dataset:?} {history:#?} {object:?}");
        }
        let (a, b) = (object(Some("1"), "a"), object(Some("2"), "b"));
        let loaded = entry(Some("1"), "a", LoadOutcome::Loaded);
        check("", &[], &a, Would::Load);
        check("", std::slice::from_ref(&loaded), &a, Would::AlreadyLoaded);
        check("", std::slice::from_ref(&loaded), &b, Would::Load);
        check("", std::slice::from_ref(&loaded), &object(Some("3"), "a"), Would::AlreadyLoaded);
        check("", &[loaded.clone(), entry(Some("2"), "b", LoadOutcome::Loaded)], &object(Some("3"), "a"), Would::Load);
        check("", &[entry(Some("1"), "a", LoadOutcome::Superseded)], &a, Would::Superseded);
        check("", &[entry(Some("1"), "a", LoadOutcome::Superseded)], &object(Some("3"), "a"), Would::Load);
        check("on_new_version = \"ignore\"", std::slice::from_ref(&loaded), &b, Would::Ignored);
        check("on_new_version = \"append\"", std::slice::from_ref(&loaded), &b, Would::Load);
        check("", &[entry(None, "a", LoadOutcome::Loaded)], &a, Would::AlreadyLoaded);
        check("", &[], &ObjectRef { size_bytes: Some(0), ..a.clone() }, Would::Fail);

        let overtaken = LedgerEntry { is_overtaken: true, ..loaded.clone() };
        let again = object(Some("3"), "a");
        check("", std::slice::from_ref(&overtaken), &again, Would::AlreadyLoaded);
        check("write = \"replace\"", std::slice::from_ref(&overtaken), &again, Would::Load);
        check("write = \"replace\"", std::slice::from_ref(&loaded), &again, Would::AlreadyLoaded);
        check("write = \"upsert\"\nkey = [\"a\"]", std::slice::from_ref(&overtaken), &again, Would::Load);
        check("write = \"upsert\"\nkey = [\"a\"]", std::slice::from_ref(&overtaken), &a, Would::AlreadyLoaded);
    }

    #[test]
    fn rows_are_told_by_the_same_content_alone() {
        let history = [entry(Some("1"), "a", LoadOutcome::Loaded), entry(Some("2"), "b", LoadOutcome::AlreadyLoaded)];
        let history: Vec<&LedgerEntry> = history.iter().collect();
        assert_eq!(rows(&history, &object(Some("3"), "a")), Some(7));
        assert_eq!(rows(&history, &object(Some("3"), "b")), None);
        assert_eq!(rows(&history, &object(Some("3"), "c")), None);
    }

    #[test]
    fn names_alone_tell_most() {
        fn check(key: &str, expected: Result<&str, Would>) {
            let trigger = "[datasets.e]\ntrigger = \"t/{status}_{n}.trig\"\nsource = \"e/{n}.csv\"\ntable = \"u\"\ncolumns.a = \"text\"";
            let catalog = Catalog::new(vec![definition(trigger)]).unwrap();
            let found = match name(&catalog, &ObjectRef::new("b", key)) {
                Named::Data { data, .. } => Ok(data.key),
                Named::Done { would, .. } => Err(would),
            };
            assert_eq!(found.as_deref().map_err(|would| *would), expected, "{key}");
        }
        check("d/1.csv", Ok("d/1.csv"));
        check("t/Succeeded_1.trig", Ok("e/1.csv"));
        check("t/Failed_1.trig", Err(Would::Fail));
        check("e/1.csv", Err(Would::Ignored));
        check("d/", Err(Would::Ignored));
        check("d/1.pdf", Err(Would::Fail));
        check("x/1.csv", Err(Would::NoDataset));
    }
}
