use std::time::{Duration, Instant};

use function::Deadline;

use crate::error::TransformError;

/// The time that one answer has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    started: Instant,
    until: Instant,
}

impl Time {
    pub(crate) fn until(deadline: Deadline) -> Self {
        let started = Instant::now();
        Self { started, until: started + deadline.working_time() }
    }

    pub(crate) fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// It is over; `at` is what was under way.
    pub(crate) fn exceeded(self, at: &impl ToString) -> TransformError {
        TransformError::DeadlineExceeded { at: at.to_string(), elapsed_s: self.elapsed().as_secs() }
    }
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
