//! A session for reading the ledger.

use postgres::{DatabaseAddress, Session};

use super::required;
use crate::local::StackEnv;
use crate::{Result, history};

pub(super) async fn open(env: &StackEnv) -> Result<Session> {
    let url = required(env.database_url.as_ref(), "DATABASE_URL")?;
    history::session(DatabaseAddress::Url(url.to_owned())).await
}
