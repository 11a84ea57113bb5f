use protocol::ObjectRef;
use sha2::{Digest, Sha256};

/// Returns the advisory lock of a key in a dataset. It must be equal in every release. A repair locks the key of its
/// original file.
pub(crate) fn key_lock(pipeline: &str, dataset: &str, file: &ObjectRef) -> i64 {
    let mut hash = Sha256::new_with_prefix("penstock load");
    for part in [pipeline, dataset, &file.bucket, &file.key] {
        // UTF-8 text never contains this byte.
        hash.update(b"\xff");
        hash.update(part);
    }
    hash.finalize().first_chunk().copied().map_or(0, i64::from_be_bytes)
}
