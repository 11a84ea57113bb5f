/// Functions that print on stdout: those of the command line.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub print_line: fn(&str),
    pub print_table: fn(&[&str], &[Vec<String>]),
    /// Separates the thousands of a number.
    pub grouped: fn(i64) -> String,
}

impl Output {
    pub(crate) fn line(&self, line: &str) {
        (self.print_line)(line);
    }

    pub(crate) fn table(&self, header: &[&str], rows: &[Vec<String>]) {
        (self.print_table)(header, rows);
    }

    pub(crate) fn grouped(&self, number: i64) -> String {
        (self.grouped)(number)
    }
}

pub(crate) fn heading(output: &Output, text: &str) {
    output.line(&format!("\n{text}\n{}", "═".repeat(text.chars().count())));
}
