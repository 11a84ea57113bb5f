//! Parses a `pipeline.toml`.

mod column_values;
mod columns;
mod csv;
mod dataset;
mod definition;
mod duplicate;
mod duration;
mod error_list;
mod exports;
mod file_options;
mod key;
mod rejects;
mod run;
mod timezone;
mod toml_table;
mod transforms;

#[cfg(test)]
mod tests;
