//! Predicts the outcome of a replay from the definitions and the ledger.

use pipeline::version::{self, EarlierLoad, KeyHistory, VersionDecision, is_same_content};
use pipeline::{Catalog, Dataset, Definition, KeyBucket, KeyDecision, KeyFailure, RepairKey};
use protocol::{Failure, LoadOutcome, ObjectRef};
use reconciliation::ledger::LedgerEntry;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DryRunOutcome {
    Load,
    AlreadyLoaded,
    Superseded,
    Ignored,
    NoDataset,
    Fail,
    /// A trigger whose data file does not exist yet.
    Wait,
}

impl DryRunOutcome {
    /// Returns the outcome as it completes the sentence "the file would …".
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

/// The predicted outcome of one object.
#[derive(Debug, Serialize)]
pub(super) struct Prediction {
    pub(super) key: String,
    pub(super) version_id: Option<String>,
    #[serde(rename = "would")]
    pub(super) outcome: DryRunOutcome,
    pub(super) reason: Option<String>,
    /// `PIPELINE/DATASET`.
    pub(super) dataset: Option<String>,
    /// Size of the data file.
    pub(super) bytes: Option<u64>,
    /// Number of records, from an earlier load of the same content. `None` if no such load exists.
    pub(super) rows: Option<i64>,
}

/// The effect of an object's key, from the definitions alone.
#[derive(Debug)]
pub(super) enum KeyEffect<'a> {
    /// The key starts a load of this data file. For a trigger, `data` has no version, etag and size yet.
    Load { definition: &'a Definition, dataset: &'a Dataset, data: ObjectRef },
    /// The key starts no load.
    NoLoad { outcome: DryRunOutcome, reason: String },
}

/// Decides by the key of an object in the landing bucket, as `process-file` does.
pub(super) fn key_effect<'a>(catalog: &'a Catalog, object: &ObjectRef) -> KeyEffect<'a> {
    let ObjectRef { bucket, key, .. } = object;
    match catalog.decide(KeyBucket::Landing(Some(bucket)), key) {
        KeyDecision::Load { matched, file } => {
            let file_bucket = file.bucket.as_ref().unwrap_or(bucket);
            let is_this_object = (file_bucket, &file.key) == (bucket, key);
            let data = if is_this_object { object.clone() } else { ObjectRef::new(file_bucket, file.key) };
            KeyEffect::Load { definition: matched.definition, dataset: matched.dataset, data }
        }
        KeyDecision::Ignore { reason, .. } => KeyEffect::NoLoad { outcome: DryRunOutcome::Ignored, reason },
        KeyDecision::Fail { failure: KeyFailure::NoDataset { nearest }, .. } => {
            let reason = nearest.unwrap_or_else(|| KeyFailure::NoDataset { nearest: None }.to_string());
            KeyEffect::NoLoad { outcome: DryRunOutcome::NoDataset, reason }
        }
        KeyDecision::Fail { failure, .. } => {
            KeyEffect::NoLoad { outcome: DryRunOutcome::Fail, reason: format!("{}: {failure}", failure.name()) }
        }
    }
}

/// Predicts what the loader does with an object version. `history` has all loads of the key in the dataset, in order.
pub(super) fn predict(dataset: &Dataset, history: &[&LedgerEntry], object: &ObjectRef) -> DryRunOutcome {
    if object.size_bytes == Some(0) {
        return DryRunOutcome::Fail;
    }
    let loads: Vec<EarlierLoad<'_>> = history.iter().map(|entry| earlier_load(entry)).collect();
    let history = KeyHistory::new(&loads, object);
    let decision = match RepairKey::parse(&object.key) {
        Some(_) => version::decide(&dataset.for_repairs(), &history),
        None => version::decide(dataset, &history),
    };
    match decision {
        VersionDecision::Load { .. } => DryRunOutcome::Load,
        VersionDecision::AlreadyLoaded => DryRunOutcome::AlreadyLoaded,
        VersionDecision::Superseded => DryRunOutcome::Superseded,
        VersionDecision::Ignored => DryRunOutcome::Ignored,
    }
}

/// Names the command that loads a file again, if its definition has changed since its load.
pub(super) fn changed_definition(hash: &str, history: &[&LedgerEntry], key: &str) -> Option<String> {
    let last = history.iter().rev().find(|entry| entry.outcome == LoadOutcome::Loaded)?;
    let has_changed = last.definition_hash != hash && RepairKey::parse(key).is_none();
    has_changed.then(|| format!("its definition has changed; `penstock reload {key}` loads it again"))
}

fn earlier_load(entry: &LedgerEntry) -> EarlierLoad<'_> {
    EarlierLoad {
        object: &entry.object,
        outcome: entry.outcome,
        is_overtaken: entry.is_overtaken,
        is_forgotten: entry.is_forgotten,
    }
}

/// Returns the number of records of an earlier load of the same content.
pub(super) fn known_rows(history: &[&LedgerEntry], object: &ObjectRef) -> Option<i64> {
    let is_same = |entry: &LedgerEntry| entry.outcome == LoadOutcome::Loaded && is_same_content(&entry.object, object);
    history.iter().rev().find(|entry| is_same(entry)).map(|entry| entry.rows_read)
}

#[cfg(test)]
mod tests {
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
            definition_hash: String::new(),
            is_overtaken: false,
            is_forgotten: false,
        }
    }

    #[test]
    fn prediction_follows_ledger_and_dataset() {
        fn check(dataset: &str, history: &[LedgerEntry], object: &ObjectRef, expected: DryRunOutcome) {
            let definition = definition(dataset);
            let history: Vec<&LedgerEntry> = history.iter().collect();
            let found = predict(&definition.datasets[0], &history, object);
            assert_eq!(found, expected, "{dataset:?} {history:#?} {object:?}");
        }
        let (a, b) = (object(Some("1"), "a"), object(Some("2"), "b"));
        let loaded = entry(Some("1"), "a", LoadOutcome::Loaded);
        check("", &[], &a, DryRunOutcome::Load);
        check("", std::slice::from_ref(&loaded), &a, DryRunOutcome::AlreadyLoaded);
        check("", std::slice::from_ref(&loaded), &b, DryRunOutcome::Load);
        check("", std::slice::from_ref(&loaded), &object(Some("3"), "a"), DryRunOutcome::AlreadyLoaded);
        check(
            "",
            &[loaded.clone(), entry(Some("2"), "b", LoadOutcome::Loaded)],
            &object(Some("3"), "a"),
            DryRunOutcome::Load,
        );
        check("", &[entry(Some("1"), "a", LoadOutcome::Superseded)], &a, DryRunOutcome::Superseded);
        check("", &[entry(Some("1"), "a", LoadOutcome::Superseded)], &object(Some("3"), "a"), DryRunOutcome::Load);
        check("on_new_version = \"ignore\"", std::slice::from_ref(&loaded), &b, DryRunOutcome::Ignored);
        check("on_new_version = \"append\"", std::slice::from_ref(&loaded), &b, DryRunOutcome::Load);
        check("", &[entry(None, "a", LoadOutcome::Loaded)], &a, DryRunOutcome::AlreadyLoaded);
        check("", &[], &ObjectRef { size_bytes: Some(0), ..a.clone() }, DryRunOutcome::Fail);

        let overtaken = LedgerEntry { is_overtaken: true, ..loaded.clone() };
        let again = object(Some("3"), "a");
        check("", std::slice::from_ref(&overtaken), &again, DryRunOutcome::AlreadyLoaded);
        check("write = \"replace\"", std::slice::from_ref(&overtaken), &again, DryRunOutcome::Load);
        check("write = \"replace\"", std::slice::from_ref(&loaded), &again, DryRunOutcome::AlreadyLoaded);
        check("write = \"upsert\"\nkey = [\"a\"]", std::slice::from_ref(&overtaken), &again, DryRunOutcome::Load);
        check("write = \"upsert\"\nkey = [\"a\"]", std::slice::from_ref(&overtaken), &a, DryRunOutcome::AlreadyLoaded);
    }

    #[test]
    fn rows_are_known_for_the_same_content() {
        let history = [entry(Some("1"), "a", LoadOutcome::Loaded), entry(Some("2"), "b", LoadOutcome::AlreadyLoaded)];
        let history: Vec<&LedgerEntry> = history.iter().collect();
        assert_eq!(known_rows(&history, &object(Some("3"), "a")), Some(7));
        assert_eq!(known_rows(&history, &object(Some("3"), "b")), None);
        assert_eq!(known_rows(&history, &object(Some("3"), "c")), None);
    }

    #[test]
    fn key_effect_follows_the_definitions() {
        fn check(key: &str, expected: Result<&str, DryRunOutcome>) {
            let trigger = "[datasets.e]\ntrigger = \"t/{status}_{n}.trig\"\nsource = \"e/{n}.csv\"\ntable = \"u\"\ncolumns.a = \"text\"";
            let catalog = Catalog::new(vec![definition(trigger)]).unwrap();
            let found = match key_effect(&catalog, &ObjectRef::new("b", key)) {
                KeyEffect::Load { data, .. } => Ok(data.key),
                KeyEffect::NoLoad { outcome, .. } => Err(outcome),
            };
            assert_eq!(found.as_deref().map_err(|outcome| *outcome), expected, "{key}");
        }
        check("d/1.csv", Ok("d/1.csv"));
        check("t/Succeeded_1.trig", Ok("e/1.csv"));
        check("t/Failed_1.trig", Err(DryRunOutcome::Fail));
        check("e/1.csv", Err(DryRunOutcome::Ignored));
        check("d/", Err(DryRunOutcome::Ignored));
        check("d/1.pdf", Err(DryRunOutcome::Fail));
        check("x/1.csv", Err(DryRunOutcome::NoDataset));
    }
}
