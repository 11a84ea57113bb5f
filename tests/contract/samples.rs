//! Sample payloads: every variant, with every field set.

use protocol::{
    CheckedFile, Compression, ExportReport, FailedRun, Fault, FaultyState, FileKind, Followers, Format, LoadOutcome,
    LoadReport, LoadRequest, MissedFile, ObjectRef, OpenedRun, PlannedFault, PlannedFaults, Reconciliation,
    RecordedFailure, RejectSample, Reload, Resolution, RunFailure, RunInput, RunOutcome, RunRef, RunReport, RunStart,
    Sweep, TransformReport,
};
use serde_json::{Value, json};

pub(crate) fn object(key: &str) -> ObjectRef {
    ObjectRef {
        version_id: Some("v1".to_owned()),
        etag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
        size_bytes: Some(42),
        sequencer: Some("0055AED6DCD90281E5".to_owned()),
        event_time: Some("2024-05-01T06:07:08Z".parse().unwrap()),
        event_id: Some("17793124-05d4-b198-2fde-7ededc63b103".to_owned()),
        ..ObjectRef::new("landing", key)
    }
}

pub(crate) fn file_kinds() -> Vec<FileKind> {
    // A variant that is new here is new to ResolveTrigger, too.
    let known = |kind: &FileKind| match kind {
        FileKind::Data { .. } | FileKind::Trigger {} | FileKind::Undecided {} | FileKind::Ignored { .. } => {}
    };
    let kinds = vec![
        FileKind::Data { format: Format::Csv, compression: Compression::Gzip },
        FileKind::Trigger {},
        FileKind::Undecided {},
        FileKind::Ignored { reason: "a folder marker".to_owned() },
    ];
    kinds.iter().for_each(known);
    kinds
}

pub(crate) fn checked_files() -> Vec<CheckedFile> {
    let named = |file| CheckedFile { object: object("raw_data/a b+é%.csv.gz"), file, reload: Some(reload()) };
    file_kinds().into_iter().map(named).collect()
}

pub(crate) fn reload() -> Reload {
    let at = |time: &str| Some(time.parse().unwrap());
    Reload { load_id: 5, scheduled_at: at("2024-05-01T00:00:00Z"), actual_at: at("2024-05-01T00:01:00Z") }
}

pub(crate) fn load_request() -> LoadRequest {
    LoadRequest {
        execution: Some("arn:aws:states:us-east-1:000000000000:execution:process-file:resolver".to_owned()),
        pipeline: "retail".to_owned(),
        dataset: "orders".to_owned(),
        object: object("raw_data/a b+é%.csv.gz"),
        format: Format::Csv,
        compression: Compression::Gzip,
        logical_at: "2024-05-01T00:00:00Z".parse().unwrap(),
        scheduled_at: Some("2024-05-01T00:00:00Z".parse().unwrap()),
        actual_at: Some("2024-05-01T00:01:00Z".parse().unwrap()),
        definition: "timezone = \"UTC\"\n".to_owned(),
        definition_hash: "00".repeat(32),
        notify_success: true,
        repairs: Some(6),
        reloads: Some(5),
    }
}

pub(crate) fn resolutions() -> Vec<Resolution> {
    let known = |resolution: &Resolution| match resolution {
        Resolution::Load { .. } | Resolution::Wait { .. } | Resolution::Ignored { .. } => {}
    };
    let (pipeline, dataset) = ("retail".to_owned(), "orders".to_owned());
    let resolutions = vec![
        Resolution::Load { load: load_request() },
        Resolution::Wait {
            pipeline: pipeline.clone(),
            dataset: dataset.clone(),
            source: object("data.json"),
            pause_s: 5,
            waited_s: 15,
        },
        Resolution::Ignored {
            pipeline: Some(pipeline),
            dataset: Some(dataset),
            reason: "starts on a trigger".to_owned(),
        },
        Resolution::Ignored { pipeline: None, dataset: None, reason: "a marker".to_owned() },
    ];
    resolutions.iter().for_each(known);
    resolutions
}

pub(crate) fn outcomes() -> [LoadOutcome; 4] {
    let known = |outcome: &LoadOutcome| match outcome {
        LoadOutcome::Loaded | LoadOutcome::AlreadyLoaded | LoadOutcome::Superseded | LoadOutcome::Ignored => {}
    };
    let outcomes = [LoadOutcome::Loaded, LoadOutcome::AlreadyLoaded, LoadOutcome::Superseded, LoadOutcome::Ignored];
    outcomes.iter().for_each(known);
    outcomes
}

pub(crate) fn load_report() -> LoadReport {
    let reject = RejectSample {
        line: 7,
        last_line: None,
        column: Some("order_date".to_owned()),
        reason: "not a date".to_owned(),
    };
    LoadReport {
        outcome: LoadOutcome::Loaded,
        load_id: 7,
        pipeline: "retail".to_owned(),
        dataset: "orders".to_owned(),
        table: "staging.orders".to_owned(),
        bytes: 42,
        rows_read: 10_003,
        rows_loaded: 10_000,
        rows_rejected: 3,
        duration_ms: 812,
        first_rejects: vec![reject],
        run: Some(run()),
        repairs: Some(6),
        reloads: Some(5),
        reason: Some("the definition has changed".to_owned()),
    }
}

/// The third attempt of every state fails.
pub(crate) fn planned_faults() -> PlannedFaults {
    let fault = |state| PlannedFault { state, attempt: 2, fault: Fault::Slow { ms: 250 } };
    PlannedFaults { faults: FaultyState::ALL.map(fault).into() }
}

pub(crate) fn run() -> RunRef {
    RunRef { run_id: 3, pipeline: "retail".to_owned(), logical_at: "2024-05-01T00:00:00Z".parse().unwrap() }
}

pub(crate) fn run_inputs() -> Vec<RunInput> {
    let input =
        |dataset: &str| RunInput { dataset: dataset.to_owned(), loads: 1, rows_loaded: 10_000, rows_rejected: 3 };
    ["orders", "reviews", "deliveries"].map(input).into()
}

pub(crate) fn run_outcomes() -> [RunOutcome; 2] {
    let known = |outcome: &RunOutcome| match outcome {
        RunOutcome::Succeeded | RunOutcome::AlreadyClaimed => {}
    };
    let outcomes = [RunOutcome::Succeeded, RunOutcome::AlreadyClaimed];
    outcomes.iter().for_each(known);
    outcomes
}

pub(crate) fn run_report() -> RunReport {
    let export = |table: &str| ExportReport {
        bucket: "curated".to_owned(),
        key: format!("analytics_export/2024-05-01/{table}.csv"),
        rows: 1,
        bytes: 42,
    };
    RunReport {
        outcome: RunOutcome::Succeeded,
        run: run(),
        run_date: "2024-05-01".parse().unwrap(),
        period: "2024-05-01".to_owned(),
        inputs: run_inputs(),
        transforms: vec![TransformReport {
            sql: "agg_shipments.sql".to_owned(),
            statements: 2,
            rows: 1,
            duration_ms: 12,
        }],
        exports: ["agg_public_holiday", "agg_shipments", "best_performing_product"].map(export).into(),
        duration_ms: 812,
        notify_success: true,
    }
}

pub(crate) fn run_start() -> RunStart {
    RunStart {
        pipeline: "retail-report".to_owned(),
        at: Some("2024-05-01T09:00:00".parse().unwrap()),
        logical_at: Some("2024-05-01T00:00:00Z".parse().unwrap()),
        force: true,
        after_run_id: Some(3),
        rerun: Some(7),
    }
}

pub(crate) fn followers() -> Followers {
    Followers { starts: vec![run_start()] }
}

pub(crate) fn opened_runs() -> [OpenedRun; 2] {
    let known = |opened: &OpenedRun| match opened {
        OpenedRun::Run { .. } | OpenedRun::Skipped { .. } => {}
    };
    let opened = [
        OpenedRun::Run { run: run() },
        OpenedRun::Skipped { run: run(), reason: "has run; --force runs it again".to_owned() },
    ];
    opened.iter().for_each(known);
    opened
}

pub(crate) fn run_failure() -> RunFailure {
    let message = "pipelines/retail/agg_shipments.sql: statement 2, line 14: ERROR 42703: column \"x\" does not exist\n\
                   What to do: correct the SQL file";
    RunFailure { name: "TransformFailed".to_owned(), message: message.to_owned() }
}

/// The variable `$failed` of `process-file`.
pub(crate) fn described_failure() -> Value {
    json!({
        "file_name": "orders.csv", "object": object("raw_data/orders.csv"), "trigger": object("ready.trig"),
        "pipeline": "retail", "dataset": "orders", "logical_at": "2024-05-01T00:00:00Z",
        "name": "HeaderMismatch", "message": "the header is wrong", "what_to_do": "correct the header",
    })
}

pub(crate) fn failed_run() -> FailedRun {
    FailedRun {
        run: run(),
        run_date: "2024-05-01".parse().unwrap(),
        period: "2024-05-01".to_owned(),
        inputs: run_inputs(),
        failure: run_failure(),
    }
}

pub(crate) fn recorded_failure() -> RecordedFailure {
    RecordedFailure { what_to_do: "correct the header".to_owned() }
}

pub(crate) fn sweep() -> Sweep {
    Sweep { failed: vec![failed_run()], unclaimed: vec![run()] }
}

pub(crate) fn reconciliation() -> Reconciliation {
    let missed = |key: &str| MissedFile {
        name: "reconcile-9e107d9d372bb6826bd81d3542a419d6-1".to_owned(),
        object: object(key),
        reason: "missed: no execution was started".to_owned(),
    };
    Reconciliation {
        bucket: "landing".to_owned(),
        since: "2024-05-01T06:07:08Z".parse().unwrap(),
        missed: vec![missed("raw_data/a b+é%.csv.gz"), missed("raw_data/orders.csv")],
        left: 3,
        statuses: [("loaded".to_owned(), 40), ("missed: no execution was started".to_owned(), 5)].into(),
    }
}
