use super::decimal::{Decimal, DigitCounts, FRACTION_DIGITS_MAX, INTEGER_DIGITS_MAX};
use super::decode::{SIGN_NEGATIVE, SIGN_POSITIVE};
use crate::copy;
use crate::reject::RejectReason;

/// Decimal digits per base-10000 digit.
const GROUP: i64 = 4;

/// Precision and scale of a column. `None` for plain `numeric`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumericBounds(Option<(u16, u16)>);

impl NumericBounds {
    pub(crate) fn new(precision_scale: Option<(u16, u16)>) -> Self {
        Self(precision_scale)
    }

    /// Returns the number of digits after the point, or a reject reason if the number does not fit.
    #[inline]
    fn scale(self, number: &Decimal<'_>, size: DigitCounts) -> Result<u16, RejectReason> {
        let (scale, integer_digits_max) = match self.0 {
            Some((precision, scale)) => (scale, i64::from(precision) - i64::from(scale)),
            None => (FRACTION_DIGITS_MAX, INTEGER_DIGITS_MAX),
        };
        if size.fraction_digits > i64::from(scale) {
            return Err(RejectReason::WouldRound { scale });
        }
        if size.significant && size.integer_digits > integer_digits_max {
            return Err(match self.0 {
                Some((precision, scale)) => RejectReason::TooManyDigits { precision, scale },
                None => RejectReason::OutOfRange("numeric"),
            });
        }
        let shown = if self.0.is_some() { i64::from(scale) } else { number.written_fraction_digits() };
        Ok(u16::try_from(shown.max(0)).map_or(scale, |shown| shown.min(scale)))
    }
}

#[inline]
pub(crate) fn encode(text: &[u8], bounds: NumericBounds, out: &mut Vec<u8>) -> Result<(), RejectReason> {
    let mut number = Decimal::parse(text)?;
    // The scale counts zeros that trimming removes: `1.50` has scale 2.
    let written = Decimal { ..number };
    let size = number.trim();
    let scale = bounds.scale(&written, size)?;
    if size.significant {
        encode_digits(&number, size.integer_digits, scale, out);
    } else {
        encode_header(0, 0, SIGN_POSITIVE, scale, out);
    }
    Ok(())
}

#[inline]
fn encode_digits(number: &Decimal<'_>, integer_digits: i64, scale: u16, out: &mut Vec<u8>) {
    let weight = (integer_digits - 1).div_euclid(GROUP);
    let in_first_group = (integer_digits - 1).rem_euclid(GROUP) + 1;
    let digits = (number.integer.len() + number.fraction.len()) as i64;
    let groups = 1 + (digits - in_first_group + GROUP - 1).max(0) / GROUP;
    encode_header(groups, weight, if number.negative { SIGN_NEGATIVE } else { SIGN_POSITIVE }, scale, out);

    let mut group = 0_u16;
    let mut room = in_first_group;
    for digit in number.integer.iter().chain(number.fraction) {
        group = group * 10 + u16::from(digit - b'0');
        room -= 1;
        if room == 0 {
            out.extend_from_slice(&group.to_be_bytes());
            group = 0;
            room = GROUP;
        }
    }
    // The last group is not zero after trimming, so a zero means that no group is open.
    if group != 0 {
        for _ in 0..room {
            group *= 10;
        }
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// The digit limits keep all values within 16 bits.
#[inline]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
fn encode_header(groups: i64, weight: i64, sign: u16, scale: u16, out: &mut Vec<u8>) {
    let mut header = [0; 12];
    header[..4].copy_from_slice(&copy::length(8 + 2 * groups as usize));
    header[4..6].copy_from_slice(&(groups as u16).to_be_bytes());
    header[6..8].copy_from_slice(&(weight as i16).to_be_bytes());
    header[8..10].copy_from_slice(&sign.to_be_bytes());
    header[10..].copy_from_slice(&scale.to_be_bytes());
    out.extend_from_slice(&header);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::decode;

    fn check(kind: Option<(u16, u16)>, text: &str, expected: Result<&str, RejectReason>) {
        let mut out = Vec::new();
        let decoded = encode(text.as_bytes(), NumericBounds::new(kind), &mut out).map(|()| decode::numeric(&out[4..]));
        assert_eq!(decoded, expected.map(str::to_owned), "{text:?}");
        if decoded.is_ok() {
            assert_eq!(copy::length(out.len() - 4), out[..4], "{text:?}");
        }
    }

    #[test]
    fn plain_numeric_keeps_every_digit() {
        let check = |text, expected| check(None, text, expected);
        check("0", Ok("0"));
        check("-0", Ok("0"));
        check("0.00", Ok("0.00"));
        check("1", Ok("1"));
        check("-1.50", Ok("-1.50"));
        check("0001.5", Ok("1.5"));
        check(".5", Ok("0.5"));
        check("5.", Ok("5"));
        check("10000", Ok("10000"));
        check("100000000", Ok("100000000"));
        check("12345678.87654321", Ok("12345678.87654321"));
        check("0.00001", Ok("0.00001"));
        check("0.0001", Ok("0.0001"));
        check("0.000123", Ok("0.000123"));
        check("9999.9999", Ok("9999.9999"));
        check("99999.00000000000000000000001", Ok("99999.00000000000000000000001"));
        check("123456789012345678901234567890", Ok("123456789012345678901234567890"));
        check("1e3", Ok("1000"));
        check("1E+3", Ok("1000"));
        check("1.5E-2", Ok("0.015"));
        check("1.50e1", Ok("15.0"));
        check("12e-1", Ok("1.2"));
        check("0e5", Ok("0"));
        check("0e-2", Ok("0.00"));
    }

    #[test]
    fn invalid_number_is_rejected() {
        for text in [
            "", "-", ".", "-.", "+1", " 1", "1 ", "1..2", "1.2.3", "1e", "1e+", "1e1.5", "1_000", "1,5", "0x1", "--1",
            "$1",
        ] {
            check(None, text, Err(RejectReason::NotANumber));
        }
        for text in ["NaN", "nan", "inf", "-Infinity", "INFINITY"] {
            check(None, text, Err(RejectReason::NotFinite));
        }
    }

    #[test]
    fn numeric_is_never_rounded() {
        let money = Some((10, 2));
        check(money, "12.34", Ok("12.34"));
        check(money, "12.3", Ok("12.30"));
        check(money, "12", Ok("12.00"));
        check(money, "12.3400000", Ok("12.34"));
        check(money, "1.2e1", Ok("12.00"));
        check(money, "12.345", Err(RejectReason::WouldRound { scale: 2 }));
        check(money, "1e-3", Err(RejectReason::WouldRound { scale: 2 }));
        check(money, "0e-9", Ok("0.00"));
        check(money, "99999999.99", Ok("99999999.99"));
        check(money, "100000000", Err(RejectReason::TooManyDigits { precision: 10, scale: 2 }));
        check(money, "000000000000099999999.99", Ok("99999999.99"));
        check(money, "0e999999999999999999999", Ok("0.00"));
        check(money, "1e999999999999999999999", Err(RejectReason::TooManyDigits { precision: 10, scale: 2 }));
        check(Some((3, 0)), "999", Ok("999"));
        check(Some((3, 0)), "1000", Err(RejectReason::TooManyDigits { precision: 3, scale: 0 }));
        // PostgreSQL allows a scale above the precision. Then only numbers below 0.01 fit.
        check(Some((2, 4)), "0.0099", Ok("0.0099"));
        check(Some((2, 4)), "0.01", Err(RejectReason::TooManyDigits { precision: 2, scale: 4 }));
    }

    #[test]
    fn numeric_limits_match_postgresql() {
        let longest = format!("9{}", "0".repeat(131_071));
        check(None, &longest, Ok(&longest));
        check(None, &format!("{longest}0"), Err(RejectReason::OutOfRange("numeric")));
        check(None, "1e131071", Ok(&format!("1{}", "0".repeat(131_071))));
        check(None, "1e131072", Err(RejectReason::OutOfRange("numeric")));
        let finest = format!("0.{}1", "0".repeat(16_382));
        check(None, &finest, Ok(&finest));
        check(None, &format!("0.{}1", "0".repeat(16_383)), Err(RejectReason::WouldRound { scale: 16_383 }));
        check(None, "1e-16384", Err(RejectReason::WouldRound { scale: 16_383 }));
        check(None, &format!("1.{}", "0".repeat(20_000)), Ok(&format!("1.{}", "0".repeat(16_383))));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

        #[test]
        fn plain_decimal_round_trips(negative: bool, integer in "0|[1-9][0-9]{0,30}", fraction in "[0-9]{0,30}") {
            let mut text = integer;
            if !fraction.is_empty() {
                text = format!("{text}.{fraction}");
            }
            if negative && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
                text.insert(0, '-');
            }
            check(None, &text, Ok(&text));
        }
    }
}
