use pipeline::sql::{Script, Statement};
use pipeline::{Dataset, Definition};

/// Parses text as a `pipeline.toml`, as a transform and as an export's query. Parsing must not panic. Each dataset must
/// be equal after printing and parsing, and each statement after splitting again.
///
/// # Panics
/// If a promise is broken.
pub fn definition(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(definition) = Definition::parse("shop", "pipeline.toml", &text) {
        definition.datasets.iter().for_each(check_printed);
    }
    // Any text has a result: one query, or the reason why it is none.
    let _ = Statement::query(&text);
    let Ok(script) = Script::parse("transform.sql", &text) else { return };
    for statement in &script.statements {
        assert!(!statement.sql.trim().is_empty(), "an empty statement");
        // A byte order mark is one only at the beginning of a file.
        let again =
            Script::parse("again.sql", &format!("\n{}", statement.sql)).unwrap_or_else(|errors| panic!("{errors}"));
        let sent: Vec<&str> = again.statements.iter().map(|statement| statement.sql.as_str()).collect();
        assert_eq!(sent, [statement.sql.as_str()]);
        assert!(statement.line_at(u32::MAX) >= statement.line_at(1));
    }
}

fn check_printed(dataset: &Dataset) {
    let printed = dataset.to_toml();
    let read = Definition::parse("shop", "printed.toml", &printed);
    let read = read.unwrap_or_else(|errors| panic!("{errors}\nof\n{printed}"));
    assert_eq!(read.datasets.first(), Some(dataset), "{printed}");
}
