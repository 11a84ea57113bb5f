//! Parquet: <https://parquet.apache.org/docs/file-format/>. Row groups are read one after the other, and in each the
//! columns side by side, page by page: what is in memory is a page of each, and what was fetched of them.
//!
//! - Columns are found by name, as in a CSV header; the schema's types must fit the table's, and each value must.
//! - A line is a row, counted from 1.
//! - Nested columns are jsonb: lists are arrays, structures and maps are objects.

mod chunk_bytes;
mod codec;
mod column_reader;
mod column_types;
mod encode;
mod footer;
mod nested;
mod page_header;
mod pages;
mod primitive_type;
mod primitive_value;
mod row_group;
mod rows;
mod schema;
mod thrift;

pub(crate) use column_types::column_types;
pub(crate) use rows::read;
