use std::io::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

use flate2::write::GzEncoder;
use protocol::{Compression, FailureName, FileKind, LoadOutcome, LoadRequest, Resolution, ResolveRequest};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::environment::{
    Bucket, DEFINITION, Environment, LoaderProcess, check_failure, function, load_report, orders, request, storage,
};
use crate::fault_proxy::{FaultProxy, ProxyFault};
use crate::microburst::Microburst;

const ROWS: usize = 20_000;
const MANY_ROWS: usize = 400_000;
/// `loader::limits::STORAGE_ATTEMPTS_MAX`
const TRIES: u64 = 4;
/// What breaks off before its head is read is asked for again by the SDK.
const ONE_OR_MORE: RangeInclusive<u64> = 1..=TRIES;
/// The SDK's own number.
const RESOLVER_TRIES: u64 = 3;

/// A loader that reads S3 through a proxy.
struct Stage {
    environment: Environment,
    proxy: Microburst,
    loader: LoaderProcess,
    loads: usize,
}

impl Stage {
    async fn new() -> Self {
        let environment = Environment::new().await;
        let proxy = Microburst::before(environment.storage.address);
        let loader = LoaderProcess::start(&proxy.endpoint(), &environment.database.url);
        Self { environment, proxy, loader, loads: 0 }
    }

    async fn request(&mut self, compression: Compression) -> (String, LoadRequest) {
        self.loads += 1;
        let customer = format!("fault {}", self.loads);
        let key = format!("faults/{customer} {}.csv", self.proxy.endpoint().rsplit(':').next().unwrap());
        let rows = orders(ROWS, &customer);
        let body = if compression == Compression::Gzip { gzip(&rows) } else { rows.into_bytes() };
        let object = self.environment.storage.put(Bucket::Plain, &key, body).await;
        (customer, LoadRequest { compression, ..request(&object) })
    }

    /// The fault fails the load by this name, so often; without it the same request is loaded.
    async fn fails(&mut self, fault: &Value, name: FailureName, fired: RangeInclusive<u64>) {
        self.fails_with(Compression::None, fault, name, fired).await;
    }

    async fn fails_with(
        &mut self,
        compression: Compression,
        fault: &Value,
        name: FailureName,
        fired: RangeInclusive<u64>,
    ) {
        let (customer, request) = self.request(compression).await;
        let bytes = request.object.size_bytes.unwrap();
        self.proxy.fault(Some(fault), bytes);
        check_failure(&self.loader.load(&request), name);
        assert!(fired.contains(&self.proxy.fired()), "{} requests met {fault}", self.proxy.fired());
        assert_eq!(self.environment.session.count_rows(&customer).await, 0, "{fault}");
        self.proxy.fault(None, bytes);
        assert_eq!(load_report(self.loader.load(&request)).outcome, LoadOutcome::Loaded);
        self.environment.session.check_rows(ROWS, &customer).await;
    }

    /// The fault is got over without a word.
    async fn passes(&mut self, fault: &Value) {
        let (customer, request) = self.request(Compression::None).await;
        self.proxy.fault(Some(fault), request.object.size_bytes.unwrap());
        assert_eq!(load_report(self.loader.load(&request)).rows_loaded, ROWS as u64, "{fault}");
        assert!(self.proxy.fired() > 0, "no request met {fault}");
        self.environment.session.check_rows(ROWS, &customer).await;
    }
}

/// Not made smaller: so much of it is still on the way when its beginning is looked at.
fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

pub(crate) async fn storage_errors_are_retried_then_reported() -> String {
    let mut stage = Stage::new().await;
    let refusals = [
        json!({"error": {"code": "InternalError", "status": 500}}),
        json!({"error": {"code": "SlowDown", "status": 503}}),
        json!({"reset": true}),
    ];
    for refusal in &refusals {
        stage.passes(&once(refusal)).await;
        stage.fails(refusal, FailureName::StorageUnavailable, TRIES..=TRIES).await;
    }
    stage.environment.session.check_invariants().await;
    format!(
        "500, 503 SlowDown, reset: got over when it comes once; StorageUnavailable after {TRIES} tries, 0 rows, then exact"
    )
}

/// The resolver reads definitions before there is anything to load.
pub(crate) async fn resolver_retries_storage_errors_then_reports() -> String {
    let storage = storage().await;
    // A bucket that has no other definition: the proxy tells one length for all that it passes on.
    storage.put(Bucket::Versioned, "pipelines/shop/pipeline.toml", DEFINITION).await;
    let proxy = Microburst::before(storage.address);
    let buckets = [("DEFINITIONS_BUCKET", Bucket::Versioned.name()), ("LANDING_BUCKET", Bucket::Plain.name())];
    let mut resolver = function("trigger-resolver", &proxy.endpoint(), "", &buckets);
    let key = "faults/resolved.csv";
    let object = storage.put(Bucket::Plain, key, orders(1, "resolved")).await;
    let file = FileKind::of_key(key).unwrap();
    let payload = serde_json::to_vec(&ResolveRequest { execution: None, object, file, waited_s: 0 }).unwrap();
    let mut resolve = || block_in_place(|| resolver.invoke(&payload, Duration::from_secs(60)));

    let slow_down = json!({"error": {"code": "SlowDown", "status": 503}});
    proxy.fault(Some(&slow_down), DEFINITION.len() as u64);
    // On a machine that has no time left the list before it may be what takes too long.
    while proxy.fired() == 0 {
        check_failure(&resolve(), FailureName::StorageUnavailable);
    }
    assert!((1..=RESOLVER_TRIES).contains(&proxy.fired()), "{} tries", proxy.fired());
    proxy.fault(Some(&once(&slow_down)), DEFINITION.len() as u64);
    let resolution: Resolution = serde_json::from_value(resolve().answer()).unwrap();
    assert!(matches!(resolution, Resolution::Load { .. }), "{resolution:?}");
    assert_eq!(proxy.fired(), 1, "the one refusal was met");
    format!("a resolver that meets 503 once resolves; for ever: StorageUnavailable after {RESOLVER_TRIES} tries")
}

fn once(fault: &Value) -> Value {
    let mut fault = fault.clone();
    fault["times"] = json!(1);
    fault
}

pub(crate) async fn corrupt_body_is_never_committed() -> String {
    let mut stage = Stage::new().await;
    let bodies = [
        ("cut off in the middle", json!({"response": {"abort_frac": 0.5}})),
        ("16 wrong bytes", json!({"response": {"corrupt_bytes": 16}})),
        ("1 wrong byte", json!({"response": {"corrupt_bytes": 1}})),
    ];
    for (_, fault) in &bodies {
        stage.fails(fault, FailureName::ObjectCorrupted, ONE_OR_MORE).await;
        // Its decoder stumbles first, and may not say that the file is to blame.
        stage.fails_with(Compression::Gzip, fault, FailureName::ObjectCorrupted, ONE_OR_MORE).await;
    }
    stage.environment.session.check_invariants().await;
    let bodies: Vec<&str> = bodies.iter().map(|(body, ..)| *body).collect();
    format!("{}, plain and gzip: ObjectCorrupted, 0 rows, then exact", bodies.join(", "))
}

/// The decoder refuses it at once, for good; but it is not the file that is to blame.
pub(crate) async fn corrupt_body_is_transient() -> String {
    let environment = Environment::new().await;
    let proxy = FaultProxy::before(environment.storage.address);
    let body = gzip(&orders(MANY_ROWS, "damaged"));
    let mib = body.len() / (1024 * 1024);
    let mut request = request(&environment.storage.put(Bucket::Plain, "faults/damaged.csv", body).await);
    request.compression = Compression::Gzip;
    proxy.arm(ProxyFault::CorruptGzip);
    let mut loader = environment.loader_through(proxy.address);
    check_failure(&loader.load(&request), FailureName::ObjectCorrupted);
    proxy.wait_for_fault();
    assert_eq!(environment.session.count_rows("damaged").await, 0);
    assert_eq!(load_report(loader.load(&request)).rows_loaded, MANY_ROWS as u64);
    environment.session.check_rows(MANY_ROWS, "damaged").await;
    format!("a damaged header of {mib} MiB of gzip: ObjectCorrupted, which is tried again, and not MalformedFile")
}

pub(crate) async fn slow_body_loads_completely() -> String {
    let mut stage = Stage::new().await;
    stage.passes(&json!({"response": {"bandwidth_kbps": 64}})).await;
    stage.environment.session.check_invariants().await;
    format!("{ROWS} rows at 64 KiB/s: exact")
}

pub(crate) async fn stalled_body_fails_before_lambda_timeout() -> String {
    let environment = Environment::new().await;
    let proxy = FaultProxy::before(environment.storage.address);
    let body = orders(ROWS, "stalled");
    let after_bytes = body.len() / 2;
    let request = request(&environment.storage.put(Bucket::Plain, "faults/stalled.csv", body).await);
    proxy.arm(ProxyFault::Stall { after_bytes });
    let mut loader = environment.loader_through(proxy.address);
    let outcome = loader.load(&request);
    check_failure(&outcome, FailureName::StorageStalled);
    proxy.release();
    assert_eq!(environment.session.count_rows("stalled").await, 0);
    assert_eq!(load_report(loader.load(&request)).rows_loaded, ROWS as u64);
    environment.session.check_rows(ROWS, "stalled").await;
    environment.session.check_invariants().await;
    "silence in the middle of a body: StorageStalled after 30 s, 0 rows, then exact".to_owned()
}
