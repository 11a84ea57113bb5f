use strsim::osa_distance;

/// The known name that a mistyped one most probably means; `None` when none is near.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    // A third of the letters: `tabel` is `table`, and `foo` is nothing.
    let distance_max = (typed.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (osa_distance(&typed, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `; did you mean …?` with the known name that a mistyped one most probably means, or nothing, to end a message with.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name() {
        let check = |typed: &str, expected: Option<&str>| {
            assert_eq!(nearest(typed, ["table", "columns", "source", "wait"]), expected, "{typed}");
        };
        check("colums", Some("columns"));
        check("tabel", Some("table"));
        check("Source", Some("source"));
        check("wiat", Some("wait"));
        check("", None);
        check("frobnicate", None);
    }
}
