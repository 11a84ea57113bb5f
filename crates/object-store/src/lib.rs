//! S3 access: clients, small objects read whole, large objects written atomically, and classified errors.

mod client;
mod error;
mod read;
mod upload;

pub use client::{ClientTimeouts, client, client_config};
pub use error::{StorageError, StorageErrorKind};
pub use read::{SmallObject, read_small};
pub use upload::{PART_BYTES, Upload};
