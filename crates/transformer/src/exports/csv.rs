//! Rows as CSV: PostgreSQL's own, with a header, in UTF-8; NULL is nothing, and an empty text is `""`.

use std::pin::pin;

use futures_util::TryStreamExt;
use object_store::Upload;
use postgres::Client;

use super::Broken;

/// Writes what a query gives, and counts its rows.
///
/// Every row is a message of its own, and so is the header.
/// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY>
pub(super) async fn send(client: &Client, query: &str, upload: &mut Upload<'_>) -> Result<u64, Broken> {
    // A line of its own, for the query may end in a comment.
    let copy = format!("copy (\n{query}\n) to stdout (format csv, header, encoding 'UTF8')");
    let mut stream = pin!(client.copy_out(&copy).await?);
    let mut lines: u64 = 0;
    while let Some(line) = stream.try_next().await? {
        lines += 1;
        upload.write(&line).await?;
    }
    Ok(lines.saturating_sub(1))
}
