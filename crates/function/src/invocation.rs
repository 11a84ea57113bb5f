use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a function may know of the call that it answers.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub request_id: String,
    /// The state machine's execution, when one is behind the call.
    pub execution: Option<String>,
    pub deadline: Deadline,
}

/// The moment at which Lambda stops the function, on a clock that is not set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// For tests and runs by hand.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// From the runtime's header: milliseconds since 1970.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
    pub(crate) fn at_unix_ms(deadline_ms: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::after(Duration::from_millis(deadline_ms).saturating_sub(now).min(LONGEST_INVOCATION))
    }

    /// Zero once the deadline has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// What may be worked for: the rest is enough to roll back, answer and be notified about.
    pub fn working_time(self) -> Duration {
        working_time(self.remaining())
    }
}

fn working_time(remaining: Duration) -> Duration {
    let margin =
        if remaining < 2 * DEADLINE_MARGIN { remaining / SHORT_DEADLINE_MARGIN_DIVISOR } else { DEADLINE_MARGIN };
    remaining - margin
}

/// What is left of the Lambda's time when its work gives up.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(20);
/// Of a time so short that [`DEADLINE_MARGIN`] would eat half of it, one part in this many is the margin.
const SHORT_DEADLINE_MARGIN_DIVISOR: u32 = 5;

/// No Lambda runs longer; a header that says so comes from an emulator.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LONGEST_INVOCATION: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_counts_down_to_zero_and_no_further() {
        let deadline = Deadline::after(Duration::from_secs(60));
        assert!(deadline.remaining() > Duration::from_secs(59));
        assert_eq!(Deadline::at_unix_ms(0).remaining(), Duration::ZERO);
        assert!(Deadline::at_unix_ms(u64::MAX).remaining() <= LONGEST_INVOCATION);
    }

    #[test]
    fn work_gives_up_before_its_time_is_over() {
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
