//! Prints results on stdout and progress on stderr.

mod failure;
mod json;
mod line;
mod numbers;
mod progress;
mod table;
mod terminal;

pub(crate) use failure::{FAILURE_MARK, FailureText, print_failure};
pub(crate) use json::print_json;
pub(crate) use line::print_line;
pub(crate) use numbers::{duration, grouped, period, utc, utc_rfc3339};
pub(crate) use progress::{Progress, StackSteps};
pub(crate) use table::{print_fitted_table, print_table};
