use crate::{Compression, FileKind, Format};

/// Endings that hold rows. Letter case does not count.
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

/// Endings that may follow one of [`FORMATS`], but for Parquet, which compresses its pages itself.
const COMPRESSIONS: [(&str, Compression); 2] = [("gz", Compression::Gzip), ("zst", Compression::Zstd)];

const TRIGGER: &str = "trig";

/// What jobs call the empty file that they write last: `_SUCCESS`, `.SUCCESS`, `orders.SUCCESS`.
const SUCCESS: &str = "success";

/// Folders in which a job keeps what it has not committed.
const UNCOMMITTED_FOLDER: &str = "_temporary";

/// Why a file name says nothing that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedName {
    #[error("{file_name:?} has no ending that says what is in it")]
    NoEnding { file_name: String },
    #[error("nothing reads `.{ending}` files")]
    UnknownEnding { ending: String },
    #[error(
        "`.{compression}` says how {file_name:?} is compressed and not what is in it, as `.csv.{compression}` would"
    )]
    CompressionAlone { file_name: String, compression: String },
}

impl FileKind {
    /// What a key's name promises about its bytes, by a table: kind, format and compression, in any letter case.
    pub fn of_key(key: &str) -> Result<Self, UnsupportedName> {
        let (folders, file_name) = key.rsplit_once('/').unwrap_or(("", key));
        if Self::is_success_marker(key) && !is_uncommitted(folders) {
            return Ok(Self::Trigger {});
        }
        if let Some(reason) = reason_to_ignore(folders, file_name) {
            return Ok(Self::Ignored { reason: reason.to_owned() });
        }
        let unsupported = |ending: String| Err(UnsupportedName::UnknownEnding { ending });
        let Some((stem, ending)) = split_ending(file_name) else {
            return Err(UnsupportedName::NoEnding { file_name: file_name.to_owned() });
        };
        if ending == TRIGGER {
            return Ok(Self::Trigger {});
        }
        if let Some(format) = find(&FORMATS, &ending) {
            return Ok(Self::Data { format, compression: Compression::None });
        }
        let Some(compression) = find(&COMPRESSIONS, &ending) else {
            return unsupported(ending);
        };
        match split_ending(stem) {
            None => Err(UnsupportedName::CompressionAlone { file_name: file_name.to_owned(), compression: ending }),
            Some((_, inner)) => match find(&FORMATS, &inner) {
                Some(format) if format != Format::Parquet => Ok(Self::Data { format, compression }),
                Some(_) | None => unsupported(format!("{inner}.{ending}")),
            },
        }
    }

    /// Whether the key's name alone says that its process succeeded, in any letter case.
    pub fn is_success_marker(key: &str) -> bool {
        let file_name = key.rsplit('/').next().unwrap_or(key).to_lowercase();
        file_name.strip_suffix(SUCCESS).is_some_and(|name| name == "_" || name.ends_with('.'))
    }
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

/// `("orders", "csv")` of `orders.CSV`; none for a name without a dot, or with nothing on one side of the last.
fn split_ending(name: &str) -> Option<(&str, String)> {
    let (stem, ending) = name.rsplit_once('.')?;
    (!stem.is_empty() && !ending.is_empty()).then(|| (stem, ending.to_lowercase()))
}

fn find<T: Copy>(table: &[(&str, T)], ending: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == ending).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, expected: &str) {
        let found = match FileKind::of_key(key) {
            Ok(FileKind::Data { format, compression }) => format!("{format:?} {compression:?}"),
            Ok(FileKind::Trigger {}) => "trigger".to_owned(),
            Ok(FileKind::Ignored { reason }) => format!("ignored: {reason}"),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(found, expected, "{key:?}");
    }

    #[test]
    fn data_files_by_their_endings() {
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
        check("v1.2/orders.2026.01.05.csv", "Csv None");
        check("a.txt.csv", "Csv None");
        check("a b+c%é.csv", "Csv None");
        check("raw_data/pump_flow-2026-01-05-10:15:00.json", "Json None");
    }

    #[test]
    fn triggers() {
        check("triggers/Succeeded_2026-01-05_10:15:00.trig", "trigger");
        check("a.TRIG", "trigger");
        check("out/_SUCCESS", "trigger");
        check("out/.SUCCESS", "trigger");
        check("out/2026-01-05/orders.SUCCESS", "trigger");
        check("orders.csv.success", "trigger");
        check("_success", "trigger");
        check("orders_SUCCESS", "error: \"orders_SUCCESS\" has no ending that says what is in it");
        check("SUCCESS", "error: \"SUCCESS\" has no ending that says what is in it");
        check("out/_temporary/_SUCCESS", "ignored: a file under _temporary/, which its job has not committed");
        check("a.trig.gz", "error: nothing reads `.trig.gz` files");
    }

    #[test]
    fn ignored_files_say_why() {
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
    fn the_rest_is_refused_by_name() {
        check("report.pdf", "error: nothing reads `.pdf` files");
        check("report.pdf.gz", "error: nothing reads `.pdf.gz` files");
        check("orders.parquet.gz", "error: nothing reads `.parquet.gz` files");
        check("orders.PARQUET.zst", "error: nothing reads `.parquet.zst` files");
        check("orders.csv.tmp", "error: nothing reads `.tmp` files");
        check("orders.csv ", "error: nothing reads `.csv ` files");
        check("orders.csv.gz.gz", "error: nothing reads `.gz.gz` files");
        check("orders", "error: \"orders\" has no ending that says what is in it");
        check("orders.", "error: \"orders.\" has no ending that says what is in it");
        check("a.csv/orders", "error: \"orders\" has no ending that says what is in it");
        check(
            "orders.gz",
            "error: `.gz` says how \"orders.gz\" is compressed and not what is in it, as `.csv.gz` would",
        );
    }
}
