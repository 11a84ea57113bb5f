//! Integers: an optional minus sign and digits, and also zeros after a decimal point. Leading zeros are accepted.

use crate::reject::RejectReason;

pub(super) fn smallint(text: &[u8]) -> Result<i16, RejectReason> {
    i16::try_from(parse(text, "smallint")?).map_err(|_| RejectReason::OutOfRange("smallint"))
}

pub(super) fn integer(text: &[u8]) -> Result<i32, RejectReason> {
    i32::try_from(parse(text, "integer")?).map_err(|_| RejectReason::OutOfRange("integer"))
}

pub(super) fn bigint(text: &[u8]) -> Result<i64, RejectReason> {
    parse(text, "bigint")
}

#[inline]
fn parse(text: &[u8], kind: &'static str) -> Result<i64, RejectReason> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // Up to 18 digits cannot overflow.
    if digits.is_empty() || digits.len() > 18 {
        return parse_long(negative, digits, kind);
    }
    let mut value = 0_i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return parse_long(negative, digits, kind);
        }
        value = value * 10 + i64::from(digit);
    }
    Ok(if negative { -value } else { value })
}

/// Parses any length, and `2.0` as 2.
#[cold]
fn parse_long(negative: bool, digits: &[u8], kind: &'static str) -> Result<i64, RejectReason> {
    let digits = without_zero_fraction(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(RejectReason::NotAnInteger);
    }
    // Counts downwards, because the range has one more negative number.
    let downwards = digits.iter().try_fold(0_i64, |value, byte| {
        value.checked_mul(10).and_then(|value| value.checked_sub(i64::from(byte - b'0')))
    });
    let value = if negative { downwards } else { downwards.and_then(i64::checked_neg) };
    value.ok_or(RejectReason::OutOfRange(kind))
}

/// Removes a decimal point with the zeros after it.
fn without_zero_fraction(text: &[u8]) -> &[u8] {
    match memchr::memchr(b'.', text).map(|point| (&text[..point], &text[point + 1..])) {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.iter().all(|digit| *digit == b'0') => digits,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "a table of cases reads better")]
    fn check(text: &str, expected: Result<i64, RejectReason>) {
        assert_eq!(bigint(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn bigint_parses_plain_digits() {
        check("0", Ok(0));
        check("-0", Ok(0));
        check("42", Ok(42));
        check("-42", Ok(-42));
        check("007", Ok(7));
        check("000000000000000000000000000001", Ok(1));
        check("9223372036854775807", Ok(i64::MAX));
        check("-9223372036854775808", Ok(i64::MIN));
        check("9223372036854775808", Err(RejectReason::OutOfRange("bigint")));
        check("-9223372036854775809", Err(RejectReason::OutOfRange("bigint")));
        check("99999999999999999999999999", Err(RejectReason::OutOfRange("bigint")));
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "1.5",
            "1.",
            ".0",
            "-.0",
            "1.0.0",
            "1.0 ",
            "1.00x",
            "1e3",
            "1_000",
            "1,000",
            "0x1f",
            "--1",
            "1-",
            "NaN",
            "١",
            "99999999999999999999x",
        ] {
            check(text, Err(RejectReason::NotAnInteger));
        }
    }

    #[test]
    fn zero_fraction_is_an_integer() {
        check("2.0", Ok(2));
        check("-2.00", Ok(-2));
        check("0.0", Ok(0));
        check("9223372036854775807.0", Ok(i64::MAX));
        check("-9223372036854775808.000000000000000000", Ok(i64::MIN));
        check("9223372036854775808.0", Err(RejectReason::OutOfRange("bigint")));
        check("2.01", Err(RejectReason::NotAnInteger));
        check("2.5", Err(RejectReason::NotAnInteger));
        assert_eq!(smallint(b"32768.0"), Err(RejectReason::OutOfRange("smallint")));
    }

    #[test]
    fn integer_out_of_range_is_rejected() {
        assert_eq!(smallint(b"32767"), Ok(32767));
        assert_eq!(smallint(b"-32768"), Ok(-32768));
        assert_eq!(smallint(b"32768"), Err(RejectReason::OutOfRange("smallint")));
        assert_eq!(smallint(b"9223372036854775808"), Err(RejectReason::OutOfRange("smallint")));
        assert_eq!(integer(b"2147483647"), Ok(i32::MAX));
        assert_eq!(integer(b"-2147483648"), Ok(i32::MIN));
        assert_eq!(integer(b"-2147483649"), Err(RejectReason::OutOfRange("integer")));
    }
}
