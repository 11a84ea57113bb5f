use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::RandomAccess;
use super::footer::read_footer;
use super::group::Groups;
use super::nested::{Leaves, append, append_json_text, append_readable, is_null, is_passed};
use super::schema::{Node, Schema};
use super::value::encode;
use crate::FileError;
use crate::decompress::check_growth;
use crate::limits::Limits;
use crate::output::Output;
use crate::plan::Plan;
use crate::reject::{Record, RowFault};
use crate::rescued::{Rescued, append_string};

/// Gives the bytes that the pages have grown to.
pub(crate) fn read(
    plan: &Plan<'_>,
    file: &Arc<dyn RandomAccess>,
    output: &mut Output<'_>,
    limits: &Limits,
) -> Result<u64, FileError> {
    let metadata = read_footer(file.as_ref(), limits)?;
    let schema = Schema::of(plan, metadata.file_metadata().schema())?;
    let groups = metadata.row_groups();
    let mut rows = Rows {
        plan,
        schema: &schema,
        limits,
        file_bytes: file.length(),
        grown_bytes: Arc::default(),
        tuple_bytes: 0,
        line: 0,
        text: Vec::new(),
        is_torn: false,
    };
    let grown_bytes = Arc::clone(&rows.grown_bytes);
    let fetched = (0, Bytes::new());
    let mut columns = Groups { file, limits, groups, columns: &schema.leaves, grown_bytes: &grown_bytes, fetched };
    for (index, group) in groups.iter().enumerate() {
        if group.num_rows() > 0 {
            let opened = columns.open(index);
            let mut leaves = opened.map_err(|error| rows.located(error))?;
            rows.read_group(group.num_rows().cast_unsigned(), &mut leaves, output)?;
        }
    }
    Ok(grown_bytes.load(Ordering::Relaxed))
}

struct Rows<'a> {
    plan: &'a Plan<'a>,
    schema: &'a Schema,
    limits: &'a Limits,
    file_bytes: u64,
    grown_bytes: Arc<AtomicU64>,
    tuple_bytes: u64,
    line: u64,
    text: Vec<u8>,
    /// A nested column was put together from leaves that do not belong together.
    is_torn: bool,
}

impl Rows<'_> {
    fn read_group(&mut self, rows: u64, leaves: &mut Leaves, output: &mut Output<'_>) -> Result<(), FileError> {
        for _ in 0..rows {
            self.line += 1;
            for leaf in leaves.iter_mut() {
                if !leaf.begin_row().map_err(|error| self.located(error))? {
                    return Err(self.damaged("a column has fewer rows than its row group"));
                }
            }
            self.row(leaves, output)?;
        }
        for leaf in leaves.iter_mut() {
            if leaf.begin_row().map_err(|error| self.located(error))? {
                return Err(self.damaged("a column has more rows than its row group"));
            }
        }
        Ok(())
    }

    fn row(&mut self, leaves: &mut Leaves, output: &mut Output<'_>) -> Result<(), FileError> {
        let mut bytes = 0;
        let encoded = output.try_row(|out| {
            let start = out.len();
            let encoded = self.encode(leaves, out);
            bytes = out.len() - start;
            encoded
        })?;
        if self.is_torn {
            return Err(self.damaged("the levels of a nested column contradict one another"));
        }
        if bytes > self.limits.record_bytes_max {
            return Err(FileError::RecordTooLarge { line: self.line, limit: self.limits.record_bytes_max });
        }
        self.tuple_bytes += bytes as u64;
        // A run of equal values takes no room in a file, so rows are counted as well as pages.
        let grown_bytes = self.grown_bytes.load(Ordering::Relaxed).max(self.tuple_bytes);
        check_growth(self.limits, grown_bytes, self.file_bytes)?;
        match encoded {
            Ok(()) => Ok(()),
            Err(fault) => {
                let raw = self.readable(leaves);
                output.reject(Record { line: self.line, byte_offset: 0, bytes: &raw }, &fault)
            }
        }
    }

    fn encode(&mut self, leaves: &mut Leaves, out: &mut Vec<u8>) -> Result<(), RowFault> {
        let Self { plan, schema, text, is_torn, .. } = self;
        for (column, node) in schema.columns.iter().enumerate() {
            match node {
                node if is_null(node, leaves) => plan.encode_null(column, out)?,
                Node::Value { kind, leaf, .. } if !plan.is_json(column) || kind.is_text() => {
                    if let Some(value) = leaves[*leaf].value() {
                        encode(plan, column, *kind, value, text, out)?;
                    }
                }
                node => {
                    text.clear();
                    append(node, leaves, text).map_err(|reason| RowFault::of_column(column, reason))?;
                    *is_torn |= !is_passed(node, leaves);
                    plan.encode(column, text, out)?;
                }
            }
        }
        if let Some(column) = plan.rescued_column() {
            self.rescue(leaves, out).map_err(|reason| RowFault::of_column(column, reason))?;
        }
        Ok(())
    }

    /// The columns that the dataset does not have, without those that are NULL.
    fn rescue(&mut self, leaves: &mut Leaves, out: &mut Vec<u8>) -> Result<(), crate::reject::Reason> {
        let mut object = Rescued::begin(out);
        let mut key = Vec::new();
        for (name, node) in &self.schema.rescued {
            if is_null(node, leaves) {
                continue;
            }
            key.clear();
            append_string(name.as_bytes(), &mut key);
            self.text.clear();
            append(node, leaves, &mut self.text)?;
            self.is_torn |= !is_passed(node, leaves);
            object.add_json(&key, &self.text);
        }
        let text = object.end();
        if text.is_empty() { Ok(()) } else { crate::types::check_jsonb(text) }
    }

    /// The row as a JSON object, for whoever looks at why it was rejected.
    fn readable(&self, leaves: &mut Leaves) -> Vec<u8> {
        leaves.iter_mut().for_each(|leaf| leaf.rewind());
        let columns = self.plan.columns.iter().map(|planned| planned.column.header.as_str()).zip(&self.schema.columns);
        let rescued = self.schema.rescued.iter().map(|(name, node)| (name.as_str(), node));
        let mut raw = b"{".to_vec();
        for (column, (name, node)) in columns.chain(rescued).enumerate() {
            if raw.len() > self.limits.reject_raw_bytes_max {
                break;
            }
            if raw.len() > 1 {
                raw.push(b',');
            }
            append_string(name.as_bytes(), &mut raw);
            raw.push(b':');
            // A jsonb column takes a text for JSON, and shall again when it is read from here.
            let is_jsonb = column < self.plan.columns.len() && self.plan.is_json(column);
            if !(is_jsonb && append_json_text(node, leaves, &mut raw)) {
                append_readable(node, leaves, &mut raw);
            }
        }
        raw.push(b'}');
        raw
    }

    fn damaged(&self, reason: &str) -> FileError {
        FileError::Malformed { line: self.line, reason: reason.to_owned() }
    }

    /// With the row that was looked for.
    fn located(&self, error: FileError) -> FileError {
        let line = self.line;
        match error {
            FileError::Malformed { reason, .. } => FileError::Malformed { line, reason },
            FileError::RecordTooLarge { limit, .. } => FileError::RecordTooLarge { line, limit },
            error => error,
        }
    }
}
