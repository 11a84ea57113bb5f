//! Turns Ctrl-C into an ordinary error: every wait calls [`check`], so cleanup runs on the way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{Error, Result};

static STOP_REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
const POLL: Duration = Duration::from_millis(50);

/// Handles SIGINT, SIGTERM and SIGHUP from now on: the first requests a stop, the second ends the process at once.
pub fn listen() -> std::io::Result<()> {
    let requested = STOP_REQUESTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // The order matters: the conditional shutdown must read the flag before the second handler sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(requested))?;
        signal_hook::flag::register(signal, Arc::clone(requested))?;
    }
    Ok(())
}

/// Requests a stop for a reason other than a signal.
pub fn request_stop() {
    STOP_REQUESTED.get_or_init(Arc::default).store(true, Ordering::Relaxed);
}

/// Returns `Err(Interrupted)` once a stop was requested.
pub fn check() -> Result<()> {
    match STOP_REQUESTED.get() {
        Some(requested) if requested.load(Ordering::Relaxed) => Err(Error::Interrupted),
        _ => Ok(()),
    }
}

/// Runs `work` until it is done or a stop is requested. A stop drops the unfinished work.
pub async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Result<T> {
    let interrupted = async {
        loop {
            check()?;
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::select! {
        done = work => Ok(done),
        stopped = interrupted => stopped,
    }
}

/// Sleeps until the duration is over or a stop is requested.
pub async fn sleep(duration: Duration) -> Result<()> {
    unless_interrupted(tokio::time::sleep(duration)).await
}
