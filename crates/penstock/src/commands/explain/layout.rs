use chrono::{DateTime, SecondsFormat, Utc};

/// Formats a labelled line below the headline.
pub(super) fn line(label: &str, text: &str) -> String {
    format!("  {label:<8} {text}")
}

pub(super) fn utc(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
