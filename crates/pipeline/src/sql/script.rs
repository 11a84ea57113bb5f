use std::fmt;

use super::statement::Statement;
use super::{forbidden, split};
use crate::limits::SQL_BYTES_MAX;
use crate::lines::{one_line, one_per_line};

/// The statements of an SQL file, for one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The file's name as the caller gave it.
    pub file: String,
    /// At least one.
    pub statements: Vec<Statement>,
}

/// An error in an SQL file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// The file's name as the caller gave it.
    pub file: String,
    /// From 1.
    pub line: usize,
    pub reason: String,
}

/// The first errors of an SQL file, in its order. Displays one error per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlErrors(pub Vec<SqlError>);

impl Script {
    /// Splits a file into its statements, as psql does, and rejects statements that cannot run in the transaction of a
    /// run. `file` is for messages only. PostgreSQL checks the statements themselves when they run.
    pub fn parse(file: &str, text: &str) -> Result<Self, SqlErrors> {
        let failed = |line, reason| SqlErrors(vec![SqlError { file: file.to_owned(), line, reason }]);
        if text.len() > SQL_BYTES_MAX {
            return Err(failed(
                1,
                format!("the file has {} bytes; a transform has at most {SQL_BYTES_MAX}", text.len()),
            ));
        }
        let (statements, problems) = split::statements(text.strip_prefix('\u{feff}').unwrap_or(text));
        if !problems.is_empty() {
            let error =
                |(line, reason): (usize, String)| SqlError { file: file.to_owned(), line, reason: one_line(&reason) };
            return Err(SqlErrors(problems.into_iter().map(error).collect()));
        }
        if statements.is_empty() {
            return Err(failed(1, "no statement found".to_owned()));
        }
        Ok(Self { file: file.to_owned(), statements })
    }
}

impl Statement {
    /// Parses the query of an export, which may end with `;`. The error has no file and line.
    pub fn query(text: &str) -> Result<Self, String> {
        let script = Script::parse("", text).map_err(|errors| {
            let reasons: Vec<String> = errors.0.into_iter().map(|error| error.reason).collect();
            reasons.join("; ")
        })?;
        let count = script.statements.len();
        let mut statements = script.statements.into_iter();
        match (statements.next(), count) {
            (Some(statement), 1) if forbidden::is_query(&statement.sql) => Ok(statement),
            (Some(_), 1) => Err("a query must begin with select, with, values or table".to_owned()),
            _ => Err(format!("a query must be one statement, found {count}")),
        }
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

impl std::error::Error for SqlError {}

impl fmt::Display for SqlErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        one_per_line(f, &self.0)
    }
}

impl std::error::Error for SqlErrors {}
