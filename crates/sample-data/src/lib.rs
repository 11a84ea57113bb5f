//! Generates the files of the example pipelines `retail` and `water`. The same seed and day give the same bytes.

pub mod retail;
mod sample_file;
pub mod water;

pub use sample_file::{ExpectedResult, SampleFile};
