use std::time::Duration;

/// Parses a duration with one unit, such as `10m`. `examples` are for the error message.
pub(super) fn parse(text: &str, min: Duration, max: Duration, examples: &str) -> Result<Duration, String> {
    let error = || {
        format!("expected a duration from {} to {}, for example {examples}; found `{text}`", written(min), written(max))
    };
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(error)?;
    let seconds_per_unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(error()),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error());
    }
    let seconds = number.parse().ok().and_then(|number: u64| number.checked_mul(seconds_per_unit));
    seconds.map(Duration::from_secs).filter(|duration| (min..=max).contains(duration)).ok_or_else(error)
}

/// Formats a limit in its largest unit; limits are multiples of it.
fn written(limit: Duration) -> String {
    match limit.as_secs() {
        seconds if seconds > 86_400 => format!("{}d", seconds / 86_400),
        seconds if seconds > 3_600 => format!("{}h", seconds / 3_600),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DEADLINE_MAX, WAIT_MAX};

    #[test]
    fn durations_parse_within_limits() {
        let check = |text: &str, expected: Option<u64>| {
            let found = parse(text, Duration::ZERO, WAIT_MAX, "30s").ok();
            assert_eq!(found, expected.map(Duration::from_secs), "{text}");
        };
        check("0s", Some(0));
        check("30s", Some(30));
        check("10m", Some(600));
        check("24h", Some(86_400));
        check("1d", Some(86_400));
        check("86401s", None);
        check("2d", None);
        check("18446744073709551615d", None);
        check("10", None);
        check("m", None);
        check("", None);
        check("-1m", None);
        check("+1m", None);
        check("1.5h", None);
        check("10 m", None);
        check("10µ", None);
    }

    #[test]
    fn error_names_the_limits() {
        let error = parse("32d", Duration::from_secs(1), DEADLINE_MAX, "30m or 6h").unwrap_err();
        assert_eq!(error, "expected a duration from 1s to 31d, for example 30m or 6h; found `32d`");
        assert!(parse("31d", Duration::from_secs(1), DEADLINE_MAX, "").is_ok());
        assert!(parse("0m", Duration::from_secs(1), DEADLINE_MAX, "").is_err());
    }
}
