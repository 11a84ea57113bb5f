//! The definitions of all pipelines together: which dataset a key belongs to.

mod conflicts;
mod dataset_ref;
mod definitions;
mod key_decision;
mod key_failure;
mod lookup;

#[cfg(test)]
mod tests;

pub use definitions::{Catalog, Unusable};
pub use key_decision::{DataFile, DatasetMatch, KeyDecision, KeyRole};
pub use key_failure::KeyFailure;
