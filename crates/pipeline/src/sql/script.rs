use std::fmt;

use super::statement::Statement;
use super::{forbidden, split};
use crate::limits::SQL_BYTES_MAX;
use crate::lines::{one_a_line, one_line};

/// A SQL file, ready to be executed statement by statement in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// As the caller named it.
    pub file: String,
    /// At least one.
    pub statements: Vec<Statement>,
}

/// One thing to correct in a SQL file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// As the caller named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    pub reason: String,
}

/// What to correct in a SQL file, in its order, the first few; one a line when shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlErrors(pub Vec<SqlError>);

impl Script {
    /// Splits a file into its statements, as psql does, and refuses what cannot be part of a run's one transaction.
    /// `file` is only named in messages. Whether the statements are right, PostgreSQL says.
    pub fn parse(file: &str, text: &str) -> Result<Self, SqlErrors> {
        let failed = |line, reason| SqlErrors(vec![SqlError { file: file.to_owned(), line, reason }]);
        if text.len() > SQL_BYTES_MAX {
            return Err(failed(
                1,
                format!("the file has {} bytes, a transform has at most {SQL_BYTES_MAX}", text.len()),
            ));
        }
        let (statements, problems) = split::statements(text.strip_prefix('\u{feff}').unwrap_or(text));
        if !problems.is_empty() {
            let error =
                |(line, reason): (usize, String)| SqlError { file: file.to_owned(), line, reason: one_line(&reason) };
            return Err(SqlErrors(problems.into_iter().map(error).collect()));
        }
        if statements.is_empty() {
            return Err(failed(1, "there is no statement in it".to_owned()));
        }
        Ok(Self { file: file.to_owned(), statements })
    }
}

impl Statement {
    /// The one query of an export; a `;` after it is left out. The error is its reason alone.
    pub fn query(text: &str) -> Result<Self, String> {
        let script = Script::parse("", text).map_err(|errors| {
            let reasons: Vec<String> = errors.0.into_iter().map(|error| error.reason).collect();
            reasons.join("; ")
        })?;
        let count = script.statements.len();
        let mut statements = script.statements.into_iter();
        match (statements.next(), count) {
            (Some(statement), 1) if forbidden::is_query(&statement.sql) => Ok(statement),
            (Some(_), 1) => Err("a query begins with select, with, values or table".to_owned()),
            _ => Err(format!("a query is one statement, these are {count}")),
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
        one_a_line(f, &self.0)
    }
}

impl std::error::Error for SqlErrors {}
