use protocol::Failure;

use super::lookup::KeyMatch;
use super::{Catalog, KeyDecision};
use crate::definition::Definition;
use crate::location::KeyBucket;

const WATER: &str = r#"
    [datasets.pump_flow]
    trigger = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}.trig"
    source = "raw/pump_flow/{scheduled:%Y-%m-%d-%H:%M:%S}.json"
    table = "staging.pump_flow"
    columns.level = "real"

    [datasets.levels]
    source = "s3://meters/levels/*.csv"
    table = "staging.levels"
    columns.level = "real"
"#;
const RETAIL: &str = r#"
    [datasets.orders]
    source = "raw/retail/{date:%Y-%m-%d}/orders.csv"
    table = "orders"
    columns.id = "integer"

    [datasets.anything]
    source = "s3://landing/raw/retail/{date:%Y-%m-%d}/*.csv"
    table = "anything"
    columns.id = "integer"
"#;

fn definition(pipeline: &str, text: &str) -> Definition {
    Definition::parse(pipeline, &format!("{pipeline}.toml"), text).unwrap_or_else(|errors| panic!("{text}\n{errors}"))
}

/// Checks that the definitions of pipelines `a`, `b`, … are rejected together with these messages.
fn check_rejected(texts: &[&str], expected: &[&str]) {
    let definitions = ["a", "b", "c"].into_iter().zip(texts).map(|(name, text)| definition(name, text)).collect();
    let found = Catalog::new(definitions).map(drop).map_err(|errors| errors.to_string()).err().unwrap_or_default();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{texts:?}");
}

#[test]
fn key_belongs_to_one_dataset() {
    let catalog = Catalog::new(vec![definition("water", WATER), definition("retail", RETAIL)]).unwrap();
    let check = |bucket: &str, key: &str, expected: &str| {
        let found = match catalog.find(KeyBucket::of(bucket, "landing"), key) {
            Ok(KeyMatch::Source(found, captures)) => {
                format!(
                    "source of {} at {:?}",
                    found.dataset.name,
                    found.dataset.logical_time.as_deref().and_then(|name| captures.time(name))
                )
            }
            Ok(KeyMatch::Trigger(found, captures)) => {
                let source = found.dataset.source.template.build(&captures).unwrap();
                format!("trigger of {found} for {source}")
            }
            Ok(KeyMatch::SourceOfTriggered(found, _)) => format!("idle source of {}", found.dataset.name),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{bucket} {key}");
    };
    check("landing", "raw/retail/2024-02-29/x.csv", "source of anything at Some(2024-02-29T00:00:00)");
    check("meters", "levels/x.csv", "source of levels at None");
    check(
        "landing",
        "triggers/pump_flow/Succeeded_2024-02-29_10:15:00.trig",
        "trigger of water/pump_flow for raw/pump_flow/2024-02-29-10:15:00.json",
    );
    check("landing", "raw/pump_flow/2024-02-29-10:15:00.json", "idle source of pump_flow");
    check(
        "landing",
        "raw/retail/2024-02-29/orders.csv",
        "the key starts both retail/orders and retail/anything; a key may start only one dataset",
    );
    check(
        "landing",
        "triggers/pump_flow/Succeeded_2024-02-30_10:15:00.trig",
        "no dataset has this key as its source or trigger; nearest is water/pump_flow's trigger \
         \"triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}.trig\": it matches up to \
         \"triggers/pump_flow/Succeeded_\" and then expects a time in the format %Y-%m-%d_%H:%M:%S",
    );
    check("landing", "levels/x.csv", "no dataset has this key as its source or trigger");
}

#[test]
fn conflicting_definitions_are_errors() {
    let start = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}.trig";
    check_rejected(
        &[WATER, WATER],
        &[
            &format!("b.toml:3: datasets.pump_flow.trigger: a/pump_flow and b/pump_flow both start on {start:?}"),
            "b.toml:9: datasets.levels.source: a/levels and b/levels both start on \"s3://meters/levels/*.csv\"",
        ],
    );
    check_rejected(
        &[WATER, &RETAIL.replace("s3://landing/", "")],
        &[
            "b.toml:8: datasets.anything.source: b/orders starts on \"raw/retail/{date:%Y-%m-%d}/orders.csv\" and b/anything \
         starts on \"raw/retail/{date:%Y-%m-%d}/*.csv\"; the key \"raw/retail/2024-02-29/orders.csv\" matches both",
        ],
    );
    check_rejected(&[WATER, &WATER.replace("\"triggers/", "\"s3://other/triggers/").replace("meters", "others")], &[]);
    let one = "[datasets.x]\nsource = \"x\"\ntable = \"x\"\ncolumns.x = \"text\"";
    let other = one.replace("source = \"x\"", "source = \"y\"");
    let errors = Catalog::new(vec![definition("a", one), definition("a", &other)]).unwrap_err();
    assert_eq!(errors.to_string(), "a.toml:1: two pipelines have the name `a`");
}

#[test]
fn outputs_that_are_inputs_are_errors() {
    let never = "an output must not be read as an input";
    let export =
        |to: &str| format!("[datasets.x]\nsource = 'x/*.csv'\ntable = 'x'\n[[exports]]\ntable = 'x'\nto = '{to}'");
    check_rejected(&[&export("out/{run_date}.csv"), WATER], &[]);
    check_rejected(
        &[&export("out/a.csv"), &export("x/{run_id}.csv").replace("x/*", "y/*")],
        &[&format!("b.toml:6: exports[1].to: the key \"x/x.csv\" also matches a/x's source \"x/*.csv\"; {never}")],
    );
    check_rejected(
        &[&export("levels/{run_date:%F}.csv"), WATER],
        &[&format!(
            "a.toml:6: exports[1].to: the key \"levels/2024-02-29.csv\" also matches b/levels's source \
             \"s3://meters/levels/*.csv\"; {never}"
        )],
    );
    let rejects = "[datasets.x]\nsource = 'x/{shop}.csv'\ntable = 'x'\nrejects.export = 'x/{shop}_{load_id}.csv'";
    check_rejected(
        &[rejects],
        &[&format!(
            "a.toml:4: datasets.x.rejects.export: the key \"x/x_x.csv\" also matches a/x's source \"x/{{shop}}.csv\"; {never}"
        )],
    );
}

#[test]
fn followed_pipeline_must_exist_without_a_circle() {
    let after = |names: &str| format!("[run]\n{names}");
    let loads = "[datasets.x]\nsource = 'x'\ntable = 'x'\n";
    let runs = &format!("{loads}[run]\n");
    check_rejected(&[&after("after = 'b'"), runs], &[]);
    check_rejected(&[&after("after = 'c'"), &after("after = 'c'"), runs], &[]);
    check_rejected(&[&after("after = 'b'\nafter_failure = 'c'"), &after("after_failure = 'c'"), runs], &[]);
    check_rejected(
        &[&after("after = 'b'"), loads],
        &["a.toml:2: run.after: `b` has no runs to follow; it needs [run], [[transforms]] or [[exports]]"],
    );
    check_rejected(
        &[&after("after = 'bb'"), runs],
        &["a.toml:2: run.after: there is no pipeline `bb`; did you mean `b`?"],
    );
    check_rejected(
        &[&after("after_failure = 'a'")],
        &["a.toml:2: run.after_failure: a pipeline cannot follow its own runs"],
    );
    let circle = "pipelines follow each other in a circle";
    check_rejected(
        &[&after("after = 'b'"), &after("after = 'c'"), &after("after_failure = 'a'")],
        &[
            &format!("a.toml:2: run.after: {circle}: a after b after c after a"),
            &format!("b.toml:2: run.after: {circle}: b after c after a after b"),
            &format!("c.toml:2: run.after_failure: {circle}: c after a after b after c"),
        ],
    );
    check_rejected(
        &[&after("after = 'b'"), &after("after = 'c'"), &after("after = 'b'")],
        &[
            &format!("b.toml:2: run.after: {circle}: b after c after b"),
            &format!("c.toml:2: run.after: {circle}: c after b after c"),
        ],
    );
}

#[test]
fn usable_definitions_stay_in_use() {
    let check = |texts: &[&str], kept: &[&str]| {
        let definitions = ["a", "b", "c"].into_iter().zip(texts).map(|(name, text)| definition(name, text));
        let (catalog, unusable) = Catalog::of_usable(definitions.collect());
        let names: Vec<&str> = catalog.definitions().iter().map(|d| d.pipeline.as_str()).collect();
        assert_eq!(names, kept, "{texts:?}");
        assert!(unusable.iter().all(|unusable| !names.contains(&unusable.pipeline.as_str())));
        assert_eq!(unusable.is_empty(), kept.len() == texts.len());
    };
    let x = "[datasets.x]\nsource = 'x'\ntable = 'x'\n[run]\n";
    check(&[x, WATER, x], &["b"]);
    check(&[x, "[run]\nafter = 'a'", "[run]\nafter = 'nobody'"], &["a", "b", "c"]);
    check(&[x, "[run]\nafter = 'c'", "[run]\nafter = 'b'"], &["a"]);
    check(
        &[
            x,
            "[run]\nafter = 'a'\n[[exports]]\ntable = 'x'\nto = 'y.csv'",
            "[datasets.y]\nsource = '*.csv'\ntable = 'y'",
        ],
        &["a", "c"],
    );
}

#[test]
fn followers_match_the_result_of_the_run() {
    let x = "[datasets.x]\nsource = 'x'\ntable = 'x'\n[run]\n";
    let definitions = vec![
        definition("x", x),
        definition("good", "[run]\nafter = 'x'"),
        definition("bad", "[run]\nafter_failure = 'x'"),
    ];
    let catalog = Catalog::new(definitions).unwrap();
    let check = |pipeline: &str, succeeded: bool, expected: &[&str]| {
        let found: Vec<&str> = catalog.followers(pipeline, succeeded).map(|d| d.pipeline.as_str()).collect();
        assert_eq!(found, expected);
    };
    check("x", true, &["good"]);
    check("x", false, &["bad"]);
    check("good", true, &[]);
}

#[test]
fn success_markers_without_dataset_are_ignored() {
    let text = r#"
        [datasets.orders]
        trigger = "s3://control/{date:%F}/_SUCCESS"
        source = "raw/{date:%F}/orders.csv"
        table = "orders"

        [datasets.sites]
        trigger = "raw/{site}.SUCCESS"
        source = "s3://other-bucket/{site}.json.gz"
        wait = "1m"
        table = "sites"

        [datasets.notes]
        trigger = "notes/{status}_{site}.trig"
        source = "notes/{site}"
        table = "notes"
    "#;
    let catalog = Catalog::new(vec![definition("p", text)]).unwrap();
    let check = |bucket: &str, key: &str, expected: &str| {
        let (matched, next) = match catalog.decide(KeyBucket::of(bucket, "landing"), key) {
            KeyDecision::Load { matched, file } => (
                Some(matched),
                format!(
                    "loads s3://{}/{} within {:?}",
                    file.bucket.as_deref().unwrap_or("landing"),
                    file.key,
                    file.wait.unwrap()
                ),
            ),
            KeyDecision::Ignore { matched, reason } => (matched, format!("ignored: {reason}")),
            KeyDecision::Fail { matched, failure } => (matched, format!("{}: {failure}", failure.name())),
        };
        let dataset = matched.map(|matched| format!("{} ", matched.dataset.name)).unwrap_or_default();
        assert_eq!(format!("{dataset}{next}"), expected, "{key}");
    };
    check("control", "2024-05-01/_SUCCESS", "orders loads s3://landing/raw/2024-05-01/orders.csv within 600s");
    check("landing", "raw/north.SUCCESS", "sites loads s3://other-bucket/north.json.gz within 60s");
    check("landing", "raw/2024-05-01/_SUCCESS", "ignored: no dataset has this success marker as its trigger");
    check("control", "2024-05-01/.success", "ignored: no dataset has this success marker as its trigger");
    check(
        "landing",
        "raw/2024-05-01/orders.csv",
        "orders ignored: the dataset starts on its trigger s3://control/{date:%F}/_SUCCESS, not on its data file",
    );
    check("landing", "notes/Succeeded_a.pdf.trig", "notes UnsupportedFormat: unsupported extension `.pdf`");
    check(
        "landing",
        "notes/Failed_a.trig",
        "notes UpstreamFailed: the trigger has the status \"Failed\"; only \"Succeeded\" starts a load",
    );
    check("landing", "x.csv", "NoDataset: no dataset has this key as its source or trigger");
}

#[test]
fn explicit_source_and_format_decide_a_key() {
    let text = r#"
        [datasets.unloaded]
        source = "unload/*"
        format = "csv"
        table = "t"

        [datasets.logs]
        source = "logs/{name}.log.gz"
        format = "jsonl"
        table = "t"

        [datasets.archive]
        source = "archive/*"
        compression = "zip"
        table = "t"

        [datasets.hidden]
        source = "hidden/_{name}.csv"
        table = "t"

        [datasets.dots]
        source = "dots/.{name}"
        format = "parquet"
        table = "t"

        [datasets.plain]
        source = "plain/*"
        table = "t"
    "#;
    let catalog = Catalog::new(vec![definition("p", text)]).unwrap();
    let check = |key: &str, expected: &str| {
        let found = match catalog.decide(KeyBucket::Landing(Some("landing")), key) {
            KeyDecision::Load { matched, file } => {
                format!("{} {:?} {:?}", matched.dataset.name, file.format, file.compression)
            }
            KeyDecision::Ignore { reason, .. } => format!("ignored: {reason}"),
            KeyDecision::Fail { failure, .. } => format!("{}: {failure}", failure.name()),
        };
        assert_eq!(found, expected, "{key}");
    };
    check("unload/0000_part_00", "unloaded Csv None");
    check("unload/data.csv000", "unloaded Csv None");
    check("unload/E1.2024-01-01-00.ab12.gz", "unloaded Csv Gzip");
    check("unload/a.jsonl.bz2", "unloaded Csv Bzip2");
    check("unload/_SUCCESS", "ignored: no dataset has this success marker as its trigger");
    check("unload/x.SUCCESS", "ignored: no dataset has this success marker as its trigger");
    check("unload/_committed_42", "ignored: a marker: its name starts with an underscore");
    check("unload/", "ignored: a folder marker");
    check("logs/flow.log.gz", "logs Jsonl Gzip");
    check("archive/a.csv", "archive Csv Zip");
    check("archive/a.csv.zip", "archive Csv Zip");
    check(
        "archive/a.zip",
        "UnsupportedFormat: \"a.zip\" has only the extension of its compression, expected one such as `.csv.zip`",
    );
    check("hidden/_orders.csv", "hidden Csv None");
    check("dots/.orders", "dots Parquet None");
    check("plain/a.csv", "plain Csv None");
    check("plain/_a.csv", "ignored: a marker: its name starts with an underscore");
    check("plain/.DS_Store", "ignored: a hidden file: its name starts with a dot");
    check("plain/a.pdf", "UnsupportedFormat: unsupported extension `.pdf`");
    check("other/a.pdf", "UnsupportedFormat: unsupported extension `.pdf`");
    check("other/_temporary/a.csv", "ignored: a file under _temporary/, which its job has not committed");
    check("_penstock/repairs/p/unloaded/3/2024-05-01T00:00:00.000000Z/x.jsonl", "unloaded Jsonl None");
    check("_penstock/repairs/p/unloaded/3/2024-05-01T00:00:00.000000Z/0000_part_00", "unloaded Csv None");
}

#[test]
fn repair_belongs_to_the_dataset_in_its_key() {
    let everything = "[datasets.all]\nsource = 's3://landing/*/*/*/*/*/*/*'\ntable = 't'";
    let definitions = vec![definition("water", WATER), definition("retail", RETAIL), definition("all", everything)];
    let (catalog, _) = Catalog::of_usable(definitions);
    let check = |bucket: &str, key: &str, expected: &str| {
        let found = match catalog.decide(KeyBucket::of(bucket, "landing"), key) {
            KeyDecision::Load { matched, file } => {
                assert_eq!((file.key.as_str(), file.wait), (key, None));
                let (pipeline, dataset) = (&matched.definition.pipeline, &matched.dataset.name);
                format!("{pipeline}/{dataset} repairs {:?} at {:?}", matched.repairs(), matched.logical_at().unwrap())
            }
            KeyDecision::Ignore { reason, .. } => reason,
            KeyDecision::Fail { failure, .. } => format!("{}: {failure}", failure.name()),
        };
        assert_eq!(found, expected, "{bucket} {key}");
    };
    let at = "2024-05-01T09:15:00.000000Z";
    let orders = format!("_penstock/repairs/retail/orders/12/{at}/orders.csv");
    check("landing", &orders, "retail/orders repairs Some(12) at 2024-05-01T09:15:00Z");
    check("meters", &orders, "NoDataset: no dataset has this key as its source or trigger");
    // A repair needs no second trigger.
    let flow = format!("_penstock/repairs/water/pump_flow/7/{at}/flow.jsonl");
    check("landing", &flow, "water/pump_flow repairs Some(7) at 2024-05-01T09:15:00Z");
    check("landing", &flow.replace("jsonl", "pdf"), "UnsupportedFormat: unsupported extension `.pdf`");
    check(
        "landing",
        &flow.replace("pump_flow", "pumps"),
        "NoDataset: no dataset has this key as its source or trigger; it repairs load 7 of water/pumps, which does not exist",
    );
    check(
        "landing",
        "_penstock/repairs/water/pump_flow/7/flow.json",
        "NoDataset: no dataset has this key as its source or trigger; nearest is a repair's key \
         \"_penstock/repairs/{pipeline}/{dataset}/{load}/{at:%Y-%m-%dT%H:%M:%S.%6fZ}/{file}\": it matches up to \
         \"_penstock/repairs/water/pump_flow/7/\" and then expects a time in the format %Y-%m-%dT%H:%M:%S.%6fZ",
    );
}

#[test]
fn repair_keys_are_reserved() {
    let key = "_penstock/repairs/x/x/x/2024-02-29T10:15:00.000000Z/x";
    let kept = |key: &str| {
        format!("the template matches {key:?}; keys that begin with \"_penstock/repairs/\" are reserved for repairs")
    };
    check_rejected(
        &["[datasets.x]\nsource = '{a}/{b}/{c}/{d}/{e}/{f}/{g}'\ntable = 'x'"],
        &[&format!("a.toml:2: datasets.x.source: {}", kept(key))],
    );
    check_rejected(
        &["[datasets.x]\nsource = 'x/{load}'\ntrigger = '_penstock/repairs/p/d/{load}/*/{status}.trig'\ntable = 'x'
           [[exports]]\ntable = 'x'\nto = '_penstock/repairs/p/d/{run_id}/{run_date:%FT%T.000000Z}/x.csv'"],
        &[
            &format!(
                "a.toml:3: datasets.x.trigger: {}",
                kept(&key.replace("/x/x/x/", "/p/d/x/").replace("Z/x", "Z/x.trig"))
            ),
            &format!("a.toml:7: exports[1].to: {}", kept(&key.replace("/x/x/x/", "/p/d/x/").replace("Z/x", "Z/x.csv"))),
        ],
    );
    check_rejected(&["[datasets.x]\nsource = '*/{a}.csv'\ntable = 'x'"], &[]);
}
