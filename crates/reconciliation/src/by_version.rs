use std::collections::HashMap;
use std::collections::hash_map::Entry;

use protocol::ObjectRef;

/// S3's name for the only version in a bucket without versioning: it tells no version from another.
const NO_VERSION: &str = "null";

/// What is known of versions of one bucket's objects, found again by version id. Where an event told no version, the
/// etag must do; where it told neither, it says nothing of any version.
#[derive(Debug)]
pub struct ByVersion<T> {
    versions: HashMap<(String, String), T>,
    etags: HashMap<(String, String), T>,
}

impl<T> Default for ByVersion<T> {
    fn default() -> Self {
        Self { versions: HashMap::new(), etags: HashMap::new() }
    }
}

impl<T> ByVersion<T> {
    /// `merge` puts what is new to what is known of the same version already.
    pub fn insert(&mut self, object: &ObjectRef, new: T, merge: impl FnOnce(&mut T, T)) {
        let (map, name) = match (version(object), &object.etag) {
            (Some(version), _) => (&mut self.versions, version),
            (None, Some(etag)) => (&mut self.etags, etag.as_str()),
            (None, None) => return,
        };
        match map.entry((object.key.clone(), name.to_owned())) {
            Entry::Occupied(mut known) => merge(known.get_mut(), new),
            Entry::Vacant(place) => {
                place.insert(new);
            }
        }
    }

    pub fn get(&self, object: &ObjectRef) -> Option<&T> {
        let find = |map: &'_ HashMap<_, T>, name: Option<&str>| {
            name.map(|name| (object.key.clone(), name.to_owned())).filter(|place| map.contains_key(place))
        };
        match find(&self.versions, version(object)) {
            Some(place) => self.versions.get(&place),
            None => find(&self.etags, object.etag.as_deref()).and_then(|place| self.etags.get(&place)),
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
    fn a_version_is_found_by_its_id_and_by_its_etag_only_where_no_id_was_told() {
        fn check(told: (Option<&str>, Option<&str>), asked: (Option<&str>, Option<&str>), found: bool) {
            let mut known = ByVersion::default();
            known.insert(&object("k", told.0, told.1), (), |(), ()| {});
            assert_eq!(known.get(&object("k", asked.0, asked.1)).is_some(), found, "{told:?} {asked:?}");
            assert!(known.get(&object("other", asked.0, asked.1)).is_none());
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
    fn what_is_worth_keeping_is_kept() {
        let mut known = ByVersion::default();
        for rank in [2, 1, 3] {
            known.insert(&object("k", Some("1"), None), rank, |before, now| *before = now.min(*before));
        }
        assert_eq!(known.get(&object("k", Some("1"), None)), Some(&1));
    }
}
