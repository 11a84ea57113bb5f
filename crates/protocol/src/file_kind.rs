use crate::states::{Compression, FileKind, Format};

/// Extensions of data files, in lower case. Letter case does not matter.
const FORMATS: [(&str, Format); 8] = [
    ("csv", Format::Csv),
    ("txt", Format::Csv),
    ("tsv", Format::Tsv),
    ("tab", Format::Tsv),
    ("json", Format::Json),
    ("jsonl", Format::Jsonl),
    ("ndjson", Format::Jsonl),
    ("parquet", Format::Parquet),
];

/// Extensions that can follow one of [`FORMATS`]. Parquet is the exception: it compresses its own pages.
const COMPRESSIONS: [(&str, Compression); 4] =
    [("gz", Compression::Gzip), ("zst", Compression::Zstd), ("bz2", Compression::Bzip2), ("zip", Compression::Zip)];

const TRIGGER: &str = "trig";

/// The marker that a job writes last: `_SUCCESS`, `.SUCCESS` or `orders.SUCCESS`.
const SUCCESS: &str = "success";

/// The folder of files that a job has not committed yet.
const UNCOMMITTED_FOLDER: &str = "_temporary";

/// A file name without a supported extension.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedName {
    #[error("{file_name:?} has no extension, expected one such as `.csv`")]
    NoExtension { file_name: String },
    #[error("unsupported extension `.{extension}`")]
    UnknownExtension { extension: String },
    #[error("{file_name:?} has only the extension of its compression, expected one such as `.csv.{compression}`")]
    CompressionAlone { file_name: String, compression: String },
}

impl FileKind {
    /// Returns the kind, format and compression of a file by its key alone. A dataset may declare another format, or name
    /// the key although its name is one to ignore.
    pub fn of_key(key: &str) -> Result<Self, UnsupportedName> {
        let (folders, file_name) = key.rsplit_once('/').unwrap_or(("", key));
        if Self::is_success_marker(key) && !is_uncommitted(folders) {
            return Ok(Self::Trigger {});
        }
        if let Some(reason) = reason_to_ignore(folders, file_name) {
            return Ok(Self::Ignored { reason: reason.to_owned() });
        }
        if split_extension(file_name).is_some_and(|(_, extension)| extension == TRIGGER) {
            return Ok(Self::Trigger {});
        }
        let (format, compression) = Format::of_key(key)?;
        Ok(Self::Data { format, compression })
    }

    /// Returns whether the key is that of a folder marker, which is never a file.
    pub fn is_folder_marker(key: &str) -> bool {
        key.is_empty() || key.ends_with('/')
    }

    /// Returns true for a success marker such as `_SUCCESS`, in any letter case.
    pub fn is_success_marker(key: &str) -> bool {
        let file_name = file_name(key).to_lowercase();
        file_name.strip_suffix(SUCCESS).is_some_and(|name| name == "_" || name.ends_with('.'))
    }
}

impl Format {
    /// Returns format and compression by the extension of a key. Nothing else in the key counts.
    pub fn of_key(key: &str) -> Result<(Self, Compression), UnsupportedName> {
        let file_name = file_name(key);
        let unsupported = |extension: String| Err(UnsupportedName::UnknownExtension { extension });
        let Some((stem, extension)) = split_extension(file_name) else {
            return Err(UnsupportedName::NoExtension { file_name: file_name.to_owned() });
        };
        if let Some(format) = find(&FORMATS, &extension) {
            return Ok((format, Compression::None));
        }
        let Some(compression) = find(&COMPRESSIONS, &extension) else {
            return unsupported(extension);
        };
        match split_extension(stem) {
            None => Err(UnsupportedName::CompressionAlone { file_name: file_name.to_owned(), compression: extension }),
            Some((_, inner)) => match find(&FORMATS, &inner) {
                Some(format) if format != Self::Parquet => Ok((format, compression)),
                Some(_) | None => unsupported(format!("{inner}.{extension}")),
            },
        }
    }
}

impl Compression {
    /// Returns the compression by the last extension of a key.
    pub fn of_key(key: &str) -> Self {
        let extension = split_extension(file_name(key)).map(|(_, extension)| extension);
        extension.and_then(|extension| find(&COMPRESSIONS, &extension)).unwrap_or(Self::None)
    }
}

fn file_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

fn is_uncommitted(folders: &str) -> bool {
    folders.split('/').any(|folder| folder == UNCOMMITTED_FOLDER)
}

fn reason_to_ignore(folders: &str, file_name: &str) -> Option<&'static str> {
    if file_name.is_empty() {
        Some("a folder marker")
    } else if is_uncommitted(folders) {
        Some("a file under _temporary/, which its job has not committed")
    } else if file_name.starts_with('_') {
        Some("a marker: its name starts with an underscore")
    } else if file_name.starts_with('.') {
        Some("a hidden file: its name starts with a dot")
    } else {
        None
    }
}

/// Splits `orders.CSV` into `("orders", "csv")`. Returns `None` if nothing stands on one side of the last dot.
fn split_extension(name: &str) -> Option<(&str, String)> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| (stem, extension.to_lowercase()))
}

fn find<T: Copy>(table: &[(&str, T)], extension: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == extension).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, expected: &str) {
        let found = match FileKind::of_key(key) {
            Ok(FileKind::Data { format, compression }) => format!("{format:?} {compression:?}"),
            Ok(FileKind::Trigger {}) => "trigger".to_owned(),
            Ok(FileKind::Undecided {}) => "undecided".to_owned(),
            Ok(FileKind::Ignored { reason }) => format!("ignored: {reason}"),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(found, expected, "{key:?}");
    }

    #[test]
    fn data_file_has_a_known_extension() {
        check("orders.csv", "Csv None");
        check("raw_data/retail/2026-01-05/ORDERS.CSV", "Csv None");
        check("a.txt", "Csv None");
        check("a.tsv", "Tsv None");
        check("a.TAB.gz", "Tsv Gzip");
        check("a.json", "Json None");
        check("a.JsonL", "Jsonl None");
        check("a.ndjson", "Jsonl None");
        check("a.Parquet", "Parquet None");
        check("a.csv.gz", "Csv Gzip");
        check("a.CSV.GZ", "Csv Gzip");
        check("a.jsonl.zst", "Jsonl Zstd");
        check("a.ndjson.gz", "Jsonl Gzip");
        check("a.json.zst", "Json Zstd");
        check("a.csv.bz2", "Csv Bzip2");
        check("a.CSV.ZIP", "Csv Zip");
        check("v1.2/orders.2026.01.05.csv", "Csv None");
        check("a.txt.csv", "Csv None");
        check("a b+c%é.csv", "Csv None");
        check("raw_data/pump_flow-2026-01-05-10:15:00.json", "Json None");
    }

    #[test]
    fn last_extension_gives_the_compression() {
        let check = |key: &str, expected: Compression| assert_eq!(Compression::of_key(key), expected, "{key}");
        check("logs/flow.log.gz", Compression::Gzip);
        check("logs.gz/flow", Compression::None);
        check("E1.2024-01-01-00.ab12.GZ", Compression::Gzip);
        check("0000_part_00", Compression::None);
        check("x.zip", Compression::Zip);
    }

    #[test]
    fn trigger_has_a_known_extension() {
        check("triggers/Succeeded_2026-01-05_10:15:00.trig", "trigger");
        check("a.TRIG", "trigger");
        check("out/_SUCCESS", "trigger");
        check("out/.SUCCESS", "trigger");
        check("out/2026-01-05/orders.SUCCESS", "trigger");
        check("orders.csv.success", "trigger");
        check("_success", "trigger");
        check("orders_SUCCESS", "error: \"orders_SUCCESS\" has no extension, expected one such as `.csv`");
        check("SUCCESS", "error: \"SUCCESS\" has no extension, expected one such as `.csv`");
        check("out/_temporary/_SUCCESS", "ignored: a file under _temporary/, which its job has not committed");
        check("a.trig.gz", "error: unsupported extension `.trig.gz`");
    }

    #[test]
    fn ignored_file_has_a_reason() {
        check("raw_data/", "ignored: a folder marker");
        check("raw.csv/", "ignored: a folder marker");
        check("out/_committed_42.csv", "ignored: a marker: its name starts with an underscore");
        check("out/_temporary/0/part-0.csv", "ignored: a file under _temporary/, which its job has not committed");
        check("_temporary/part-0.csv", "ignored: a file under _temporary/, which its job has not committed");
        check(".DS_Store", "ignored: a hidden file: its name starts with a dot");
        check("raw/.csv", "ignored: a hidden file: its name starts with a dot");
        check("raw/.orders.csv.Xq3f", "ignored: a hidden file: its name starts with a dot");
        check("my_temporary/a.csv", "Csv None");
    }

    #[test]
    fn other_name_is_unsupported() {
        check("report.pdf", "error: unsupported extension `.pdf`");
        check("report.pdf.gz", "error: unsupported extension `.pdf.gz`");
        check("orders.parquet.gz", "error: unsupported extension `.parquet.gz`");
        check("orders.PARQUET.zst", "error: unsupported extension `.parquet.zst`");
        check("orders.csv.tmp", "error: unsupported extension `.tmp`");
        check("orders.csv ", "error: unsupported extension `.csv `");
        check("orders.csv.gz.gz", "error: unsupported extension `.gz.gz`");
        check("orders", "error: \"orders\" has no extension, expected one such as `.csv`");
        check("orders.", "error: \"orders.\" has no extension, expected one such as `.csv`");
        check("a.csv/orders", "error: \"orders\" has no extension, expected one such as `.csv`");
        check(
            "orders.gz",
            "error: \"orders.gz\" has only the extension of its compression, expected one such as `.csv.gz`",
        );
    }
}
