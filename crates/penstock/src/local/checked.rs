//! Definitions read from disk and checked, with all that is to correct in them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use pipeline::{Catalog, Definition, DefinitionError};
use serde::Serialize;

use super::definitions::{entries, file_name};
use crate::{Error, Result};

const FILE: &str = "pipeline.toml";

/// The definitions that are right, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) problems: Vec<Problem>,
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
            Catalog::new(self.definitions).map_err(|clashes| Error::Definitions(clashes.to_string()))
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
            clashes.0.into_iter().for_each(|clash| self.problem(folder, clash));
        }
        Ok(())
    }

    fn definition(&mut self, file: &Path) {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return self.problem(file, format!("cannot read it: {error}")),
        };
        match Definition::parse(&pipeline_of(file), &file.display().to_string(), &text) {
            Ok(definition) => self.definitions.push(definition),
            Err(wrong) => self.problems.extend(wrong.0.into_iter().map(Problem::from)),
        }
    }

    fn problem(&mut self, at: &Path, reason: String) {
        self.problems.push(Problem { file: at.display().to_string(), line: None, key: None, reason });
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
