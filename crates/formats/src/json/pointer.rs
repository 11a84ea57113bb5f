//! JSON Pointers: <https://www.rfc-editor.org/rfc/rfc6901>.

use crate::json_syntax::{JsonKind, JsonLexer, JsonToken, unescape};
use crate::reject::RejectReason;

/// The keys and indexes from a value to a value inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JsonPointer {
    pub(crate) segments: Vec<Vec<u8>>,
}

impl JsonPointer {
    /// Parses a pointer that begins with `/`. The definition's parser has checked its syntax.
    pub(crate) fn parse(text: &str) -> Self {
        let segments = text.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~").into_bytes());
        Self { segments: segments.collect() }
    }
}

/// Returns the pointer to a key of an object.
pub(crate) fn pointer_to(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Finds a value inside `value`, which is part of `record`. `None` if there is none.
pub(super) fn find(record: &[u8], value: JsonToken, segments: &[Vec<u8>]) -> Result<Option<JsonToken>, RejectReason> {
    let mut value = value;
    for segment in segments {
        let text = &record[value.start..value.end];
        let found = match value.kind {
            JsonKind::Object => member(text, segment)?,
            JsonKind::Array => element(text, segment)?,
            _ => None,
        };
        let Some(found) = found else { return Ok(None) };
        value = JsonToken { start: value.start + found.start, end: value.start + found.end, ..found };
    }
    Ok(Some(value))
}

fn member(object: &[u8], name: &[u8]) -> Result<Option<JsonToken>, RejectReason> {
    let mut found = None;
    let mut failure = None;
    let mut text = Vec::new();
    JsonLexer::new(object).record(&mut |key, value| {
        text.clear();
        let is_named = match unescape(key.text(object), &mut text) {
            Ok(()) => text == name,
            Err(_) => false,
        };
        if is_named && found.replace(value).is_some() {
            let key = crate::error::quoted(&String::from_utf8_lossy(name));
            failure = Some(RejectReason::DuplicateKey { key });
        }
    })?;
    failure.map_or(Ok(found), Err)
}

fn element(array: &[u8], index: &[u8]) -> Result<Option<JsonToken>, RejectReason> {
    let mut found = None;
    let mut position = 0_u64;
    JsonLexer::new(array).elements(&mut |value| {
        if position.to_string().as_bytes() == index {
            found = Some(value);
        }
        position += 1;
    })?;
    Ok(found)
}
