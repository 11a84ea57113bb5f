//! How files are resolved, without S3.
#![cfg(test)]

use definitions::Definitions;
use protocol::{
    Compression, Failure, FailureName, FileKind, Format, LoadRequest, ObjectRef, Reload, Resolution, ResolveRequest,
};
use trigger_resolver::{KeyResolution, ObjectHead, ResolveError, resolve_ignored, resolve_key};

const LANDING: &str = "landing";

const RETAIL: &str = r#"
timezone = "Europe/Vienna"

[datasets.orders]
source = "raw_data/retail/{date:%Y-%m-%d}/orders.csv"
table  = "staging.orders"
columns.order_id = "integer not null"

[datasets.clicks]
source = "raw_data/clicks/{batch}.jsonl.gz"
table  = "staging.clicks"
columns.id = "integer not null"

[notify]
success = true
"#;

const WATER: &str = r#"
[datasets.pump_flow]
trigger = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}_{actual:%Y-%m-%d_%H:%M:%S}.trig"
source  = "raw_data/pump_flow/{scheduled:%Y/%m/%d}/pump_flow-{scheduled:%Y-%m-%d-%H:%M:%S}.json"
wait    = "10m"
table   = "staging.pump_flow"
columns.pump_id = "text not null"

[datasets.levels]
trigger = "triggers/levels/{status}-{day:%Y-%m-%d}.json"
source  = "s3://measurements/levels/{day:%Y-%m-%d}.csv.zst"
table   = "staging.levels"
columns.level_m = "numeric(6,2)"

[notify]
success = false
"#;

const TRIGGER_KEY: &str = "triggers/pump_flow/Succeeded_2026-01-05_06:00:00_2026-01-05_06:00:07.trig";
const PUMP_FLOW_KEY: &str = "raw_data/pump_flow/2026/01/05/pump_flow-2026-01-05-06:00:00.json";

fn definitions() -> Definitions {
    Definitions::parse([("retail", RETAIL), ("water", WATER)])
}

fn event(key: &str) -> ObjectRef {
    ObjectRef {
        version_id: Some("v1".to_owned()),
        etag: Some("e1".to_owned()),
        size_bytes: Some(100),
        sequencer: Some("0A".to_owned()),
        event_time: "2026-01-06T12:00:00Z".parse().ok(),
        event_id: Some("id-1".to_owned()),
        ..ObjectRef::new(LANDING, key)
    }
}

fn request(object: ObjectRef) -> ResolveRequest {
    let file = FileKind::of_key(&object.key).unwrap_or(FileKind::Trigger {});
    ResolveRequest { execution: Some("arn:x".to_owned()), object, file, waited_s: 0, reload: None }
}

fn head() -> ObjectHead {
    ObjectHead {
        version_id: Some("v9".to_owned()),
        etag: Some("e9".to_owned()),
        size_bytes: Some(900),
        last_modified: "2026-01-07T00:00:00Z".parse().ok(),
    }
}

/// Resolves a file; `head` is the answer of S3.
fn resolve(request: &ResolveRequest, head: Option<ObjectHead>) -> Result<Resolution, ResolveError> {
    match resolve_key(&definitions(), LANDING, request)? {
        KeyResolution::Final(resolution) => Ok(resolution),
        KeyResolution::NeedsLookup(lookup) => lookup.resolve(head),
    }
}

fn load(resolution: Result<Resolution, ResolveError>) -> LoadRequest {
    match resolution {
        Ok(Resolution::Load { load }) => load,
        other => panic!("no load: {other:?}"),
    }
}

fn check_error(request: &ResolveRequest, head: Option<ObjectHead>, name: FailureName, message: &str) {
    let error = resolve(request, head).unwrap_err();
    assert_eq!((error.name(), error.to_string().as_str()), (name, message));
}

#[test]
fn data_file_loads_the_version_of_its_event() {
    let object = event("raw_data/retail/2026-01-05/orders.csv");
    let load = load(resolve(&request(object.clone()), None));
    assert_eq!(load.object, object);
    assert_eq!((load.pipeline.as_str(), load.dataset.as_str()), ("retail", "orders"));
    assert_eq!((load.format, load.compression), (Format::Csv, Compression::None));
    // Midnight in Vienna, in winter.
    assert_eq!(load.logical_at.to_rfc3339(), "2026-01-04T23:00:00+00:00");
    assert_eq!((load.scheduled_at, load.actual_at), (None, None));
    assert_eq!(load.definition, RETAIL);
    assert_eq!(load.definition_hash.len(), 64);
    assert_eq!(load.execution.as_deref(), Some("arn:x"));
    assert!(load.notify_success);
}

#[test]
fn reload_names_the_load_that_it_replaces() {
    let reload = Reload { load_id: 7, scheduled_at: None, actual_at: "2026-01-05T06:00:07Z".parse().ok() };
    let orders = request(event("raw_data/retail/2026-01-05/orders.csv"));
    let orders = load(resolve(&ResolveRequest { reload: Some(reload.clone()), ..orders }, None));
    assert_eq!((orders.reloads, orders.dataset.as_str()), (Some(7), "orders"));
    // A data file that starts on its trigger is reloaded without the trigger.
    let pump_flow = request(event(PUMP_FLOW_KEY));
    let pump_flow = load(resolve(&ResolveRequest { reload: Some(reload), ..pump_flow }, None));
    assert_eq!((pump_flow.reloads, pump_flow.dataset.as_str()), (Some(7), "pump_flow"));
    assert_eq!(pump_flow.logical_at.to_rfc3339(), "2026-01-05T06:00:00+00:00");
    assert_eq!(pump_flow.scheduled_at, Some(pump_flow.logical_at));
    assert_eq!(pump_flow.actual_at, "2026-01-05T06:00:07Z".parse().ok());
}

#[test]
fn key_without_time_uses_the_event_time() {
    let load = load(resolve(&request(event("raw_data/clicks/7.jsonl.gz")), None));
    assert_eq!((load.format, load.compression), (Format::Jsonl, Compression::Gzip));
    assert_eq!(load.logical_at.to_rfc3339(), "2026-01-06T12:00:00+00:00");
}

#[test]
fn logical_time_is_the_only_or_the_named_time() {
    let check = |lines: &str, key: &str, expected: &str| {
        let text = format!("timezone = 'Europe/Vienna'\n[datasets.d]\ntable = 'd'\n{lines}\n");
        let definitions = Definitions::parse([("p", text.as_str())]);
        let found = resolve_key(&definitions, LANDING, &request(event(key)));
        let Ok(KeyResolution::Final(Resolution::Load { load })) = found else { panic!("{lines}: {found:?}") };
        assert_eq!(load.logical_at.to_rfc3339(), expected, "{lines}");
    };
    // Midnight in Vienna.
    check("source = 'a/{day:%F}/*.csv'", "a/2024-05-01/x.csv", "2024-04-30T22:00:00+00:00");
    check("source = 'a/{hour:%F-%H}/*.csv'", "a/2024-05-01-09/x.csv", "2024-05-01T07:00:00+00:00");
    let two = "source = 'a/{from:%F}_{to:%F}.csv'\nlogical_time = 'to'";
    check(two, "a/2024-05-01_2024-05-03.csv", "2024-05-02T22:00:00+00:00");
    check("source = 'a/{actual:%F}_{date:%F}.csv'", "a/2024-05-01_2024-05-03.csv", "2024-05-02T22:00:00+00:00");
    // A key without a time: the time of the event.
    check("source = 'a/{shop}.csv'", "a/x.csv", "2026-01-06T12:00:00+00:00");
}

#[test]
fn s3_completes_a_sparse_event() {
    let bare = ObjectRef::new(LANDING, "raw_data/clicks/7.jsonl.gz");
    let load_of = |object: &ObjectRef| load(resolve(&request(object.clone()), Some(head())));

    let all_asked = load_of(&bare);
    assert_eq!(all_asked.object.version_id.as_deref(), Some("v9"));
    assert_eq!(all_asked.object.etag.as_deref(), Some("e9"));
    assert_eq!(all_asked.object.size_bytes, Some(900));
    assert_eq!(all_asked.logical_at.to_rfc3339(), "2026-01-07T00:00:00+00:00");

    let pinned = load_of(&ObjectRef { version_id: Some("v1".to_owned()), ..bare.clone() });
    assert_eq!(pinned.object.version_id.as_deref(), Some("v1"));

    let of_other_bytes = load_of(&ObjectRef { etag: Some("e1".to_owned()), ..bare });
    assert_eq!(of_other_bytes.object.etag.as_deref(), Some("e1"));
    assert_eq!(of_other_bytes.object.version_id, None);
}

#[test]
fn missing_or_empty_file_fails_by_name() {
    let bare = request(ObjectRef::new(LANDING, "raw_data/retail/2026-01-05/orders.csv"));
    check_error(
        &bare,
        None,
        FailureName::ObjectMissing,
        "s3://landing/raw_data/retail/2026-01-05/orders.csv does not exist",
    );
    check_error(
        &bare,
        Some(ObjectHead { size_bytes: Some(0), ..head() }),
        FailureName::EmptyFile,
        "s3://landing/raw_data/retail/2026-01-05/orders.csv is empty: it has 0 bytes",
    );
}

#[test]
fn trigger_loads_the_current_version() {
    let trigger = ObjectRef { size_bytes: Some(0), ..event(TRIGGER_KEY) };
    let load = load(resolve(&request(trigger), Some(head())));
    let expected = ObjectRef {
        version_id: Some("v9".to_owned()),
        etag: Some("e9".to_owned()),
        size_bytes: Some(900),
        event_time: "2026-01-07T00:00:00Z".parse().ok(),
        ..ObjectRef::new(LANDING, PUMP_FLOW_KEY)
    };
    assert_eq!(load.object, expected);
    assert_eq!((load.pipeline.as_str(), load.dataset.as_str()), ("water", "pump_flow"));
    assert_eq!((load.format, load.compression), (Format::Json, Compression::None));
    assert_eq!(load.logical_at.to_rfc3339(), "2026-01-05T06:00:00+00:00");
    assert_eq!(load.scheduled_at.unwrap().to_rfc3339(), "2026-01-05T06:00:00+00:00");
    assert_eq!(load.actual_at.unwrap().to_rfc3339(), "2026-01-05T06:00:07+00:00");
    assert_eq!(load.definition, WATER);
    assert!(!load.notify_success);
}

#[test]
fn trigger_may_have_any_name_and_bucket() {
    let request = request(event("triggers/levels/Succeeded-2026-01-05.json"));
    let definitions = definitions();
    let Ok(KeyResolution::NeedsLookup(lookup)) = resolve_key(&definitions, LANDING, &request) else {
        panic!("no lookup")
    };
    assert_eq!(lookup.source, ObjectRef::new("measurements", "levels/2026-01-05.csv.zst"));
    let load = load(resolve(&request, Some(head())));
    assert_eq!((load.format, load.compression), (Format::Csv, Compression::Zstd));
    // `{day:…}` is the only time of the trigger.
    assert_eq!(load.logical_at.to_rfc3339(), "2026-01-05T00:00:00+00:00");
}

#[test]
fn trigger_and_data_may_use_two_buckets() {
    let text = r#"
        [datasets.levels]
        trigger = "s3://control/levels/{status}_{scheduled:%F}.trig"
        source  = "levels/{scheduled:%F}.csv"
        table   = "levels"

        [datasets.flow]
        trigger = "flow/{scheduled:%F}/_SUCCESS"
        source  = "s3://measurements/flow/{scheduled:%F}.csv"
        table   = "flow"

        [datasets.sites]
        trigger = "s3://control/sites/{site}.SUCCESS"
        source  = "s3://measurements/sites/{site}.csv"
        table   = "sites"
    "#;
    let definitions = Definitions::parse([("water", text)]);
    let check = |bucket: &str, key: &str, data: &str| {
        let request = request(ObjectRef { bucket: bucket.to_owned(), ..event(key) });
        let Ok(KeyResolution::NeedsLookup(lookup)) = resolve_key(&definitions, LANDING, &request) else {
            panic!("{key}: no lookup")
        };
        assert_eq!(lookup.source.to_string(), data, "{key}");
        let load = load(lookup.resolve(Some(head())));
        assert_eq!((load.object.to_string(), load.definition_hash.len()), (data.to_owned(), 64));
    };
    check("control", "levels/Succeeded_2026-01-05.trig", "s3://landing/levels/2026-01-05.csv");
    check(LANDING, "flow/2026-01-05/_SUCCESS", "s3://measurements/flow/2026-01-05.csv");
    check("control", "sites/north.SUCCESS", "s3://measurements/sites/north.csv");
    // The same key in the other bucket belongs to no dataset.
    let elsewhere = request(event("levels/Succeeded_2026-01-05.trig"));
    assert_eq!(resolve_key(&definitions, LANDING, &elsewhere).unwrap_err().name(), FailureName::NoDataset);
}

#[test]
fn unused_success_marker_is_ignored() {
    let definitions = Definitions::parse([("retail", RETAIL)]);
    for key in ["raw_data/retail/2026-01-05/_SUCCESS", "out/.SUCCESS", "orders.csv.success"] {
        let marker = request(event(key));
        assert_eq!(marker.file, FileKind::Trigger {}, "{key}");
        let Ok(KeyResolution::Final(Resolution::Ignored { pipeline, dataset, reason })) =
            resolve_key(&definitions, LANDING, &marker)
        else {
            panic!("{key}: not ignored");
        };
        assert_eq!((pipeline, dataset), (None, None));
        assert_eq!(reason, "no dataset has this success marker as its trigger");
    }
    // An invalid definition may have this marker as its trigger.
    let definitions = Definitions::parse([("broken", "[datasets.x]\n"), ("retail", RETAIL)]);
    let error = resolve_key(&definitions, LANDING, &request(event("out/_SUCCESS"))).unwrap_err();
    assert_eq!(error.name(), FailureName::InvalidDefinition);
}

#[test]
fn late_file_is_awaited_then_fails() {
    let mut request = request(event(TRIGGER_KEY));
    let mut pauses = Vec::new();
    let error = loop {
        match resolve(&request, None) {
            Ok(Resolution::Wait { pipeline, dataset, source, pause_s, waited_s }) => {
                assert_eq!((pipeline.as_str(), dataset.as_str()), ("water", "pump_flow"));
                assert_eq!(source, ObjectRef::new(LANDING, PUMP_FLOW_KEY));
                assert_eq!(waited_s, request.waited_s + pause_s);
                pauses.push(pause_s);
                request.waited_s = waited_s;
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(pauses, [1, 1, 1, 1, 2, 3, 4, 6, 9, 14, 21, 31, 47, 60, 60, 60, 60, 60, 60, 60, 39]);
    assert_eq!(pauses.iter().sum::<u64>(), 600);
    assert_eq!(error.name(), FailureName::SourceMissing);
    assert_eq!(
        error.to_string(),
        format!("s3://landing/{PUMP_FLOW_KEY} does not exist 600 s after its trigger {TRIGGER_KEY}")
    );
}

#[test]
fn awaited_file_loads_unless_empty() {
    let awaited = ResolveRequest { waited_s: 600, ..request(event(TRIGGER_KEY)) };
    load(resolve(&awaited, Some(head())));
    check_error(
        &awaited,
        Some(ObjectHead { size_bytes: Some(0), ..head() }),
        FailureName::EmptyFile,
        &format!("s3://landing/{PUMP_FLOW_KEY} is empty: it has 0 bytes"),
    );
}

#[test]
fn only_a_succeeded_trigger_loads() {
    for status in ["Failed", "succeeded", "Cancelled"] {
        let key = TRIGGER_KEY.replace("Succeeded", status);
        let message =
            format!("s3://landing/{key}: the trigger has the status {status:?}; only \"Succeeded\" starts a load");
        check_error(&request(event(&key)), Some(head()), FailureName::UpstreamFailed, &message);
    }
}

#[test]
fn data_file_of_a_trigger_is_ignored() {
    let Ok(Resolution::Ignored { pipeline, dataset, reason }) = resolve(&request(event(PUMP_FLOW_KEY)), None) else {
        panic!("not ignored");
    };
    assert_eq!((pipeline.as_deref(), dataset.as_deref()), (Some("water"), Some("pump_flow")));
    assert!(reason.starts_with("the dataset starts on its trigger triggers/pump_flow/{status}_"), "{reason}");
}

#[test]
fn unmatched_key_names_the_nearest_template() {
    for key in ["raw_data/retail/2026-01-05/order.csv", "triggers/pump_flow/Succeeded.trig"] {
        let error = resolve(&request(event(key)), None).unwrap_err();
        assert_eq!(error.name(), FailureName::NoDataset, "{key}");
        let beginning = format!("s3://landing/{key}: no dataset has this key as its source or trigger; ");
        assert!(error.to_string().starts_with(&beginning), "{error}");
    }
    let elsewhere = ObjectRef { bucket: "elsewhere".to_owned(), ..event("raw_data/retail/2026-01-05/orders.csv") };
    assert_eq!(resolve(&request(elsewhere), None).unwrap_err().name(), FailureName::NoDataset);
}

#[test]
fn invalid_definition_blocks_only_unmatched_keys() {
    let definitions = Definitions::parse([("broken", "[datasets.x]\ntabel = 7\n"), ("retail", RETAIL)]);
    let of = |key: &str| resolve_key(&definitions, LANDING, &request(event(key)));
    assert!(matches!(of("raw_data/retail/2026-01-05/orders.csv"), Ok(KeyResolution::Final(Resolution::Load { .. }))));
    let error = of("raw_data/x.csv").unwrap_err();
    assert_eq!(error.name(), FailureName::InvalidDefinition);
    let message = error.to_string();
    assert!(message.contains("pipelines/broken/pipeline.toml:2"), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn pipelines_with_one_template_are_both_invalid() {
    let definitions = Definitions::parse([("retail", RETAIL), ("twin", RETAIL), ("water", WATER)]);
    let of = |key: &str| resolve_key(&definitions, LANDING, &request(event(key)));
    let error = of("raw_data/retail/2026-01-05/orders.csv").unwrap_err();
    assert_eq!(error.name(), FailureName::InvalidDefinition);
    assert!(matches!(of(TRIGGER_KEY), Ok(KeyResolution::NeedsLookup(_))));
}

#[test]
fn no_definitions_means_no_dataset() {
    let definitions = Definitions::parse([]);
    let error = resolve_key(&definitions, LANDING, &request(event("a.csv"))).unwrap_err();
    assert_eq!(error.name(), FailureName::NoDataset);
}

#[test]
fn ignored_kind_is_answered_without_definitions() {
    let reason = || "a marker".to_owned();
    let ignored = resolve_ignored(&FileKind::Ignored { reason: reason() });
    assert_eq!(ignored, Some(Resolution::Ignored { pipeline: None, dataset: None, reason: reason() }));
    assert_eq!(resolve_ignored(&FileKind::Trigger {}), None);
    assert_eq!(resolve_ignored(&FileKind::Data { format: Format::Csv, compression: Compression::None }), None);
}
