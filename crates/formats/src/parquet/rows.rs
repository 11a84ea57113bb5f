use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use pipeline::ColumnType;

use super::encode::encode;
use super::footer::read_footer;
use super::nested::{LeafReaders, append, append_json_text, append_readable, is_consumed, is_null};
use super::row_group::RowGroups;
use super::schema::{Schema, SchemaNode};
use crate::decompress::check_growth;
use crate::error::FileError;
use crate::json_syntax::append_quoted;
use crate::limits::Limits;
use crate::random_access::RandomAccess;
use crate::reject::{Record, RowError};
use crate::rescued::RescuedObject;
use crate::row_encoder::RowEncoder;
use crate::row_writer::RowWriter;

/// Reads all rows. Returns the decompressed size of the pages.
pub(crate) fn read(
    encoder: &RowEncoder<'_>,
    file: &Arc<dyn RandomAccess>,
    writer: &mut RowWriter<'_>,
    limits: &Limits,
) -> Result<u64, FileError> {
    let metadata = read_footer(file.as_ref(), limits)?;
    let schema = Schema::of(encoder, metadata.file_metadata().schema())?;
    let groups = metadata.row_groups();
    let mut rows = RowReader {
        encoder,
        schema: &schema,
        limits,
        file_bytes: file.length(),
        grown_bytes: Arc::default(),
        tuple_bytes: 0,
        line: 0,
        text: Vec::new(),
        levels_conflict: false,
    };
    let grown_bytes = Arc::clone(&rows.grown_bytes);
    let fetched = (0, Bytes::new());
    let mut columns = RowGroups { file, limits, groups, columns: &schema.leaves, grown_bytes: &grown_bytes, fetched };
    for (index, group) in groups.iter().enumerate() {
        if group.num_rows() > 0 {
            let opened = columns.open(index);
            let mut leaves = opened.map_err(|error| rows.located(error))?;
            rows.read_group(group.num_rows().cast_unsigned(), &mut leaves, writer)?;
        }
    }
    Ok(grown_bytes.load(Ordering::Relaxed))
}

/// Gives the JSON value from `start` the form that a column of this type reads, so that a repair can load it: numbers of a
/// text become strings, and midnight becomes a date.
fn adapt(kind: ColumnType, json: &mut Vec<u8>, start: usize) {
    match kind {
        ColumnType::Text | ColumnType::Varchar(_) if matches!(json.get(start), Some(b'-' | b'0'..=b'9')) => {
            json.insert(start, b'"');
            json.push(b'"');
        }
        ColumnType::Date => {
            let midnight = [&b"T00:00:00\""[..], b"T00:00:00Z\""].into_iter().find(|end| json[start..].ends_with(end));
            if let Some(midnight) = midnight {
                json.truncate(json.len() - midnight.len());
                json.push(b'"');
            }
        }
        _ => {}
    }
}

struct RowReader<'a> {
    encoder: &'a RowEncoder<'a>,
    schema: &'a Schema,
    limits: &'a Limits,
    file_bytes: u64,
    grown_bytes: Arc<AtomicU64>,
    tuple_bytes: u64,
    line: u64,
    text: Vec<u8>,
    /// The levels of a nested column's leaves contradict each other.
    levels_conflict: bool,
}

impl RowReader<'_> {
    fn read_group(&mut self, rows: u64, leaves: &mut LeafReaders, writer: &mut RowWriter<'_>) -> Result<(), FileError> {
        for _ in 0..rows {
            self.line += 1;
            for leaf in leaves.iter_mut() {
                if !leaf.begin_row().map_err(|error| self.located(error))? {
                    return Err(self.damaged("a column has fewer rows than its row group"));
                }
            }
            self.row(leaves, writer)?;
        }
        for leaf in leaves.iter_mut() {
            if leaf.begin_row().map_err(|error| self.located(error))? {
                return Err(self.damaged("a column has more rows than its row group"));
            }
        }
        Ok(())
    }

    fn row(&mut self, leaves: &mut LeafReaders, writer: &mut RowWriter<'_>) -> Result<(), FileError> {
        let mut bytes = 0;
        let encoded = writer.try_row(self.line, |out| {
            let start = out.len();
            let encoded = self.encode(leaves, out);
            bytes = out.len() - start;
            encoded
        })?;
        if self.levels_conflict {
            return Err(self.damaged("the levels of a nested column contradict each other"));
        }
        if bytes > self.limits.record_bytes_max {
            return Err(FileError::RecordTooLarge { line: self.line, limit: self.limits.record_bytes_max });
        }
        self.tuple_bytes += bytes as u64;
        // Also count tuples, because a run of equal values needs almost no bytes in the pages.
        let grown_bytes = self.grown_bytes.load(Ordering::Relaxed).max(self.tuple_bytes);
        check_growth(self.limits, grown_bytes, self.file_bytes)?;
        match encoded {
            Ok(()) => Ok(()),
            Err(error) => {
                let raw = self.readable(leaves);
                writer.reject(Record { line: self.line, last_line: self.line, byte_offset: 0, bytes: &raw }, &error)
            }
        }
    }

    fn encode(&mut self, leaves: &mut LeafReaders, out: &mut Vec<u8>) -> Result<(), RowError> {
        let Self { encoder, schema, text, levels_conflict, .. } = self;
        for (column, node) in schema.columns.iter().enumerate() {
            let Some(node) = node else {
                encoder.encode_null(column, out)?;
                continue;
            };
            match node {
                node if is_null(node, leaves) => encoder.encode_null(column, out)?,
                SchemaNode::Primitive { kind, leaf, .. } if !encoder.is_json(column) || kind.is_text() => {
                    if let Some(value) = leaves[*leaf].value() {
                        encode(encoder, column, *kind, value, text, out)?;
                    }
                }
                node => {
                    text.clear();
                    append(node, leaves, text).map_err(|reason| RowError::of_column(column, reason))?;
                    *levels_conflict |= !is_consumed(node, leaves);
                    encoder.encode(column, text, out)?;
                }
            }
        }
        if let Some(column) = encoder.rescued_column() {
            self.rescue(leaves, out).map_err(|reason| RowError::of_column(column, reason))?;
        }
        Ok(())
    }

    /// Appends the undeclared columns that are not NULL.
    fn rescue(&mut self, leaves: &mut LeafReaders, out: &mut Vec<u8>) -> Result<(), crate::reject::RejectReason> {
        let mut object = RescuedObject::begin(out);
        let mut key = Vec::new();
        for (name, node) in &self.schema.rescued {
            if is_null(node, leaves) {
                continue;
            }
            key.clear();
            append_quoted(name.as_bytes(), &mut key);
            self.text.clear();
            append(node, leaves, &mut self.text)?;
            self.levels_conflict |= !is_consumed(node, leaves);
            object.add_json(&key, &self.text);
        }
        let text = object.end();
        if text.is_empty() { Ok(()) } else { crate::types::check_jsonb(text) }
    }

    /// Returns the row as a JSON object, for the raw record of a reject.
    fn readable(&self, leaves: &mut LeafReaders) -> Vec<u8> {
        leaves.iter_mut().for_each(|leaf| leaf.rewind());
        let columns = self
            .encoder
            .columns
            .iter()
            .map(|column_encoder| column_encoder.column.header.as_str())
            .zip(self.schema.columns.iter().map(Option::as_ref));
        let rescued = self.schema.rescued.iter().map(|(name, node)| (name.as_str(), Some(node)));
        let mut raw = b"{".to_vec();
        for (column, (name, node)) in columns.chain(rescued).enumerate() {
            let Some(node) = node else { continue };
            if raw.len() > self.limits.reject_raw_bytes_max {
                break;
            }
            if raw.len() > 1 {
                raw.push(b',');
            }
            append_quoted(name.as_bytes(), &mut raw);
            raw.push(b':');
            // A jsonb column parses text as JSON. The raw record keeps this form, so that a repair can load it.
            let is_jsonb = column < self.encoder.columns.len() && self.encoder.is_json(column);
            if !(is_jsonb && append_json_text(node, leaves, &mut raw)) {
                let start = raw.len();
                append_readable(node, leaves, &mut raw);
                if let Some(column_encoder) = self.encoder.columns.get(column) {
                    adapt(column_encoder.column.kind, &mut raw, start);
                }
            }
        }
        raw.push(b'}');
        raw
    }

    fn damaged(&self, reason: &str) -> FileError {
        FileError::Malformed { line: self.line, reason: reason.to_owned() }
    }

    /// Adds the current row to an error.
    fn located(&self, error: FileError) -> FileError {
        let line = self.line;
        match error {
            FileError::Malformed { reason, .. } => FileError::Malformed { line, reason },
            FileError::RecordTooLarge { limit, .. } => FileError::RecordTooLarge { line, limit },
            error => error,
        }
    }
}
