//! PostgreSQL access: the address and credentials, one session that stays open between invocations, and the migrations
//! of the schema `penstock`.

mod address;
mod client;
mod error;
pub mod limits;
mod migrations;
mod secret;
mod session;
mod sql_state;
mod tls;
mod transaction;

pub use address::{DatabaseAddress, InvalidConfig};
pub use client::Client;
pub use error::DatabaseError;
pub use session::{Database, Session};
pub use sql_state::{StatementErrorClass, statement_error_class};
pub use transaction::{Mode, Transaction};
