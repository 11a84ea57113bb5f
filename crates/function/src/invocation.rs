use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The context of an invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub request_id: String,
    /// The execution that invoked the function, if it was one.
    pub execution: Option<String>,
    pub deadline: Deadline,
}

/// The time at which Lambda stops the function, on a monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline after this time, for tests.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// Converts the runtime's header, milliseconds since 1970.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
    pub(crate) fn at_unix_ms(deadline_ms: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::after(Duration::from_millis(deadline_ms).saturating_sub(now).min(LONGEST_INVOCATION))
    }

    /// Returns the time until the deadline, zero after it.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Returns the time for work. The remaining margin is enough to roll back and to answer.
    pub fn working_time(self) -> Duration {
        working_time(self.remaining())
    }
}

fn working_time(remaining: Duration) -> Duration {
    let margin =
        if remaining < 2 * DEADLINE_MARGIN { remaining / SHORT_DEADLINE_MARGIN_DIVISOR } else { DEADLINE_MARGIN };
    remaining - margin
}

/// The time that a function keeps to roll back and to answer.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(20);
/// If [`DEADLINE_MARGIN`] were more than half of the time, the margin is this fraction of it instead.
const SHORT_DEADLINE_MARGIN_DIVISOR: u32 = 5;

/// The longest invocation of Lambda. Emulators send longer deadlines.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LONGEST_INVOCATION: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadline_counts_down_to_zero() {
        let deadline = Deadline::after(Duration::from_secs(60));
        assert!(deadline.remaining() > Duration::from_secs(59));
        assert_eq!(Deadline::at_unix_ms(0).remaining(), Duration::ZERO);
        assert!(Deadline::at_unix_ms(u64::MAX).remaining() <= LONGEST_INVOCATION);
    }

    #[test]
    fn working_time_ends_before_the_deadline() {
        let check = |remaining_s: u64, working_s: u64| {
            assert_eq!(working_time(Duration::from_secs(remaining_s)), Duration::from_secs(working_s));
        };
        check(900, 880);
        check(40, 20);
        check(30, 24);
        check(5, 4);
        check(0, 0);
    }
}
