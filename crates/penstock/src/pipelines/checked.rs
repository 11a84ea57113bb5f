//! Reads definitions from disk, checks them, and collects all problems.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use definitions::FILE as DEFINITION_FILE;
use pipeline::sql::{Script, SqlError};
use pipeline::{Catalog, Definition, DefinitionError, did_you_mean};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::pipelines::listing::{entries, file_name};

/// Valid definitions, and the problems of the others.
#[derive(Debug, Default)]
pub(crate) struct CheckedPipelines {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) problems: Vec<Problem>,
    /// Probable mistakes that do not make a definition invalid.
    pub(crate) warnings: Vec<Problem>,
}

/// An error or a warning, with its place.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The file, or the folder if no single file has the problem.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: Option<usize>,
    pub(crate) key: Option<String>,
    pub(crate) reason: String,
}

impl CheckedPipelines {
    /// Reads a folder of pipelines, the folder of one pipeline, or one definition. An unreadable file inside the folder
    /// is a problem, not an error.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = if path.is_file() { path.to_owned() } else { path.join(DEFINITION_FILE) };
        if !file.is_file() {
            return Self::read_folder(path);
        }
        let mut checked = Self::default();
        checked.definition(&file);
        // The other pipelines are unknown, so only conflicts inside this one can be found.
        let (_, unusable) = Catalog::of_usable(checked.definitions.clone());
        checked.problems.extend(unusable.into_iter().map(|unusable| unusable.error.into()));
        Ok(checked)
    }

    /// Reads a folder of pipelines.
    pub(crate) fn read_folder(folder: &Path) -> Result<Self> {
        let mut checked = Self::default();
        checked.folder(folder)?;
        Ok(checked)
    }

    /// Returns the catalog of all definitions. Any problem is an error, and its message lists all problems.
    pub(crate) fn into_catalog(self) -> Result<Catalog> {
        if self.problems.is_empty() {
            Ok(Catalog::of_usable(self.definitions).0)
        } else {
            let problems: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
            Err(Error::Definitions(problems.join("\n")))
        }
    }

    fn folder(&mut self, folder: &Path) -> Result<()> {
        let pipelines: Vec<PathBuf> = entries(folder)?.into_iter().filter(|path| path.is_dir()).collect();
        for pipeline in &pipelines {
            let file = pipeline.join(DEFINITION_FILE);
            if file.is_file() {
                self.definition(&file);
            } else {
                self.problem(pipeline, format!("a pipeline's folder must have a {DEFINITION_FILE}"));
            }
        }
        if pipelines.is_empty() {
            self.problem(folder, "the folder contains no pipeline".to_owned());
        }
        // Conflicts between pipelines can only be found when each definition is valid.
        if self.problems.is_empty()
            && let Err(clashes) = Catalog::new(self.definitions.clone())
        {
            self.problems.extend(clashes.0.into_iter().map(Problem::from));
        }
        Ok(())
    }

    fn definition(&mut self, file: &Path) {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return self.problem(file, format!("cannot read the file: {error}")),
        };
        match Definition::parse(&pipeline_of(file), &file.display().to_string(), &text) {
            Ok(definition) => {
                self.problems.extend(definition.never_loading().into_iter().map(Problem::from));
                self.check_transforms(file.parent().unwrap_or(Path::new("")), &definition);
                self.warn_of_replaced_parts(&definition);
                self.definitions.push(definition);
            }
            Err(wrong) => self.problems.extend(wrong.0.into_iter().map(Problem::from)),
        }
    }

    /// Compares the SQL files of the definition with those in the folder.
    fn check_transforms(&mut self, folder: &Path, definition: &Definition) {
        let files = sql_files(folder);
        let is_stray = |name: &&String| definition.transforms.iter().all(|transform| transform.sql != **name);
        let strays: Vec<&String> = files.keys().filter(is_stray).collect();
        for (index, transform) in definition.transforms.iter().enumerate() {
            if let Some(path) = files.get(&transform.sql) {
                self.check_script(path);
            } else {
                let nearest = did_you_mean(&transform.sql, strays.iter().map(|name| name.as_str()));
                let reason = format!("the pipeline's folder has no file `{}`{nearest}", transform.sql);
                self.problems.push(definition.error(&format!("transforms[{}].sql", index + 1), &reason).into());
            }
        }
        for path in strays.into_iter().filter_map(|name| files.get(name)) {
            self.warnings.push(Problem::of_file(path, "no transform uses this file".to_owned()));
        }
    }

    /// Warns of datasets that keep one of several files, for example the last part of an export in parts.
    fn warn_of_replaced_parts(&mut self, definition: &Definition) {
        for dataset in definition.datasets.iter().filter(|dataset| dataset.keeps_one_of_several_files()) {
            let reason = "the table keeps the rows of the last file only, and several files of one logical time match \
                          `source`; to keep the rows of all, use `append` or `upsert`";
            let key = format!("datasets.{}.write", dataset.name);
            self.warnings.push(definition.error(&key, reason).into());
        }
    }

    fn check_script(&mut self, path: &Path) {
        match fs::read_to_string(path) {
            Ok(text) => {
                let errors = Script::parse(&path.display().to_string(), &text).err();
                self.problems.extend(errors.into_iter().flat_map(|errors| errors.0).map(Problem::from));
            }
            Err(error) => self.problem(path, format!("cannot read the file: {error}")),
        }
    }

    fn problem(&mut self, at: &Path, reason: String) {
        self.problems.push(Problem::of_file(at, reason));
    }
}

/// Returns the SQL files of a folder by name. For an unreadable folder, reading the definition already reports a problem.
fn sql_files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let files = entries(folder).unwrap_or_default().into_iter().filter(|path| path.is_file());
    files.map(|path| (file_name(&path), path)).filter(|(name, _)| name.ends_with(".sql")).collect()
}

impl Problem {
    fn of_file(at: &Path, reason: String) -> Self {
        Self { file: at.display().to_string(), line: None, key: None, reason }
    }
}

impl From<SqlError> for Problem {
    fn from(error: SqlError) -> Self {
        let SqlError { file, line, reason } = error;
        Self { file, line: Some(line), key: None, reason }
    }
}

/// Returns the name of the pipeline, which is the name of the file's folder. Paths such as `pipeline.toml` and
/// `../pipeline.toml` do not contain it.
fn pipeline_of(file: &Path) -> String {
    let folder = file.parent().filter(|folder| folder.file_name().is_some());
    folder.map_or_else(
        || file.canonicalize().ok().and_then(|file| file.parent().map(file_name)).unwrap_or_default(),
        file_name,
    )
}

impl From<DefinitionError> for Problem {
    fn from(error: DefinitionError) -> Self {
        let DefinitionError { file, line, key, reason } = error;
        Self { file, line: Some(line), key: Some(key).filter(|key| !key.is_empty()), reason }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.reason)
    }
}
