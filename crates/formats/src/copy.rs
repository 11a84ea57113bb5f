//! PostgreSQL's binary COPY format: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

/// Bytes before the first tuple: signature, flags, length of the header extension.
pub const COPY_HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Bytes after the last tuple.
pub const COPY_TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// NULL has the length -1 and no bytes.
pub(crate) const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Appends a field of fixed length. One write holds length and value, because this is the hot path.
macro_rules! fixed_field {
    ($name:ident, $type:ty, $width:literal) => {
        #[inline]
        pub(crate) fn $name(out: &mut Vec<u8>, value: $type) {
            let mut field = [0; 4 + $width];
            field[3] = $width;
            field[4..].copy_from_slice(&value.to_be_bytes());
            out.extend_from_slice(&field);
        }
    };
}

fixed_field!(int2, i16, 2);
fixed_field!(int4, i32, 4);
fixed_field!(int8, i64, 8);
fixed_field!(float4, f32, 4);
fixed_field!(float8, f64, 8);

/// Appends a field of variable length.
#[inline]
pub(crate) fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(&length(value.len()));
    out.extend_from_slice(value);
}

/// A field is part of a record, which is far shorter than 2 GiB.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "see above: RECORD_BYTES_MAX")]
pub(crate) fn length(bytes: usize) -> [u8; 4] {
    (bytes as u32).to_be_bytes()
}
