//! Shared parts of `dead-letters`, `replay` and `reconcile`, which start executions for files that did not load.

mod interruptible;
mod object_versions;
mod sources;
mod start_execution;

pub(crate) use interruptible::interruptible;
pub(crate) use object_versions::exist;
pub(crate) use sources::{dead_letter_objects, deployed_definitions, ledger_session};
pub(crate) use start_execution::{ExecutionStart, StartedExecution, bare_event, start_execution, start_executions};
