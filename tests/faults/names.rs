use protocol::LoadOutcome;

use crate::ground::{Bucket, Ground, orders, report, request};

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
pub(crate) async fn poisoned_names_are_only_ever_names() -> String {
    let ground = Ground::new().await;
    let mut loader = ground.loader();
    for (number, poison) in POISON.into_iter().enumerate() {
        let rows = number + 1;
        let field = format!("\"{}\"", poison.replace('"', "\"\""));
        let key = format!("faults/{poison}.csv");
        let object = ground.storage.put(Bucket::Plain, &key, orders(rows, &field)).await;
        let loaded = report(loader.load(&request(&object)));
        assert_eq!((loaded.outcome, loaded.rows_loaded), (LoadOutcome::Loaded, rows as u64), "{poison:?}");
        ground.seen.has_exactly(rows, poison).await;
        assert_eq!(ground.seen.loads_of(&key).await, 1, "{poison:?}");
    }
    assert_eq!(ground.seen.count("pg_namespace where nspname in ('penstock', 'staging')").await, 2);
    ground.seen.keeps_its_invariants().await;
    format!("{} poisoned keys and values: each loaded as it is, found again under its own name", POISON.len())
}
