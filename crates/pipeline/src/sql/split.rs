use super::forbidden;
use super::lexer::{SqlLexer, SqlToken, SqlTokenKind};
use super::parameters::parameter;
use super::statement::Statement;
use crate::limits::SQL_ERRORS_MAX;
use crate::lines::LineIndex;

/// A line, from 1, and the error there.
type Problem = (usize, String);

/// Returns the statements of a text, and its errors up to [`SQL_ERRORS_MAX`].
pub(super) fn statements(text: &str) -> (Vec<Statement>, Vec<Problem>) {
    let (mut statements, mut problems) = (Vec::new(), Vec::new());
    let lines = LineIndex::of(text);
    let line = |at: usize| lines.line(at);
    let mut draft = Draft::default();
    for token in SqlLexer::new(text) {
        if problems.len() >= SQL_ERRORS_MAX {
            return (statements, problems);
        }
        match token {
            Ok(token) if token.kind == SqlTokenKind::Semicolon && draft.is_whole() => {
                draft.finish(&mut statements, &mut problems, line);
                draft = Draft::default();
            }
            Ok(token) => problems.extend(draft.push(token).err().map(|reason| (line(token.at), reason))),
            Err(error) => {
                // The statement before the error is incomplete and cannot be checked.
                problems.push((line(error.at), error.reason));
                return (statements, problems);
            }
        }
    }
    if let Some(unclosed) = draft.open.last() {
        problems.push((line(unclosed.at), format!("unclosed `{}`", unclosed.text)));
    } else if let Some(body) = draft.bodies.first() {
        problems.push((line(body.at), "`begin atomic` has no `end`".to_owned()));
    } else {
        draft.finish(&mut statements, &mut problems, line);
    }
    (statements, problems)
}

/// A statement that is being read.
#[derive(Default)]
struct Draft<'t> {
    /// The tokens, without leading blanks.
    tokens: Vec<SqlToken<'t>>,
    /// The words outside parentheses, in lower case.
    words: Vec<String>,
    /// The open parentheses and brackets.
    open: Vec<SqlToken<'t>>,
    /// The `begin atomic` of a routine and each `case` in it, until their `end`.
    bodies: Vec<SqlToken<'t>>,
}

impl<'t> Draft<'t> {
    /// Returns true if a `;` ends the statement here.
    fn is_whole(&self) -> bool {
        self.open.is_empty() && self.bodies.is_empty()
    }

    fn push(&mut self, token: SqlToken<'t>) -> Result<(), String> {
        if token.kind == SqlTokenKind::Blank && self.tokens.is_empty() {
            return Ok(());
        }
        self.tokens.push(token);
        match token.kind {
            SqlTokenKind::Open => self.open.push(token),
            SqlTokenKind::Close => self.close(token)?,
            SqlTokenKind::Word if self.open.is_empty() => self.word(token),
            SqlTokenKind::Parameter => parameter(token.text).map(drop).or_else(|reason| self.slice(reason))?,
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, token: SqlToken<'t>) -> Result<(), String> {
        let opening = if token.text == ")" { "(" } else { "[" };
        match self.open.pop() {
            Some(open) if open.text == opening => Ok(()),
            Some(open) => Err(format!("`{}` does not match `{}`", token.text, open.text)),
            None => Err(format!("unmatched `{}`", token.text)),
        }
    }

    /// Accepts an unknown parameter in brackets: there a colon separates the bounds of a slice, as in `a[:n]`.
    fn slice(&self, reason: String) -> Result<(), String> {
        if self.open.last().is_some_and(|open| open.text == "[") { Ok(()) } else { Err(reason) }
    }

    /// Tracks the only statement that contains a `;`: `create function … begin atomic …; …; end`.
    fn word(&mut self, token: SqlToken<'t>) {
        let word = token.text.to_lowercase();
        let is_body = self.words.last().is_some_and(|last| last == "begin") && self.creates_routine();
        match word.as_str() {
            "atomic" if is_body && self.bodies.is_empty() => self.bodies.push(token),
            "case" if !self.bodies.is_empty() => self.bodies.push(token),
            "end" => drop(self.bodies.pop()),
            _ => {}
        }
        self.words.push(word);
    }

    fn creates_routine(&self) -> bool {
        let words: Vec<&str> = self.words.iter().take(4).map(String::as_str).collect();
        matches!(
            words.as_slice(),
            ["create", "function" | "procedure", ..] | ["create", "or", "replace", "function" | "procedure"]
        )
    }

    fn finish(&self, statements: &mut Vec<Statement>, problems: &mut Vec<Problem>, line: impl Fn(usize) -> usize) {
        let Some(first) = self.tokens.first() else { return };
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        problems.extend(forbidden::reason(&words).map(|reason| (line(first.at), reason)));
        if let Some(named) = self.tokens.iter().find(|token| token.kind == SqlTokenKind::Parameter) {
            problems.extend(forbidden::parameter_reason(&words).map(|reason| (line(named.at), reason)));
        }
        let last = self.tokens.iter().rposition(|token| token.kind != SqlTokenKind::Blank).unwrap_or_default();
        let sql = self.tokens.iter().take(last + 1).map(Draft::sent).collect();
        statements.push(Statement { number: statements.len() + 1, line: line(first.at), sql });
    }

    /// Returns the text that is sent for a token.
    fn sent<'a>(token: &'a SqlToken<'t>) -> &'a str {
        match token.kind {
            SqlTokenKind::Parameter => parameter(token.text).unwrap_or(token.text),
            _ => token.text,
        }
    }
}
