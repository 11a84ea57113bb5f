use std::io::{ErrorKind, Write};

/// Prints one line on stdout, with colours only on a terminal that has them and without `NO_COLOR`. If the reader has
/// closed the pipe, as `head` does, ends the program with success.
pub(crate) fn print_line(line: &str) {
    if writeln!(anstream::stdout(), "{line}").is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}
