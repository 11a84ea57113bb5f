use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use formats::{FileError, RandomAccess, RowSpec, infer, infer_parquet, unusual_delimiter};
use pipeline::{
    Column, CsvOptions, Dataset, DeclaredCompression, Delimiter, Encoding, Extra, KeyTemplate, Location, TableName,
    parse_format,
};
use protocol::{Compression, FileKind, Format};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::output::{print_json, print_line};

/// Print a dataset definition for a file, for use in pipeline.toml
///
/// Reads every row. Each column gets the narrowest type that accepts all its values.
#[derive(Debug, Args)]
pub(crate) struct InferArgs {
    /// CSV, JSON, JSON Lines or Parquet file, compressed or not
    file: PathBuf,
    #[command(flatten)]
    options: InferOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Properties of the dataset that the file does not contain.
#[derive(Clone, Debug, Default, Args)]
struct InferOptions {
    /// Name of the dataset [default: from the file name]
    #[arg(long)]
    name: Option<String>,
    /// Table of the dataset [default: staging.NAME]
    #[arg(long, value_name = "SCHEMA.TABLE")]
    table: Option<String>,
    /// Key template of the dataset's files [default: raw_data/NAME/{date:%Y-%m-%d}/FILE]
    #[arg(long, value_name = "TEMPLATE")]
    source: Option<String>,
    /// Format of the file: csv, tsv, json, jsonl or parquet [default: by the ending]
    #[arg(long, value_parser = parse_format)]
    format: Option<Format>,
    /// Compression of the file: none, gzip, zstd, bzip2 or zip [default: by the ending, then by the first bytes]
    #[arg(long, value_parser = DeclaredCompression::parse)]
    compression: Option<DeclaredCompression>,
    /// Field separator of a CSV file; \t is a tab [default: a comma, or a tab in .tsv files]
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// Text that means NULL. Can be repeated [default: the empty text]
    #[arg(long = "null", value_name = "TEXT")]
    null_values: Vec<String>,
}

pub(crate) fn run(args: InferArgs) -> Result<bool> {
    let dataset = infer_dataset(&args.file, args.options)?;
    if args.json {
        print_json(&InferredDataset::of(&dataset))?;
    } else {
        print_line(dataset.to_toml().trim_end());
    }
    Ok(true)
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("expected one ASCII character, or \\t for a tab".to_owned()),
    }
}

/// Infers a dataset that accepts every row of the file.
fn infer_dataset(file: &Path, options: InferOptions) -> Result<Dataset> {
    let not_inferred = |reason: String| Error::NotInferred { file: file.display().to_string(), reason };
    let file_name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if options.format.is_none() && FileKind::of_key(file_name) == Ok(FileKind::Trigger {}) {
        return Err(not_inferred("a trigger has no rows".to_owned()));
    }
    let name = options.name.unwrap_or_else(|| dataset_name(file_name));
    let table = options.table.unwrap_or_else(|| format!("staging.{}", name.replace('-', "_")));
    let source = options.source.unwrap_or_else(|| format!("raw_data/{name}/{{date:%Y-%m-%d}}/{file_name}"));
    let table = TableName::parse(&table).map_err(|error| not_inferred(error.to_string()))?;
    let source = Location::parse(&source)
        .or_else(|_| Ok(Location { bucket: None, template: KeyTemplate::parse("raw_data/{date:%Y-%m-%d}/*")? }))
        .map_err(|error: pipeline::TemplateError| not_inferred(error.to_string()))?;
    let mut dataset = Dataset::new(&name, source, table).map_err(|error| not_inferred(error.to_string()))?;
    (dataset.format, dataset.compression) = (options.format, options.compression);
    let (format, compression) = dataset.file_format(file_name).map_err(|error| not_inferred(error.to_string()))?;
    dataset.csv = CsvOptions { delimiter: options.delimiter.map(Delimiter::from), ..dataset.csv };
    if matches!(format, Format::Csv | Format::Tsv) {
        dataset.csv.delimiter = delimiter(file, &dataset, format, compression)?;
    }
    if !options.null_values.is_empty() {
        dataset.null_values = options.null_values;
    }
    dataset.columns = columns(file, &dataset, format, compression)?;
    if dataset.columns.is_empty() {
        return Err(not_inferred("the file has no rows to infer columns from".to_owned()));
    }
    Ok(dataset)
}

fn spec(dataset: &Dataset, format: Format, compression: Compression) -> RowSpec<'_> {
    RowSpec {
        json_records: dataset.json_records.as_deref(),
        columns: &[],
        null_values: &dataset.null_values,
        format,
        compression,
        csv: &dataset.csv,
        header_match: dataset.header_match,
        encoding: Encoding::default(),
        extra: Extra::default(),
        object_values: &[],
        lineage: None,
    }
}

fn invalid_file(file: &Path) -> impl Fn(FileError) -> Error {
    let file = file.display().to_string();
    move |error| Error::NotInferred { file: file.clone(), reason: error.to_string() }
}

fn delimiter(file: &Path, dataset: &Dataset, format: Format, compression: Compression) -> Result<Option<Delimiter>> {
    let opened = File::open(file).map_err(Error::file("open", file))?;
    let found = unusual_delimiter(&spec(dataset, format, compression), opened);
    Ok(dataset.csv.delimiter.or(found.map_err(invalid_file(file))?))
}

fn columns(file: &Path, dataset: &Dataset, format: Format, compression: Compression) -> Result<Vec<Column>> {
    let spec = spec(dataset, format, compression);
    let opened = File::open(file).map_err(Error::file("open", file))?;
    let inferred = match format {
        Format::Parquet => {
            let length = opened.metadata().map_err(Error::file("read", file))?.len();
            let opened: Arc<dyn RandomAccess> = Arc::new(LocalFile { file: opened, length });
            infer_parquet(&spec, &opened)
        }
        Format::Csv | Format::Tsv | Format::Json | Format::Jsonl => infer(&spec, opened),
    };
    Ok(inferred.map_err(invalid_file(file))?.new)
}

struct LocalFile {
    file: File,
    length: u64,
}

impl RandomAccess for LocalFile {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(Bytes::from(bytes))
    }
}

/// Derives the name of a dataset from a file name, without extensions and dates: `Orders-2024-03-01.csv.gz` gives `orders`.
fn dataset_name(file_name: &str) -> String {
    let stem = file_name.split('.').next().unwrap_or_default().to_lowercase();
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | ':' | ' '));
    let stem = stem.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(63).collect();
    if name.is_empty() { "dataset".to_owned() } else { name }
}

/// The dataset as JSON.
#[derive(Debug, Serialize)]
struct InferredDataset {
    name: String,
    source: String,
    table: String,
    columns: Vec<InferredColumn>,
    toml: String,
}

#[derive(Debug, Serialize)]
struct InferredColumn {
    name: String,
    from: String,
    #[serde(rename = "type")]
    kind: String,
}

impl InferredDataset {
    fn of(dataset: &Dataset) -> Self {
        let column = |column: &Column| InferredColumn {
            name: column.name.to_string(),
            from: column.header.clone(),
            kind: column.kind.declared(),
        };
        Self {
            name: dataset.name.clone(),
            source: dataset.source.to_string(),
            table: dataset.table.to_string(),
            columns: dataset.columns.iter().map(column).collect(),
            toml: dataset.to_toml(),
        }
    }
}

#[cfg(test)]
mod tests {
    use pipeline::Definition;

    use super::*;

    #[test]
    fn inferred_dataset_is_a_valid_definition() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Orders-2024-03-01.csv");
        std::fs::write(&file, "order_id;Order Date;total\n1;2024-03-01;1.50\n70000;;2\n").unwrap();
        let options = InferOptions { delimiter: Some(b';'), ..InferOptions::default() };
        let text = infer_dataset(&file, options).unwrap().to_toml();
        let expected = r#"[datasets.orders]
source        = "raw_data/orders/{date:%Y-%m-%d}/Orders-2024-03-01.csv"
table         = "staging.orders"
csv.delimiter = ";"
columns.order_id     = "integer"
columns."Order Date" = "date"
columns.total        = "numeric"
"#;
        assert_eq!(text, expected);
        Definition::parse("shop", "pipeline.toml", &text).unwrap();
    }

    #[test]
    fn unusual_delimiter_is_declared() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, body: &str, declared: Option<u8>, columns: &[&str]| {
            let file = folder.path().join(name);
            std::fs::write(&file, body).unwrap();
            let dataset = infer_dataset(&file, InferOptions::default()).unwrap();
            let names: Vec<_> = dataset.columns.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(
                (dataset.csv.delimiter, names.as_slice()),
                (declared.map(Delimiter::from), columns),
                "{name}: {body:?}"
            );
        };
        check("a.csv", "a,b\n1,2\n", None, &["a", "b"]);
        check("a.csv", "a;b\n1;2\n", Some(b';'), &["a", "b"]);
        check("a.tsv", "a\tb\n1\t2\n", None, &["a", "b"]);
        check("a.tsv", "a|b\n1|2\n", Some(b'|'), &["a", "b"]);
        check("a.csv", "a\n1\n", None, &["a"]);
    }

    #[test]
    fn parquet_types_come_from_the_file() {
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/cases");
        let file = cases.join("parquet-codec-zstd/input.parquet");
        let dataset = infer_dataset(&file, InferOptions::default()).unwrap();
        let columns: Vec<_> =
            dataset.columns.iter().map(|column| format!("{} {}", column.name, column.kind.declared())).collect();
        assert_eq!(columns, ["id bigint", "name text", "amount numeric(10,2)"]);
        let error = infer_dataset(&cases.join("parquet-cut-off/input.parquet"), InferOptions::default()).unwrap_err();
        assert!(error.to_string().contains("it was cut off"), "{error}");
    }

    #[test]
    fn file_without_a_dataset_gives_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, body: &str, says: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, body).unwrap();
            let error = infer_dataset(&file, InferOptions::default()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check("a.csv", "a,b\n", "no rows to infer columns from");
        check("a.csv", "", "the file is empty");
        check("a.pdf", "x", "unsupported extension `.pdf`");
        check("a.trig", "", "a trigger has no rows");
        check("a.csv", "a,a\n1,2\n", "repeated");
    }

    #[test]
    fn dataset_name_comes_from_the_file_name() {
        let check = |file_name: &str, expected: &str| assert_eq!(dataset_name(file_name), expected);
        check("orders.csv", "orders");
        check("Orders-2024-03-01.csv.gz", "orders");
        check("2024_pump flow_17.json", "pump_flow");
        check("Größe.csv", "gr__e");
        check("42.csv", "dataset");
    }
}
