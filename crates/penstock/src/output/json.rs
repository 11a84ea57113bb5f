use serde::Serialize;

use crate::error::{Error, Result};
use crate::output::line::print_line;

/// Prints a value as indented JSON on stdout.
pub(crate) fn print_json<T: Serialize + ?Sized>(value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value);
    print_line(&text.map_err(|error| Error::Unexpected(format!("cannot write JSON: {error}")))?);
    Ok(())
}
