//! Parses Thrift's compact protocol, as far as footers and page headers use it:
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Depth of structs that are skipped.
const DEPTH_MAX: usize = 64;

/// Size of the smallest struct in Parquet. A list that claims more structs than its bytes can hold would only waste
/// memory.
const STRUCTURE_BYTES_MIN: usize = 3;

pub(super) const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
pub(super) const STRUCTURE: u8 = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThriftError {
    /// More bytes are needed.
    Truncated,
    Invalid,
}

type Result<T> = std::result::Result<T, ThriftError>;

pub(super) struct ThriftReader<'a> {
    bytes: &'a [u8],
    at: usize,
    field_start: usize,
}

impl<'a> ThriftReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, field_start: 0 }
    }

    pub(super) fn bytes_read(&self) -> usize {
        self.at
    }

    /// Index of the current field's header.
    pub(super) fn field_start(&self) -> usize {
        self.field_start
    }

    /// Reads one struct. Calls `visit` with each field's id and type. `visit` returns whether it has read the field.
    /// The type of a boolean is its value.
    pub(super) fn structure(&mut self, visit: &mut dyn FnMut(&mut Self, i64, u8) -> Result<bool>) -> Result<()> {
        self.fields(0, visit)
    }

    fn fields(&mut self, depth: usize, visit: &mut dyn FnMut(&mut Self, i64, u8) -> Result<bool>) -> Result<()> {
        let mut id = 0_i64;
        loop {
            self.field_start = self.at;
            let head = self.byte()?;
            let kind = head & 0x0f;
            if kind == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.integer()?,
                delta => id.checked_add(i64::from(delta)).ok_or(ThriftError::Invalid)?,
            };
            if !visit(self, id, kind)? {
                self.skip(kind, depth)?;
            }
        }
    }

    /// Returns a list's length and the type of its elements.
    pub(super) fn list(&mut self) -> Result<(usize, u8)> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => usize::try_from(self.varint()?).map_err(|_| ThriftError::Invalid)?,
            length => usize::from(length),
        };
        Ok((length, head & 0x0f))
    }

    pub(super) fn integer(&mut self) -> Result<i64> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for position in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * position);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ThriftError::Invalid)
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.bytes.get(self.at).copied().ok_or(ThriftError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_bytes(&mut self, bytes: usize) -> Result<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.bytes.len()).ok_or(ThriftError::Truncated)?;
        Ok(())
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(ThriftError::Invalid);
        }
        match kind {
            TRUE | FALSE => Ok(()),
            BYTE => self.skip_bytes(1),
            4..=6 => self.varint().map(|_| ()),
            DOUBLE => self.skip_bytes(8),
            BINARY => {
                let length = self.varint()?;
                self.skip_bytes(usize::try_from(length).map_err(|_| ThriftError::Invalid)?)
            }
            LIST | SET => self.skip_list(depth),
            MAP => self.skip_map(depth),
            STRUCTURE => self.fields(depth + 1, &mut |_, _, _| Ok(false)),
            _ => Err(ThriftError::Invalid),
        }
    }

    fn skip_list(&mut self, depth: usize) -> Result<()> {
        let (length, kind) = self.list()?;
        let start = self.at;
        for _ in 0..length {
            self.skip_element(kind, depth)?;
        }
        if kind == STRUCTURE && self.at - start < length.saturating_mul(STRUCTURE_BYTES_MIN) {
            return Err(ThriftError::Invalid);
        }
        Ok(())
    }

    fn skip_map(&mut self, depth: usize) -> Result<()> {
        let length = self.varint()?;
        if length == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        for _ in 0..length {
            self.skip_element(kinds >> 4, depth)?;
            self.skip_element(kinds & 0x0f, depth)?;
        }
        Ok(())
    }

    /// Skips an element of a list or map. A boolean takes one byte here.
    fn skip_element(&mut self, kind: u8, depth: usize) -> Result<()> {
        match kind {
            TRUE | FALSE => self.skip_bytes(1),
            kind => self.skip(kind, depth + 1),
        }
    }
}
