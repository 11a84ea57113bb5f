//! Finds a key that two templates share.
//!
//! The search compares the templates folder by folder, with sample times. It may miss a shared key.

use std::collections::{HashMap, VecDeque};

use chrono::{NaiveDate, NaiveDateTime};

use super::key_template::KeyTemplate;
use super::segment::{Atom, Segment};
use crate::limits::OVERLAP_PAIRS_MAX;

/// The characters that a position of a folder or file name can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symbol {
    Char(char),
    /// Any one character.
    One,
    /// Any number of any characters.
    Many,
}

/// Positions in the two names that the same text reaches.
type Pair = (usize, usize);

impl KeyTemplate {
    /// Returns a key that `other` matches too; `None` when there is none, or when samples do not find one.
    pub(crate) fn shared_key(&self, other: &KeyTemplate) -> Option<String> {
        shared_key(self, other)
    }
}

fn shared_key(left: &KeyTemplate, right: &KeyTemplate) -> Option<String> {
    if left.segments.len() != right.segments.len() {
        return None;
    }
    let mut keys = sample_times().filter_map(|time| {
        let pairs = left.segments.iter().zip(&right.segments);
        let names: Option<Vec<String>> =
            pairs.map(|(left, right)| shared_name(&symbols(left, time), &symbols(right, time))).collect();
        Some(names?.join("/"))
    });
    // The search ignores placeholders that are used twice, and invalid dates.
    keys.find(|key| left.matches(key).is_some() && right.matches(key).is_some())
}

/// Returns times to try templates with: a common time, and one with equal fields, which `%m-%d` and `%d-%m` share.
pub(crate) fn sample_times() -> impl Iterator<Item = NaiveDateTime> {
    let at = |(year, month, day), (hour, minute, second)| {
        NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, second)
    };
    [at((2024, 2, 29), (10, 15, 0)), at((1010, 10, 10), (10, 10, 10))].into_iter().flatten()
}

fn symbols(segment: &Segment, time: NaiveDateTime) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    for atom in segment {
        match atom {
            Atom::Literal(text) => symbols.extend(text.chars().map(Symbol::Char)),
            Atom::Digits { field, .. } => symbols.extend(field.digits(time).chars().map(Symbol::Char)),
            Atom::Text(_) => symbols.extend([Symbol::One, Symbol::Many]),
            Atom::Star => symbols.push(Symbol::Many),
        }
    }
    symbols
}

/// Returns the shortest text that both names match.
fn shared_name(left: &[Symbol], right: &[Symbol]) -> Option<String> {
    let end = (left.len(), right.len());
    if left.len().saturating_mul(right.len()) > OVERLAP_PAIRS_MAX {
        return None;
    }
    let mut reached_from: HashMap<Pair, (Pair, Option<char>)> = HashMap::new();
    let mut waiting = VecDeque::from([(0, 0)]);
    while let Some(at) = waiting.pop_front() {
        if at == end {
            return Some(spelled(&reached_from, end));
        }
        for (next, character) in steps(left, right, at) {
            if next != (0, 0) && !reached_from.contains_key(&next) {
                reached_from.insert(next, (at, character));
                waiting.push_back(next);
            }
        }
    }
    None
}

/// Returns the positions after one more character, or after the end of a [`Symbol::Many`] without a character.
fn steps(left: &[Symbol], right: &[Symbol], (l, r): Pair) -> Vec<(Pair, Option<char>)> {
    let (left, right) = (left.get(l), right.get(r));
    let mut steps = Vec::new();
    if left == Some(&Symbol::Many) {
        steps.push(((l + 1, r), None));
    }
    if right == Some(&Symbol::Many) {
        steps.push(((l, r + 1), None));
    }
    if let (Some(left), Some(right)) = (left, right) {
        let character = match (left, right) {
            (Symbol::Char(left), Symbol::Char(right)) => (left == right).then_some(*left),
            (Symbol::Char(known), _) | (_, Symbol::Char(known)) => Some(*known),
            _ => Some('x'),
        };
        let after = |at: usize, symbol: &Symbol| if *symbol == Symbol::Many { at } else { at + 1 };
        steps.extend(character.map(|character| ((after(l, left), after(r, right)), Some(character))));
    }
    steps
}

fn spelled(reached_from: &HashMap<Pair, (Pair, Option<char>)>, end: Pair) -> String {
    let steps = std::iter::successors(reached_from.get(&end), |(before, _)| reached_from.get(before));
    let mut characters: Vec<char> = steps.filter_map(|(_, character)| *character).collect();
    characters.reverse();
    characters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shared(left: &str, right: &str) -> Option<String> {
        let template = |text: &str| KeyTemplate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        shared_key(&template(left), &template(right))
    }

    #[test]
    fn shared_keys_are_found() {
        let check = |left: &str, right: &str, expected: Option<&str>| {
            assert_eq!(shared(left, right).as_deref(), expected, "{left} {right}");
            assert_eq!(shared(right, left).is_some(), expected.is_some(), "{right} {left}");
        };
        check("a.csv", "a.csv", Some("a.csv"));
        check("a.csv", "b.csv", None);
        check("a.csv", "*.csv", Some("a.csv"));
        check("a*", "*z", Some("az"));
        check("*.csv", "{batch}.csv", Some("x.csv"));
        check(".csv", "{batch}.csv", None);
        check("*.csv", "*.json", None);
        check("raw/*/a", "raw/b/*", Some("raw/b/a"));
        check("raw/*", "raw/*/*", None);
        check("raw/{date:%F}/*.csv", "raw/{day:%Y-%m-%d}/orders_*", Some("raw/2024-02-29/orders_.csv"));
        check("{date:%F}.csv", "{batch}.csv", Some("2024-02-29.csv"));
        check("{date:%Y/%m/%d}", "*/*/*", Some("2024/02/29"));
        check("{date:%Y%m%d}", "{date:%d%m%Y}", Some("10101010"));
        check("{date:%F}", "{date:%Y_%m_%d}", None);
        check("{status}_{scheduled:%F}.trig", "Succeeded_*.trig", Some("Succeeded_2024-02-29.trig"));
        check("orders-{date:%F}", "shipments-{date:%F}", None);
        check("größe*", "{name}ße", Some("größe"));
        // These share keys that the search does not find.
        check("{shop}/{shop}", "a/*", None);
        check("{date:%Y-%m}", "2023-01", None);
    }

    #[test]
    fn long_names_are_not_searched() {
        let long = "x".repeat(500);
        assert_eq!(shared(&format!("{long}*"), &format!("*{long}")), None);
    }

    proptest! {
        #[test]
        fn wider_template_shares_the_key(names in prop::collection::vec("[ab]{1,4}", 1..4), star in 0..4_usize) {
            let key = names.join("/");
            let wider: Vec<String> = names
                .iter()
                .enumerate()
                .map(|(index, name)| if index == star { "*".to_owned() } else { name.replacen('a', "*", 1) })
                .collect();
            prop_assert_eq!(shared(&key, &wider.join("/")), Some(key));
        }
    }
}
