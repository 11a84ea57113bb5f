use std::collections::HashMap;
use std::collections::hash_map::Entry;

use protocol::ObjectRef;

/// The version id that S3 gives to objects in a bucket without versioning. It does not identify a version.
const NO_VERSION: &str = "null";

/// A map from object versions of one bucket to values.
///
/// Versions are found by their id. An object without a version id is found by its etag. An object without either is
/// not kept.
#[derive(Debug)]
pub struct VersionMap<T> {
    by_version: HashMap<(String, String), T>,
    by_etag: HashMap<(String, String), T>,
}

impl<T> Default for VersionMap<T> {
    fn default() -> Self {
        Self { by_version: HashMap::new(), by_etag: HashMap::new() }
    }
}

impl<T> VersionMap<T> {
    /// Adds a value. `merge` combines it with the value that the same version already has.
    pub fn insert(&mut self, object: &ObjectRef, value: T, merge: impl FnOnce(&mut T, T)) {
        let (map, id) = match (version(object), &object.etag) {
            (Some(version), _) => (&mut self.by_version, version),
            (None, Some(etag)) => (&mut self.by_etag, etag.as_str()),
            (None, None) => return,
        };
        match map.entry((object.key.clone(), id.to_owned())) {
            Entry::Occupied(mut known) => merge(known.get_mut(), value),
            Entry::Vacant(vacant) => {
                vacant.insert(value);
            }
        }
    }

    pub fn get(&self, object: &ObjectRef) -> Option<&T> {
        let find = |map: &'_ HashMap<_, T>, id: Option<&str>| {
            id.map(|id| (object.key.clone(), id.to_owned())).filter(|id| map.contains_key(id))
        };
        match find(&self.by_version, version(object)) {
            Some(id) => self.by_version.get(&id),
            None => find(&self.by_etag, object.etag.as_deref()).and_then(|id| self.by_etag.get(&id)),
        }
    }
}

fn version(object: &ObjectRef) -> Option<&str> {
    object.version_id.as_deref().filter(|version| *version != NO_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, version: Option<&str>, etag: Option<&str>) -> ObjectRef {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        ObjectRef { version_id: owned(version), etag: owned(etag), ..ObjectRef::new("b", key) }
    }

    #[test]
    fn etag_finds_only_objects_without_version_id() {
        fn check(inserted: (Option<&str>, Option<&str>), asked: (Option<&str>, Option<&str>), is_found: bool) {
            let mut map = VersionMap::default();
            map.insert(&object("k", inserted.0, inserted.1), (), |(), ()| {});
            assert_eq!(map.get(&object("k", asked.0, asked.1)).is_some(), is_found, "{inserted:?} {asked:?}");
            assert!(map.get(&object("other", asked.0, asked.1)).is_none());
        }
        check((Some("1"), Some("a")), (Some("1"), Some("a")), true);
        check((Some("1"), None), (Some("1"), Some("a")), true);
        check((Some("1"), Some("a")), (Some("2"), Some("a")), false);
        check((None, Some("a")), (Some("2"), Some("a")), true);
        check((None, Some("a")), (Some("2"), Some("b")), false);
        check((Some("null"), Some("a")), (Some("null"), Some("b")), false);
        check((Some("null"), Some("a")), (None, Some("a")), true);
        check((None, None), (Some("1"), Some("a")), false);
    }

    #[test]
    fn second_value_of_a_version_is_merged() {
        let mut map = VersionMap::default();
        for rank in [2, 1, 3] {
            map.insert(&object("k", Some("1"), None), rank, |before, now| *before = now.min(*before));
        }
        assert_eq!(map.get(&object("k", Some("1"), None)), Some(&1));
    }
}
