//! The parts of a definition that are not built yet. They are refused, never ignored: a pipeline that seems to run and
//! leaves out its transforms would be worse than one that does not start.

use super::problems::Problems;
use super::section::Section;

pub(super) const TOP_LEVEL: [&str; 3] = ["run", "transforms", "exports"];

/// Refuses those of the keys that the file has.
pub(super) fn refuse(root: &Section<'_, '_>, problems: &mut Problems<'_>) {
    for entry in TOP_LEVEL.iter().filter_map(|key| root.get(key)) {
        entry.refuse_name(problems, &format!("`{}` is not built yet", entry.name));
    }
}
