//! The grammar of RFC 8259, without knowledge of files and columns.

mod lexer;
mod string;

pub(crate) use lexer::{JsonKind, JsonLexer, JsonToken, is_space};
pub(crate) use string::{append_quoted, check_unescaped, unescape};
