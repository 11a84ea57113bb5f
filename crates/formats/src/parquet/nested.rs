//! Builds JSON from nested columns: a list becomes an array, a struct or map an object.

use super::column_reader::LeafReader;
use super::encode::append_json;
use super::primitive_value::PrimitiveValue;
use super::schema::SchemaNode;
use crate::json_syntax::append_quoted;
use crate::reject::RejectReason;

pub(super) type LeafReaders = Vec<Box<dyn LeafReader>>;

pub(super) fn is_null(node: &SchemaNode, leaves: &LeafReaders) -> bool {
    leaves[node.first_leaf()].def() < node.def()
}

/// Appends the node's current value and moves past it.
pub(super) fn append(node: &SchemaNode, leaves: &mut LeafReaders, out: &mut Vec<u8>) -> Result<(), RejectReason> {
    if is_null(node, leaves) {
        out.extend_from_slice(b"null");
        skip_node(node, leaves);
        return Ok(());
    }
    match node {
        SchemaNode::Primitive { kind, leaf, .. } => {
            match leaves[*leaf].value() {
                Some(value) => append_json(*kind, value, out)?,
                None => out.extend_from_slice(b"null"),
            }
            leaves[*leaf].advance();
        }
        SchemaNode::Struct { fields, .. } => {
            out.push(b'{');
            for (position, (name, field)) in fields.iter().enumerate() {
                separate(position, out);
                append_quoted(name.as_bytes(), out);
                out.push(b':');
                append(field, leaves, out)?;
            }
            out.push(b'}');
        }
        SchemaNode::List { rep, element, .. } => {
            out.push(b'[');
            each(node, *rep, leaves, &mut |position, leaves| {
                separate(position, out);
                append(element, leaves, out)
            })?;
            out.push(b']');
        }
        SchemaNode::Map { rep, key, value, .. } => {
            out.push(b'{');
            each(node, *rep, leaves, &mut |position, leaves| {
                separate(position, out);
                append_key(key, leaves, out)?;
                out.push(b':');
                match value {
                    Some(value) => append(value, leaves, out),
                    None => {
                        out.extend_from_slice(b"null");
                        Ok(())
                    }
                }
            })?;
            out.push(b'}');
        }
    }
    Ok(())
}

/// Calls `element` for each element of a list that is not NULL. `element` must move past it.
fn each(
    list: &SchemaNode,
    rep: i16,
    leaves: &mut LeafReaders,
    element: &mut dyn FnMut(usize, &mut LeafReaders) -> Result<(), RejectReason>,
) -> Result<(), RejectReason> {
    let first = list.first_leaf();
    if leaves[first].def() == list.def() {
        skip_node(list, leaves);
        return Ok(());
    }
    let mut position = 0;
    loop {
        element(position, leaves)?;
        position += 1;
        if leaves[first].rep() < rep {
            return Ok(());
        }
    }
}

/// Appends a map key. JSON keys are strings, so other types are converted to text.
fn append_key(node: &SchemaNode, leaves: &mut LeafReaders, out: &mut Vec<u8>) -> Result<(), RejectReason> {
    let SchemaNode::Primitive { kind, leaf, .. } = node else { return Err(RejectReason::NotAnObject) };
    let mut json = Vec::new();
    match leaves[*leaf].value() {
        Some(value) => append_json(*kind, value, &mut json)?,
        None => return Err(RejectReason::Null),
    }
    if json.starts_with(b"\"") {
        out.extend_from_slice(&json);
    } else {
        append_quoted(&json, out);
    }
    leaves[*leaf].advance();
    Ok(())
}

fn separate(position: usize, out: &mut Vec<u8>) {
    if position > 0 {
        out.push(b',');
    }
}

/// Moves past a missing value, which takes one position in each leaf.
fn skip_node(node: &SchemaNode, leaves: &mut LeafReaders) {
    match node {
        SchemaNode::Primitive { leaf, .. } => leaves[*leaf].advance(),
        SchemaNode::Struct { fields, .. } => fields.iter().for_each(|(_, field)| skip_node(field, leaves)),
        SchemaNode::List { element, .. } => skip_node(element, leaves),
        SchemaNode::Map { key, value, .. } => {
            skip_node(key, leaves);
            if let Some(value) = value {
                skip_node(value, leaves);
            }
        }
    }
}

/// Returns whether all values of the node in this row were read, and no more. In a damaged file, levels can contradict
/// each other.
pub(super) fn is_consumed(node: &SchemaNode, leaves: &LeafReaders) -> bool {
    match node {
        SchemaNode::Primitive { leaf, .. } => leaves[*leaf].is_at_end(),
        SchemaNode::Struct { fields, .. } => fields.iter().all(|(_, field)| is_consumed(field, leaves)),
        SchemaNode::List { element, .. } => is_consumed(element, leaves),
        SchemaNode::Map { key, value, .. } => {
            is_consumed(key, leaves) && value.as_ref().is_none_or(|value| is_consumed(value, leaves))
        }
    }
}

/// Appends a text value as JSON if it is valid JSON. Returns `false` if it is not.
pub(super) fn append_json_text(node: &SchemaNode, leaves: &LeafReaders, out: &mut Vec<u8>) -> bool {
    let SchemaNode::Primitive { leaf, kind, .. } = node else { return false };
    match leaves[*leaf].value() {
        Some(PrimitiveValue::ByteArray(bytes)) if kind.is_text() && is_json(bytes) => {
            out.extend_from_slice(bytes);
            true
        }
        _ => false,
    }
}

fn is_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok() && crate::types::check_jsonb(text).is_ok()
}

/// Appends a value for the raw record of a reject, also if JSON cannot represent it.
pub(super) fn append_readable(node: &SchemaNode, leaves: &mut LeafReaders, out: &mut Vec<u8>) {
    let start = out.len();
    if append(node, leaves, out).is_ok() {
        return;
    }
    out.truncate(start);
    let value = match node {
        SchemaNode::Primitive { leaf, .. } => leaves[*leaf].value(),
        _ => None,
    };
    let text = match value {
        Some(PrimitiveValue::ByteArray(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(PrimitiveValue::Float(value)) => value.to_string(),
        Some(PrimitiveValue::Double(value)) => value.to_string(),
        Some(PrimitiveValue::Int32(value)) => value.to_string(),
        Some(PrimitiveValue::Int64(value)) => value.to_string(),
        _ => "…".to_owned(),
    };
    append_quoted(text.as_bytes(), out);
}
