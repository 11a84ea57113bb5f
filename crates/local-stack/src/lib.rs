//! The stack on one machine: an AWS emulator, PostgreSQL, and the same CloudFormation template that AWS gets.
//!
//! [`Stack::up`] starts it. Everything that it starts is recorded in the state folder first, so [`down`] stops exactly
//! those processes, also after a crash.

mod aws_cli;
mod aws_clients;
mod deploy;
mod emulator;
mod env_file;
mod error;
mod files;
pub mod interrupt;
mod network;
mod notifications;
mod postgres;
mod processes;
mod project;
mod stack;
mod state;
mod unprivileged;

pub use aws_cli::{AwsCli, CloudStack, Outputs};
pub use aws_clients::AwsClients;
pub use emulator::{CREDENTIAL, Emulator, EmulatorKind, REGION};
pub use env_file::StackEnv;
pub use error::{Error, Result};
pub use notifications::{TopicMessage, take_messages};
pub use postgres::Postgres;
pub use processes::Lifetime;
pub use project::Project;
pub use stack::{Stack, StepReporter, UpOptions, down};
pub use state::{POSTGRES, StateDir};
