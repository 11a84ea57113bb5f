//! S3 for a function: small objects are read whole, large ones written whole or not at all, and errors say whether to
//! try again.

mod error;
mod read;
mod upload;

pub use error::{Fault, StorageError};
pub use read::read_whole;
pub use upload::{PART_BYTES, Upload};
