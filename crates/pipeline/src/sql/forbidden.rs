//! Statements that a run's one transaction cannot have.

/// Why the statement with these words (lower case, none inside of parentheses) is refused.
pub(super) fn refusal(words: &[&str]) -> Option<String> {
    let has = |pair: [&str; 2]| words.windows(2).any(|words| *words == pair);
    match words {
        [first @ ("begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release"), ..] => {
            Some(divides(first))
        }
        ["prepare", "transaction", ..] => Some(divides("prepare transaction")),
        ["copy", ..] if has(["from", "stdin"]) || has(["to", "stdout"]) => {
            Some("`copy` with stdin or stdout needs somebody at the other end; load data as a dataset, write it as an export".to_owned())
        }
        [first @ "vacuum", ..] => Some(alone(first)),
        [first @ ("create" | "drop"), second @ ("database" | "tablespace"), ..] => Some(alone(&format!("{first} {second}"))),
        ["alter", "system", ..] => Some(alone("alter system")),
        ["discard", "all", ..] => Some(alone("discard all")),
        ["create" | "drop" | "alter" | "reindex", ..] if words.contains(&"concurrently") => Some(alone("concurrently")),
        _ => None,
    }
}

fn divides(name: &str) -> String {
    format!("`{name}`: all statements of a run are one transaction, which begins and ends by itself")
}

fn alone(name: &str) -> String {
    format!("`{name}` cannot run inside of a transaction, and all statements of a run are one")
}

/// Why the statement may not name a parameter: what it makes outlives the run, and its value.
pub(super) fn keeps_parameters(words: &[&str]) -> Option<String> {
    let is_adjective = |word: &&&str| {
        ["or", "replace", "temp", "temporary", "local", "global", "recursive", "materialized"].contains(*word)
    };
    let [first, rest @ ..] = words else { return None };
    let made = rest.iter().find(|word| !is_adjective(word))?;
    let outlives = *first == "create" && ["view", "function", "procedure", "trigger", "rule", "policy"].contains(made);
    outlives.then(|| format!("a {made} outlives the run and the parameter's value; write the value into a table"))
}

/// Whether the statement gives rows and changes nothing, by its first word.
pub(super) fn is_query(sql: &str) -> bool {
    let inner = sql.trim_start_matches(|c: char| c == '(' || c.is_whitespace());
    let word: String = inner.chars().take_while(char::is_ascii_alphabetic).collect();
    ["select", "with", "values", "table"].contains(&word.to_ascii_lowercase().as_str())
}
