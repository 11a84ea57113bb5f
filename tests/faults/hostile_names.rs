use protocol::LoadOutcome;

use crate::environment::{Bucket, Environment, load_report, orders, request};

/// What a name may hold to be taken for something else: SQL, a path, a terminator, another direction, a look-alike.
const POISON: [&str; 10] = [
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

/// In the key and in the data: both are only ever values.
pub(crate) async fn hostile_names_are_plain_values() -> String {
    let environment = Environment::new().await;
    let mut loader = environment.loader();
    for (number, poison) in POISON.into_iter().enumerate() {
        let rows = number + 1;
        let field = format!("\"{}\"", poison.replace('"', "\"\""));
        let key = format!("faults/{poison}.csv");
        let object = environment.storage.put(Bucket::Plain, &key, orders(rows, &field)).await;
        let loaded = load_report(loader.load(&request(&object)));
        assert_eq!((loaded.outcome, loaded.rows_loaded), (LoadOutcome::Loaded, rows as u64), "{poison:?}");
        environment.session.check_rows(rows, poison).await;
        assert_eq!(environment.session.count_loads(&key).await, 1, "{poison:?}");
    }
    assert_eq!(environment.session.count("pg_namespace where nspname in ('penstock', 'staging')").await, 2);
    environment.session.check_invariants().await;
    format!("{} poisoned keys and values: each loaded as it is, found again under its own name", POISON.len())
}
