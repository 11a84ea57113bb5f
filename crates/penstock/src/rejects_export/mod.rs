//! Exports the rejects of a load as a file to correct, and their reasons as a second file.

mod export;
mod repair_file;

pub(crate) use export::export_rejects;
