//! Runs the loader's binary as Lambda does.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pipeline::{Dataset, Definition};
use protocol::{FileKind, LoadOutcome, LoadReport, LoadRequest, ObjectRef};
use test_support::runtime_api::Function;

use crate::file_server::{self, FileServer};
use crate::generated_rows::COLUMNS;
use crate::process::{ProcessStat, peak_mb};
use crate::resources::Resources;
use crate::server::{PostgresServer, TABLE};

const TIMEOUT: Duration = Duration::from_secs(900);

pub(crate) struct Penstock {
    binary: PathBuf,
    environment: Vec<(&'static str, String)>,
    definition: String,
    parsed: Definition,
}

impl Penstock {
    pub(crate) fn new(binary: PathBuf, bucket: &FileServer, server: &PostgresServer) -> Self {
        let environment = vec![
            ("AWS_ENDPOINT_URL", bucket.endpoint.clone()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
            ("DATABASE_URL", server.url.clone()),
        ];
        let mut definition = format!(
            "[datasets.orders]\nsource = \"orders/{{batch}}.csv\"\ntable = \"{TABLE}\"\non_new_version = \"append\"\n"
        );
        for (name, kind) in COLUMNS {
            definition.push_str(&format!("columns.{name} = \"{kind}\"\n"));
        }
        let parsed = Definition::parse("shop", "pipeline.toml", &definition).expect("a valid definition");
        Self { binary, environment, definition, parsed }
    }

    pub(crate) fn dataset(&self) -> &Dataset {
        &self.parsed.datasets[0]
    }

    pub(crate) fn start(&self) -> Function {
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Function::start(&self.binary, &environment)
    }

    /// Returns the same loader with a limit of its address space.
    pub(crate) fn within(&self, folder: &Path, memory_mib: u64) -> io::Result<Self> {
        let binary = folder.join("loader-within-its-memory");
        let (kib, loader) = (memory_mib * 1024, self.binary.display());
        fs::write(&binary, format!("#!/bin/sh\nulimit -v {kib} && exec '{loader}'\n"))?;
        fs::set_permissions(&binary, Permissions::from_mode(0o755))?;
        let Self { environment, definition, parsed, .. } = self;
        Ok(Self { binary, environment: environment.clone(), definition: definition.clone(), parsed: parsed.clone() })
    }

    /// Loads a file with a new process. The time includes the cold start.
    pub(crate) fn load(&self, server: &PostgresServer, file: &str) -> (Resources, LoadReport) {
        let server_before = server.cpu_s();
        let started = Instant::now();
        let mut function = self.start();
        let report = self.load_with(&mut function, file);
        let wall_s = started.elapsed().as_secs_f64();
        let client_cpu_s = ProcessStat::of(function.pid()).map_or(f64::NAN, |stat| stat.own_cpu_s);
        let peak_mb = peak_mb(function.pid()).unwrap_or(f64::NAN);
        drop(function);
        let server_cpu_s = server.cpu_s() - server_before;
        (Resources { wall_s, client_cpu_s, server_cpu_s, peak_mb }, report)
    }

    /// Loads a file under a new key, so that it is a new object.
    pub(crate) fn load_with(&self, function: &mut Function, file: &str) -> LoadReport {
        let request = serde_json::to_string(&self.request(file)).expect("JSON");
        let reply = function.invoke(request, TIMEOUT).answer();
        let report: LoadReport = serde_json::from_value(reply).expect("a report");
        assert_eq!(report.outcome, LoadOutcome::Loaded);
        report
    }

    fn request(&self, file: &str) -> LoadRequest {
        static OBJECTS: AtomicU64 = AtomicU64::new(0);
        let number = OBJECTS.fetch_add(1, Ordering::Relaxed);
        let Ok(FileKind::Data { format, compression }) = FileKind::of_key(file) else { panic!("{file} has no format") };
        LoadRequest {
            execution: None,
            pipeline: "shop".to_owned(),
            dataset: "orders".to_owned(),
            object: ObjectRef::new(file_server::BUCKET, format!("orders/{number}/{file}")),
            format,
            compression,
            logical_at: "2024-01-01T00:00:00Z".parse().expect("a time"),
            scheduled_at: None,
            actual_at: None,
            definition: self.definition.clone(),
            definition_hash: self.parsed.hash.clone(),
            notify_success: false,
            repairs: None,
            reloads: None,
        }
    }
}
