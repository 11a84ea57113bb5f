/// The known name that a mistyped one most probably means; `None` when none is near.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    // A third of the letters: `tabel` is `table`, and `foo` is nothing.
    let distance_max = (typed.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(&typed, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `; did you mean …?` with the known name that a mistyped one most probably means, or nothing, to end a message with.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Insertions, deletions, substitutions and swaps of neighbours that make one text the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (row, l) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, r) in right.iter().enumerate() {
            let substituted = last[column] + usize::from(l != *r);
            let mut best = substituted.min(last[column + 1] + 1).min(current[column] + 1);
            if column > 0 && Some(*r) == previous && right[column - 1] == l {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        previous = Some(l);
        before_last = std::mem::replace(&mut last, current);
    }
    last[right.len()]
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
