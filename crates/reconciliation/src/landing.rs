//! The object versions of the landing bucket.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{EncodingType, ObjectVersion};
use chrono::{DateTime, Utc};
use object_store::StorageError;
use percent_encoding::percent_decode_str;
use protocol::ObjectRef;

use crate::time::to_chrono;

/// One version of an object, as S3 lists it: without a sequencer, which only an event has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    pub object: ObjectRef,
    pub is_latest: bool,
}

/// Lists the versions below a prefix that are not older than `since`: keys in order, the newest version of each first.
///
/// A deleted object still has its versions. S3 lists the whole prefix for every request, so the time grows with the
/// bucket.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>
pub async fn list_versions(
    s3: &Client,
    bucket: &str,
    prefix: &str,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<ListedVersion>, StorageError> {
    let is_wanted =
        |it: &ListedVersion| since.is_none_or(|since| it.object.event_time.is_none_or(|time| time >= since));
    let at = format!("s3://{bucket}/{prefix}");
    let mut listed = Vec::new();
    let (mut key_marker, mut version_marker) = (None, None);
    loop {
        // XML cannot contain every character that a key may have.
        let request = s3.list_object_versions().bucket(bucket).prefix(prefix).encoding_type(EncodingType::Url);
        let page = request.set_key_marker(key_marker).set_version_id_marker(version_marker).send().await;
        let page = page.map_err(|error| StorageError::new("LIST", &at, &error))?;
        let is_encoded = page.encoding_type == Some(EncodingType::Url);
        let versions = page.versions.unwrap_or_default().into_iter().map(|it| listed_version(bucket, it, is_encoded));
        listed.extend(versions.filter(is_wanted));
        if page.is_truncated != Some(true) {
            return Ok(listed);
        }
        key_marker = page.next_key_marker.map(|key| decoded(key, is_encoded));
        version_marker = page.next_version_id_marker;
    }
}

fn listed_version(bucket: &str, version: ObjectVersion, is_encoded: bool) -> ListedVersion {
    let object = ObjectRef {
        // "null" is the id of the only version in a bucket without versioning.
        version_id: version.version_id.filter(|version| version != "null"),
        etag: version.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
        size_bytes: version.size.and_then(|size| u64::try_from(size).ok()),
        event_time: version.last_modified.as_ref().and_then(to_chrono),
        ..ObjectRef::new(bucket, decoded(version.key.unwrap_or_default(), is_encoded))
    };
    ListedVersion { object, is_latest: version.is_latest == Some(true) }
}

fn decoded(key: String, is_encoded: bool) -> String {
    if is_encoded { percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned() } else { key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_key_is_decoded() {
        fn check(key: &str, is_encoded: bool, expected: &str) {
            assert_eq!(decoded(key.to_owned(), is_encoded), expected);
        }
        check("a+b%2Bc%25%C3%A9/d.csv", true, "a b+c%é/d.csv");
        check("a+b%2B", false, "a+b%2B");
    }
}
