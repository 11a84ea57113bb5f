//! Ctrl-C as an ordinary error: every wait asks [`check`], so that what was started is stopped on the way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reconciliation::ReconciliationError;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::{Error, Result};

static ASKED_TO_STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
const POLL: Duration = Duration::from_millis(50);

/// From now on the first signal asks to stop, and the second ends the process at once.
pub(crate) fn listen() -> std::io::Result<()> {
    let asked = ASKED_TO_STOP.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // The order matters: the shutdown looks at the flag before the line below it sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(asked))?;
        signal_hook::flag::register(signal, Arc::clone(asked))?;
    }
    Ok(())
}

/// For callers that have another reason to stop than a signal.
pub(crate) fn ask_to_stop() {
    ASKED_TO_STOP.get_or_init(Arc::default).store(true, Ordering::Relaxed);
}

/// `Err(Interrupted)` once somebody asked to stop.
pub(crate) fn check() -> Result<()> {
    match ASKED_TO_STOP.get() {
        Some(asked) if asked.load(Ordering::Relaxed) => Err(Error::Interrupted),
        _ => Ok(()),
    }
}

/// Looks where objects stand, unless asked to stop; what is under way then is dropped.
pub(crate) async fn unless_asked<T, E: Into<ReconciliationError>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T> {
    let asked = async {
        loop {
            check()?;
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::select! {
        done = work => done.map_err(|error| Error::reconciliation(error.into())),
        stopped = asked => stopped,
    }
}

/// Sleeps, unless asked to stop.
pub(crate) async fn sleep(duration: Duration) -> Result<()> {
    let end = tokio::time::Instant::now() + duration;
    while tokio::time::Instant::now() < end {
        check()?;
        tokio::time::sleep_until(end.min(tokio::time::Instant::now() + POLL)).await;
    }
    check()
}
