//! CSV exports: PostgreSQL's own CSV in UTF-8 with a header. NULL is an empty field, an empty text is `""`.

use std::pin::pin;

use futures_util::TryStreamExt;
use object_store::Upload;
use postgres::Client;

use super::error::ExportError;

/// Writes the result of a query and returns the number of rows.
///
/// PostgreSQL sends the header and each row as separate messages.
/// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY>
pub(super) async fn send(client: &Client, query: &str, upload: &mut Upload<'_>) -> Result<u64, ExportError> {
    // The closing parenthesis is on a new line, because the query may end with a comment.
    let copy = format!("copy (\n{query}\n) to stdout (format csv, header, encoding 'UTF8')");
    let mut stream = pin!(client.copy_out(&copy).await?);
    let mut lines: u64 = 0;
    while let Some(line) = stream.try_next().await? {
        lines += 1;
        upload.write(&line).await?;
    }
    Ok(lines.saturating_sub(1))
}
