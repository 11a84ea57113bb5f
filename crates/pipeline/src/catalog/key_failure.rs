use protocol::{Failure, FailureName, UnsupportedName};

use crate::template::TemplateError;

/// The only status of a trigger that leads to a load.
pub(super) const SUCCEEDED: &str = "Succeeded";

/// Why a key fails: it leads to no load, although a load may be expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFailure {
    #[error("no dataset has this key as its source or trigger{}", .nearest.as_ref().map(|n| format!("; {n}")).unwrap_or_default())]
    NoDataset {
        /// The template that matches most of the key, and where it stops matching.
        nearest: Option<String>,
    },
    #[error("the key starts both {first} and {second}; a key may start only one dataset")]
    Ambiguous { first: String, second: String },
    #[error("the trigger has the status {0:?}; only {SUCCEEDED:?} starts a load")]
    UpstreamFailed(String),
    #[error("cannot build the key of the data file: {0}")]
    Unbuildable(TemplateError),
    #[error(transparent)]
    Unsupported(UnsupportedName),
}

impl Failure for KeyFailure {
    fn name(&self) -> FailureName {
        match self {
            Self::NoDataset { .. } => FailureName::NoDataset,
            Self::Ambiguous { .. } | Self::Unbuildable(_) => FailureName::InvalidDefinition,
            Self::UpstreamFailed(_) => FailureName::UpstreamFailed,
            Self::Unsupported(_) => FailureName::UnsupportedFormat,
        }
    }
}
