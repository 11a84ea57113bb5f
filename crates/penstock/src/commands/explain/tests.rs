use pipeline::{Catalog, Definition};

use super::*;

const RETAIL: &str = r#"
[datasets.orders]
source = "raw_data/retail/{date:%Y-%m-%d}/orders.csv"
table = "staging.orders"

[datasets.reviews]
source = "raw_data/retail/{date:%Y-%m-%d}/reviews.csv"
table = "staging.reviews"
"#;

const WATER: &str = r#"
[datasets.pump_flow]
trigger = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}_{actual:%Y-%m-%d_%H:%M:%S}.trig"
source = "raw_data/pump_flow/{scheduled:%Y/%m/%d}/pump_flow-{scheduled:%Y-%m-%d-%H:%M:%S}.json"
table = "staging.pump_flow"

[datasets.reservoir_levels]
trigger = "triggers/reservoir_levels/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}.trig"
source = "raw_data/reservoir_levels/{scheduled:%Y-%m-%d-%H:%M:%S}.json"
table = "staging.reservoir_levels"
"#;

fn example() -> Catalog {
    let parse = |pipeline: &str, text: &str| Definition::parse(pipeline, "pipeline.toml", text).unwrap();
    Catalog::new(vec![parse("retail", RETAIL), parse("water", WATER)]).unwrap()
}

fn catalog(text: &str) -> Catalog {
    Catalog::new(vec![Definition::parse("p", "pipeline.toml", text).unwrap()]).unwrap()
}

const PUMP_TRIGGER: &str = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}_{actual:%Y-%m-%d_%H:%M:%S}.trig";

#[test]
fn key_is_explained_with_its_reasons() {
    let catalog = example();
    let check = |key: &str, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|line| line.replace("PUMP_TRIGGER", PUMP_TRIGGER)).collect();
        assert_eq!(explain_key(&catalog, key, None, None).lines(), expected, "{key}");
    };
    check(
        "raw_data/retail/2024-05-01/orders.csv",
        &[
            "loads retail/orders into staging.orders",
            "  matches  retail/orders's source raw_data/retail/{date:%Y-%m-%d}/orders.csv",
            "  values   date = 2024-05-01T00:00:00",
            "  time     2024-05-01T00:00:00Z",
            "  format   CSV",
        ],
    );
    check(
        "triggers/pump_flow/Succeeded_2024-05-01_09:15:00_2024-05-01_09:16:40.trig",
        &[
            "loads water/pump_flow into staging.pump_flow",
            "  matches  water/pump_flow's trigger PUMP_TRIGGER",
            "  values   status = Succeeded, scheduled = 2024-05-01T09:15:00, actual = 2024-05-01T09:16:40",
            "  time     2024-05-01T09:15:00Z",
            "  data     raw_data/pump_flow/2024/05/01/pump_flow-2024-05-01-09:15:00.json",
            "  format   JSON",
            "  wait     10m",
        ],
    );
    check(
        "triggers/pump_flow/Failed_2024-05-01_09:15:00_2024-05-01_09:16:40.trig",
        &[
            "fails as UpstreamFailed: the trigger has the status \"Failed\"; only \"Succeeded\" starts a load",
            "  matches  water/pump_flow's trigger PUMP_TRIGGER",
            "  values   status = Failed, scheduled = 2024-05-01T09:15:00, actual = 2024-05-01T09:16:40",
            "  time     2024-05-01T09:15:00Z",
        ],
    );
    check(
        "raw_data/pump_flow/2024/05/01/pump_flow-2024-05-01-09:15:00.json",
        &[
            "starts nothing: water/pump_flow starts on its trigger, not on its data file",
            "  matches  water/pump_flow's source \
             raw_data/pump_flow/{scheduled:%Y/%m/%d}/pump_flow-{scheduled:%Y-%m-%d-%H:%M:%S}.json",
            "  values   scheduled = 2024-05-01T09:15:00",
            "  time     2024-05-01T09:15:00Z",
            "  trigger  PUMP_TRIGGER",
        ],
    );
    check(
        "raw_data/retail/2024-05-01/order.csv",
        &[
            "fails as NoDataset: no dataset has this key as its source or trigger",
            "  nearest  retail/orders's source \"raw_data/retail/{date:%Y-%m-%d}/orders.csv\": it matches up to \
             \"raw_data/retail/2024-05-01/order\" and then expects `s.csv`",
        ],
    );
    check("x/y.csv", &["fails as NoDataset: no dataset has this key as its source or trigger"]);
    check("raw_data/retail/2024-05-01/_SUCCESS", &["ignored: no dataset has this success marker as its trigger"]);
    check("raw_data/retail/2024-05-01/_started", &["ignored: a marker: its name starts with an underscore"]);
    check("raw_data/retail/2024-05-01/", &["ignored: a folder marker"]);
    check("raw_data/retail/2024-05-01/orders.pdf", &["fails as UnsupportedFormat: unsupported extension `.pdf`"]);
    check(
        "s3://elsewhere/raw_data/retail/2024-05-01/orders.csv",
        &[
            "fails as NoDataset: no dataset has this key as its source or trigger",
            "  bucket   elsewhere; templates without s3:// are for the landing bucket",
        ],
    );
}

const ZONED: &str = r#"
timezone = "Europe/Berlin"

[datasets.levels]
source = "s3://meters/levels/{site}-{scheduled:%Y%m%d%H%M}.jsonl.gz"
table = "levels"
columns.level = "real"

[datasets.sites]
source = "sites/*.csv.zst"
table = "sites"
columns.site = "text"

[datasets.all_sites]
source = "{region}/{region}.csv.zst"
table = "all_sites"
columns.site = "text"

[datasets.flow]
trigger = "flow/{site}-{status}.trig"
source = "s3://meters/flow/{site}.pdf"
wait = "90s"
table = "flow"
columns.flow = "real"
"#;

#[test]
fn zones_buckets_and_conflicts_are_explained() {
    let catalog = catalog(ZONED);
    let check = |key: &str, bucket: Option<&str>, expected: &[&str]| {
        assert_eq!(explain_key(&catalog, key, bucket, Some("landing")).lines(), expected, "{key}");
    };
    let levels = [
        "loads p/levels into public.levels",
        "  matches  p/levels's source s3://meters/levels/{site}-{scheduled:%Y%m%d%H%M}.jsonl.gz",
        "  values   site = north, scheduled = 2024-05-01T09:15:00",
        "  time     2024-05-01T07:15:00Z; the values are in Europe/Berlin",
        "  format   JSON Lines, gzip",
    ];
    check("levels/north-202405010915.jsonl.gz", Some("meters"), &levels);
    check("s3://meters/levels/north-202405010915.jsonl.gz", None, &levels);
    check(
        "s3://landing/sites/a.csv.zst",
        None,
        &[
            "loads p/sites into public.sites",
            "  matches  p/sites's source sites/*.csv.zst",
            "  time     the upload time of the file, because the key has none",
            "  format   CSV, zstd",
        ],
    );
    check(
        "sites/sites.csv.zst",
        None,
        &["fails as InvalidDefinition: the key starts both p/sites and p/all_sites; a key may start only one dataset"],
    );
    check(
        "flow/north-Succeeded.trig",
        Some("landing"),
        &[
            "fails as UnsupportedFormat: unsupported extension `.pdf`",
            "  matches  p/flow's trigger flow/{site}-{status}.trig",
            "  values   site = north, status = Succeeded",
            "  time     the upload time of the trigger, because its key has none",
        ],
    );
}

#[test]
fn json_has_the_same_facts_as_the_lines() {
    let key = "triggers/pump_flow/Succeeded_2024-05-01_09:15:00_2024-05-01_09:16:40.trig";
    let found = serde_json::to_value(explain_key(&example(), key, None, None)).unwrap();
    let expected = serde_json::json!({
        "key": key,
        "bucket": null,
        "outcome": "loads",
        "match": {
            "pipeline": "water",
            "dataset": "pump_flow",
            "table": "staging.pump_flow",
            "role": "trigger",
            "template": PUMP_TRIGGER,
            "names": {"status": "Succeeded", "scheduled": "2024-05-01T09:15:00", "actual": "2024-05-01T09:16:40"},
            "timezone": "UTC",
            "logical_time": "2024-05-01T09:15:00Z",
        },
        "data": {
            "key": "raw_data/pump_flow/2024/05/01/pump_flow-2024-05-01-09:15:00.json",
            "bucket": null,
            "format": "json",
            "compression": "none",
            "wait_s": 600,
        },
        "run": null,
    });
    assert_eq!(found, expected);
    let failed = serde_json::to_value(explain_key(&example(), "a.pdf", None, None)).unwrap();
    assert_eq!((&failed["outcome"], &failed["failure"]), (&"fails".into(), &"UnsupportedFormat".into()));
}

#[test]
fn dataset_keys_are_filled_in_for_a_time() {
    let (example, zoned) = (example(), catalog(ZONED));
    let check = |catalog: &Catalog, dataset: &str, at: &str, expected: &[&str]| {
        let answer = DatasetKeys::of(catalog, dataset, at.parse().unwrap()).unwrap();
        assert_eq!(answer.lines(), expected, "{dataset} {at}");
    };
    let pump_flow = [
        "  time     2024-05-01T09:15:00Z",
        "  source   raw_data/pump_flow/2024/05/01/pump_flow-2024-05-01-09:15:00.json",
        "  trigger  triggers/pump_flow/{status}_2024-05-01_09:15:00_{actual:%Y-%m-%d_%H:%M:%S}.trig",
    ];
    for at in ["2024-05-01T09:15", "2024-05-01 09:15:00", "2024-05-01T09:15:00Z", "2024-05-01T11:15+02:00"] {
        check(&example, "water/pump_flow", at, &pump_flow);
    }
    check(
        &example,
        "retail/orders",
        "2024-05-01",
        &["  time     2024-05-01T00:00:00Z", "  source   raw_data/retail/2024-05-01/orders.csv"],
    );
    let levels = [
        "  time     2024-05-01T07:15:00Z, 2024-05-01T09:15:00 in Europe/Berlin",
        "  source   s3://meters/levels/{site}-202405010915.jsonl.gz",
    ];
    check(&zoned, "p/levels", "2024-05-01T09:15", &levels);
    check(&zoned, "p/levels", "2024-05-01T07:15Z", &levels);
}

const RUNS: &str = r#"
timezone = "Europe/Berlin"

[run]
when = "all"
per = "hour"
deadline = "30m"

[datasets.levels]
trigger = "levels/{status}_{scheduled:%F_%H%M}.trig"
source = "levels/{scheduled:%F_%H%M}.csv"
table = "levels"

[datasets.flow]
source = "flow/{site}_{date:%F_%H%M}.csv"
table = "flow"

[[exports]]
table = "balance"
to = "out/{run_date}/{run_date:%H}_{run_id}.csv"
"#;

#[test]
fn run_of_a_load_lists_required_datasets() {
    let of_key = |text: &str, key: &str| {
        let lines = explain_key(&catalog(text), key, None, None).lines();
        lines.into_iter().filter(|l| ["  run ", "  requires ", "  exports "].iter().any(|s| l.starts_with(s))).collect()
    };
    let check = |text: &str, key: &str, expected: &[&str]| {
        let found: Vec<String> = of_key(text, key);
        assert_eq!(found, expected, "{key}");
    };
    let hour = "  run      all datasets of each hour, within 30m; the period is 2024-05-01T07:00:00Z";
    check(
        RUNS,
        "flow/north_2024-05-01_0915.csv",
        &[hour, "  requires levels: levels/{status}_2024-05-01_0915.trig", "  exports  out/2024-05-01/09_{run_id}.csv"],
    );
    check(
        RUNS,
        "levels/Succeeded_2024-05-01_0915.trig",
        &[hour, "  requires flow: flow/{site}_2024-05-01_0915.csv", "  exports  out/2024-05-01/09_{run_id}.csv"],
    );
    check(RUNS, "levels/2024-05-01_0915.csv", &[]);
    let each = "[datasets.x]\nsource = 'x/{name}.csv'\ntable = 'x'\n[run]\nper = 'day'\n";
    check(each, "x/a.csv", &["  run      every load"]);
    let loads = "[datasets.x]\nsource = 'x/{name}.csv'\ntable = 'x'\n[run]\n";
    check(&format!("{loads}when = 'any'\nper = 'month'"), "x/a.csv", &["  run      the first load of each month"]);

    let answer = DatasetKeys::of(&catalog(RUNS), "p/flow", "2024-05-01T09:15".parse().unwrap()).unwrap();
    assert_eq!(answer.lines()[2..], of_key(RUNS, "flow/north_2024-05-01_0915.csv"));
    let json = serde_json::to_value(&answer).unwrap();
    let expected = serde_json::json!({
        "when": "all",
        "per": "hour",
        "deadline_s": 1800,
        "again": "skip",
        "after": null,
        "after_failure": null,
        "period": "2024-05-01T07:00:00Z",
        "needs": [{"dataset": "levels", "key": "levels/{status}_2024-05-01_0915.trig"}],
        "exports": ["out/2024-05-01/09_{run_id}.csv"],
    });
    assert_eq!(json["run"], expected);
}

#[test]
fn unknown_dataset_lists_known_datasets() {
    let error = DatasetKeys::of(&example(), "water/pump", "2024-05-01".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "there is no dataset water/pump");
    assert!(error.what_to_do().unwrap().contains("water/pump_flow, water/reservoir_levels"));
}
