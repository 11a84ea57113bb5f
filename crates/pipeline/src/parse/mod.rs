//! Parses a `pipeline.toml`.

mod columns;
mod csv;
mod dataset;
mod definition;
mod duplicate;
mod duration;
mod error_list;
mod exports;
mod key;
mod rejects;
mod run;
mod toml_table;
mod transforms;

#[cfg(test)]
mod tests;
