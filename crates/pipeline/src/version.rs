//! The version policy: decides if a version of a file is loaded, and which rows of earlier versions it replaces.
//!
//! The loader, the dry run of `penstock replay` and `penstock reconcile` call these functions, so they always agree.

use protocol::{LoadOutcome, ObjectRef};

use crate::dataset::{Dataset, OnNewVersion, WriteMode};

/// The decision about one version of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionDecision {
    /// Load the file, and remove these rows from its table.
    Load { replaces: ReplacedRows },
    /// Load nothing: the table has the rows of this version, or of a version with the same content.
    AlreadyLoaded,
    /// Load nothing: a newer version of the key is loaded.
    Superseded,
    /// Load nothing: the dataset keeps the first version of a key.
    Ignored,
}

/// The rows that a load removes from its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplacedRows {
    None,
    /// The rows of earlier loads of the same key, and of their repairs.
    Key,
    /// All rows of the table.
    Table,
}

/// The ledger's data about the key of a version, in one dataset.
///
/// A version counts as loaded with the outcome `Loaded` or `AlreadyLoaded`. The other versions never changed the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyHistory {
    /// The outcome that the ledger already has for this version.
    pub recorded: Option<LoadOutcome>,
    /// A version of the key is loaded.
    pub is_loaded: bool,
    /// The last loaded version has the same content: the same etag and size.
    pub has_same_content: bool,
    /// A newer version of the key, by sequencer, is loaded.
    pub has_newer: bool,
    /// Another file may have changed the table after the key's last load.
    /// Only read where [`depends_on_other_files`] is true.
    pub is_overtaken: bool,
}

/// One load of a key, as the ledger has it.
#[derive(Clone, Copy, Debug)]
pub struct EarlierLoad<'a> {
    pub object: &'a ObjectRef,
    pub outcome: LoadOutcome,
    /// Another file was loaded into the table after this load.
    pub is_overtaken: bool,
    /// `penstock forget` deleted the rows of this load.
    pub is_forgotten: bool,
}

/// Decides about a version of a file. For a repair, `dataset` comes from [`Dataset::for_repairs`].
pub fn decide(dataset: &Dataset, history: &KeyHistory) -> VersionDecision {
    if let Some(outcome) = history.recorded {
        return decide_again(outcome);
    }
    let is_undone = depends_on_other_files(dataset) && history.is_overtaken;
    match dataset.on_new_version {
        _ if history.has_same_content && keeps_last_content(dataset) && !is_undone => VersionDecision::AlreadyLoaded,
        OnNewVersion::Replace if history.has_newer => VersionDecision::Superseded,
        OnNewVersion::Ignore if history.is_loaded => VersionDecision::Ignored,
        // With `append` the dataset wants every version, so their order does not matter.
        OnNewVersion::Replace | OnNewVersion::Ignore | OnNewVersion::Append => {
            VersionDecision::Load { replaces: replaced_rows(dataset) }
        }
    }
}

/// Decides about a reload: the version is in the ledger, and is to be loaded again in place of its rows.
///
/// `has_newer` counts only loaded versions of the key that came after this one. `is_overtaken` is read for
/// `write = "replace"`.
pub fn decide_reload(dataset: &Dataset, history: &KeyHistory) -> VersionDecision {
    match history.recorded {
        None => return decide(dataset, history),
        Some(LoadOutcome::Loaded) => {}
        // These versions have no rows in the table.
        Some(recorded) => return decide_again(recorded),
    }
    // Another version, or another file, has replaced the rows. They must not come back.
    let is_replaced = match (&dataset.write, dataset.on_new_version) {
        (WriteMode::Replace, _) => history.has_newer || history.is_overtaken,
        (_, OnNewVersion::Replace) => history.has_newer,
        (_, OnNewVersion::Append | OnNewVersion::Ignore) => false,
    };
    if is_replaced {
        return VersionDecision::Superseded;
    }
    VersionDecision::Load { replaces: replaced_rows(&dataset.for_reloads()) }
}

/// Decides about a version that the ledger already has.
pub fn decide_again(recorded: LoadOutcome) -> VersionDecision {
    match recorded {
        LoadOutcome::Loaded | LoadOutcome::AlreadyLoaded => VersionDecision::AlreadyLoaded,
        LoadOutcome::Superseded => VersionDecision::Superseded,
        LoadOutcome::Ignored => VersionDecision::Ignored,
    }
}

/// Returns the rows that a load of this dataset removes.
pub fn replaced_rows(dataset: &Dataset) -> ReplacedRows {
    match (&dataset.write, dataset.on_new_version) {
        (WriteMode::Replace, _) => ReplacedRows::Table,
        (WriteMode::Append | WriteMode::Upsert { .. }, OnNewVersion::Replace) => ReplacedRows::Key,
        (WriteMode::Append | WriteMode::Upsert { .. }, OnNewVersion::Append | OnNewVersion::Ignore) => {
            ReplacedRows::None
        }
    }
}

/// Returns true if a loaded version makes every older version of its key superseded.
pub fn supersedes_older(dataset: &Dataset) -> bool {
    let older = KeyHistory { is_loaded: true, has_newer: true, ..KeyHistory::default() };
    decide(dataset, &older) == VersionDecision::Superseded
}

/// Returns true if [`decide`] reads [`KeyHistory::is_overtaken`], because it depends on loads of other files.
pub fn depends_on_other_files(dataset: &Dataset) -> bool {
    match dataset.write {
        WriteMode::Append => false,
        // Another file can remove or change these rows.
        WriteMode::Replace | WriteMode::Upsert { .. } => keeps_last_content(dataset),
    }
}

/// Returns true if the table keeps the content of the key's last loaded version. Other files are ignored here.
fn keeps_last_content(dataset: &Dataset) -> bool {
    // An older version may arrive last. `upsert` with `append` then keeps the rows of the newer version.
    !matches!((&dataset.write, dataset.on_new_version), (WriteMode::Upsert { .. }, OnNewVersion::Append))
}

impl VersionDecision {
    /// Returns the outcome that the ledger records.
    pub fn outcome(self) -> LoadOutcome {
        match self {
            Self::Load { .. } => LoadOutcome::Loaded,
            Self::AlreadyLoaded => LoadOutcome::AlreadyLoaded,
            Self::Superseded => LoadOutcome::Superseded,
            Self::Ignored => LoadOutcome::Ignored,
        }
    }
}

impl KeyHistory {
    /// Derives the history of `object` from all loads of its key, in the order of their claims. A reload has the place of its
    /// first load.
    pub fn new(loads: &[EarlierLoad<'_>], object: &ObjectRef) -> Self {
        let is_this = |load: &&EarlierLoad<'_>| is_same_version(load.object, object);
        let loaded = || loads.iter().rev().filter(|load| is_loaded(load.outcome));
        let order = object.ordered_sequencer();
        let is_newer = |load: &EarlierLoad<'_>| match (load.object.ordered_sequencer(), &order) {
            (Some(other), Some(order)) => other > *order,
            _ => false,
        };
        let last = loads.iter().rev().find(|load| load.outcome == LoadOutcome::Loaded);
        Self {
            recorded: loads.iter().find(is_this).map(|load| load.outcome),
            is_loaded: loaded().any(|load| !load.is_forgotten),
            has_same_content: loaded()
                .next()
                .is_some_and(|load| !load.is_forgotten && is_same_content(load.object, object)),
            has_newer: loaded().any(is_newer),
            is_overtaken: last.is_some_and(|load| load.is_overtaken),
        }
    }
}

/// Returns true if a version with this outcome counts as loaded.
pub fn is_loaded(outcome: LoadOutcome) -> bool {
    matches!(outcome, LoadOutcome::Loaded | LoadOutcome::AlreadyLoaded)
}

/// Returns true if two objects of one key have the same etag and size. Without an etag this is false.
pub fn is_same_content(one: &ObjectRef, other: &ObjectRef) -> bool {
    one.etag.is_some() && (&one.etag, one.size_bytes) == (&other.etag, other.size_bytes)
}

/// Returns true if two objects of one key are the same version, by version id, or else by etag and sequencer.
fn is_same_version(one: &ObjectRef, other: &ObjectRef) -> bool {
    match (&one.version_id, &other.version_id) {
        (Some(one), Some(other)) => one == other,
        (None, None) => {
            one.etag.is_some()
                && one.sequencer.is_some()
                && (&one.etag, &one.sequencer) == (&other.etag, &other.sequencer)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Definition;

    const APPEND: &str = "";
    const REPLACE: &str = "write = \"replace\"";
    const UPSERT: &str = "write = \"upsert\"\nkey = [\"a\"]";
    const NEWEST: &str = "on_new_version = \"replace\"";
    const EVERY: &str = "on_new_version = \"append\"";
    const FIRST: &str = "on_new_version = \"ignore\"";

    fn dataset(more: &[&str]) -> Dataset {
        let more = more.join("\n");
        let text =
            format!("[datasets.d]\nsource = \"d/{{n}}.csv\"\ntable = \"t\"\ncolumns.a = \"text not null\"\n{more}");
        Definition::parse("p", "pipeline.toml", &text).unwrap().datasets[0].clone()
    }

    fn object(version: Option<&str>, etag: &str, sequencer: Option<&str>) -> ObjectRef {
        ObjectRef {
            version_id: version.map(str::to_owned),
            etag: Some(etag.to_owned()),
            sequencer: sequencer.map(str::to_owned),
            size_bytes: Some(4),
            ..ObjectRef::new("b", "d/1.csv")
        }
    }

    #[test]
    fn decisions_follow_write_mode_and_history() {
        fn check(more: &[&str], history: KeyHistory, expected: VersionDecision) {
            assert_eq!(decide(&dataset(more), &history), expected, "{more:?} {history:?}");
        }
        let load = |replaces| VersionDecision::Load { replaces };
        let new = KeyHistory::default();
        let loaded = KeyHistory { is_loaded: true, ..new };
        let same = KeyHistory { has_same_content: true, ..loaded };
        let newer = KeyHistory { has_newer: true, ..loaded };
        let same_newer = KeyHistory { has_newer: true, ..same };
        let overtaken = KeyHistory { is_overtaken: true, ..same };

        for history in [new, loaded] {
            check(&[APPEND], history, load(ReplacedRows::Key));
            check(&[APPEND, EVERY], history, load(ReplacedRows::None));
            check(&[REPLACE], history, load(ReplacedRows::Table));
            check(&[UPSERT, NEWEST], history, load(ReplacedRows::Key));
            check(&[UPSERT, EVERY], history, load(ReplacedRows::None));
        }
        check(&[APPEND, FIRST], new, load(ReplacedRows::None));
        check(&[REPLACE, FIRST], new, load(ReplacedRows::Table));
        for write in [APPEND, REPLACE, UPSERT] {
            check(&[write, FIRST], loaded, VersionDecision::Ignored);
            check(&[write, FIRST], newer, VersionDecision::Ignored);
            check(&[write, FIRST], same, VersionDecision::AlreadyLoaded);
            check(&[write, NEWEST], newer, VersionDecision::Superseded);
            check(&[write, NEWEST], same, VersionDecision::AlreadyLoaded);
            check(&[write, NEWEST], same_newer, VersionDecision::AlreadyLoaded);
        }
        check(&[APPEND, EVERY], newer, load(ReplacedRows::None));
        check(&[APPEND, EVERY], same, VersionDecision::AlreadyLoaded);
        check(&[UPSERT, EVERY], same, load(ReplacedRows::None));

        check(&[APPEND], overtaken, VersionDecision::AlreadyLoaded);
        check(&[REPLACE], overtaken, load(ReplacedRows::Table));
        check(&[UPSERT, NEWEST], overtaken, load(ReplacedRows::Key));
        check(&[UPSERT, FIRST], overtaken, VersionDecision::Ignored);
        check(&[REPLACE], KeyHistory { has_newer: true, ..overtaken }, VersionDecision::Superseded);
    }

    #[test]
    fn replace_with_several_files_of_one_time_is_found() {
        let check = |source: &str, write: &str, expected: bool| {
            let text = format!("[datasets.d]\nsource = \"{source}\"\ntable = \"t\"\ncolumns.a = \"text\"\n{write}");
            let dataset = &Definition::parse("p", "pipeline.toml", &text).unwrap().datasets[0];
            assert_eq!(dataset.keeps_one_of_several_files(), expected, "{source} {write}");
        };
        check("d/a.csv", REPLACE, false);
        check("d/{date:%Y-%m-%d}/a.csv", REPLACE, false);
        check("d/{date:%Y-%m-%d}/*.csv", REPLACE, true);
        check("d/{date:%Y-%m-%d}/{region}.csv", REPLACE, true);
        check("d/{date:%Y-%m-%d}/{made:%Y-%m-%d}.csv", REPLACE, true);
        check("d/*", APPEND, false);
    }

    #[test]
    fn reload_replaces_only_rows_in_the_table() {
        fn check(more: &[&str], history: KeyHistory, expected: VersionDecision) {
            assert_eq!(decide_reload(&dataset(more), &history), expected, "{more:?} {history:?}");
        }
        let load = |replaces| VersionDecision::Load { replaces };
        let recorded = |outcome| KeyHistory { recorded: Some(outcome), is_loaded: true, ..KeyHistory::default() };
        let loaded = recorded(LoadOutcome::Loaded);
        let newer = KeyHistory { has_newer: true, ..loaded };
        let overtaken = KeyHistory { is_overtaken: true, ..loaded };
        for more in [[APPEND, ""], [APPEND, EVERY], [APPEND, FIRST], [UPSERT, ""], [UPSERT, EVERY], [UPSERT, FIRST]] {
            check(&more, loaded, load(ReplacedRows::Key));
            check(&more, overtaken, load(ReplacedRows::Key));
        }
        check(&[REPLACE], loaded, load(ReplacedRows::Table));
        check(&[REPLACE], overtaken, VersionDecision::Superseded);
        for more in [[APPEND, ""], [UPSERT, "on_new_version = \"replace\""], [REPLACE, ""]] {
            check(&more, newer, VersionDecision::Superseded);
        }
        check(&[APPEND, EVERY], newer, load(ReplacedRows::Key));
        check(&[UPSERT, EVERY], newer, load(ReplacedRows::Key));
        for outcome in [LoadOutcome::AlreadyLoaded, LoadOutcome::Superseded, LoadOutcome::Ignored] {
            check(&[APPEND, EVERY], recorded(outcome), decide_again(outcome));
        }
    }

    #[test]
    fn repair_never_replaces_the_table() {
        let repair = dataset(&[REPLACE]).for_repairs();
        let overtaken =
            KeyHistory { is_loaded: true, has_same_content: true, is_overtaken: true, ..KeyHistory::default() };
        assert_eq!(decide(&repair, &overtaken), VersionDecision::AlreadyLoaded);
        assert_eq!(replaced_rows(&repair), ReplacedRows::Key);
    }

    #[test]
    fn recorded_version_keeps_its_outcome() {
        let check = |recorded: LoadOutcome, expected: VersionDecision| {
            let history = KeyHistory { recorded: Some(recorded), is_overtaken: true, ..KeyHistory::default() };
            for more in [APPEND, REPLACE, UPSERT, EVERY, FIRST] {
                assert_eq!(decide(&dataset(&[more]), &history), expected, "{recorded:?} {more}");
            }
        };
        check(LoadOutcome::Loaded, VersionDecision::AlreadyLoaded);
        check(LoadOutcome::AlreadyLoaded, VersionDecision::AlreadyLoaded);
        check(LoadOutcome::Superseded, VersionDecision::Superseded);
        check(LoadOutcome::Ignored, VersionDecision::Ignored);
    }

    #[test]
    fn only_replace_supersedes_older_versions() {
        assert!(supersedes_older(&dataset(&[APPEND])));
        assert!(supersedes_older(&dataset(&[REPLACE])));
        assert!(supersedes_older(&dataset(&[UPSERT, NEWEST])));
        assert!(!supersedes_older(&dataset(&[EVERY])));
        assert!(!supersedes_older(&dataset(&[FIRST])));
    }

    #[test]
    fn history_is_derived_from_earlier_loads() {
        use LoadOutcome::{AlreadyLoaded, Loaded, Superseded};

        fn check(loads: &[(&ObjectRef, LoadOutcome)], object: &ObjectRef, expected: KeyHistory) {
            let load = |&(object, outcome)| EarlierLoad { object, outcome, is_overtaken: false, is_forgotten: false };
            let earlier: Vec<EarlierLoad<'_>> = loads.iter().map(load).collect();
            assert_eq!(KeyHistory::new(&earlier, object), expected, "{loads:?} {object:?}");
        }
        let new = KeyHistory::default();
        let loaded = KeyHistory { is_loaded: true, ..new };
        let same = KeyHistory { has_same_content: true, ..loaded };
        let recorded = |outcome, history| KeyHistory { recorded: Some(outcome), ..history };
        let (a, b) = (object(Some("1"), "a", Some("9F")), object(Some("2"), "b", Some("0100")));
        let a_again = object(Some("3"), "a", Some("0200"));
        check(&[], &a, new);
        check(&[(&a, Loaded)], &a, recorded(Loaded, same));
        check(&[(&a, Loaded)], &b, loaded);
        check(&[(&a, Loaded)], &a_again, same);
        check(&[(&a, Loaded), (&b, Loaded)], &a_again, loaded);
        check(&[(&a, Superseded)], &a, recorded(Superseded, new));
        check(&[(&a, Superseded)], &a_again, new);
        check(&[(&b, Loaded)], &a, KeyHistory { has_newer: true, ..loaded });
        check(&[(&b, Superseded)], &a, new);
        check(&[(&b, AlreadyLoaded)], &object(Some("3"), "b", None), same);
        let (bare, sequenced) = (object(None, "a", None), object(None, "a", Some("9F")));
        check(&[(&bare, Loaded)], &bare, same);
        check(&[(&bare, Loaded)], &a, same);
        check(&[(&sequenced, Loaded)], &sequenced, recorded(Loaded, same));
        check(&[(&sequenced, Loaded)], &object(None, "a", Some("A0")), same);
        let forgotten = [EarlierLoad { object: &a, outcome: Loaded, is_overtaken: false, is_forgotten: true }];
        assert_eq!(KeyHistory::new(&forgotten, &a_again), new);
        assert_eq!(KeyHistory::new(&forgotten, &a), recorded(Loaded, new));
        let resized = ObjectRef { size_bytes: Some(5), ..a_again.clone() };
        check(&[(&a, Loaded)], &resized, loaded);
    }

    /// Three versions of one key, claimed in every order.
    #[test]
    fn any_order_of_events_keeps_the_newest_version() {
        use LoadOutcome::{AlreadyLoaded, Ignored, Loaded, Superseded};

        const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        fn check(more: &str, etags: [&str; 3], order: [usize; 3], expected: [LoadOutcome; 3]) {
            let dataset = dataset(&[more]);
            // The sequencers of S3 differ in length.
            let versions = [("1", "9F"), ("2", "A0"), ("3", "0100")];
            let objects: Vec<ObjectRef> = versions
                .iter()
                .zip(etags)
                .map(|((version, sequencer), etag)| object(Some(version), etag, Some(sequencer)))
                .collect();
            let mut ledger: Vec<EarlierLoad<'_>> = Vec::new();
            for index in order {
                let object = &objects[index];
                let outcome = decide(&dataset, &KeyHistory::new(&ledger, object)).outcome();
                ledger.push(EarlierLoad { object, outcome, is_overtaken: false, is_forgotten: false });
            }
            let found: Vec<LoadOutcome> = ledger.iter().map(|load| load.outcome).collect();
            assert_eq!(found, expected, "{more:?} {etags:?} {order:?}");
        }
        let different = [
            [Loaded, Loaded, Loaded],
            [Loaded, Loaded, Superseded],
            [Loaded, Superseded, Loaded],
            [Loaded, Loaded, Superseded],
            [Loaded, Superseded, Superseded],
            [Loaded, Superseded, Superseded],
        ];
        let content_returns = [
            [Loaded, Loaded, Loaded],
            [Loaded, AlreadyLoaded, Superseded],
            [Loaded, Superseded, Loaded],
            [Loaded, Loaded, AlreadyLoaded],
            [Loaded, AlreadyLoaded, Superseded],
            [Loaded, Superseded, AlreadyLoaded],
        ];
        for (index, order) in ORDERS.into_iter().enumerate() {
            check(APPEND, ["a", "b", "c"], order, different[index]);
            check(APPEND, ["a", "b", "a"], order, content_returns[index]);
            check(EVERY, ["a", "b", "c"], order, [Loaded, Loaded, Loaded]);
        }
        check(FIRST, ["a", "b", "c"], [0, 1, 2], [Loaded, Ignored, Ignored]);
        check(FIRST, ["a", "b", "a"], [0, 1, 2], [Loaded, Ignored, AlreadyLoaded]);
    }
}
