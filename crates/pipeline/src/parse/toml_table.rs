//! TOML tables and entries with their position, for error messages.

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::error_list::ErrorList;
use crate::nearest::did_you_mean;

/// A table of the file and its position.
#[derive(Debug)]
pub(super) struct TomlTable<'a, 't> {
    /// The last part of its key.
    pub(super) name: &'a str,
    path: String,
    at: usize,
    table: &'a DeTable<'t>,
}

/// A key of a table, its value and their positions.
#[derive(Debug)]
pub(super) struct TomlEntry<'a, 't> {
    pub(super) name: &'a str,
    path: String,
    key_at: usize,
    value: &'a Spanned<DeValue<'t>>,
}

impl<'a, 't> TomlTable<'a, 't> {
    pub(super) fn root(table: &'a DeTable<'t>) -> Self {
        Self { name: "", path: String::new(), at: 0, table }
    }

    pub(super) fn get(&self, name: &str) -> Option<TomlEntry<'a, 't>> {
        self.table.get_key_value(name).map(|(key, value)| self.entry(key, value))
    }

    /// Returns the entries in the order of the file, which a parsed TOML table does not keep.
    pub(super) fn entries(&self) -> Vec<TomlEntry<'a, 't>> {
        let mut entries: Vec<_> = self.table.iter().map(|(key, value)| self.entry(key, value)).collect();
        entries.sort_by_key(|entry| entry.key_at);
        entries
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Returns a table in this table.
    pub(super) fn table(&self, name: &str) -> Option<TomlTable<'a, 't>> {
        let entry = self.get(name)?;
        Some(entry.section_of(entry.value.get_ref().as_table()?))
    }

    /// Returns every dotted key with its byte offset. Leaves out columns, since there may be many.
    pub(super) fn key_positions(&self) -> Vec<(String, usize)> {
        let mut positions = Vec::new();
        for entry in self.entries() {
            positions.push((entry.path.clone(), entry.key_at));
            if entry.name != "columns" {
                positions.extend(entry.tables().iter().flat_map(TomlTable::key_positions));
            }
        }
        positions
    }

    /// Adds an error about a missing key.
    pub(super) fn missing_key(&self, name: &str, errors: &mut ErrorList<'_>, reason: &str) {
        errors.add(self.at, &dotted(&self.path, name), reason);
    }

    /// Returns the entry of a required key.
    pub(super) fn required(&self, name: &str, errors: &mut ErrorList<'_>) -> Option<TomlEntry<'a, 't>> {
        let entry = self.get(name);
        if entry.is_none() {
            self.missing_key(name, errors, &format!("`{name}` is required"));
        }
        entry
    }

    /// Parses one of a few words. Returns the default when the key is missing, and `None` after an error.
    pub(super) fn choice<C: Clone + Default>(
        &self,
        name: &str,
        choices: &[(&str, C)],
        errors: &mut ErrorList<'_>,
    ) -> Option<C> {
        self.get(name).map_or_else(|| Some(C::default()), |entry| entry.choice(choices, errors))
    }

    /// Parses a boolean that is false when the key is missing. Returns `None` after an error.
    pub(super) fn flag(&self, name: &str, errors: &mut ErrorList<'_>) -> Option<bool> {
        self.get(name).map_or(Some(false), |entry| entry.boolean(errors))
    }

    /// Parses a number from 0 that is the default when the key is missing. Returns `None` after an error.
    pub(super) fn number(&self, name: &str, default: u32, errors: &mut ErrorList<'_>) -> Option<u32> {
        let Some(entry) = self.get(name) else { return Some(default) };
        let number = u32::try_from(entry.count(errors)?).map_err(|_| format!("the limit is {}", u32::MAX));
        entry.accept(number, errors)
    }

    /// Parses one of a few words. Returns the default when the key is missing or has an error.
    pub(super) fn choice_or_default<C: Clone + Default>(
        &self,
        name: &str,
        choices: &[(&str, C)],
        errors: &mut ErrorList<'_>,
    ) -> C {
        self.get(name).and_then(|entry| entry.choice(choices, errors)).unwrap_or_default()
    }

    /// Rejects keys that are not in `known`. The caller checks those in `others`.
    pub(super) fn check_keys(&self, known: &[&str], others: &[&str], errors: &mut ErrorList<'_>) {
        for entry in self.entries() {
            if !known.contains(&entry.name) && !others.contains(&entry.name) {
                let nearest = did_you_mean(entry.name, known.iter().chain(others).copied());
                let nearest =
                    if nearest.is_empty() { format!("; expected one of {}", known.join(", ")) } else { nearest };
                entry.error_at_key(errors, &format!("unknown key `{}`{nearest}", entry.name));
            }
        }
    }

    fn entry(&self, key: &'a Spanned<DeString<'t>>, value: &'a Spanned<DeValue<'t>>) -> TomlEntry<'a, 't> {
        let name = key.get_ref();
        TomlEntry { name, path: dotted(&self.path, name), key_at: key.span().start, value }
    }
}

impl<'a, 't> TomlEntry<'a, 't> {
    /// Adds an error at the value.
    pub(super) fn error(&self, errors: &mut ErrorList<'_>, reason: &str) {
        // The span of a table may be its header or the whole table; users look at its key.
        let at = if self.value.get_ref().is_table() { self.key_at } else { self.value.span().start };
        errors.add(at, &self.path, reason);
    }

    /// Adds an error at the key.
    pub(super) fn error_at_key(&self, errors: &mut ErrorList<'_>, reason: &str) {
        errors.add(self.key_at, &self.path, reason);
    }

    /// Returns the parsed value, or adds its error.
    pub(super) fn accept<T, E: ToString>(&self, result: Result<T, E>, errors: &mut ErrorList<'_>) -> Option<T> {
        result.map_err(|error| self.error(errors, &error.to_string())).ok()
    }

    pub(super) fn string(&self, errors: &mut ErrorList<'_>) -> Option<&'a str> {
        self.typed(self.value.get_ref().as_str(), "a string", errors)
    }

    /// Parses one of a few words.
    pub(super) fn choice<T: Clone>(&self, choices: &[(&str, T)], errors: &mut ErrorList<'_>) -> Option<T> {
        let text = self.string(errors)?;
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| value.clone());
        if chosen.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let nearest = did_you_mean(text, words.iter().copied());
            self.error(errors, &format!("`{text}` is not one of {}{nearest}", words.join(", ")));
        }
        chosen
    }

    pub(super) fn boolean(&self, errors: &mut ErrorList<'_>) -> Option<bool> {
        self.typed(self.value.get_ref().as_bool(), "true or false", errors)
    }

    pub(super) fn section(&self, errors: &mut ErrorList<'_>) -> Option<TomlTable<'a, 't>> {
        let table = self.typed(self.value.get_ref().as_table(), "a table", errors)?;
        Some(self.section_of(table))
    }

    /// Returns the items of `[[name]]`, counted from 1 in their paths. Adds an error for another value.
    pub(super) fn sections(&self, errors: &mut ErrorList<'_>) -> Vec<TomlTable<'a, 't>> {
        let wanted = format!("a list of tables, each as [[{}]]", self.name);
        let array = self.value.get_ref().as_array();
        let items: &[Spanned<DeValue<'t>>] = self.typed(array, &wanted, errors).map_or(&[], |array| array.as_ref());
        if let Some(item) = items.iter().find(|item| !item.get_ref().is_table()) {
            let reason = format!("expected {wanted}, found {} in the list", shown(item.get_ref()));
            errors.add(item.span().start, &self.path, &reason);
        }
        self.tables()
    }

    /// Returns the value if it is a table, or the tables of a list.
    fn tables(&self) -> Vec<TomlTable<'a, 't>> {
        match self.value.get_ref() {
            DeValue::Table(table) => vec![self.section_of(table)],
            DeValue::Array(array) => {
                let items = array
                    .iter()
                    .enumerate()
                    .filter_map(|(index, item)| Some((index, item, item.get_ref().as_table()?)));
                items.map(|(index, item, table)| self.item(index + 1, item.span().start, table)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn section_of(&self, table: &'a DeTable<'t>) -> TomlTable<'a, 't> {
        TomlTable { name: self.name, path: self.path.clone(), at: self.key_at, table }
    }

    fn item(&self, number: usize, at: usize, table: &'a DeTable<'t>) -> TomlTable<'a, 't> {
        TomlTable { name: self.name, path: format!("{}[{number}]", self.path), at, table }
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    pub(super) fn is_integer(&self) -> bool {
        self.value.get_ref().as_integer().is_some()
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    pub(super) fn is_empty_string(&self) -> bool {
        self.value.get_ref().as_str() == Some("")
    }

    /// Parses a whole number from 0.
    pub(super) fn count(&self, errors: &mut ErrorList<'_>) -> Option<u64> {
        let integer = self.value.get_ref().as_integer();
        let count = integer.and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
        self.typed(count, "a whole number from 0", errors)
    }

    /// Parses a number from 0 to 1.
    pub(super) fn ratio(&self, errors: &mut ErrorList<'_>) -> Option<f64> {
        let number = match self.value.get_ref() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => integer.as_str().parse().ok(),
            _ => None,
        };
        self.typed(number.filter(|ratio| (0.0..=1.0).contains(ratio)), "a number from 0 to 1", errors)
    }

    pub(super) fn strings(&self, errors: &mut ErrorList<'_>) -> Option<Vec<String>> {
        let array: &DeArray<'t> = self.typed(self.value.get_ref().as_array(), "a list of strings", errors)?;
        let mut strings = Vec::new();
        for item in array {
            match item.get_ref().as_str() {
                Some(text) => strings.push(text.to_owned()),
                None => {
                    let reason = format!("expected a list of strings, found {} in the list", shown(item.get_ref()));
                    errors.add(item.span().start, &self.path, &reason);
                }
            }
        }
        Some(strings)
    }

    fn typed<T>(&self, value: Option<T>, wanted: &str, errors: &mut ErrorList<'_>) -> Option<T> {
        if value.is_none() {
            self.error(errors, &format!("expected {wanted}, found {}", shown(self.value.get_ref())));
        }
        value
    }
}

/// Returns the value as error messages show it.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn dotted(path: &str, name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { format!("{name:?}") };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}
