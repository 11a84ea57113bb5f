use pipeline::sql::{Script, Statement};
use pipeline::{Dataset, Definition};

/// Text that is read as a `pipeline.toml`, as a transform and as an export's query: nothing of it makes the reader
/// panic, each dataset is read back as it is printed, and each statement as it is sent.
///
/// # Panics
/// When a promise is broken.
pub fn definition(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(definition) = Definition::parse("shop", "pipeline.toml", &text) {
        definition.datasets.iter().for_each(check_printed);
    }
    // Whether it is one query, and why not, must be told of any text.
    let _ = Statement::query(&text);
    let Ok(script) = Script::parse("transform.sql", &text) else { return };
    for statement in &script.statements {
        assert!(!statement.sql.trim().is_empty(), "a statement of nothing");
        // A mark would be one only at the beginning.
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
