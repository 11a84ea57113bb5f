//! PostgreSQL for a function: where it is, who we are, one session kept warm, and the schema `penstock` brought up to
//! date before anybody asks it something.

mod address;
mod client;
mod error;
pub mod limits;
mod migrations;
mod secret;
mod session;
mod tls;
mod transaction;

pub use address::{DatabaseAddress, InvalidConfig};
pub use client::Client;
pub use error::{DatabaseError, may_pass};
pub use session::{Database, Session};
pub use transaction::{Mode, Transaction};
