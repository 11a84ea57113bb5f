use std::time::{Duration, Instant};

use function::Deadline;

use crate::error::TransformError;

/// The time that one request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit {
    started: Instant,
    end: Instant,
}

impl TimeLimit {
    /// Starts now, and ends with the working time of the invocation.
    pub(crate) fn until(deadline: Deadline) -> Self {
        let started = Instant::now();
        Self { started, end: started + deadline.working_time() }
    }

    pub(crate) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the error for work that was stopped by this limit. `at` names the work.
    pub(crate) fn exceeded(self, at: &impl ToString) -> TransformError {
        TransformError::DeadlineExceeded { at: at.to_string(), elapsed_s: self.elapsed().as_secs() }
    }
}

/// Rounds down to whole milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
