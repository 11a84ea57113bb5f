//! Converts files to typed rows in PostgreSQL's binary COPY format: decompression, CSV, JSON, Parquet, types, rejects.
//!
//! This crate does no I/O: bytes come from a [`Read`](std::io::Read) or a [`RandomAccess`], and rows go to a [`Sink`].
//! Memory use does not depend on the file's size. Each record is either loaded exactly as declared, or rejected with
//! line, column and reason. Only an undeclared delimiter is guessed, and only if the header leaves one choice.

mod column_mapping;
mod convert;
mod copy;
mod csv;
mod decompress;
mod error;
mod infer;
mod json;
mod json_syntax;
pub mod limits;
mod numeric;
mod object_fields;
mod parquet;
mod random_access;
mod reject;
mod rescued;
mod row_encoder;
mod row_writer;
mod signature;
mod sink;
mod spec;
mod transcode;
mod types;
mod window;
mod zip;

#[cfg(test)]
mod tests;

pub use convert::{convert, convert_parquet, unusual_delimiter};
pub use copy::{COPY_HEADER, COPY_TRAILER};
pub use error::{FileError, SinkClosed};
pub use infer::{Inference, infer, infer_parquet};
pub use numeric::Numeric;
pub use random_access::RandomAccess;
pub use reject::Reject;
pub use sink::{Counts, Sink};
pub use spec::RowSpec;
