/// A statement of an SQL file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The number in the file, from 1.
    pub number: usize,
    /// The line, from 1, on which the statement begins, without comments before it.
    pub line: usize,
    /// The SQL without its `;`. `:run_date` and `:run_id` are replaced by the settings `penstock.run_date` and
    /// `penstock.run_id`.
    pub sql: String,
}

impl Statement {
    /// Returns the line of the file at `position`, the character of [`Statement::sql`], from 1, in an error of PostgreSQL.
    /// The expression for a parameter has no line break, so the lines of SQL and file are the same.
    pub fn line_at(&self, position: u32) -> usize {
        let before = usize::try_from(position).unwrap_or(usize::MAX).saturating_sub(1);
        self.line + self.sql.chars().take(before).filter(|character| *character == '\n').count()
    }
}
