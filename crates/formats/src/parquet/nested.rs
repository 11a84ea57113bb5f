//! Nested values as JSON, put together from their leaves: lists as arrays, structures and maps as objects.

use super::leaf::{Leaf, Value};
use super::schema::Node;
use super::value::append_json;
use crate::reject::Reason;
use crate::rescued::append_string;

pub(super) type Leaves = Vec<Box<dyn Leaf>>;

pub(super) fn is_null(node: &Node, leaves: &Leaves) -> bool {
    leaves[node.first_leaf()].def() < node.def()
}

/// Appends what the node holds where its leaves stand, and goes past it.
pub(super) fn append(node: &Node, leaves: &mut Leaves, out: &mut Vec<u8>) -> Result<(), Reason> {
    if is_null(node, leaves) {
        out.extend_from_slice(b"null");
        pass(node, leaves);
        return Ok(());
    }
    match node {
        Node::Value { kind, leaf, .. } => {
            match leaves[*leaf].value() {
                Some(value) => append_json(*kind, value, out)?,
                None => out.extend_from_slice(b"null"),
            }
            leaves[*leaf].advance();
        }
        Node::Structure { fields, .. } => {
            out.push(b'{');
            for (place, (name, field)) in fields.iter().enumerate() {
                separate(place, out);
                append_string(name.as_bytes(), out);
                out.push(b':');
                append(field, leaves, out)?;
            }
            out.push(b'}');
        }
        Node::List { rep, element, .. } => {
            out.push(b'[');
            each(node, *rep, leaves, &mut |place, leaves| {
                separate(place, out);
                append(element, leaves, out)
            })?;
            out.push(b']');
        }
        Node::Map { rep, key, value, .. } => {
            out.push(b'{');
            each(node, *rep, leaves, &mut |place, leaves| {
                separate(place, out);
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

/// Calls `element` for each element of a list that is there, which has to go past it.
fn each(
    list: &Node,
    rep: i16,
    leaves: &mut Leaves,
    element: &mut dyn FnMut(usize, &mut Leaves) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let first = list.first_leaf();
    if leaves[first].def() == list.def() {
        pass(list, leaves);
        return Ok(());
    }
    let mut place = 0;
    loop {
        element(place, leaves)?;
        place += 1;
        if leaves[first].rep() < rep {
            return Ok(());
        }
    }
}

/// JSON's keys are strings, so other keys are their text.
fn append_key(node: &Node, leaves: &mut Leaves, out: &mut Vec<u8>) -> Result<(), Reason> {
    let Node::Value { kind, leaf, .. } = node else { return Err(Reason::NotAnObject) };
    let mut json = Vec::new();
    match leaves[*leaf].value() {
        Some(value) => append_json(*kind, value, &mut json)?,
        None => return Err(Reason::Null),
    }
    if json.starts_with(b"\"") {
        out.extend_from_slice(&json);
    } else {
        append_string(&json, out);
    }
    leaves[*leaf].advance();
    Ok(())
}

fn separate(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

/// Goes past what is not there: one place in each leaf says so.
fn pass(node: &Node, leaves: &mut Leaves) {
    match node {
        Node::Value { leaf, .. } => leaves[*leaf].advance(),
        Node::Structure { fields, .. } => fields.iter().for_each(|(_, field)| pass(field, leaves)),
        Node::List { element, .. } => pass(element, leaves),
        Node::Map { key, value, .. } => {
            pass(key, leaves);
            if let Some(value) = value {
                pass(value, leaves);
            }
        }
    }
}

/// Whether all that the row has of this node was read, and nothing else: levels of a damaged file contradict one another.
pub(super) fn is_passed(node: &Node, leaves: &Leaves) -> bool {
    match node {
        Node::Value { leaf, .. } => leaves[*leaf].is_at_end(),
        Node::Structure { fields, .. } => fields.iter().all(|(_, field)| is_passed(field, leaves)),
        Node::List { element, .. } => is_passed(element, leaves),
        Node::Map { key, value, .. } => {
            is_passed(key, leaves) && value.as_ref().is_none_or(|value| is_passed(value, leaves))
        }
    }
}

/// A text that is JSON, as the value that it is; false when it is none.
pub(super) fn append_json_text(node: &Node, leaves: &Leaves, out: &mut Vec<u8>) -> bool {
    let Node::Value { leaf, kind, .. } = node else { return false };
    match leaves[*leaf].value() {
        Some(Value::Bytes(bytes)) if kind.is_text() && is_json(bytes) => {
            out.extend_from_slice(bytes);
            true
        }
        _ => false,
    }
}

fn is_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok() && crate::types::check_jsonb(text).is_ok()
}

/// For a person who looks at a rejected row: what JSON has no form for is told all the same.
pub(super) fn append_readable(node: &Node, leaves: &mut Leaves, out: &mut Vec<u8>) {
    let start = out.len();
    if append(node, leaves, out).is_ok() {
        return;
    }
    out.truncate(start);
    let value = match node {
        Node::Value { leaf, .. } => leaves[*leaf].value(),
        _ => None,
    };
    let text = match value {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Float(value)) => value.to_string(),
        Some(Value::Double(value)) => value.to_string(),
        Some(Value::Int(value)) => value.to_string(),
        Some(Value::Long(value)) => value.to_string(),
        _ => "…".to_owned(),
    };
    append_string(text.as_bytes(), out);
}
