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

/// The definitions of pipelines `a`, `b`, … are refused together with these messages.
fn check_refused(texts: &[&str], expected: &[&str]) {
    let definitions = ["a", "b", "c"].into_iter().zip(texts).map(|(name, text)| definition(name, text)).collect();
    let found = Catalog::new(definitions).map(drop).map_err(|errors| errors.to_string()).err().unwrap_or_default();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{texts:?}");
}

#[test]
fn a_key_belongs_to_one_dataset() {
    let catalog = Catalog::new(vec![definition("water", WATER), definition("retail", RETAIL)]).unwrap();
    let check = |bucket: &str, key: &str, expected: &str| {
        let found = match catalog.find(KeyBucket::of(bucket, "landing"), key) {
            Ok(KeyMatch::Source(found, captures)) => {
                format!("source of {} at {:?}", found.dataset.name, captures.logical_time())
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
        "it starts both retail/orders and retail/anything; only one dataset may have it",
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
fn definitions_that_exclude_each_other() {
    let start = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}.trig";
    check_refused(
        &[WATER, WATER],
        &[
            &format!("b.toml:3: datasets.pump_flow.trigger: a/pump_flow and b/pump_flow both start on {start:?}"),
            "b.toml:9: datasets.levels.source: a/levels and b/levels both start on \"s3://meters/levels/*.csv\"",
        ],
    );
    check_refused(
        &[WATER, &RETAIL.replace("s3://landing/", "")],
        &[
            "b.toml:8: datasets.anything.source: b/orders starts on \"raw/retail/{date:%Y-%m-%d}/orders.csv\" and b/anything \
         on \"raw/retail/{date:%Y-%m-%d}/*.csv\", and \"raw/retail/2024-02-29/orders.csv\" is both",
        ],
    );
    check_refused(&[WATER, &WATER.replace("\"triggers/", "\"s3://other/triggers/").replace("meters", "others")], &[]);
    let one = "[datasets.x]\nsource = \"x\"\ntable = \"x\"\ncolumns.x = \"text\"";
    let other = one.replace("source = \"x\"", "source = \"y\"");
    let errors = Catalog::new(vec![definition("a", one), definition("a", &other)]).unwrap_err();
    assert_eq!(errors.to_string(), "a.toml:1: there are two pipelines of the name a");
}

#[test]
fn what_goes_out_never_comes_in_again() {
    let never = "what goes out must never come in again";
    let export =
        |to: &str| format!("[datasets.x]\nsource = 'x/*.csv'\ntable = 'x'\n[[exports]]\ntable = 'x'\nto = '{to}'");
    check_refused(&[&export("out/{run_date}.csv"), WATER], &[]);
    check_refused(
        &[&export("out/a.csv"), &export("x/{run_id}.csv").replace("x/*", "y/*")],
        &[&format!("b.toml:6: exports[1].to: \"x/x.csv\" would also be a/x's source \"x/*.csv\": {never}")],
    );
    check_refused(
        &[&export("levels/{run_date:%F}.csv"), WATER],
        &[&format!(
            "a.toml:6: exports[1].to: \"levels/2024-02-29.csv\" would also be b/levels's source \"s3://meters/levels/*.csv\": \
         {never}"
        )],
    );
    let rejects = "[datasets.x]\nsource = 'x/{shop}.csv'\ntable = 'x'\nrejects.export = 'x/{shop}_{load_id}.csv'";
    check_refused(
        &[rejects],
        &[&format!(
            "a.toml:4: datasets.x.rejects.export: \"x/x_x.csv\" would also be a/x's source \"x/{{shop}}.csv\": {never}"
        )],
    );
}

#[test]
fn runs_follow_a_pipeline_that_is_there_and_never_themselves() {
    let after = |names: &str| format!("[run]\n{names}");
    let loads = "[datasets.x]\nsource = 'x'\ntable = 'x'\n";
    let runs = &format!("{loads}[run]\n");
    check_refused(&[&after("after = 'b'"), runs], &[]);
    check_refused(&[&after("after = 'c'"), &after("after = 'c'"), runs], &[]);
    check_refused(&[&after("after = 'b'\nafter_failure = 'c'"), &after("after_failure = 'c'"), runs], &[]);
    check_refused(
        &[&after("after = 'b'"), loads],
        &["a.toml:2: run.after: `b` has no runs to follow: no [run], [[transforms]] or [[exports]]"],
    );
    check_refused(
        &[&after("after = 'bb'"), runs],
        &["a.toml:2: run.after: there is no pipeline `bb`; did you mean `b`?"],
    );
    check_refused(
        &[&after("after_failure = 'a'")],
        &["a.toml:2: run.after_failure: a pipeline that follows its own runs never ends"],
    );
    let circle = "runs that follow each other in a circle never end";
    check_refused(
        &[&after("after = 'b'"), &after("after = 'c'"), &after("after_failure = 'a'")],
        &[
            &format!("a.toml:2: run.after: {circle}: a after b after c after a"),
            &format!("b.toml:2: run.after: {circle}: b after c after a after b"),
            &format!("c.toml:2: run.after_failure: {circle}: c after a after b after c"),
        ],
    );
    check_refused(
        &[&after("after = 'b'"), &after("after = 'c'"), &after("after = 'b'")],
        &[
            &format!("b.toml:2: run.after: {circle}: b after c after b"),
            &format!("c.toml:2: run.after: {circle}: c after b after c"),
        ],
    );
}

#[test]
fn what_is_in_use_already_loses_the_least() {
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
fn followers_of_a_run() {
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
fn markers_and_what_nobody_waits_for() {
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
        source = "notes/{site}.pdf"
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
    check("landing", "raw/2024-05-01/_SUCCESS", "ignored: a marker that no dataset has as its trigger");
    check("control", "2024-05-01/.success", "ignored: a marker that no dataset has as its trigger");
    check(
        "landing",
        "raw/2024-05-01/orders.csv",
        "orders ignored: its dataset starts on its trigger s3://control/{date:%F}/_SUCCESS, not on the data file",
    );
    check("landing", "notes/Succeeded_a.trig", "notes UnsupportedFormat: nothing reads `.pdf` files");
    check(
        "landing",
        "notes/Failed_a.trig",
        "notes UpstreamFailed: the process that writes this dataset ended as \"Failed\", and only Succeeded loads",
    );
    check("landing", "x.csv", "NoDataset: no dataset has this key as its source or trigger");
}

#[test]
fn a_repair_belongs_to_the_dataset_that_its_key_names() {
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
    // The trigger is not asked for a second time.
    let flow = format!("_penstock/repairs/water/pump_flow/7/{at}/flow.jsonl");
    check("landing", &flow, "water/pump_flow repairs Some(7) at 2024-05-01T09:15:00Z");
    check("landing", &flow.replace("jsonl", "pdf"), "UnsupportedFormat: nothing reads `.pdf` files");
    check(
        "landing",
        &flow.replace("pump_flow", "pumps"),
        "NoDataset: no dataset has this key as its source or trigger; it repairs load 7 of water/pumps, which is no dataset",
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
fn keys_of_repairs_are_nobody_elses() {
    let key = "_penstock/repairs/x/x/x/2024-02-29T10:15:00.000000Z/x";
    let kept = |key: &str| format!("{key:?} would be a repair's key: those begin with \"_penstock/repairs/\"");
    check_refused(
        &["[datasets.x]\nsource = '{a}/{b}/{c}/{d}/{e}/{f}/{g}'\ntable = 'x'"],
        &[&format!("a.toml:2: datasets.x.source: {}", kept(key))],
    );
    check_refused(
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
    check_refused(&["[datasets.x]\nsource = '*/{a}.csv'\ntable = 'x'"], &[]);
}
