//! One module for each command, with its arguments and `run`.

mod aws_account;
pub(crate) mod check;
mod dataset_filter;
pub(crate) mod dead_letters;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod destroy;
pub(crate) mod down;
pub(crate) mod drop;
pub(crate) mod explain;
pub(crate) mod failures;
pub(crate) mod forget;
pub(crate) mod infer;
pub(crate) mod loads;
pub(crate) mod reconcile;
pub(crate) mod rejects;
pub(crate) mod reload;
pub(crate) mod repair;
pub(crate) mod replay;
pub(crate) mod rerun;
pub(crate) mod run;
pub(crate) mod runs;
mod shared_args;
pub(crate) mod up;
