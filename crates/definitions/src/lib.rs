//! The definitions bucket: lists, caches and parses `pipelines/NAME/pipeline.toml` and the SQL files beside it.

mod bucket;
mod definitions;
mod error;
mod key;

pub use bucket::{DefinitionsBucket, TransformScript};
pub use definitions::{Definitions, InvalidDefinition};
pub use error::DefinitionsError;
pub use key::{FILE, PREFIX, key, pipeline_of};
