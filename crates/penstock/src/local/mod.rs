//! The cloud on a laptop: PostgreSQL, an emulator, and the same stack that AWS gets.

mod checked;
mod definitions;
mod deploy;
mod emulator;
mod env_file;
mod network;
pub(crate) mod notifications;
mod postgres;
mod processes;
mod stack;
mod state;
mod unprivileged;

pub(crate) use checked::{Checked, Problem};
pub(crate) use emulator::emulator_variables;

pub use definitions::Pipelines;
pub use emulator::{CREDENTIAL, Emulator, EmulatorKind, REGION};
pub use env_file::StackEnv;
pub use postgres::Postgres;
pub use processes::Lifetime;
pub use stack::{Stack, UpOptions, down};
pub use state::{POSTGRES, StateDir};
