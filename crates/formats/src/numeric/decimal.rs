//! Parses decimal text. No value passes through a float.

use crate::reject::RejectReason;

/// Digit limits of `numeric`: <https://www.postgresql.org/docs/current/datatype-numeric.html>.
pub(super) const INTEGER_DIGITS_MAX: i64 = 131_072;
pub(super) const FRACTION_DIGITS_MAX: u16 = 16_383;

/// The parts of a decimal text: `[-]integer.fraction e exponent`.
pub(crate) struct Decimal<'a> {
    pub(super) negative: bool,
    pub(super) integer: &'a [u8],
    pub(super) fraction: &'a [u8],
    pub(super) exponent: i64,
}

/// Positions of the first and last significant digits, relative to the decimal point.
#[derive(Clone, Copy)]
pub(super) struct DigitCounts {
    pub(super) significant: bool,
    /// Zero or negative if the first digit is after the point.
    pub(super) integer_digits: i64,
    /// Zero or negative if the last digit is before the point.
    pub(super) fraction_digits: i64,
}

impl<'a> Decimal<'a> {
    #[inline]
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, RejectReason> {
        let (negative, text) = match text {
            [b'-', text @ ..] => (true, text),
            text => (false, text),
        };
        let (integer, rest) = digits(text);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            rest => (&rest[..0], rest),
        };
        if integer.is_empty() && fraction.is_empty() {
            return Err(not_a_number(text));
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', exponent @ ..] => parse_exponent(exponent)?,
            _ => return Err(RejectReason::NotANumber),
        };
        Ok(Self { negative, integer, fraction, exponent })
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.integer.iter().chain(self.fraction).all(|digit| *digit == b'0')
    }

    /// Returns the number as digits divided by a power of ten. `None` for more than `digits_max` digits, at most 38.
    pub(crate) fn unscaled(&self, digits_max: usize) -> Option<(i128, i64)> {
        let integer = without_leading_zeros(self.integer);
        let fraction = without_trailing_zeros(self.fraction);
        if integer.len() + fraction.len() > digits_max {
            return None;
        }
        let digits = integer.iter().chain(fraction);
        let value = digits.fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
        let scale = if value == 0 { 0 } else { fraction.len() as i64 - self.exponent };
        Some((if self.negative { -value } else { value }, scale))
    }

    /// Returns whether `numeric` can store every digit. PostgreSQL stores JSON numbers as `numeric`.
    pub(crate) fn fits_json(&self) -> bool {
        self.written_fraction_digits() <= i64::from(FRACTION_DIGITS_MAX)
            && (self.integer.len() as i64 + self.exponent <= INTEGER_DIGITS_MAX || self.is_short_zero())
    }

    /// PostgreSQL accepts a zero with an exponent up to this limit.
    fn is_short_zero(&self) -> bool {
        self.is_zero() && self.exponent <= i64::from(i32::MAX / 4)
    }

    /// Digits after the point as written: `1.50` has two, and `1.5e1` none.
    pub(super) fn written_fraction_digits(&self) -> i64 {
        self.fraction.len() as i64 - self.exponent
    }

    /// Removes zeros at both ends, which the binary format does not store.
    #[inline]
    pub(super) fn trim(&mut self) -> DigitCounts {
        self.integer = without_leading_zeros(self.integer);
        let point = if self.integer.is_empty() {
            let fraction = without_leading_zeros(self.fraction);
            let zeros = self.fraction.len() - fraction.len();
            self.fraction = fraction;
            -(zeros as i64)
        } else {
            self.integer.len() as i64
        };
        self.fraction = without_trailing_zeros(self.fraction);
        if self.fraction.is_empty() {
            self.integer = without_trailing_zeros(self.integer);
        }
        let digits = (self.integer.len() + self.fraction.len()) as i64;
        let integer_digits = point + self.exponent;
        DigitCounts {
            significant: digits > 0,
            integer_digits,
            fraction_digits: digits.min(1) * (digits - integer_digits),
        }
    }
}

fn parse_exponent(text: &[u8]) -> Result<i64, RejectReason> {
    /// Beyond every limit, and far from an overflow.
    const ENDLESS: i64 = 1 << 40;
    let (negative, text) = match text {
        [b'-', text @ ..] => (true, text),
        [b'+', text @ ..] | text => (false, text),
    };
    let (digits, rest) = digits(text);
    if digits.is_empty() || !rest.is_empty() {
        return Err(RejectReason::NotANumber);
    }
    let exponent = digits.iter().fold(0, |value, digit| ENDLESS.min(value * 10 + i64::from(digit - b'0')));
    Ok(if negative { -exponent } else { exponent })
}

#[inline]
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[inline]
fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    &digits[zeros..]
}

#[inline]
fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    &digits[..end]
}

#[cold]
fn not_a_number(unsigned: &[u8]) -> RejectReason {
    let not_finite = ["nan", "inf", "infinity"].iter().any(|name| unsigned.eq_ignore_ascii_case(name.as_bytes()));
    if not_finite { RejectReason::NotFinite } else { RejectReason::NotANumber }
}
