//! Executions of `process-file`: uploads that start them, their progress and their results.

mod print;
mod reader;
mod step_functions;
mod summary;
mod upload;

pub(crate) use print::{headline, print_executions, print_results};
pub(crate) use reader::ExecutionReader;
pub(crate) use step_functions::{describe_execution, entered_states, reason_and_remedy};
pub(crate) use summary::ExecutionSummary;
pub(crate) use upload::upload;
