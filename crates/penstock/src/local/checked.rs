//! Definitions read from disk and checked, with all that is to correct in them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use definitions::FILE;
use pipeline::sql::{Script, SqlError};
use pipeline::{Catalog, Definition, DefinitionError, did_you_mean};
use serde::Serialize;

use super::definitions::{entries, file_name};
use crate::{Error, Result};

/// The definitions that are right, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) problems: Vec<Problem>,
    /// What is most probably forgotten, and stops nothing.
    pub(crate) warnings: Vec<Problem>,
}

/// One thing to correct.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The file, or the folder when the problem is of no one file.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: Option<usize>,
    pub(crate) key: Option<String>,
    pub(crate) reason: String,
}

impl Checked {
    /// Reads a folder of pipelines, one pipeline's folder, or one definition. What cannot be read inside of a folder
    /// of pipelines is a problem like any other.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = if path.is_file() { path.to_owned() } else { path.join(FILE) };
        if !file.is_file() {
            return Self::read_folder(path);
        }
        let mut checked = Self::default();
        checked.definition(&file);
        // Of a lone pipeline its neighbours are not known, and only what it does to itself can be wrong.
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

    /// All of them together, when nothing at all is wrong; one message holds all that is.
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
            let file = pipeline.join(FILE);
            if file.is_file() {
                self.definition(&file);
            } else {
                self.problem(pipeline, format!("every folder here is a pipeline, and this one has no {FILE}"));
            }
        }
        if pipelines.is_empty() {
            self.problem(folder, "no pipeline in it".to_owned());
        }
        // Clashes between pipelines are looked for only once each is right by itself.
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
            Err(error) => return self.problem(file, format!("cannot read it: {error}")),
        };
        match Definition::parse(&pipeline_of(file), &file.display().to_string(), &text) {
            Ok(definition) => {
                self.transforms(file.parent().unwrap_or(Path::new("")), &definition);
                self.definitions.push(definition);
            }
            Err(wrong) => self.problems.extend(wrong.0.into_iter().map(Problem::from)),
        }
    }

    /// Holds the SQL files that the definition names against those that are there.
    fn transforms(&mut self, folder: &Path, definition: &Definition) {
        let there = sql_files(folder);
        let is_stray = |name: &&String| definition.transforms.iter().all(|transform| transform.sql != **name);
        let strays: Vec<&String> = there.keys().filter(is_stray).collect();
        for (index, transform) in definition.transforms.iter().enumerate() {
            if let Some(path) = there.get(&transform.sql) {
                self.script(path);
            } else {
                let nearest = did_you_mean(&transform.sql, strays.iter().map(|name| name.as_str()));
                let reason = format!("there is no file `{}` in the pipeline's folder{nearest}", transform.sql);
                self.problems.push(definition.error(&format!("transforms[{}].sql", index + 1), &reason).into());
            }
        }
        for path in strays.into_iter().filter_map(|name| there.get(name)) {
            self.warnings.push(Problem::of_file(path, "no transform names it".to_owned()));
        }
    }

    fn script(&mut self, path: &Path) {
        match fs::read_to_string(path) {
            Ok(text) => {
                let errors = Script::parse(&path.display().to_string(), &text).err();
                self.problems.extend(errors.into_iter().flat_map(|errors| errors.0).map(Problem::from));
            }
            Err(error) => self.problem(path, format!("cannot read it: {error}")),
        }
    }

    fn problem(&mut self, at: &Path, reason: String) {
        self.problems.push(Problem::of_file(at, reason));
    }
}

/// By name. A folder that cannot be read has none, which its definition's own reading says.
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

/// The name of the file's folder, which `pipeline.toml`, `./pipeline.toml` and `../pipeline.toml` do not say.
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
