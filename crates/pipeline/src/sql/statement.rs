/// One statement of a SQL file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From 1.
    pub number: usize,
    /// The line of the file on which it begins, from 1; comments before it do not count.
    pub line: usize,
    /// As it is sent, without its `;`: `:run_date` and `:run_id` read the settings `penstock.run_date` and
    /// `penstock.run_id`.
    pub sql: String,
}

impl Statement {
    /// The line of the file that PostgreSQL means by `position`, the character of [`Statement::sql`] from 1 that its
    /// errors name. What stands for a parameter has no line break in it, so lines are as in the file.
    pub fn line_at(&self, position: u32) -> usize {
        let before = usize::try_from(position).unwrap_or(usize::MAX).saturating_sub(1);
        self.line + self.sql.chars().take(before).filter(|character| *character == '\n').count()
    }
}
