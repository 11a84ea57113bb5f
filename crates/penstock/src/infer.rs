//! `penstock infer FILE`: a dataset for a file that nobody has described yet, ready to be pasted into pipeline.toml.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use formats::{FileError, RandomAccess, RowSpec, infer, infer_parquet, unusual_delimiter};
use pipeline::{Column, CsvOptions, Dataset, Encoding, Extra, KeyTemplate, Location, TableName};
use protocol::{Compression, FileKind, Format};
use serde::Serialize;

use crate::{Error, Result};

/// What the file does not tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct InferOptions {
    pub(crate) name: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) delimiter: Option<u8>,
    pub(crate) null_values: Vec<String>,
}

/// A dataset that takes every row of the file.
pub(crate) fn infer_dataset(file: &Path, options: InferOptions) -> Result<Dataset> {
    let refused = |reason: String| Error::NotInferred { file: file.display().to_string(), reason };
    let file_name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (format, compression) = match FileKind::of_key(file_name) {
        Ok(FileKind::Data { format, compression }) => (format, compression),
        Ok(FileKind::Trigger {}) => return Err(refused("a trigger holds no rows".to_owned())),
        Ok(FileKind::Ignored { reason }) => return Err(refused(format!("it would be ignored: {reason}"))),
        Err(error) => return Err(refused(error.to_string())),
    };
    let name = options.name.unwrap_or_else(|| label(file_name));
    let table = options.table.unwrap_or_else(|| format!("staging.{}", name.replace('-', "_")));
    let source = options.source.unwrap_or_else(|| format!("raw_data/{name}/{{date:%Y-%m-%d}}/{file_name}"));
    let table = TableName::parse(&table).map_err(|error| refused(error.to_string()))?;
    let source = Location::parse(&source)
        .or_else(|_| Ok(Location { bucket: None, template: KeyTemplate::parse("raw_data/{date:%Y-%m-%d}/*")? }))
        .map_err(|error: pipeline::TemplateError| refused(error.to_string()))?;
    let mut dataset = Dataset::new(&name, source, table).map_err(|error| refused(error.to_string()))?;
    dataset.csv = CsvOptions { delimiter: options.delimiter, ..dataset.csv };
    if matches!(format, Format::Csv | Format::Tsv) {
        dataset.csv.delimiter = delimiter(file, &dataset, format, compression)?;
    }
    if !options.null_values.is_empty() {
        dataset.null_values = options.null_values;
    }
    dataset.columns = columns(file, &dataset, format, compression)?;
    if dataset.columns.is_empty() {
        return Err(refused("it has no rows to infer columns from".to_owned()));
    }
    Ok(dataset)
}

fn spec(dataset: &Dataset, format: Format, compression: Compression) -> RowSpec<'_> {
    RowSpec {
        columns: &[],
        null_values: &dataset.null_values,
        format,
        compression,
        csv: &dataset.csv,
        encoding: Encoding::default(),
        extra: Extra::default(),
        lineage: None,
    }
}

fn not_inferred(file: &Path) -> impl Fn(FileError) -> Error {
    let file = file.display().to_string();
    move |error| Error::NotInferred { file: file.clone(), reason: error.to_string() }
}

fn delimiter(file: &Path, dataset: &Dataset, format: Format, compression: Compression) -> Result<Option<u8>> {
    let opened = File::open(file).map_err(Error::file("open", file))?;
    let found = unusual_delimiter(&spec(dataset, format, compression), opened);
    Ok(dataset.csv.delimiter.or(found.map_err(not_inferred(file))?))
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
    Ok(inferred.map_err(not_inferred(file))?.new)
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

/// A dataset's name from a file's, without endings and dates: `orders` of `Orders-2024-03-01.csv.gz`.
fn label(file_name: &str) -> String {
    let stem = file_name.split('.').next().unwrap_or_default().to_lowercase();
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | ':' | ' '));
    let stem = stem.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let label: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(63).collect();
    if label.is_empty() { "dataset".to_owned() } else { label }
}

/// The dataset for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Inferred {
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

impl Inferred {
    pub(crate) fn of(dataset: &Dataset) -> Self {
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
    fn a_dataset_is_ready_to_be_pasted() {
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
    fn a_delimiter_that_the_ending_does_not_say_is_declared() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, body: &str, declared: Option<u8>, columns: &[&str]| {
            let file = folder.path().join(name);
            std::fs::write(&file, body).unwrap();
            let dataset = infer_dataset(&file, InferOptions::default()).unwrap();
            let names: Vec<_> = dataset.columns.iter().map(|column| column.name.as_str()).collect();
            assert_eq!((dataset.csv.delimiter, names.as_slice()), (declared, columns), "{name}: {body:?}");
        };
        check("a.csv", "a,b\n1,2\n", None, &["a", "b"]);
        check("a.csv", "a;b\n1;2\n", Some(b';'), &["a", "b"]);
        check("a.tsv", "a\tb\n1\t2\n", None, &["a", "b"]);
        check("a.tsv", "a|b\n1|2\n", Some(b'|'), &["a", "b"]);
        check("a.csv", "a\n1\n", None, &["a"]);
    }

    #[test]
    fn a_parquet_file_says_its_types_itself() {
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/cases");
        let file = cases.join("parquet-codec-zstd/input.parquet");
        let dataset = infer_dataset(&file, InferOptions::default()).unwrap();
        let told: Vec<_> =
            dataset.columns.iter().map(|column| format!("{} {}", column.name, column.kind.declared())).collect();
        assert_eq!(told, ["id bigint", "name text", "amount numeric(10,2)"]);
        let error = infer_dataset(&cases.join("parquet-cut-off/input.parquet"), InferOptions::default()).unwrap_err();
        assert!(error.to_string().contains("it was cut off"), "{error}");
    }

    #[test]
    fn what_cannot_be_inferred_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, body: &str, says: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, body).unwrap();
            let error = infer_dataset(&file, InferOptions::default()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check("a.csv", "a,b\n", "no rows to infer columns from");
        check("a.csv", "", "no bytes");
        check("a.pdf", "x", "nothing reads `.pdf` files");
        check("a.trig", "", "a trigger holds no rows");
        check("a.csv", "a,a\n1,2\n", "repeated");
    }

    #[test]
    fn names_come_from_the_file() {
        let check = |file_name: &str, expected: &str| assert_eq!(label(file_name), expected);
        check("orders.csv", "orders");
        check("Orders-2024-03-01.csv.gz", "orders");
        check("2024_pump flow_17.json", "pump_flow");
        check("Größe.csv", "gr__e");
        check("42.csv", "dataset");
    }
}
