use serde::Deserialize;

/// A pattern of keys. `*` matches any characters, also `/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct KeyPattern(String);

impl KeyPattern {
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Returns true if the whole key matches.
    pub fn matches(&self, key: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == key };
        let Some(mut key) = key.strip_prefix(start) else { return false };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        // Take the earliest match: it leaves the longest rest for the following parts.
        for part in middle.split('*') {
            let Some((_, after)) = key.split_once(part) else { return false };
            key = after;
        }
        key.ends_with(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_matches_any_characters() {
        let check = |pattern: &str, key: &str, expected: bool| {
            assert_eq!(KeyPattern::new(pattern).matches(key), expected, "{pattern} on {key}");
        };
        check("a.csv", "a.csv", true);
        check("a.csv", "a.csv.gz", false);
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
        check("*", "raw/é ü.csv", true);
        check("raw/*", "raw/2024/a.csv", true);
        check("raw/*", "draw/a.csv", false);
        check("*.csv", "raw/a.csv", true);
        check("*.csv", "raw/a.csv.gz", false);
        check("raw/*/orders.csv", "raw/2024/05/orders.csv", true);
        check("raw/*/orders.csv", "raw/orders.csv", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        // Start and end must not overlap.
        check("aba*aba", "aba", false);
        check("a**c", "abc", true);
    }
}
