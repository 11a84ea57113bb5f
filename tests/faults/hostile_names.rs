use protocol::LoadOutcome;

use crate::environment::{Bucket, Environment, load_report, orders, request};

/// Names that look like SQL, paths, terminators, placeholders, reversed text or another alphabet.
const HOSTILE: [&str; 10] = [
    "\"; drop table penstock.load; --",
    "'); drop schema staging cascade; --",
    "../../etc/passwd",
    "%2e%2e%2f",
    "a\u{202e}vsc",
    "\u{0440}aypal",
    "$1 :name {batch} ${Bucket}",
    "\\x00\\",
    "sixty-four-bytes-and-more-sixty-four-bytes-and-more-sixty-four-bytes",
    "tab\tand\u{1}control",
];

/// Uses each name in the key and in the data.
pub(crate) async fn hostile_names_are_plain_values() -> String {
    let environment = Environment::new().await;
    let mut loader = environment.loader();
    for (number, name) in HOSTILE.into_iter().enumerate() {
        let rows = number + 1;
        let field = format!("\"{}\"", name.replace('"', "\"\""));
        let key = format!("faults/{name}.csv");
        let object = environment.storage.put(Bucket::Plain, &key, orders(rows, &field)).await;
        let loaded = load_report(loader.load(&request(&object)));
        assert_eq!((loaded.outcome, loaded.rows_loaded), (LoadOutcome::Loaded, rows as u64), "{name:?}");
        environment.session.check_rows(rows, name).await;
        assert_eq!(environment.session.count_loads(&key).await, 1, "{name:?}");
    }
    assert_eq!(environment.session.count("pg_namespace where nspname in ('penstock', 'staging')").await, 2);
    environment.session.check_invariants().await;
    format!("{} hostile keys and values: each loaded unchanged and found by its name", HOSTILE.len())
}
