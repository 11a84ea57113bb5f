use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use load::{LoadError, Loader};
use protocol::{FailureName, LoadOutcome, LoadReport, LoadRequest, RunRef};

use crate::fixture::{LoadFixture, check_failure, in_a_minute, orders, request};

pub(crate) const DAY: &str = "2024-03-01T09:00:00Z";

/// A pipeline with three datasets, in the time zone of Berlin.
pub(crate) struct Shop {
    pub(crate) fixture: LoadFixture,
    definition: String,
    files: AtomicU32,
}

impl Shop {
    pub(crate) async fn new(run: &str) -> Self {
        Self { fixture: LoadFixture::new().await, definition: definition(run), files: AtomicU32::new(0) }
    }

    /// Returns a request for a new file of a dataset, with one row.
    pub(crate) fn request(&self, dataset: &str, logical_at: &str) -> LoadRequest {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let object =
            self.fixture.bucket.put(&format!("raw/{dataset}/2024-03-01/{number}.csv"), Some("v1"), orders(&["ann"]));
        LoadRequest {
            dataset: dataset.to_owned(),
            logical_at: logical_at.parse().unwrap(),
            execution: Some(format!("arn:aws:states:::execution:process-file:{number}")),
            ..request(&self.definition, &object)
        }
    }

    pub(crate) async fn try_load(&self, request: &LoadRequest) -> Result<LoadReport, LoadError> {
        self.fixture.loader.load(request, in_a_minute()).await
    }

    /// Loads a new file, and returns the run in the report.
    pub(crate) async fn load(&self, dataset: &str, logical_at: &str) -> Option<RunRef> {
        let report = self.try_load(&self.request(dataset, logical_at)).await.unwrap();
        assert_eq!(report.outcome, LoadOutcome::Loaded);
        report.run
    }

    /// Returns all runs: attempt, state, and the number of loads for each dataset.
    pub(crate) async fn runs(&self) -> String {
        self.text(
            "select coalesce(string_agg(concat_ws(' ', attempt, state, inputs), '; ' order by run_id), 'none')
             from (select run_id, attempt, state,
                          (select string_agg(format('%s %s', loads, dataset), ', ' order by dataset)
                           from (select dataset, count(*) as loads from penstock.run_input as input
                                 where input.run_id = run.run_id group by dataset) as by_dataset) as inputs
                   from penstock.run) as run",
        )
        .await
    }

    /// Returns a single value.
    pub(crate) async fn text(&self, query: &str) -> String {
        self.fixture.text(query).await.unwrap()
    }

    /// Changes the latest run, as the transformer or the sweep does.
    pub(crate) async fn set_latest(&self, change: &str) {
        let statement =
            format!("update penstock.run set {change} where run_id = (select max(run_id) from penstock.run)");
        self.fixture.client.batch_execute(&statement).await.unwrap();
    }
}

fn definition(run: &str) -> String {
    let dataset = |name: &str| {
        format!(
            "[datasets.{name}]
             source = \"raw/{name}/{{date:%Y-%m-%d}}/*.csv\"
             table = \"staging.{name}\"
             columns.order_id = \"integer\"
             columns.customer = \"text\"
             columns.amount = \"numeric(10,2)\"
             rejects.max_ratio = 1.0
             "
        )
    };
    let datasets = ["customers", "items", "orders"].map(dataset).concat();
    format!("timezone = \"Europe/Berlin\"\n{run}\n{datasets}")
}

pub(crate) const ALL: &str = "[run]\nwhen = \"all\"\nper = \"day\"\ndeadline = \"6h\"";
const ALL_AGAIN: &str = "[run]\nwhen = \"all\"\nper = \"day\"\ndeadline = \"6h\"\nagain = \"rerun\"";

#[tokio::test]
async fn last_dataset_completes_run_in_any_order() {
    let shop = Shop::new(ALL).await;
    let orders = [
        ["customers", "items", "orders"],
        ["customers", "orders", "items"],
        ["items", "customers", "orders"],
        ["items", "orders", "customers"],
        ["orders", "customers", "items"],
        ["orders", "items", "customers"],
    ];
    for (order, day) in orders.into_iter().zip(1..) {
        let logical_at = format!("2024-03-{day:02}T09:00:00Z");
        assert_eq!(shop.load(order[0], &logical_at).await, None);
        assert_eq!(shop.load(order[1], &logical_at).await, None);
        let run = shop.load(order[2], &logical_at).await.unwrap();
        // Midnight in Berlin.
        let midnight =
            if day == 1 { "2024-02-29T23:00:00Z".to_owned() } else { format!("2024-03-{:02}T23:00:00Z", day - 1) };
        assert_eq!(run.logical_at, midnight.parse::<chrono::DateTime<chrono::Utc>>().unwrap(), "{order:?}");
        assert_eq!(run.pipeline, "shop");
        assert_eq!(shop.text(&format!("select state from penstock.run where run_id = {}", run.run_id)).await, "Ready");
    }
    assert_eq!(shop.runs().await, ["1 Ready 1 customers, 1 items, 1 orders"; 6].join("; "));
}

#[tokio::test]
async fn files_of_one_dataset_do_not_complete_a_run() {
    let shop = Shop::new(ALL).await;
    for _ in 0..3 {
        assert_eq!(shop.load("orders", DAY).await, None);
    }
    assert_eq!(shop.load("items", DAY).await, None);
    assert_eq!(shop.runs().await, "1 Waiting 1 items, 3 orders");
    assert!(shop.load("customers", DAY).await.is_some());
    assert_eq!(shop.runs().await, "1 Ready 1 customers, 1 items, 3 orders");
}

/// Loads files at the same time, each with its own loader. A table lock holds them until all are about to join a run.
async fn race(shop: &Shop, loaders: &[Loader], requests: &[LoadRequest]) -> Vec<Option<RunRef>> {
    let gate = shop.fixture.database.connect().await;
    gate.batch_execute("begin; lock table penstock.run in exclusive mode").await.unwrap();
    let loads = join_all(loaders.iter().zip(requests).map(|(loader, request)| loader.load(request, in_a_minute())));
    let waiting = "pg_locks where relation = 'penstock.run'::regclass and not granted";
    let open = async {
        while shop.fixture.count(waiting).await < i64::try_from(requests.len()).unwrap() {}
        gate.batch_execute("commit").await.unwrap();
    };
    let (reports, ()) = tokio::join!(loads, open);
    reports.into_iter().map(|report| report.unwrap().run).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn last_two_datasets_at_once_complete_one_run() {
    const RACES: usize = 200;
    let shop = Shop::new("[run]\nwhen = \"all\"").await;
    let loaders = [shop.fixture.another_loader(), shop.fixture.another_loader()];
    let mut once = 0;
    for race_number in 0..RACES {
        let logical_at = format!("2024-03-01T{:02}:{:02}:00Z", race_number / 60, race_number % 60);
        assert_eq!(shop.load("customers", &logical_at).await, None);
        let requests = ["items", "orders"].map(|dataset| shop.request(dataset, &logical_at));
        let reported: Vec<RunRef> = race(&shop, &loaders, &requests).await.into_iter().flatten().collect();
        let of_period = format!("penstock.run where logical_at = '{logical_at}'");
        let whole = "state = 'Ready' and (select count(*) from penstock.run_input as input
                                         where input.run_id = run.run_id) = 3";
        let found =
            (shop.fixture.count(&of_period).await, shop.fixture.count(&format!("{of_period} and {whole}")).await);
        assert_eq!((reported.len(), found), (1, (1, 1)), "race {race_number}");
        once += reported.len();
    }
    println!("{RACES} races of the last two datasets: {once} complete runs, each reported by one of the two loads");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_datasets_at_once_complete_one_run() {
    let shop = Shop::new(ALL_AGAIN).await;
    let loaders: Vec<Loader> = (0..3).map(|_| shop.fixture.another_loader()).collect();
    // This load creates the tables.
    shop.load("orders", "2024-02-01T09:00:00Z").await;
    let requests = || ["customers", "items", "orders"].map(|dataset| shop.request(dataset, DAY));
    assert_eq!(race(&shop, &loaders, &requests()).await.iter().flatten().count(), 1);
    assert!(shop.runs().await.ends_with("; 1 Ready 1 customers, 1 items, 1 orders"));
    for attempt in 2..=20 {
        shop.set_latest("state = 'Succeeded'").await;
        let reported = race(&shop, &loaders, &requests()).await;
        assert!(reported.iter().all(|run| run.is_some() && *run == reported[0]), "{reported:?}");
        let latest = format!("{attempt} Ready {attempt} customers, {attempt} items, {attempt} orders");
        assert!(shop.runs().await.ends_with(&latest), "{latest}");
    }
}

#[tokio::test]
async fn one_file_completes_a_run_with_any() {
    let shop = Shop::new("[run]\nwhen = \"any\"\nper = \"day\"").await;
    assert!(shop.load("items", DAY).await.is_some());
    assert_eq!(shop.load("orders", DAY).await, None);
    assert!(shop.load("orders", "2024-03-02T09:00:00Z").await.is_some());
    assert_eq!(shop.runs().await, "1 Ready 1 items; 2 Skipped 1 orders; 1 Ready 1 orders");
    assert_eq!(shop.fixture.count("penstock.run where deadline_at is not null").await, 0);
}

#[tokio::test]
async fn every_load_is_a_run_with_each() {
    let shop = Shop::new("[run]\nwhen = \"each\"\nper = \"day\"").await;
    let mut runs = Vec::new();
    for dataset in ["items", "orders", "orders"] {
        runs.push(shop.load(dataset, DAY).await.unwrap().run_id);
    }
    runs.dedup();
    assert_eq!(runs.len(), 3);
    assert_eq!(shop.runs().await, "Ready 1 items; Ready 1 orders; Ready 1 orders");
}

#[tokio::test]
async fn second_complete_set_is_skipped_and_recorded() {
    let shop = Shop::new(ALL).await;
    for dataset in ["customers", "items", "orders"] {
        shop.load(dataset, DAY).await;
    }
    shop.set_latest("state = 'Succeeded'").await;
    for dataset in ["customers", "items", "orders"] {
        assert_eq!(shop.load(dataset, DAY).await, None);
    }
    let recorded = "1 Succeeded 1 customers, 1 items, 1 orders; 2 Skipped 1 customers, 1 items, 1 orders";
    assert_eq!(shop.runs().await, recorded);
    assert_eq!(shop.fixture.count("penstock.run where state = 'Skipped' and ended_at is not null").await, 1);
}

#[tokio::test]
async fn next_file_reruns_a_failed_period() {
    let shop = Shop::new(ALL).await;
    for dataset in ["customers", "items", "orders"] {
        shop.load(dataset, DAY).await;
    }
    shop.set_latest("state = 'Running'").await;
    assert_eq!(shop.load("items", DAY).await, None);
    let failed = "update penstock.run set state = 'Failed', failure = 'TransformFailed' where attempt = 1";
    shop.fixture.client.batch_execute(failed).await.unwrap();
    assert!(shop.load("items", DAY).await.is_some());
    let runs = "1 Failed 1 customers, 1 items, 1 orders; 2 Skipped 1 items; 3 Ready 1 customers, 3 items, 1 orders";
    assert_eq!(shop.runs().await, runs);
}

#[tokio::test]
async fn further_load_with_rerun_runs_all_datasets() {
    let shop = Shop::new(ALL_AGAIN).await;
    for dataset in ["customers", "items"] {
        shop.load(dataset, DAY).await;
    }
    let first = shop.load("orders", DAY).await.unwrap();
    // The run is not claimed, so the load joins it.
    assert_eq!(shop.load("orders", DAY).await, Some(first.clone()));
    assert_eq!(shop.runs().await, "1 Ready 1 customers, 1 items, 2 orders");

    shop.set_latest("state = 'Running'").await;
    let second = shop.load("orders", DAY).await.unwrap();
    assert_ne!(second.run_id, first.run_id);
    assert_eq!(shop.load("items", DAY).await, Some(second));
    let again = "1 Running 1 customers, 1 items, 2 orders; 2 Ready 1 customers, 2 items, 3 orders";
    assert_eq!(shop.runs().await, again);

    shop.set_latest("state = 'Failed', failure = 'TransformFailed'").await;
    assert!(shop.load("items", DAY).await.is_some());
    assert_eq!(shop.runs().await, again.replace("Ready", "Failed") + "; 3 Ready 1 customers, 3 items, 3 orders");
}

#[tokio::test]
async fn late_files_complete_a_new_attempt() {
    let shop = Shop::new(ALL).await;
    shop.load("customers", DAY).await;
    shop.set_latest("state = 'Failed', failure = 'RunIncomplete', ended_at = clock_timestamp()").await;
    assert_eq!(shop.load("items", DAY).await, None);
    let failed = "1 Failed 1 customers; ";
    assert_eq!(shop.runs().await, format!("{failed}2 Waiting 1 customers, 1 items"));
    let run = shop.load("orders", DAY).await.unwrap();
    assert_eq!(shop.runs().await, format!("{failed}2 Ready 1 customers, 1 items, 1 orders"));
    assert_eq!(shop.text("select max(run_id)::text from penstock.run").await, run.run_id.to_string());
    shop.set_latest("state = 'Running'").await;
    assert_eq!(shop.load("orders", DAY).await, None);
}

#[tokio::test]
async fn deadline_starts_with_first_load_of_attempt() {
    let shop = Shop::new(ALL).await;
    let deadlines = "select string_agg((deadline_at - started_at)::text, ', ') from penstock.run";
    for dataset in ["customers", "items"] {
        shop.load(dataset, DAY).await;
    }
    assert_eq!(shop.text(deadlines).await, "06:00:00");
    shop.set_latest("state = 'Failed', failure = 'RunIncomplete'").await;
    shop.load("items", DAY).await;
    assert_eq!(shop.text(deadlines).await, "06:00:00, 06:00:00");
}

#[tokio::test]
async fn periods_follow_the_pipelines_time_zone() {
    async fn check(per: &str, logical_at: &[&str], expected: &[&str]) {
        let shop = Shop::new(&format!("[run]\nwhen = \"all\"\nper = \"{per}\"")).await;
        for at in logical_at {
            shop.load("orders", at).await;
        }
        let found = "select string_agg(to_char(logical_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), ', '
                                       order by logical_at) from penstock.run";
        assert_eq!(shop.text(found).await, expected.join(", "), "{per}");
    }
    check("file", &["2024-03-01T09:15:00Z", "2024-03-01T09:15:00Z", "2024-03-01T09:15:01Z"], &["2024-03-01 09:15"; 2])
        .await;
    check(
        "hour",
        &["2024-03-01T09:15:00Z", "2024-03-01T09:59:59Z", "2024-03-01T10:00:00Z"],
        &["2024-03-01 09:00", "2024-03-01 10:00"],
    )
    .await;
    // The repeated hour at the end of daylight saving time.
    check("hour", &["2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z"], &["2024-10-27 00:00", "2024-10-27 01:00"]).await;
    // Winter and summer time.
    check(
        "day",
        &["2024-03-01T22:59:59Z", "2024-03-01T23:00:00Z", "2024-07-01T22:00:00Z"],
        &["2024-02-29 23:00", "2024-03-01 23:00", "2024-07-01 22:00"],
    )
    .await;
    check(
        "month",
        &["2024-03-31T21:59:59Z", "2024-03-01T00:00:00Z", "2024-03-31T22:00:00Z"],
        &["2024-02-29 23:00", "2024-03-31 22:00"],
    )
    .await;
}

#[tokio::test]
async fn repeated_reply_has_the_unclaimed_run() {
    let shop = Shop::new("[run]\nwhen = \"any\"\nper = \"day\"").await;
    let request = shop.request("orders", DAY);
    let first = shop.try_load(&request).await.unwrap();
    assert!(first.run.is_some());

    let again = shop.try_load(&request).await.unwrap();
    assert_eq!(again, LoadReport { duration_ms: again.duration_ms, ..first.clone() });
    let another = LoadRequest { execution: Some("arn:aws:states:::execution:process-file:x".to_owned()), ..request };
    let again = shop.try_load(&another).await.unwrap();
    assert_eq!((again.outcome, again.run), (LoadOutcome::AlreadyLoaded, first.run.clone()));
    // The same content as another version: it loads nothing and joins no run.
    let mut copy = another.clone();
    copy.object = shop.fixture.bucket.put(&another.object.key, Some("v2"), orders(&["ann"]));
    let again = shop.try_load(&copy).await.unwrap();
    assert_eq!((again.outcome, again.run), (LoadOutcome::AlreadyLoaded, first.run));
    assert_eq!(shop.runs().await, "1 Ready 1 orders");

    shop.set_latest("state = 'Running'").await;
    assert_eq!(shop.try_load(&another).await.unwrap().run, None);
}

#[tokio::test]
async fn failed_load_leaves_no_run() {
    let shop = Shop::new(ALL).await;
    shop.load("customers", DAY).await;
    let before = shop.runs().await;
    let refuse = "create function refuse() returns trigger language plpgsql as $$
                      begin raise exception 'refused by the test'; end $$;
                  create trigger refuse before insert on penstock.run_input execute function refuse()";
    shop.fixture.client.batch_execute(refuse).await.unwrap();
    for logical_at in [DAY, "2024-03-02T09:00:00Z"] {
        let error = shop.try_load(&shop.request("orders", logical_at)).await.unwrap_err();
        check_failure(&error, FailureName::DatabaseRefused, "refused by the test");
    }
    assert_eq!(shop.runs().await, before);
    assert_eq!(shop.fixture.count("penstock.load").await, 1);
    assert_eq!(shop.fixture.count("staging.orders").await, 0);

    shop.fixture.client.batch_execute("drop trigger refuse on penstock.run_input").await.unwrap();
    shop.load("orders", DAY).await;
    assert_eq!(shop.runs().await, "1 Waiting 1 customers, 1 orders");
}

#[tokio::test]
async fn locked_run_fails_by_name_after_a_wait() {
    let shop = Shop::new(ALL).await;
    shop.load("customers", DAY).await;
    let holder = shop.fixture.database.connect().await;
    holder.batch_execute("begin; select from penstock.run for update").await.unwrap();
    let request = shop.request("orders", DAY);
    let error = shop.try_load(&request).await.unwrap_err();
    check_failure(
        &error,
        FailureName::LoadInProgress,
        "run of shop for 2024-02-29 23:00:00 UTC: other sessions locked the run",
    );
    assert_eq!(shop.fixture.count("staging.orders").await, 0);
    holder.batch_execute("commit").await.unwrap();
    assert_eq!(shop.try_load(&request).await.unwrap().outcome, LoadOutcome::Loaded);
    assert_eq!(shop.runs().await, "1 Waiting 1 customers, 1 orders");
}

#[tokio::test]
async fn pipeline_without_runs_records_none() {
    for run in ["", "[run]\nafter = \"retail\""] {
        let shop = Shop::new(run).await;
        assert_eq!(shop.load("orders", DAY).await, None);
        assert_eq!(shop.runs().await, "none");
    }
}
