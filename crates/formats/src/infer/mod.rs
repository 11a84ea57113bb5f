//! Infers column names and types from a file. It reads every row, so the inferred types accept all of them.
//!
//! The type encoders decide which type accepts a value, so no row of the file is rejected later for a value. Inference
//! loses no information: a number with leading zeros is text, and a decimal number is `numeric` and never a float.

mod column_names;
mod inference;
mod parquet;
mod rows;
mod type_chain;

pub use inference::Inference;
pub use parquet::infer_parquet;
pub use rows::infer;
