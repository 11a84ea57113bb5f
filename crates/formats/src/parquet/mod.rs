//! Reads Parquet: <https://parquet.apache.org/docs/file-format/>. It reads one row group at a time, and its columns
//! side by side, page by page. Memory holds one page per column, and the fetched bytes.
//!
//! - Columns are matched by name, as in a CSV header. The types of the schema must fit the table's types, and each
//!   value must fit its column.
//! - The line of a reject is the row number, from 1.
//! - Nested columns become jsonb: a list is an array, a struct or map is an object.

mod chunk_bytes;
mod codec;
mod column_reader;
mod column_types;
#[cfg(test)]
mod edge_tests;
mod encode;
mod footer;
mod nested;
mod page_header;
mod pages;
mod primitive_type;
mod primitive_value;
mod raw_schema;
mod row_group;
mod rows;
mod schema;
mod thrift;

pub(crate) use column_types::column_types;
pub(crate) use rows::read;
