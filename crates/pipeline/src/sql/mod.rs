//! SQL files: into statements, with the two parameters replaced, and what cannot be part of a run refused.

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
