//! Statements that cannot run in the transaction of a run.

/// Returns the reason why a statement is rejected. `words` are its words outside parentheses in lower case.
pub(super) fn reason(words: &[&str]) -> Option<String> {
    let has = |pair: [&str; 2]| words.windows(2).any(|words| *words == pair);
    match words {
        [first @ ("begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release"), ..] => {
            Some(transaction_control(first))
        }
        ["prepare", "transaction", ..] => Some(transaction_control("prepare transaction")),
        ["copy", ..] if has(["from", "stdin"]) || has(["to", "stdout"]) => Some(
            "`copy` with stdin or stdout is not supported; load data as a dataset, write it as an export".to_owned(),
        ),
        [first @ "vacuum", ..] => Some(outside_transaction(first)),
        [first @ ("create" | "drop"), second @ ("database" | "tablespace"), ..] => {
            Some(outside_transaction(&format!("{first} {second}")))
        }
        ["alter", "system", ..] => Some(outside_transaction("alter system")),
        ["discard", "all", ..] => Some(outside_transaction("discard all")),
        ["create" | "drop" | "alter" | "reindex", ..] if words.contains(&"concurrently") => {
            Some(outside_transaction("concurrently"))
        }
        _ => None,
    }
}

fn transaction_control(name: &str) -> String {
    format!("`{name}` is not allowed: Penstock runs all statements in one transaction")
}

fn outside_transaction(name: &str) -> String {
    format!("`{name}` cannot run in a transaction, and Penstock runs all statements in one")
}

/// Returns the reason why a statement cannot use a parameter: it creates an object that remains after the run.
pub(super) fn parameter_reason(words: &[&str]) -> Option<String> {
    let is_adjective = |word: &&&str| {
        ["or", "replace", "temp", "temporary", "local", "global", "recursive", "materialized"].contains(*word)
    };
    let [first, rest @ ..] = words else { return None };
    let made = rest.iter().find(|word| !is_adjective(word))?;
    let remains = *first == "create" && ["view", "function", "procedure", "trigger", "rule", "policy"].contains(made);
    remains.then(|| {
        format!("a {made} cannot use a parameter, because it remains after the run; write the value to a table")
    })
}

/// Returns true if the statement is a query, by its first word.
pub(super) fn is_query(sql: &str) -> bool {
    let inner = sql.trim_start_matches(|c: char| c == '(' || c.is_whitespace());
    let word: String = inner.chars().take_while(char::is_ascii_alphabetic).collect();
    ["select", "with", "values", "table"].contains(&word.to_ascii_lowercase().as_str())
}
