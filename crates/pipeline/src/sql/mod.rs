//! Splits SQL files into statements, replaces their parameters, and rejects statements that a run cannot execute.

mod forbidden;
mod lexer;
mod parameters;
mod script;
mod split;
mod statement;

#[cfg(test)]
mod tests;

pub use script::{Script, SqlError, SqlErrors};
pub use statement::Statement;
