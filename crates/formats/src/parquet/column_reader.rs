//! Reads the values of one column chunk, row by row. A row of a nested column has several values, with definition and
//! repetition levels: <https://github.com/apache/parquet-format/blob/master/README.md#nested-encoding>.

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

/// Rows per decoded batch.
const ROWS_PER_READ: u64 = 1024;

pub(super) trait LeafReader {
    /// Moves to the first value of the next row. Returns `false` after the last row.
    fn begin_row(&mut self) -> Result<bool, FileError>;
    /// Moves back to the row's first value.
    fn rewind(&mut self);
    /// Returns whether all values of the row were read, and no more were requested.
    fn is_at_end(&self) -> bool;
    /// Definition level of the current value, 0 without a value.
    fn def(&self) -> i16;
    fn rep(&self) -> i16;
    /// The current value. `None` if the definition level says NULL.
    fn value(&self) -> Option<PrimitiveValue<'_>>;
    fn advance(&mut self);
}

/// Options of [`open`].
pub(super) struct ReaderOptions {
    pub(super) column: ColumnDescPtr,
    pub(super) pages: Pages,
    /// Bytes that one batch may decode. Each batch resets [`Pages::allowance`] to it.
    pub(super) allowance_bytes: u64,
    pub(super) rows: u64,
    pub(super) values: u64,
}

pub(super) fn open(options: ReaderOptions) -> Box<dyn LeafReader> {
    match options.column.physical_type() {
        Type::BOOLEAN => Box::new(ColumnChunkReader::<BoolType>::new(options)),
        Type::INT32 => Box::new(ColumnChunkReader::<Int32Type>::new(options)),
        Type::INT64 => Box::new(ColumnChunkReader::<Int64Type>::new(options)),
        Type::INT96 => Box::new(ColumnChunkReader::<Int96Type>::new(options)),
        Type::FLOAT => Box::new(ColumnChunkReader::<FloatType>::new(options)),
        Type::DOUBLE => Box::new(ColumnChunkReader::<DoubleType>::new(options)),
        Type::BYTE_ARRAY => Box::new(ColumnChunkReader::<ByteArrayType>::new(options)),
        Type::FIXED_LEN_BYTE_ARRAY => Box::new(ColumnChunkReader::<FixedLenByteArrayType>::new(options)),
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
    /// Values that are not NULL.
    values: Vec<T::T>,
    defs: Vec<i16>,
    reps: Vec<i16>,
    /// Number of values, NULLs included.
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
    fn new(options: ReaderOptions) -> Self {
        let ReaderOptions { column, pages, allowance_bytes, rows, values } = options;
        let allowance = Arc::clone(&pages.allowance);
        let rows_per_read = (ROWS_PER_READ.saturating_mul(rows) / values.max(1)).clamp(1, ROWS_PER_READ);
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
        // The decoders trust their input, and some damaged pages cause a panic.
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
