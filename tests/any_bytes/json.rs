use formats::RowSpec;
use pipeline::{ColumnType, CsvOptions, Encoding, Extra, HeaderMatch};
use protocol::{Compression, Format};
use serde_json::{Map, Value};

use super::conversion::{Conversion, convert_whole_and_in_pieces, is_compressed};
use super::csv::{column, text_column};

/// Converts a JSON file. The first byte chooses between `.json` and `.jsonl`, the second the size of the pieces.
///
/// The size of the pieces must not change the result. Rejects must have the right position. Loaded values must be those
/// that serde_json reads.
///
/// # Panics
/// If a promise is broken.
pub fn json(bytes: &[u8]) {
    let [choice, size, file @ ..] = bytes else { return };
    let format = if choice % 2 == 0 { Format::Json } else { Format::Jsonl };
    let columns = [text_column("a"), column("j", ColumnType::Jsonb)];
    let spec = RowSpec {
        json_records: None,
        columns: &columns,
        null_values: &[],
        format,
        compression: Compression::None,
        csv: &CsvOptions::default(),
        header_match: HeaderMatch::Exact,
        encoding: Encoding::Utf8,
        extra: Extra::Ignore,
        object_values: &[],
        lineage: None,
    };
    let Ok(conversion) = convert_whole_and_in_pieces(&spec, file, usize::from(*size) + 1) else { return };
    if is_compressed(file) {
        return;
    }
    conversion.check_rejects(file);
    if conversion.rejects.is_empty() {
        check_against_serde_json(&conversion, file);
    }
}

/// Errors of serde_json for JSON that this crate may accept.
const LIMITS: [&str; 4] = ["out of range", "surrogate", "hex escape", "unicode code point"];

fn check_against_serde_json(conversion: &Conversion, file: &[u8]) {
    let ours = conversion.fields();
    assert!(ours.iter().flatten().flatten().all(|field| std::str::from_utf8(field).is_ok()), "{ours:?}");
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let is_space = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
    let read = if file.iter().find(|byte| !is_space(byte)) == Some(&b'[') {
        serde_json::from_slice::<Vec<Map<String, Value>>>(file)
    } else {
        serde_json::Deserializer::from_slice(file).into_iter().collect()
    };
    let theirs = match read {
        Ok(objects) => objects,
        // Numbers above `f64`, and incomplete characters in ignored keys and texts.
        Err(error) if LIMITS.iter().any(|limit| error.to_string().contains(limit)) => return,
        Err(error) => panic!("serde_json reads no objects there: {error}"),
    };
    assert_eq!(ours.len(), theirs.len(), "objects");
    for (row, object) in ours.iter().zip(&theirs) {
        let mut fields = row.iter().copied();
        let text = fields.next().flatten().map(String::from_utf8_lossy);
        if let Some(Value::String(expected)) = object.get("a") {
            assert_eq!(text.as_deref(), Some(expected.as_str()));
        }
        // The first byte is the version of jsonb.
        let value = fields.next().flatten().and_then(|jsonb| jsonb.split_first()).map(|(_, text)| text);
        match (value, object.get("j")) {
            (Some(value), Some(expected)) => {
                assert_eq!(serde_json::from_slice::<Value>(value).ok().as_ref(), Some(expected));
            }
            (value, expected) => {
                assert!(value.is_none() && expected.is_none_or(Value::is_null), "{value:?}, {expected:?}");
            }
        }
    }
}
