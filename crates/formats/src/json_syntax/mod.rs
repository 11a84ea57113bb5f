//! JSON syntax by RFC 8259, independent of files and columns.

mod lexer;
mod string;

pub(crate) use lexer::{JsonKind, JsonLexer, JsonToken, is_space};
pub(crate) use string::{append_quoted, check_unescaped, unescape};
