//! The values of one column chunk, row by row. A row of a nested column is several values, and levels that say how they
//! belong together: <https://github.com/apache/parquet-format/blob/master/README.md#nested-encoding>.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parquet::basic::Type;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type, Int64Type, Int96Type,
};
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;

use super::pages::Pages;
use super::primitive_value::{AsPrimitiveValue, PrimitiveValue};
use crate::error::FileError;

/// Rows that are decoded at once.
const ROWS_PER_READ: u64 = 1024;

pub(super) trait LeafReader {
    /// Goes to the first value of the next row; `false` after the last one.
    fn begin_row(&mut self) -> Result<bool, FileError>;
    /// Back to the row's first value.
    fn rewind(&mut self);
    /// Whether the row has no more values, and not one more was asked for.
    fn is_at_end(&self) -> bool;
    /// Of the value that stands next, 0 when there is none.
    fn def(&self) -> i16;
    fn rep(&self) -> i16;
    /// None where [`LeafReader::def`] says so.
    fn value(&self) -> Option<PrimitiveValue<'_>>;
    fn advance(&mut self);
}

/// How a leaf is opened.
pub(super) struct ReaderOptions {
    pub(super) column: ColumnDescPtr,
    pub(super) pages: Pages,
    /// What may be decoded in one reading: [`Pages::allowance`] is set to it again and again.
    pub(super) allowance_bytes: u64,
    pub(super) rows: u64,
    pub(super) values: u64,
}

pub(super) fn open(opening: ReaderOptions) -> Box<dyn LeafReader> {
    match opening.column.physical_type() {
        Type::BOOLEAN => Box::new(ColumnChunkReader::<BoolType>::new(opening)),
        Type::INT32 => Box::new(ColumnChunkReader::<Int32Type>::new(opening)),
        Type::INT64 => Box::new(ColumnChunkReader::<Int64Type>::new(opening)),
        Type::INT96 => Box::new(ColumnChunkReader::<Int96Type>::new(opening)),
        Type::FLOAT => Box::new(ColumnChunkReader::<FloatType>::new(opening)),
        Type::DOUBLE => Box::new(ColumnChunkReader::<DoubleType>::new(opening)),
        Type::BYTE_ARRAY => Box::new(ColumnChunkReader::<ByteArrayType>::new(opening)),
        Type::FIXED_LEN_BYTE_ARRAY => Box::new(ColumnChunkReader::<FixedLenByteArrayType>::new(opening)),
    }
}

struct ColumnChunkReader<T: DataType> {
    name: String,
    reader: ColumnReaderImpl<T>,
    allowance: Arc<AtomicU64>,
    allowance_bytes: u64,
    rows_per_read: usize,
    def_max: i16,
    is_nested: bool,
    /// Without those that are NULL.
    values: Vec<T::T>,
    defs: Vec<i16>,
    reps: Vec<i16>,
    /// How many values there are, NULLs included.
    levels: usize,
    row: Position,
    next: Position,
    row_end: usize,
    is_overrun: bool,
}

#[derive(Clone, Copy, Default)]
struct Position {
    level: usize,
    value: usize,
}

impl<T: DataType> ColumnChunkReader<T> {
    fn new(opening: ReaderOptions) -> Self {
        let ReaderOptions { column, pages, allowance_bytes, rows, values } = opening;
        let allowance = Arc::clone(&pages.allowance);
        let rows_per_read = (ROWS_PER_READ * rows / values.max(1)).clamp(1, ROWS_PER_READ);
        Self {
            name: column.path().string(),
            def_max: column.max_def_level(),
            is_nested: column.max_rep_level() > 0,
            reader: ColumnReaderImpl::new(column, Box::new(pages)),
            allowance,
            allowance_bytes,
            rows_per_read: usize::try_from(rows_per_read).unwrap_or(1),
            values: Vec::new(),
            defs: Vec::new(),
            reps: Vec::new(),
            levels: 0,
            row: Position::default(),
            next: Position::default(),
            row_end: 0,
            is_overrun: false,
        }
    }

    #[cold]
    fn fill(&mut self) -> Result<(), FileError> {
        self.values.clear();
        self.defs.clear();
        self.reps.clear();
        (self.next, self.row_end) = (Position::default(), 0);
        self.allowance.store(self.allowance_bytes, Ordering::Relaxed);
        let Self { reader, defs, reps, values, rows_per_read, .. } = self;
        // The decoders trust their input, and panic over some that is damaged.
        let read = catch_unwind(AssertUnwindSafe(|| {
            reader.read_records(*rows_per_read, Some(defs), Some(reps), values).map(|_| ())
        }));
        match read {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.file_error(error)),
            Err(_) => return Err(self.damaged("its pages are damaged")),
        }
        self.levels = if self.def_max > 0 { self.defs.len() } else { self.values.len() };
        if self.is_nested && (self.reps.len() != self.levels || self.reps.first().is_some_and(|rep| *rep != 0)) {
            return Err(self.damaged("its levels are damaged"));
        }
        Ok(())
    }

    fn file_error(&self, error: ParquetError) -> FileError {
        match error {
            ParquetError::External(cause) => match cause.downcast::<FileError>() {
                Ok(error) => match *error {
                    FileError::Malformed { reason, .. } => self.damaged(&reason),
                    error => error,
                },
                Err(cause) => self.damaged(&cause.to_string()),
            },
            ParquetError::General(reason) | ParquetError::EOF(reason) | ParquetError::NYI(reason) => {
                self.damaged(&reason)
            }
            error => self.damaged(&error.to_string()),
        }
    }

    fn damaged(&self, reason: &str) -> FileError {
        FileError::Malformed { line: 0, reason: format!("column {}: {reason}", crate::error::quoted(&self.name)) }
    }
}

impl<T: DataType> LeafReader for ColumnChunkReader<T>
where
    T::T: AsPrimitiveValue,
{
    #[inline]
    fn begin_row(&mut self) -> Result<bool, FileError> {
        while self.next.level < self.row_end {
            self.advance();
        }
        if self.next.level == self.levels {
            self.levels = 0;
            self.fill()?;
            if self.levels == 0 {
                return Ok(false);
            }
        }
        self.row = self.next;
        self.is_overrun = false;
        self.row_end = self.row.level + 1;
        if self.is_nested {
            while self.row_end < self.levels && self.reps[self.row_end] != 0 {
                self.row_end += 1;
            }
        }
        Ok(true)
    }

    fn rewind(&mut self) {
        self.next = self.row;
        self.is_overrun = false;
    }

    fn is_at_end(&self) -> bool {
        self.next.level == self.row_end && !self.is_overrun
    }

    #[inline]
    fn def(&self) -> i16 {
        match self.def_max {
            0 => 0,
            _ if self.next.level < self.row_end => self.defs[self.next.level],
            _ => 0,
        }
    }

    fn rep(&self) -> i16 {
        if self.is_nested && self.next.level < self.row_end { self.reps[self.next.level] } else { 0 }
    }

    #[inline]
    fn value(&self) -> Option<PrimitiveValue<'_>> {
        if self.def() == self.def_max {
            self.values.get(self.next.value).and_then(AsPrimitiveValue::value)
        } else {
            None
        }
    }

    #[inline]
    fn advance(&mut self) {
        if self.next.level == self.row_end {
            self.is_overrun = true;
            return;
        }
        self.next.value += usize::from(self.def() == self.def_max);
        self.next.level += 1;
    }
}
