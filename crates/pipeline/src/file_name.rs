//! The rules of file names that depend on a dataset: the format of a file, and names that are otherwise ignored.

use protocol::{Compression, FileKind, Format, UnsupportedName};

use crate::dataset::Dataset;
use crate::definition::Definition;
use crate::errors::DefinitionError;
use crate::options::DeclaredCompression;
use crate::template::{KeyTemplate, PLACEHOLDER};

impl Dataset {
    /// Returns format and compression of a file: as declared, else by the ending of its key.
    pub fn file_format(&self, key: &str) -> Result<(Format, Compression), UnsupportedName> {
        let declared = self.compression.map(DeclaredCompression::compression);
        let (format, compression) = match self.format {
            Some(format) => (format, declared.unwrap_or_else(|| Compression::of_key(key))),
            None => {
                let (format, by_ending) = Format::of_key(key)?;
                (format, declared.unwrap_or(by_ending))
            }
        };
        // Parquet compresses its own pages.
        Ok(if format == Format::Parquet { (format, Compression::None) } else { (format, compression) })
    }

    /// Returns format and compression of a repair. A repair has the ending of its own format; other endings are those of
    /// the dataset's files.
    pub(crate) fn repair_format(&self, key: &str) -> Result<(Format, Compression), UnsupportedName> {
        Format::of_key(key)
            .or_else(|unsupported| if self.format.is_some() { self.file_format(key) } else { Err(unsupported) })
    }
}

impl Definition {
    /// Returns an error for each source of which no key can be loaded. A running pipeline keeps its other datasets, so
    /// this is a check of `penstock check` alone.
    pub fn never_loading(&self) -> Vec<DefinitionError> {
        let reason = |dataset: &Dataset| {
            let reason = never_loads(&dataset.source.template, dataset.format.is_some())?;
            Some(self.error(&format!("datasets.{}.source", dataset.name), &reason))
        };
        self.datasets.iter().filter_map(reason).collect()
    }
}

/// Returns whether a template itself writes the part of a name for which a file is otherwise ignored: a file name that
/// begins with `_` or `.`, or the folder `_temporary`. A placeholder or `*` does not name such a file.
pub(crate) fn names_ignored_files(template: &KeyTemplate) -> bool {
    let skeleton = template.skeleton();
    matches!(FileKind::of_key(&skeleton), Ok(FileKind::Ignored { .. })) || FileKind::is_success_marker(&skeleton)
}

/// Returns why no key of a source can be a data file; `None` if one can. With a declared format any ending can.
fn never_loads(source: &KeyTemplate, has_format: bool) -> Option<String> {
    let skeleton = source.skeleton();
    if FileKind::is_folder_marker(&skeleton) {
        return Some("it names a folder, which is not a file".to_owned());
    }
    if has_format {
        return None;
    }
    let file_name = skeleton.rsplit('/').next().unwrap_or_default();
    let fixed = file_name.rsplit(PLACEHOLDER).next().unwrap_or_default();
    // Without a dot after the last placeholder, the placeholder may have the ending.
    if fixed.len() < file_name.len() && !fixed.contains('.') {
        return None;
    }
    let reason = match Format::of_key(&skeleton) {
        Ok(_) => return None,
        // The placeholder before `.gz` may have the ending of the format.
        Err(UnsupportedName::CompressionAlone { .. } | UnsupportedName::UnknownExtension { .. })
            if fixed.len() < file_name.len()
                && fixed.matches('.').count() == 1
                && Compression::of_key(&skeleton) != Compression::None =>
        {
            return None;
        }
        Err(reason) => reason,
    };
    Some(format!("no file with this key can be loaded: {reason}; set `format`, for example format = \"csv\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> KeyTemplate {
        KeyTemplate::parse(text).unwrap()
    }

    #[test]
    fn template_names_ignored_files_by_its_own_text() {
        let check = |text: &str, expected: bool| assert_eq!(names_ignored_files(&template(text)), expected, "{text}");
        check("raw/_orders.csv", true);
        check("raw/_{name}.csv", true);
        check("raw/.orders", true);
        check("raw/_temporary/{name}.csv", true);
        check("raw/*.csv", false);
        check("raw/{name}.csv", false);
        check("_raw/{name}.csv", false);
        check("{day:%Y/%m/%d}.csv", false);
    }

    #[test]
    fn source_with_an_unknown_ending_never_loads() {
        let check = |text: &str, expected: Option<&str>| {
            let found = never_loads(&template(text), false);
            assert_eq!(found.is_some(), expected.is_some(), "{text}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{text}");
            assert_eq!(never_loads(&template(text), true), None, "{text}");
        };
        for usable in ["raw/*", "raw/{name}", "raw/*.gz", "raw/*.csv.zip", "raw/part-*", "raw/_a.csv", "{a}.{b}"] {
            check(usable, None);
        }
        check("raw/orders", Some("has no extension"));
        check("raw/*.pdf", Some("unsupported extension `.pdf`"));
        check("raw/*.pdf.gz", Some("unsupported extension `.pdf.gz`"));
        check("raw/orders.gz", Some("only the extension of its compression"));
        check("raw/{day:%F}.xlsx", Some("unsupported extension `.xlsx`"));
        check("raw/a.trig", Some("unsupported extension `.trig`"));
    }
}
