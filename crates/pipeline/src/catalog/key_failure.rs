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
    #[error("it starts both {first} and {second}; only one dataset may have it")]
    Ambiguous { first: String, second: String },
    #[error("the process that writes this dataset ended as {0:?}, and only {SUCCEEDED} loads")]
    UpstreamFailed(String),
    #[error("the key of the data file cannot be built: {0}")]
    Unbuildable(TemplateError),
    #[error("its dataset takes {0} for data, and its name says that it is none")]
    NotData(String),
    #[error(transparent)]
    Unsupported(UnsupportedName),
}

impl Failure for KeyFailure {
    fn name(&self) -> FailureName {
        match self {
            Self::NoDataset { .. } => FailureName::NoDataset,
            Self::Ambiguous { .. } | Self::Unbuildable(_) => FailureName::InvalidDefinition,
            Self::UpstreamFailed(_) => FailureName::UpstreamFailed,
            Self::NotData(_) | Self::Unsupported(_) => FailureName::UnsupportedFormat,
        }
    }
}
