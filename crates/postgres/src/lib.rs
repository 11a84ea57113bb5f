//! PostgreSQL access: the address and credentials, one session that stays open between invocations, and the migrations
//! of the schema `penstock`.

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
pub use error::{DatabaseError, is_transient};
pub use session::{Database, Session};
pub use transaction::{Mode, Transaction};
