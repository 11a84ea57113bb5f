//! Prints a dataset as TOML.

use std::fmt::Write;

use crate::column::{Column, ColumnSource, NumberFormat, ObjectProperty, Rounding, ValueFormat, ValueOptions};
use crate::csv_options::{CsvOptions, LineEnd, Quoting, Ragged};
use crate::dataset::{Dataset, OnNewVersion, RejectLimits, StartsOn, WriteMode};
use crate::limits::WAIT_DEFAULT;
use crate::logical_time;
use crate::names::ColumnName;
use crate::options::{DeclaredCompression, Encoding, Evolve, Extra, FORMATS, HeaderMatch};

/// A key and its value as TOML text.
type Line = (String, String);

impl Dataset {
    /// Returns the dataset as a section of `pipeline.toml`, without keys that have their default.
    /// [`crate::Definition::parse`] reads the same dataset from it.
    pub fn to_toml(&self) -> String {
        dataset(self)
    }
}

fn dataset(dataset: &Dataset) -> String {
    let mut text = format!("[datasets.{}]\n", dataset.name);
    write_aligned(&mut text, &[keys(dataset), options(dataset)].concat());
    write_aligned(&mut text, &dataset.columns.iter().map(column).collect::<Vec<_>>());
    text
}

fn keys(dataset: &Dataset) -> Vec<Line> {
    let mut lines =
        vec![line("source", string(&dataset.source.to_string())), line("table", string(&dataset.table.to_string()))];
    if let StartsOn::Trigger { trigger, wait } = &dataset.starts_on {
        lines.insert(0, line("trigger", string(&trigger.to_string())));
        if *wait != WAIT_DEFAULT {
            lines.push(line("wait", string(&format!("{}s", wait.as_secs()))));
        }
    }
    if let Some(name) = &dataset.logical_time
        && logical_time::default_name(dataset.starting_template()) != Ok(Some(name))
    {
        lines.push(line("logical_time", string(name)));
    }
    lines.extend(dataset.format.and_then(|format| any_word("format", format, &FORMATS)));
    let compression = dataset.compression;
    lines.extend(compression.and_then(|it| any_word("compression", it, &DeclaredCompression::WORDS)));
    lines
}

fn options(dataset: &Dataset) -> Vec<Line> {
    let mut lines = Vec::new();
    match &dataset.write {
        WriteMode::Append => {}
        WriteMode::Replace => lines.push(line("write", string("replace"))),
        WriteMode::Upsert { key } => {
            lines.push(line("write", string("upsert")));
            lines.push(line("key", list(key.iter().map(ColumnName::as_str))));
        }
    }
    lines.extend(dataset.newer_by.as_ref().map(|column| line("newer_by", string(column.as_str()))));
    if dataset.on_new_version != dataset.write.on_new_version() {
        lines.extend(any_word("on_new_version", dataset.on_new_version, &OnNewVersion::WORDS));
    }
    if dataset.allow_empty {
        lines.push(line("allow_empty", "true".to_owned()));
    }
    lines.extend(dataset.renamed_from.as_ref().map(|name| line("renamed_from", string(name))));
    if dataset.null_values != [""] {
        lines.push(line("null_values", list(dataset.null_values.iter().map(String::as_str))));
    }
    lines.extend(word("extra", dataset.extra, &Extra::WORDS));
    lines.extend(word("evolve", dataset.evolve, &Evolve::WORDS));
    if dataset.encoding != Encoding::default() {
        lines.push(line("encoding", string(dataset.encoding.as_str())));
    }
    lines.extend(csv(dataset.csv));
    lines.extend(word("header.match", dataset.header_match, &HeaderMatch::WORDS));
    lines.extend(dataset.json_records.as_ref().map(|pointer| line("json.records", string(pointer))));
    lines.extend(dataset.rejects.max_rows.map(|rows| line("rejects.max_rows", rows.to_string())));
    // `{:?}` prints a float with a point or an exponent, which TOML requires.
    if dataset.rejects.max_ratio != RejectLimits::default().max_ratio {
        lines.extend(dataset.rejects.max_ratio.map(|ratio| line("rejects.max_ratio", format!("{ratio:?}"))));
    }
    lines.extend(dataset.rejects_export.as_ref().map(|key| line("rejects.export", string(&key.to_string()))));
    lines
}

fn csv(options: CsvOptions) -> Vec<Line> {
    let default = CsvOptions::default();
    let character = |name: &str, byte: Option<u8>| byte.map(|byte| line(name, string(&char::from(byte).to_string())));
    let number = |name: &str, value: u32, default: u32| (value != default).then(|| line(name, value.to_string()));
    let flag = |name: &str, value: bool, default: bool| (value != default).then(|| line(name, value.to_string()));
    let mut lines = Vec::new();
    lines.extend(options.delimiter.map(|delimiter| line("csv.delimiter", string(delimiter.as_str()))));
    if options.quote.is_none() {
        lines.push(line("csv.quoting", string("none")));
    } else if options.quote != default.quote {
        lines.extend(character("csv.quote", options.quote));
    }
    lines.extend(character("csv.escape", options.escape));
    lines.extend(character("csv.comment", options.comment));
    lines.extend(flag("csv.header", options.header, default.header));
    if options.quoting == Quoting::Lenient {
        lines.push(line("csv.quoting", string("lenient")));
    }
    lines.extend(number("csv.skip", options.skip, default.skip));
    lines.extend(number("csv.skip_footer", options.skip_footer, default.skip_footer));
    lines.extend(flag("csv.skip_blank", options.skip_blank, default.skip_blank));
    lines.extend(word("csv.ragged", options.ragged, &Ragged::WORDS));
    lines.extend(flag("csv.trim", options.trim, default.trim));
    lines.extend(word("csv.line_end", options.line_end, &LineEnd::WORDS));
    lines.extend(number("csv.quoted_lines", options.quoted_lines, default.quoted_lines));
    lines
}

fn column(column: &Column) -> Line {
    let not_null = if column.not_null { " not null" } else { "" };
    let kind = string(&(column.kind.declared() + not_null));
    let mut more: Vec<String> = Vec::new();
    match &column.source {
        ColumnSource::Header if column.header == column.name.as_str() => {}
        ColumnSource::Header => more.push(format!("from = {}", string(&column.header))),
        ColumnSource::Position(position) => more.push(format!("from = {position}")),
        ColumnSource::Key(placeholder) => more.push(format!("from_key = {}", string(placeholder))),
        ColumnSource::Line => more.push("from_line = true".to_owned()),
        ColumnSource::Object(property) => {
            let word = ObjectProperty::WORDS.iter().find(|(_, known)| known == property).map(|(word, _)| *word);
            more.extend(word.map(|word| format!("from_object = {}", string(word))));
        }
    }
    if column.optional {
        more.push("optional = true".to_owned());
    }
    more.extend(values(&column.values));
    let key = format!("columns.{}", key(column.name.as_str()));
    (key, if more.is_empty() { kind } else { format!("{{ type = {kind}, {} }}", more.join(", ")) })
}

fn values(values: &ValueOptions) -> Vec<String> {
    let ValueOptions { formats, timezone, round, number, boolean_words } = values;
    let mut lines: Vec<Line> = Vec::new();
    match formats.as_slice() {
        [] => {}
        [one] => lines.push(line("format", string(one.as_str()))),
        several => lines.push(line("format", list(several.iter().map(ValueFormat::as_str)))),
    }
    lines.extend(timezone.map(|timezone| line("timezone", string(timezone.name()))));
    lines.extend(word("round", *round, &Rounding::WORDS));
    if number.decimal != NumberFormat::default().decimal {
        lines.push(line("decimal", string(&number.decimal.to_string())));
    }
    lines.extend(number.thousands.map(|thousands| line("thousands", string(&thousands.to_string()))));
    if !number.strip.is_empty() {
        lines.push(line("strip", list(number.strip.iter().map(String::as_str))));
    }
    if let Some(words) = boolean_words {
        lines.push(line("true", list(words.true_words.iter().map(String::as_str))));
        lines.push(line("false", list(words.false_words.iter().map(String::as_str))));
    }
    lines.into_iter().map(|(key, value)| format!("{key} = {value}")).collect()
}

fn any_word<T: Copy + PartialEq>(name: &str, value: T, words: &[(&str, T)]) -> Option<Line> {
    let (word, _) = words.iter().find(|(_, known)| *known == value)?;
    Some(line(name, string(word)))
}

/// Returns `None` for the default.
fn word<T: Copy + Default + PartialEq>(name: &str, value: T, words: &[(&str, T)]) -> Option<Line> {
    (value != T::default()).then(|| any_word(name, value, words)).flatten()
}

fn line(name: &str, value: String) -> Line {
    (name.to_owned(), value)
}

fn write_aligned(text: &mut String, lines: &[Line]) {
    let width = lines.iter().map(|(key, _)| key.chars().count()).max().unwrap_or_default();
    for (key, value) in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key:width$} = {value}");
    }
}

fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { string(name) }
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", texts.map(string).collect::<Vec<_>>().join(", "))
}

/// Returns a basic string. <https://toml.io/en/v1.0.0#string>
fn string(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            _ if character.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definition::Definition;
    use crate::location::Location;
    use crate::names::{ColumnName, TableName};
    use crate::types::ColumnType;

    fn parse(text: &str) -> Dataset {
        let definition = Definition::parse("p", "pipeline.toml", text).unwrap_or_else(|e| panic!("{text}\n{e}"));
        definition.datasets.into_iter().next().unwrap()
    }

    fn column(name: &str, header: &str, kind: &str, format: Option<&str>) -> Column {
        let (kind, not_null) = ColumnType::parse(kind).unwrap();
        let name = ColumnName::parse(name).unwrap();
        let formats = format.map(ValueFormat::of).into_iter().collect();
        let values = ValueOptions { formats, ..ValueOptions::default() };
        Column { header: header.to_owned(), values, ..Column::new(name, kind, not_null) }
    }

    fn orders() -> Dataset {
        let source = Location::parse("raw/{date:%Y-%m-%d}/orders.csv").unwrap();
        Dataset::new("orders", source, TableName::parse("staging.orders").unwrap()).unwrap()
    }

    #[test]
    fn printed_dataset_parses_back() {
        let columns = vec![
            column("order_id", "order_id", "integer not null", None),
            column("Größe", "Größe", "varchar(20)", None),
            column("day", "Day of \"order\"", "date", Some("%d/%m/%Y")),
            column("at", "at", "timestamptz not null", None),
        ];
        let dataset = Dataset { columns, ..orders() };
        let text = r#"[datasets.orders]
source = "raw/{date:%Y-%m-%d}/orders.csv"
table  = "staging.orders"
columns.order_id = "integer not null"
columns."Größe"  = "varchar(20)"
columns.day      = { type = "date", from = "Day of \"order\"", format = "%d/%m/%Y" }
columns.at       = "timestamptz not null"
"#;
        assert_eq!(dataset.to_toml(), text);
        assert_eq!(parse(text), dataset);
        assert_eq!(parse(&orders().to_toml()), orders());
        assert!(Dataset::new("Orders", orders().source, orders().table).is_err());
    }

    #[test]
    fn every_option_is_printed() {
        let check = |lines: &str| {
            let text = format!("[datasets.x]\ntable = 'x'\nsource = 'raw/{{scheduled:%F}}.csv'\n{lines}\n");
            let dataset = parse(&text);
            assert_eq!(parse(&dataset.to_toml()), dataset, "{lines}");
            let lines_of = |text: &str| text.lines().count();
            assert_eq!(lines_of(&dataset.to_toml()), lines_of(&text), "{}", dataset.to_toml());
        };
        check("trigger = '{status}_{scheduled:%F}.trig'");
        check("trigger = 's3://other/{status}_{scheduled:%F}.trig'\nwait = '24h'");
        check("trigger = '{status}_{scheduled:%F}_{actual:%F}.trig'\nlogical_time = 'actual'");
        check("write = 'replace'\non_new_version = 'ignore'");
        check("write = 'upsert'\nkey = ['a', 'b c']\ncolumns.a = 'int not null'\ncolumns.'b c' = 'time not null'");
        check("null_values = []\nextra = 'rescue'\nencoding = 'windows-1252'");
        check("null_values = ['NULL', '', \"\\\\N\"]\nevolve = 'add'");
        check("csv.delimiter = \"\\t\"\ncsv.quote = \"'\"\ncsv.escape = '\\'\ncsv.comment = '#'");
        check("csv.delimiter = \"\\u0001\"\ncsv.quote = ''\ncsv.header = false\ncolumns.x = 'timestamp'");
        check("rejects.max_rows = 0\nrejects.max_ratio = 1.0\nrejects.export = '{scheduled:%Y}/{load_id}.csv'");
        check("format = 'json'\njson.records = '/data/items'\ncompression = 'zip'");
        check(
            "format = 'csv'\ncompression = 'none'\nencoding = 'shift_jis'\ncsv.delimiter = '|~|'\ncsv.quoting = 'lenient'",
        );
        check("csv.skip = 2\ncsv.skip_footer = 1\ncsv.skip_blank = true\ncsv.ragged = 'both'\ncsv.trim = true");
        check("csv.line_end = 'cr'\ncsv.quoted_lines = 7\nheader.match = 'fold'\nevolve = 'add'");
        check("trigger = '{status}_{scheduled:%F}_{actual:%F}.trig'\nlogical_time = 'actual'");
        check("write = 'replace'\nallow_empty = true\nrenamed_from = 'y'");
        check(
            "write = 'upsert'\nkey = ['a']\nnewer_by = 'b'\non_new_version = 'replace'\ncolumns.a = 'int not null'\n\
             columns.b = 'int'",
        );
        check(
            "columns.a = { type = 'date', from_key = 'scheduled' }\ncolumns.b = { type = 'bigint', from_line = true }\n\
             columns.c = { type = 'text', from_object = 'etag' }\ncolumns.d = { type = 'text', optional = true }\n\
             columns.e = { type = 'numeric', decimal = ',', thousands = '.', strip = ['€', \" \"] }\n\
             columns.f = { type = 'boolean', true = ['Y'], false = ['N', ''] }\n\
             columns.g = { type = 'timestamptz', format = ['excel', '%F %T'], timezone = 'Europe/Berlin', round = 'half_up' }",
        );
        check("header.match = 'position'\ncolumns.a = { type = 'text', from = 3 }");
        check("rejects.max_rows = 9223372036854775807\nrejects.max_ratio = 0.0000001");
    }

    proptest! {
        #[test]
        fn any_text_parses_back(
            name in "\\PC{1,15}", header in "(?s).{1,15}", null_values in prop::collection::vec("(?s).{0,15}", 0..4),
        ) {
            prop_assume!(ColumnName::parse(&name).is_ok());
            let columns = vec![column(&name, &header, "numeric(10,2)", None)];
            let dataset = Dataset { columns, null_values, ..orders() };
            prop_assert_eq!(parse(&dataset.to_toml()), dataset);
        }
    }
}
