use pipeline::{CsvOptions, Encoding, Extra, HeaderMatch};
use protocol::{Compression, Format};

/// How to read a file, and which rows to produce.
#[derive(Clone, Copy, Debug)]
pub struct RowSpec<'a> {
    /// The table's columns in order. A tuple holds the columns of the records, then [`pipeline::RESCUED_COLUMN`] if `extra`
    /// is `rescue`, then the other columns, then the lineage.
    pub columns: &'a [pipeline::Column],
    /// Unquoted CSV fields, and strings of JSON and Parquet, that mean NULL. The empty text concerns CSV only.
    pub null_values: &'a [String],
    pub format: Format,
    /// The compression by the file's name. If the name shows none, the magic bytes of gzip and zstd decide.
    pub compression: Compression,
    pub csv: &'a CsvOptions,
    /// How names of the file are compared with the names of columns. It does not apply to JSON.
    pub header_match: HeaderMatch,
    /// The JSON Pointer to the array of records; `None`: the records are the top level of the file.
    pub json_records: Option<&'a str>,
    /// Byte order marks are not data. UTF-8 may have one. UTF-16 must have one, unless the dataset declares the byte
    /// order. A mark of another encoding is an error.
    pub encoding: Encoding,
    /// The treatment of undeclared columns or keys. [`Extra::Rescue`] adds a jsonb field to every tuple: an object of
    /// all their values that are not NULL. The field is NULL if the object is empty.
    pub extra: Extra,
    /// The text of each column that is not in the records, by [`pipeline::Definition::object_values`].
    pub object_values: &'a [Option<String>],
    /// Value of a bigint field at the end of every tuple.
    pub lineage: Option<i64>,
}
