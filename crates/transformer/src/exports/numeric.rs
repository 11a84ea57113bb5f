//! PostgreSQL's `numeric` in its binary format.

use std::fmt;

/// Of a `numeric(p, s)` that readers of Parquet take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Precision {
    pub(super) digits: u8,
    pub(super) scale: u8,
}

impl Precision {
    /// 38 digits are what 16 bytes hold, and what readers hold.
    const DIGITS_MAX: u8 = 38;

    /// From a column's type modifier; none when it has none, or one that a decimal of Parquet cannot have.
    /// <https://github.com/postgres/postgres/blob/REL_17_STABLE/src/backend/utils/adt/numeric.c>, `make_numeric_typmod`
    pub(super) fn of(modifier: i32) -> Option<Self> {
        let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
        let digits = u8::try_from(packed >> 16).ok().filter(|digits| (1..=Self::DIGITS_MAX).contains(digits))?;
        // Eleven bits with a sign.
        let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
        let scale = u8::try_from(scale).ok().filter(|scale| *scale <= digits)?;
        Some(Self { digits, scale })
    }
}

/// Digits to the base of 10,000.
/// <https://github.com/postgres/postgres/blob/REL_17_STABLE/src/backend/utils/adt/numeric.c>, `numeric_send`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numeric {
    sign: Sign,
    /// Of the first digit, as an exponent of the base.
    weight: i32,
    /// Decimal digits behind the point.
    scale: usize,
    digits: Vec<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Positive,
    Negative,
    /// No number, and how it is written.
    Special(&'static str),
}

impl Numeric {
    pub(super) fn parse(raw: &[u8]) -> Option<Self> {
        let mut words = raw.chunks(2).map(|pair| pair.try_into().ok().map(u16::from_be_bytes));
        let count: usize = words.next()??.into();
        let weight = i32::from(words.next()??.cast_signed());
        let sign = match words.next()?? {
            0x0000 => Sign::Positive,
            0x4000 => Sign::Negative,
            0xC000 => Sign::Special("NaN"),
            0xD000 => Sign::Special("Infinity"),
            0xF000 => Sign::Special("-Infinity"),
            _ => return None,
        };
        let scale = words.next()??.into();
        let digits: Vec<u16> = words.collect::<Option<_>>()?;
        (digits.len() == count).then_some(Self { sign, weight, scale, digits })
    }

    /// The number times ten to the power of `scale`, which must not be less than its own; none when it is too large, or
    /// no number.
    pub(super) fn unscaled(&self, scale: u8) -> Option<i128> {
        let mut sum: i128 = 0;
        for (digit, place) in self.digits.iter().zip(0..) {
            let exponent = 4 * (self.weight - place) + i32::from(scale);
            let digit = i128::from(*digit);
            let part = match u32::try_from(exponent) {
                Ok(exponent) => 10_i128.checked_pow(exponent)?.checked_mul(digit)?,
                // Its last digits are zeros behind the scale.
                Err(_) => digit / 10_i128.checked_pow(exponent.unsigned_abs())?,
            };
            sum = sum.checked_add(part)?;
        }
        match self.sign {
            Sign::Positive => Some(sum),
            Sign::Negative => Some(-sum),
            Sign::Special(_) => None,
        }
    }

    fn digit(&self, weight: i32) -> u16 {
        let place = usize::try_from(self.weight - weight).ok();
        place.and_then(|place| self.digits.get(place)).copied().unwrap_or(0)
    }
}

/// As PostgreSQL writes it.
impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sign {
            Sign::Special(name) => return f.write_str(name),
            Sign::Negative => f.write_str("-")?,
            Sign::Positive => {}
        }
        let first = self.weight.max(0);
        write!(f, "{}", self.digit(first))?;
        for weight in (0..first).rev() {
            write!(f, "{:04}", self.digit(weight))?;
        }
        if self.scale == 0 {
            return Ok(());
        }
        let fraction: String =
            (1..).take(self.scale.div_ceil(4)).map(|place| format!("{:04}", self.digit(-place))).collect();
        write!(f, ".{}", fraction.get(..self.scale).unwrap_or(&fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Count, weight, sign, scale, digits.
    fn numeric(words: &[u16]) -> Numeric {
        let raw: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        Numeric::parse(&raw).unwrap()
    }

    #[test]
    fn numbers_as_postgresql_sends_them() {
        let check = |words: &[u16], text: &str, at_four: Option<i128>| {
            assert_eq!(numeric(words).to_string(), text);
            assert_eq!(numeric(words).unscaled(4), at_four, "{text}");
        };
        check(&[0, 0, 0, 0], "0", Some(0));
        check(&[0, 0, 0, 2], "0.00", Some(0));
        check(&[2, 0, 0, 2, 1, 5000], "1.50", Some(15_000));
        check(&[2, 0, 0x4000, 2, 12, 3400], "-12.34", Some(-123_400));
        check(&[1, 1, 0, 0, 1], "10000", Some(100_000_000));
        check(&[3, 1, 0, 1, 1, 2, 3000], "10002.3", Some(100_023_000));
        check(&[1, 0xFFFF, 0, 4, 1], "0.0001", Some(1));
        check(&[1, 0xFFFF, 0, 4, 1200], "0.1200", Some(1200));
        check(&[1, 0xFFFE, 0, 8, 1], "0.00000001", Some(0));
        check(&[0, 0, 0xC000, 0], "NaN", None);
        check(&[0, 0, 0xD000, 0], "Infinity", None);
        check(&[0, 0, 0xF000, 0], "-Infinity", None);
        check(&[1, 10, 0, 0, 1], &format!("1{}", "0000".repeat(10)), None);
    }

    #[test]
    fn what_is_cut_off_is_no_number() {
        let check = |raw: &[u8]| assert_eq!(Numeric::parse(raw), None, "{raw:?}");
        check(&[]);
        check(&[0, 1, 0, 0, 0, 0, 0, 0]);
        check(&[0, 1, 0, 0, 0, 0, 0, 0, 7]);
        check(&[0, 0, 0, 0, 0x10, 0, 0, 0]);
    }

    #[test]
    fn precisions_that_readers_take() {
        let modifier = |digits: i32, scale: i32| ((digits << 16) | (scale & 0x7ff)) + 4;
        let check = |modifier: i32, expected: Option<(u8, u8)>| {
            let expected = expected.map(|(digits, scale)| Precision { digits, scale });
            assert_eq!(Precision::of(modifier), expected, "{modifier}");
        };
        check(-1, None);
        check(modifier(10, 2), Some((10, 2)));
        check(modifier(38, 38), Some((38, 38)));
        check(modifier(1, 0), Some((1, 0)));
        check(modifier(39, 2), None);
        check(modifier(5, -2), None);
        check(modifier(2, 5), None);
    }
}
