use std::collections::HashSet;

/// Returns the first text that comes twice.
pub(super) fn first_duplicate<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    texts.into_iter().find(|text| !seen.insert(*text))
}
