//! Floats from decimal text, rounded to the nearest float.

use std::str::FromStr;

use crate::numeric::Decimal;
use crate::reject::RejectReason;

pub(super) fn real(text: &[u8]) -> Result<f32, RejectReason> {
    let value: f32 = parse(text)?;
    in_range(text, value.is_finite(), value == 0.0, "real").map(|()| value)
}

pub(super) fn double(text: &[u8]) -> Result<f64, RejectReason> {
    let value: f64 = parse(text)?;
    in_range(text, value.is_finite(), value == 0.0, "double precision").map(|()| value)
}

/// Checks the grammar first, because the standard library also accepts `inf`, `nan` and `+1`.
fn parse<F: FromStr>(text: &[u8]) -> Result<F, RejectReason> {
    Decimal::parse(text)?;
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(RejectReason::NotANumber)
}

/// Rejects overflow to infinity and underflow to zero, as PostgreSQL does.
#[inline]
fn in_range(text: &[u8], finite: bool, zero: bool, kind: &'static str) -> Result<(), RejectReason> {
    if !finite || (zero && !Decimal::parse(text)?.is_zero()) { Err(RejectReason::OutOfRange(kind)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "a table of cases reads better")]
    fn check(text: &str, expected: Result<f64, RejectReason>) {
        assert_eq!(double(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn double_parses_finite_decimals() {
        check("0", Ok(0.0));
        check("-1.5", Ok(-1.5));
        check("1e3", Ok(1000.0));
        check(".5", Ok(0.5));
        check("0.1", Ok(0.1));
        check("1.7976931348623157e308", Ok(f64::MAX));
        check("5e-324", Ok(5e-324));
        check("0e-999", Ok(0.0));
        check("1e309", Err(RejectReason::OutOfRange("double precision")));
        check("-1e309", Err(RejectReason::OutOfRange("double precision")));
        check("1e-400", Err(RejectReason::OutOfRange("double precision")));
        for text in ["NaN", "inf", "-inf", "Infinity"] {
            check(text, Err(RejectReason::NotFinite));
        }
        for text in ["", "+1", " 1", "1 ", "1e", "0x10", "1_0", "1,5", "1f", "-"] {
            check(text, Err(RejectReason::NotANumber));
        }
    }

    #[test]
    fn real_out_of_range_is_rejected() {
        assert_eq!(real(b"3.4028235e38"), Ok(f32::MAX));
        assert_eq!(real(b"1e39"), Err(RejectReason::OutOfRange("real")));
        assert_eq!(real(b"1e-50"), Err(RejectReason::OutOfRange("real")));
    }
}
