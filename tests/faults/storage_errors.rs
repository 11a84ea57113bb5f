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
/// `ATTEMPTS_MAX` of `object_store::client`
const ATTEMPTS: u64 = 4;
/// The SDK retries a response that ends within its head.
const ONE_OR_MORE: RangeInclusive<u64> = 1..=ATTEMPTS;

/// A loader that reads S3 through microburst.
struct ProxiedLoader {
    environment: Environment,
    proxy: Microburst,
    loader: LoaderProcess,
    loads: usize,
}

impl ProxiedLoader {
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

    /// Checks that the load fails by this name after `fired` requests, and loads once the fault is removed.
    async fn check_fails(&mut self, fault: &Value, name: FailureName, fired: RangeInclusive<u64>) {
        self.check_fails_with(Compression::None, fault, name, fired).await;
    }

    async fn check_fails_with(
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
        assert!(fired.contains(&self.proxy.fired()), "{} requests had {fault}", self.proxy.fired());
        assert_eq!(self.environment.session.count_rows(&customer).await, 0, "{fault}");
        self.proxy.fault(None, bytes);
        assert_eq!(load_report(self.loader.load(&request)).outcome, LoadOutcome::Loaded);
        self.environment.session.check_rows(ROWS, &customer).await;
    }

    /// Checks that the load succeeds in spite of the fault.
    async fn check_recovers(&mut self, fault: &Value) {
        let (customer, request) = self.request(Compression::None).await;
        self.proxy.fault(Some(fault), request.object.size_bytes.unwrap());
        assert_eq!(load_report(self.loader.load(&request)).rows_loaded, ROWS as u64, "{fault}");
        assert!(self.proxy.fired() > 0, "no request had {fault}");
        self.environment.session.check_rows(ROWS, &customer).await;
    }
}

/// Stores the text without compressing it, so that most of the body is unread when the decoder sees the header.
fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

pub(crate) async fn storage_errors_are_retried_then_reported() -> String {
    let mut loader = ProxiedLoader::new().await;
    let errors = [
        json!({"error": {"code": "InternalError", "status": 500}}),
        json!({"error": {"code": "SlowDown", "status": 503}}),
        json!({"reset": true}),
    ];
    for error in &errors {
        loader.check_recovers(&once(error)).await;
        loader.check_fails(error, FailureName::StorageUnavailable, ATTEMPTS..=ATTEMPTS).await;
    }
    loader.environment.session.check_invariants().await;
    format!("500, 503 SlowDown, reset: one is retried; StorageUnavailable after {ATTEMPTS} attempts, 0 rows, then all")
}

/// The resolver reads definitions from S3.
pub(crate) async fn resolver_retries_storage_errors_then_reports() -> String {
    let storage = storage().await;
    // The bucket holds one definition, because the proxy sends one Content-Length for every object.
    storage.put(Bucket::Versioned, "pipelines/shop/pipeline.toml", DEFINITION).await;
    let proxy = Microburst::before(storage.address);
    let buckets = [("DEFINITIONS_BUCKET", Bucket::Versioned.name()), ("LANDING_BUCKET", Bucket::Plain.name())];
    let mut resolver = function("trigger-resolver", &proxy.endpoint(), "", &buckets);
    let key = "faults/resolved.csv";
    let object = storage.put(Bucket::Plain, key, orders(1, "resolved")).await;
    let file = FileKind::of_key(key).unwrap();
    let payload =
        serde_json::to_vec(&ResolveRequest { execution: None, object, file, waited_s: 0, reload: None }).unwrap();
    let mut resolve = || block_in_place(|| resolver.invoke(&payload, Duration::from_secs(60)));

    let slow_down = json!({"error": {"code": "SlowDown", "status": 503}});
    proxy.fault(Some(&slow_down), DEFINITION.len() as u64);
    // On a busy machine the list request may already time out.
    while proxy.fired() == 0 {
        check_failure(&resolve(), FailureName::StorageUnavailable);
    }
    assert!((1..=ATTEMPTS).contains(&proxy.fired()), "{} attempts", proxy.fired());
    proxy.fault(Some(&once(&slow_down)), DEFINITION.len() as u64);
    let resolution: Resolution = serde_json::from_value(resolve().answer()).unwrap();
    assert!(matches!(resolution, Resolution::Load { .. }), "{resolution:?}");
    assert_eq!(proxy.fired(), 1, "one request had the fault");
    format!("the resolver retries one 503; repeated: StorageUnavailable after {ATTEMPTS} attempts")
}

fn once(fault: &Value) -> Value {
    let mut fault = fault.clone();
    fault["times"] = json!(1);
    fault
}

pub(crate) async fn corrupt_body_is_never_committed() -> String {
    let mut loader = ProxiedLoader::new().await;
    let bodies = [
        ("cut off in the middle", json!({"response": {"abort_frac": 0.5}})),
        ("16 wrong bytes", json!({"response": {"corrupt_bytes": 16}})),
        ("1 wrong byte", json!({"response": {"corrupt_bytes": 1}})),
    ];
    for (_, fault) in &bodies {
        loader.check_fails(fault, FailureName::ObjectCorrupted, ONE_OR_MORE).await;
        // The decoder fails first. Its error must not be reported as a malformed file.
        loader.check_fails_with(Compression::Gzip, fault, FailureName::ObjectCorrupted, ONE_OR_MORE).await;
    }
    loader.environment.session.check_invariants().await;
    let bodies: Vec<&str> = bodies.iter().map(|(body, ..)| *body).collect();
    format!("{}, plain and gzip: ObjectCorrupted, 0 rows, then all", bodies.join(", "))
}

/// A corrupt gzip header is a permanent error for the decoder. The checksum shows that the transfer is at fault.
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
    format!("a corrupt header of {mib} MiB of gzip: ObjectCorrupted, which is retried, not MalformedFile")
}

pub(crate) async fn slow_body_loads_completely() -> String {
    let mut loader = ProxiedLoader::new().await;
    loader.check_recovers(&json!({"response": {"bandwidth_kbps": 64}})).await;
    loader.environment.session.check_invariants().await;
    format!("{ROWS} rows at 64 KiB/s: all loaded")
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
    "a body that stalls halfway: StorageStalled after 30 s, 0 rows, then all".to_owned()
}
