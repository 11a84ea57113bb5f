use strsim::osa_distance;

/// Returns the known name that is most similar to a mistyped name; `None` when none is similar.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    // A third of the letters: `tabel` becomes `table`, and `foo` has no similar name.
    let distance_max = (typed.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (osa_distance(&typed, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Returns the end of an error message, `; did you mean …?`, or an empty text when no known name is similar.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_name_finds_the_nearest() {
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
