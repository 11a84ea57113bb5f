use local_stack::interrupt;
use reconciliation::ReconciliationError;

use crate::error::Result;

/// Runs a call of `reconciliation` until it is done or the user interrupts it.
pub(crate) async fn interruptible<T, E: Into<ReconciliationError>>(
    call: impl Future<Output = std::result::Result<T, E>>,
) -> Result<T> {
    let done = interrupt::unless_interrupted(call).await?;
    Ok(done.map_err(Into::<ReconciliationError>::into)?)
}
